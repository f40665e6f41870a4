"""Predicted probability by the grade of stenosis, and how it rises."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_severity import severity_table
    from ecg_ccta.evaluation.figures import grade_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import rows_of

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    severity = severity_table(scored, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    write_csv(severity, snakemake.output.grades)
    figures.save(grade_figure(scored, severity), snakemake.output.grades_svg)
    spearman = rows_of(severity, "Spearman correlation").set_index("vessel")["estimate"]
    record.metrics({"spearman": spearman.to_dict()})
