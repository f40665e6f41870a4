"""Predict the ECGs of one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.prediction.predicting import predict_ensemble, predict_out_of_fold
    from ecg_ccta.signals.store import SignalStore

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    models = [load_fold(folder) for folder in snakemake.input.models]
    if snakemake.input.get("splits"):
        splits = tables.read(tables.SPLITS, snakemake.input.splits)
        predictions = predict_out_of_fold(models, store, cohort, splits)
    else:
        predictions = predict_ensemble(models, store, cohort)
    tables.write(predictions, tables.PREDICTIONS, snakemake.output.predictions)
    record.metrics({"ecgs": len(cohort), "mean_probability": predictions.groupby("vessel")["probability"].mean()})
