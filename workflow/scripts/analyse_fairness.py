"""Calibration and accuracy by sex, age group and centre of one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation, Fairness
    from ecg_ccta.evaluation.analyse_fairness import analyse_fairness
    from ecg_ccta.evaluation.fairness_figure import fairness_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.vessels import VESSELS

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    values, differences = analyse_fairness(
        scored,
        read_json(snakemake.input.thresholds),
        Evaluation.of(snakemake.params.evaluation),
        Fairness.of(snakemake.params.fairness),
    )
    write_csv(values, snakemake.output.fairness)
    write_csv(differences, snakemake.output.differences)
    for vessel in VESSELS:
        figures.save(fairness_figure(values, vessel), snakemake.output[f"fairness_{vessel}_svg"])
    record.metrics({"differences": int(differences["estimate"].notna().sum())})
