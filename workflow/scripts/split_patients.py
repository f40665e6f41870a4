"""Split the patients of the development site into folds."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.training.splits import split_patients

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    splits = split_patients(cohort, snakemake.params.folds, snakemake.params.seed)
    tables.write(splits, tables.SPLITS, snakemake.output.splits)
    record.metrics({"patients": len(splits)})
