"""The learning curve of a simulated site as proportion of what was planted there."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.cohort.pseudonyms import site_key
    from ecg_ccta.config import Cohort, Evaluation, Export, LearningCurve
    from ecg_ccta.evaluation.build_learning_curve import held_out, read_trainings
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.truth.compare_learning_curve_with_truth import (
        compare_learning_curve_with_truth,
        recovered_curve_figure,
    )

    curve = LearningCurve.of(snakemake.params.curve)
    recovered, needed = compare_learning_curve_with_truth(
        held_out(
            tables.read(tables.COHORT, snakemake.input.cohort), tables.read(tables.SPLITS, snakemake.input.splits)
        ),
        read_trainings(snakemake.params.points, snakemake.input.predictions),
        pd.read_parquet(snakemake.input.truth_table),
        site_key(snakemake.params.site, Export(**snakemake.params.export), snakemake.params.seed),
        Evaluation.of(snakemake.params.evaluation),
        curve,
        snakemake.params.seed,
        Cohort.of(snakemake.params.cohort).event_from,
    )
    write_csv(recovered, snakemake.output.recovered)
    write_csv(needed, snakemake.output.needed)
    figures.save(recovered_curve_figure(recovered, curve.target), snakemake.output.learning_curve_recovered_svg)
    record.metrics({"patients_needed": needed.set_index("start")["patients"].to_dict()})
