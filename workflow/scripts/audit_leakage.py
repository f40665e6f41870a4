"""Stop the study where a training patient was evaluated; otherwise say what was checked."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta.audit.audit_leakage import audit_study
    from ecg_ccta.config import Evaluation, Site
    from ecg_ccta.result_tables import write_csv

    folder = Path(snakemake.output.leakage).parents[1]
    leakage = audit_study(
        folder,
        {name: Site.of(settings) for name, settings in snakemake.params.sites.items()},
        snakemake.params.labels,
        snakemake.params.folds,
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
        snakemake.params.starts,
        snakemake.input.foundation,
        [Path(path).stem for path in snakemake.input.recalibrated],
    )
    write_csv(leakage, snakemake.output.leakage)
    record.metrics({"checks": len(leakage), "findings": leakage["findings"].sum()})
