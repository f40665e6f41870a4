"""Recalibrate an external site's predictions, each patient by what the others show."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.figures import recalibration_figure
    from ecg_ccta.evaluation.recalibrate import recalibrate
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    results = recalibrate(scored, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    tables.write(results["assignment"], tables.RECALIBRATION, snakemake.output.assignment)
    for name in ("parameters", "summary", "curve"):
        write_csv(results[name], snakemake.output[name])
    figures.save(recalibration_figure(results["curve"], results["summary"]), snakemake.output.recalibrated_svg)
