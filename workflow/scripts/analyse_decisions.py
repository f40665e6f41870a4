"""Decision curves of one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_decisions import decision_curves, decision_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    curves = decision_curves(scored, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    write_csv(curves, snakemake.output.decision_curves)
    figures.save(decision_figure(curves), snakemake.output.decision_curves_svg)
