"""Join the eligible ECGs with the outcome of cleaning: the cohort, its flow, its follow-up and Table 1."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.cohort.admission import admit
    from ecg_ccta.cohort.follow_up import follow_up_from_index
    from ecg_ccta.cohort.table1 import table_one
    from ecg_ccta.files import read_json, write_json
    from ecg_ccta.result_tables import write_csv

    cohort, flow = admit(
        tables.read(tables.ELIGIBLE, snakemake.input.eligible),
        [tables.read(tables.SHARD, path) for path in snakemake.input.shards],
        read_json(snakemake.input.flow),
    )
    follow_up, lost = follow_up_from_index(cohort, tables.read(tables.LAST_KNOWN, snakemake.input.last_known))
    tables.write(cohort, tables.COHORT, snakemake.output.cohort)
    tables.write(follow_up, tables.FOLLOW_UP, snakemake.output.follow_up)
    write_json(snakemake.output.flow, flow | {"follow_up": lost})
    write_csv(table_one({snakemake.params.title: cohort}), snakemake.output.table1)
    record.metrics({"ecgs": len(cohort), "patients": cohort["patient_id"].nunique()})
