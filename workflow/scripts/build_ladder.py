"""The ladder from age and sex to the fine-tuned network, on the same ECGs of the development site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.build_ladder import build_ladder, ladder_figure, training_table
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import rows_of

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    ladder = build_ladder(
        scored_ecgs(cohort, tables.read(tables.PREDICTIONS, snakemake.input.predictions)),
        scored_ecgs(cohort, tables.read(tables.PREDICTIONS, snakemake.input.probe)),
        pd.concat([tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements]),
        Evaluation.of(snakemake.params.evaluation),
    )
    write_csv(ladder, snakemake.output.ladder)
    told = [read_json(Path(folder) / "model.json") for folder in snakemake.input.models]
    write_csv(training_table(told), snakemake.output.training)
    figures.save(ladder_figure(ladder), snakemake.output.ladder_svg)
    macro = rows_of(ladder, "AUC").query("vessel == 'macro'").set_index("rung")["estimate"]
    record.metrics({"macro_auc": macro.to_dict()})
