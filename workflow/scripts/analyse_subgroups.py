"""AUC of each vessel in the subgroups of one site, and tests of interaction."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_subgroups import subgroup_auc
    from ecg_ccta.evaluation.forest import forest_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.vessels import VESSELS

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    table = subgroup_auc(scored, Evaluation.of(snakemake.params.evaluation), snakemake.params.seed)
    write_csv(table, snakemake.output.subgroups)
    for vessel in VESSELS:
        figures.save(forest_figure(table, vessel), snakemake.output[f"subgroups_{vessel}_svg"])
    q_values = table.loc[table["measure"] == "interaction q", "estimate"].dropna()
    record.metrics({"interaction_tests": len(q_values), "interactions_at_q_0.05": int((q_values < 0.05).sum())})
