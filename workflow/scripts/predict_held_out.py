"""Predict the patients whom no training of the learning curve saw."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.evaluation.build_learning_curve import held_out
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.prediction.predicting import predict_held_out
    from ecg_ccta.signals.store import SignalStore

    cohort = held_out(
        tables.read(tables.COHORT, snakemake.input.cohort), tables.read(tables.SPLITS, snakemake.input.splits)
    )
    predictions = predict_held_out(
        load_fold(snakemake.input.model),
        SignalStore(Path(snakemake.input.signals[0]).parent, cohort),
        cohort,
        tables.read(tables.COHORT, snakemake.input.subset),
        tables.read(tables.SPLITS, snakemake.input.subset_splits),
    )
    tables.write(predictions, tables.PREDICTIONS, snakemake.output.predictions)
    record.metrics({"ecgs": len(cohort)})
