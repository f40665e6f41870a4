"""Validate on the clinically normal ECGs of one site, and compare them with all others."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_normal_ecg import comparison_figure, validate_normal
    from ecg_ccta.evaluation.evaluate_thresholds import stratum_table, threshold_table
    from ecg_ccta.evaluation.figures import calibration_figure, roc_figure
    from ecg_ccta.evaluation.normality import clinically_normal
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

    settings, seed = Evaluation.of(snakemake.params.evaluation), snakemake.params.seed
    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    measured = [tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements]
    normal = clinically_normal(scored, settings, pd.concat(measured) if measured else None)
    results = validate_normal(scored, normal, settings, seed)
    of_normal = scored[normal.fillna(False).to_numpy(dtype=bool)]
    chosen = read_json(snakemake.input.thresholds)
    results["thresholds"] = threshold_table(of_normal, chosen, settings, seed)
    results["strata"] = stratum_table(of_normal, chosen, settings, seed)
    for name, table in results.items():
        write_csv(table, snakemake.output[name])
    figures.save(roc_figure(results["discrimination"], results["roc"]), snakemake.output.normal_ecg_roc_svg)
    panel = (results[name] for name in ("calibration", "calibration_curve", "calibration_summary"))
    figures.save(calibration_figure(of_normal, *panel), snakemake.output.normal_ecg_calibration_svg)
    figures.save(comparison_figure(results["comparison"]), snakemake.output.normal_ecg_comparison_svg)
    auc = rows_of(results["discrimination"], "AUC", CLUSTERED).set_index("vessel")["estimate"]
    record.metrics({"auc": auc.dropna().to_dict(), "normal_ecgs": of_normal["ecg_id"].nunique()})
