"""Probe the network's features for where or with what the ECGs of a site were recorded."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation, Shortcut
    from ecg_ccta.evaluation.probe_origin import probe_origin
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.prediction.features import features_of
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.signals.store import SignalStore

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    predictions = tables.read(tables.PREDICTIONS, snakemake.input.predictions)
    fold = predictions.drop_duplicates("ecg_id").set_index("ecg_id")["fold"].loc[cohort["ecg_id"]].to_numpy()
    column = Shortcut.of(snakemake.params.shortcut).column
    has_origin = column in cohort and cohort[column].nunique() > 1
    models = [load_fold(folder) for folder in snakemake.input.models] if has_origin else []
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    probe = probe_origin(
        cohort,
        fold,
        features_of(models, store, len(cohort)),
        column,
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
    )
    write_csv(probe, snakemake.output.probe)
