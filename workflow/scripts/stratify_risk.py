"""Assign every ECG and vessel of one site to its frozen risk group."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.figures import grade_figure
    from ecg_ccta.evaluation.risk_groups import grade_table, group_table, stratify
    from ecg_ccta.evaluation.scored import scored_ecgs

    settings = Evaluation(**snakemake.params.evaluation)
    predictions = tables.read(tables.PREDICTIONS, snakemake.input.predictions)
    scored = scored_ecgs(tables.read(tables.COHORT, snakemake.input.cohort), predictions)
    risk = stratify(predictions, settings.high_risk_thresholds)
    tables.write(risk, tables.RISK_GROUPS, snakemake.output.risk)
    tables.write_csv(group_table(scored, settings.high_risk_thresholds, settings.level), snakemake.output.risk_groups)
    tables.write_csv(grade_table(scored), snakemake.output.grades)
    figures.save(grade_figure(scored), snakemake.output.grade_figure_svg)
    record.metrics({"share_high": risk.assign(high=risk["group"] == "high").groupby("vessel")["high"].mean()})
