"""Measure rate, P, intervals, axes, R, ST and T of one shard's included ECGs."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Export
    from ecg_ccta.signals.measuring import measure_shard
    from ecg_ccta.tracking.progress import log_progress

    measurements = measure_shard(
        tables.read(tables.COHORT, snakemake.input.cohort),
        Path(snakemake.params.folder),
        Export(**snakemake.params.export),
        snakemake.wildcards.site,
        snakemake.params.seed,
        int(snakemake.wildcards.shard),
        log_progress("ECGs measured"),
    )
    tables.write(measurements, tables.MEASUREMENTS, snakemake.output.measurements)
    record.metrics({"ecgs": len(measurements), "without_qrs": int(measurements["qrs_ms"].isna().sum())})
