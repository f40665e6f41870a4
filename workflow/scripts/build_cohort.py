"""Link a site's ECGs to their CCTA and write those that the site's tables allow."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.cohort.building import build_cohort
    from ecg_ccta.config import Cohort, Export
    from ecg_ccta.files import write_json

    eligible, last_known, labels, flow = build_cohort(
        snakemake.wildcards.site,
        Export(**snakemake.params.export),
        Path(snakemake.params.folder),
        Cohort.of(snakemake.params.cohort),
        snakemake.params.seed,
        snakemake.params.labels,
    )
    tables.write(eligible, tables.ELIGIBLE, snakemake.output.eligible)
    tables.write(last_known, tables.LAST_KNOWN, snakemake.output.last_known)
    tables.write(labels, tables.label_schema(snakemake.params.labels), snakemake.output.labels)
    write_json(snakemake.output.flow, flow)
    record.metrics({"eligible_ecgs": len(eligible), "eligible_patients": eligible["patient_id"].nunique()})
