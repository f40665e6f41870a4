"""What the probability of any vessel is worth for the decision of a patient, at one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.analyse_any_vessel import analyse_any_vessel
    from ecg_ccta.evaluation.any_vessel_figures import any_vessel_figure
    from ecg_ccta.evaluation.patients import patient_level
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv

    development = patient_level(
        tables.read(tables.COHORT, snakemake.input.development_cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.development_predictions),
        tables.read(tables.PATIENT_RISK, snakemake.input.development_risk),
        tables.read(tables.SPLITS, snakemake.input.splits),
    )
    patients = patient_level(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        tables.read(tables.PATIENT_RISK, snakemake.input.risk),
    )
    sites = (development, None) if snakemake.params.is_development else (patients, development)
    results = analyse_any_vessel(
        *sites,
        read_json(snakemake.input.thresholds),
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
    )
    for name, table in results.items():
        write_csv(table, snakemake.output[name])
    figures.save(any_vessel_figure(results["any_vessel_decisions"]), snakemake.output.any_vessel_svg)
