"""Discrimination and calibration of one site's predictions."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.figures import calibration_figure, roc_figure
    from ecg_ccta.evaluation.probabilities import probability_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.evaluation.validate import validate
    from ecg_ccta.files import write_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    results = validate(scored, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    for name, table in results.items():
        write_csv(table, snakemake.output[name])
    figures.save(roc_figure(results["discrimination"], results["roc"]), snakemake.output.roc_svg)
    figures.save(
        calibration_figure(
            scored, results["calibration"], results["calibration_curve"], results["calibration_summary"]
        ),
        snakemake.output.calibration_svg,
    )
    figures.save(
        probability_figure(results["probabilities"], results["calibration_summary"]), snakemake.output.probabilities_svg
    )
    auc = rows_of(results["discrimination"], "AUC", CLUSTERED).set_index("vessel")["estimate"].dropna().to_dict()
    write_json(snakemake.output.metrics, {"auc": auc})
    record.metrics({"auc": auc})
