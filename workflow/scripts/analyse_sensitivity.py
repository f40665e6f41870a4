"""Sensitivity analyses of one site, and its centres one by one."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation, Sensitivity
    from ecg_ccta.evaluation.analyse_sensitivity import analyse_sensitivity
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.evaluation.sensitivity_centres import centre_table
    from ecg_ccta.evaluation.sensitivity_figure import sensitivity_figure
    from ecg_ccta.result_tables import write_csv

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    predictions = tables.read(tables.PREDICTIONS, snakemake.input.predictions)
    settings = Evaluation.of(snakemake.params.evaluation)
    if snakemake.input.get("left_out"):
        left_out = tables.read(tables.CENTRE_PREDICTIONS, snakemake.input.left_out)
        probe = tables.read(tables.PREDICTIONS, snakemake.input.probe)
        centres = centre_table(scored_ecgs(cohort, probe), settings, left_out)
    else:
        centres = centre_table(scored_ecgs(cohort, predictions), settings)
    found = analyse_sensitivity(cohort, predictions, centres, settings, Sensitivity.of(snakemake.params.sensitivity))
    write_csv(found, snakemake.output.sensitivity)
    write_csv(centres, snakemake.output.centres)
    figures.save(sensitivity_figure(found, centres), snakemake.output.sensitivity_svg)
    record.metrics({"centres": centres["centre"].nunique() - 1})
