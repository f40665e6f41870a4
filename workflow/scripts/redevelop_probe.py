"""Fit a fold's linear probe again to development patients drawn with replacement."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import torch

    from ecg_ccta import tables
    from ecg_ccta.config import Architecture, Cohort, Instability, Recipe
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.tracking.progress import log_progress
    from ecg_ccta.training.redevelopment import foundation_features, redevelop_probes

    torch.set_num_threads(1)
    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    features = foundation_features(
        Path(snakemake.input.foundation),
        Architecture(**snakemake.params.architecture),
        SignalStore(Path(snakemake.input.signals[0]).parent, cohort),
        len(cohort),
    )
    probes = redevelop_probes(
        features,
        cohort,
        tables.read(tables.SPLITS, snakemake.input.splits),
        int(snakemake.wildcards.fold),
        Recipe.of(snakemake.params.recipe),
        Instability.of(snakemake.params.instability).redevelopments,
        snakemake.params.seed,
        log_progress("versions"),
        Cohort.of(snakemake.params.cohort).event_from,
    )
    probes.save(snakemake.output.probes)
    record.metrics({"redevelopments": len(probes.weight) - 1})
