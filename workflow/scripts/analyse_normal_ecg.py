"""Validate on the ECGs that their reader called normal."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.figures import roc_figure
    from ecg_ccta.evaluation.normal_ecg import validate_normal
    from ecg_ccta.evaluation.scored import scored_ecgs

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    results = validate_normal(scored, Evaluation(**snakemake.params.evaluation), snakemake.params.seed)
    tables.write_csv(results["discrimination"], snakemake.output.normal_ecg)
    tables.write_csv(results["roc"], snakemake.output.roc)
    figures.save(roc_figure(results["discrimination"], results["roc"]), snakemake.output.roc_figure_svg)
    record.metrics({"auc": results["discrimination"].set_index("vessel")["auc"].to_dict()})
