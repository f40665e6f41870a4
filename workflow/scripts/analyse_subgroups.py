"""AUC of each vessel in the subgroups of one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.figures import forest_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.evaluation.subgroups import subgroup_auc

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    table = subgroup_auc(scored, Evaluation(**snakemake.params.evaluation), snakemake.params.seed)
    tables.write_csv(table, snakemake.output.subgroups)
    figures.save(forest_figure(table), snakemake.output.forest_figure_svg)
    record.metrics({"rows": len(table)})
