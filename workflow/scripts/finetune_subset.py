"""Train the network on a subset of the patients outside the first fold, for the learning curve."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta.tracking.progress import training_bar
    from ecg_ccta.training.worker import FoldJob, train_fold

    job = FoldJob(
        foundation=snakemake.input.get("foundation") or None,
        architecture=snakemake.params.architecture,
        cohort=snakemake.input.cohort,
        signals=str(Path(snakemake.input.signals[0]).parent),
        splits=snakemake.input.splits,
        fold=int(snakemake.wildcards.fold),
        recipe=snakemake.params.recipe,
        threads=snakemake.resources.torch_threads,
        gpus=snakemake.resources.gpu // snakemake.resources.nodes,
        nodes=snakemake.resources.nodes,
        seed=snakemake.params.seed,
        interrupted=snakemake.params.interrupted,
        model=snakemake.output.model,
        event_from=snakemake.params.cohort["event_from"],
    )
    with training_bar(f"{snakemake.wildcards.patients} patients") as on_step:
        model = train_fold(job, on_step)
    record.training(model)
    record.metrics({"temperature": model["temperature"]})
