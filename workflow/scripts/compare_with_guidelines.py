"""What the ECG adds to the guidelines' pre-test probability and to a clinical model, at one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.compare_with_guidelines import compare_with_guidelines, headline_aucs
    from ecg_ccta.evaluation.guideline_figures import added_value_roc_figure, reclassification_figure
    from ecg_ccta.evaluation.patients import patient_level
    from ecg_ccta.result_tables import write_csv

    development = patient_level(
        tables.read(tables.COHORT, snakemake.input.development_cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.development_predictions),
        tables.read(tables.PATIENT_RISK, snakemake.input.development_risk),
        tables.read(tables.SPLITS, snakemake.input.splits),
    )
    patients = patient_level(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        tables.read(tables.PATIENT_RISK, snakemake.input.risk),
    )
    sites = (development, None) if snakemake.params.is_development else (patients, development)
    results = compare_with_guidelines(*sites, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    for name, table in results.items():
        write_csv(table, snakemake.output[name])
    figures.save(reclassification_figure(results["reclassification"]), snakemake.output.reclassification_svg)
    figures.save(
        added_value_roc_figure(results["added_value"], results["added_value_roc"]), snakemake.output.added_value_roc_svg
    )
    record.metrics({"auc": headline_aucs(results["added_value"])})
