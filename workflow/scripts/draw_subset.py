"""Draw the patients of one training of the learning curve."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.training.splits import draw_subset

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    drawn = draw_subset(
        tables.read(tables.SPLITS, snakemake.input.splits),
        int(snakemake.wildcards.patients),
        int(snakemake.wildcards.repeat),
        snakemake.params.seed,
    )
    own = cohort[cohort["patient_id"].isin(drawn["patient_id"])].reset_index(drop=True)
    tables.write(drawn, tables.SPLITS, snakemake.output.splits)
    tables.write(own, tables.COHORT, snakemake.output.cohort)
    record.metrics({"patients": len(drawn), "ecgs": len(own)})
