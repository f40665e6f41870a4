"""Train the network on the training patients of one outer fold, from the foundation or from random weights."""

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
        event_from=snakemake.params.cohort["event_from"],
        model=snakemake.output.model,
        redevelopment=snakemake.params.redevelopment,
    )
    with training_bar(f"fold {job.fold}") as on_step:
        model = train_fold(job, on_step)
    record.training(model)
    record.metrics({"temperature": model["temperature"]})
