"""Compare discrimination at the external sites with that at the development site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.compare_sites import compare_sites
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv

    def scored(cohort, predictions):
        return scored_ecgs(tables.read(tables.COHORT, cohort), tables.read(tables.PREDICTIONS, predictions))

    external = zip(snakemake.input.external_cohorts, snakemake.input.external_predictions, strict=True)
    comparison = compare_sites(
        scored(snakemake.input.cohort, snakemake.input.predictions),
        {Path(cohort).stem: scored(cohort, predictions) for cohort, predictions in external},
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
    )
    write_csv(comparison, snakemake.output.comparison)
