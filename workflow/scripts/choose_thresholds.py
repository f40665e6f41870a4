"""Choose the thresholds at the development site; they are frozen from here on."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation
    from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import write_json

    scored = scored_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
    )
    chosen = choose_thresholds(scored, snakemake.params.site, Evaluation.of(snakemake.params.evaluation))
    write_json(snakemake.output.thresholds, chosen)
    record.metrics(
        {
            "threshold": {
                vessel: {kind: found["threshold"] for kind, found in choice["thresholds"].items()}
                for vessel, choice in chosen["frozen"].items()
            }
        }
    )
