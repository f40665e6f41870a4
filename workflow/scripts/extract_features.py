"""Features of the foundation, from which the linear probes of internal-external validation learn."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Architecture
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.training.leave_centre_out import extract_features

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    architecture = Architecture(**snakemake.params.architecture)
    features = extract_features(Path(snakemake.input.foundation), architecture, store, cohort)
    tables.write(features, tables.feature_schema(architecture.filter_list[-1]), snakemake.output.features)
    record.metrics({"ecgs": len(features)})
