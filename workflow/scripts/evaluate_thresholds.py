"""What the thresholds are worth at one site, and the event rate of the strata between them."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.evaluate_thresholds import stratum_figure, stratum_table, threshold_table
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    chosen = read_json(snakemake.input.thresholds)
    settings, seed = Evaluation.of(snakemake.params.evaluation), snakemake.params.seed
    strata = stratum_table(scored, chosen, settings, seed)
    write_csv(threshold_table(scored, chosen, settings, seed), snakemake.output.thresholds)
    write_csv(strata, snakemake.output.strata)
    figures.save(stratum_figure(strata), snakemake.output.strata_svg)
