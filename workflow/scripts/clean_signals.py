"""Clean one shard of a site's recordings."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Export, Quality
    from ecg_ccta.signals.shards import clean_shard, write_shard
    from ecg_ccta.tracking.progress import log_progress

    signals, table = clean_shard(
        tables.read(tables.ELIGIBLE, snakemake.input.eligible),
        Path(snakemake.params.folder),
        Export(**snakemake.params.export),
        snakemake.wildcards.site,
        snakemake.params.seed,
        Quality(**snakemake.params.quality),
        int(snakemake.wildcards.shard),
        snakemake.params.shards,
        log_progress("ECGs cleaned"),
    )
    write_shard(signals, table, snakemake.output.signals, snakemake.output.table)
    record.metrics({"usable": len(signals), "not_usable": len(table) - len(signals)})
