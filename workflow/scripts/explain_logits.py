"""Regress the logits of one site on what a reader would measure."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.waveforms.explain_logits import BOTH, explain_logits
    from ecg_ccta.waveforms.logit_figure import draw_logit_explanation

    found = explain_logits(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        pd.concat([tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements]),
        Evaluation.of(snakemake.params.evaluation),
        seed=snakemake.params.seed,
    )
    write_csv(found.r2, snakemake.output.r2)
    write_csv(found.groups, snakemake.output.groups)
    write_csv(found.coefficients, snakemake.output.coefficients)
    figures.save(draw_logit_explanation(found), snakemake.output.logits_svg)
    record.metrics({"r2": found.r2[found.r2["predictors"] == BOTH].set_index("vessel")["r2"]})
