"""The learning curve of the study's patients."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.build_learning_curve import (
        build_learning_curve,
        held_out,
        learning_curve_figure,
        read_trainings,
    )
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import rows_of

    cohort = held_out(
        tables.read(tables.COHORT, snakemake.input.cohort), tables.read(tables.SPLITS, snakemake.input.splits)
    )
    curve = build_learning_curve(
        cohort,
        read_trainings(snakemake.params.points, snakemake.input.predictions),
        Evaluation.of(snakemake.params.evaluation),
    )
    write_csv(curve, snakemake.output.curve)
    figures.save(learning_curve_figure(curve), snakemake.output.learning_curve_svg)
    for start, rows in rows_of(curve, "AUC").query("vessel == 'macro'").groupby("start"):
        record.metrics({f"macro_auc_{start}": rows.set_index("training_patients")["estimate"].to_dict()})
