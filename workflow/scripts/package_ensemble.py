"""Package the models of all folds as one that answers raw ECGs."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta.config import Quality
    from ecg_ccta.prediction.serving import save_ensemble

    save_ensemble(snakemake.input.models, Quality(**snakemake.params.quality), snakemake.output.ensemble)
    record.metrics({"folds": len(snakemake.input.models)})
