"""The interval widths that the development site gives, and the patients that the target widths need."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.plan_sample_size import plan_sample_size
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    plan = plan_sample_size(scored, Evaluation.of(snakemake.params.evaluation))
    write_csv(plan, snakemake.output.sample_size)
