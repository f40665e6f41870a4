"""Compare the foundation with random weights: macro AUC of each fold's test patients."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.compare_initialisations import (
        compare_initialisations,
        initialisations_figure,
        mean_difference,
    )
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import write_json
    from ecg_ccta.result_tables import write_csv

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    starts = compare_initialisations(
        scored_ecgs(cohort, tables.read(tables.PREDICTIONS, snakemake.input.predictions)),
        scored_ecgs(cohort, tables.read(tables.PREDICTIONS, snakemake.input.random)),
        Evaluation.of(snakemake.params.evaluation),
    )
    write_csv(starts, snakemake.output.initialisations)
    figures.save(initialisations_figure(starts), snakemake.output.initialisations_svg)
    write_json(snakemake.output.metrics, mean_difference(starts))
    record.metrics(mean_difference(starts))
