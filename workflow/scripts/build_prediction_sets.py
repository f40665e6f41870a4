"""Prediction sets of one site, calibrated on the development site's out-of-fold predictions."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Abstention, Evaluation
    from ecg_ccta.evaluation.build_prediction_sets import build_prediction_sets, prediction_sets_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv

    paths = snakemake.input
    abstention = Abstention.of(snakemake.params.abstention)
    sets, cutoffs = build_prediction_sets(
        scored_ecgs(tables.read(tables.COHORT, paths.cohort), tables.read(tables.PREDICTIONS, paths.predictions)),
        scored_ecgs(
            tables.read(tables.COHORT, paths.development_cohort),
            tables.read(tables.PREDICTIONS, paths.development_predictions),
        ),
        Evaluation.of(snakemake.params.evaluation),
        abstention,
        snakemake.params.seed,
    )
    write_csv(sets, snakemake.output.sets)
    write_csv(cutoffs, snakemake.output.cutoffs)
    figures.save(prediction_sets_figure(sets, abstention.level), snakemake.output.prediction_sets_svg)
