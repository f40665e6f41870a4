"""Train the network on a subset of the patients outside the first fold, for the learning curve."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta.tracking.progress import training_bar
    from ecg_ccta.training.worker import fold_job, train_fold

    job = fold_job(
        snakemake.input,
        snakemake.params,
        snakemake.resources,
        int(snakemake.wildcards.fold),
        snakemake.output.model,
    )
    with training_bar(f"{snakemake.wildcards.patients} patients") as on_step:
        model = train_fold(job, on_step)
    record.training(model)
    record.metrics({"temperature": model["temperature"]})
