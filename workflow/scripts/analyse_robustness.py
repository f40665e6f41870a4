"""Discrimination, change of predictions and refusals under every perturbation."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_robustness import analyse_robustness
    from ecg_ccta.evaluation.robustness_figures import robustness_figure
    from ecg_ccta.result_tables import write_csv

    predictions, quality = analyse_robustness(
        pd.concat([tables.read(tables.PERTURBED, path) for path in snakemake.input.perturbed], ignore_index=True),
        tables.read(tables.COHORT, snakemake.input.cohort),
        Evaluation.of(snakemake.params.evaluation),
    )
    write_csv(predictions, snakemake.output.robustness)
    write_csv(quality, snakemake.output.quality)
    figures.save(robustness_figure(predictions, quality), snakemake.output.robustness_svg)
