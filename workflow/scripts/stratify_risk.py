"""Assign every ECG and vessel of one site, and every patient, to the frozen risk group and stratum."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.stratify_risk import stratify, stratify_patients
    from ecg_ccta.files import read_json

    settings = Evaluation.of(snakemake.params.evaluation)
    predictions = tables.read(tables.PREDICTIONS, snakemake.input.predictions)
    chosen = read_json(snakemake.input.thresholds)
    risk = stratify(predictions, settings.high_risk_thresholds, chosen)
    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    patients = stratify_patients(cohort, predictions, risk, chosen)
    tables.write(risk, tables.RISK_GROUPS, snakemake.output.risk)
    tables.write(patients, tables.PATIENT_RISK, snakemake.output.patients)
    record.metrics({"share_high": risk.assign(high=risk["group"] == "high").groupby("vessel")["high"].mean()})
