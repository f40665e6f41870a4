"""Perturb one part of a site's sampled ECGs as recordings are in practice, and predict them again."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import torch

    from ecg_ccta import tables
    from ecg_ccta.config import Export, Quality, Robustness
    from ecg_ccta.evaluation.perturb_ecgs import perturb_ecgs, sampled_ecgs
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.signals.shards import raw_ecgs
    from ecg_ccta.tracking.progress import log_progress

    torch.set_num_threads(snakemake.threads)
    settings = Robustness.of(snakemake.params.robustness)
    sample = sampled_ecgs(tables.read(tables.COHORT, snakemake.input.cohort), settings, snakemake.params.seed)
    part = sample.iloc[int(snakemake.wildcards.shard) :: snakemake.params.shards].reset_index(drop=True)
    perturbed = perturb_ecgs(
        part,
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        raw_ecgs(
            part["ecg_id"],
            Path(snakemake.params.folder),
            Export(**snakemake.params.export),
            snakemake.wildcards.site,
            snakemake.params.seed,
        ),
        [load_fold(folder) for folder in snakemake.input.models],
        Quality(**snakemake.params.quality),
        snakemake.params.seed,
        progress=log_progress("perturbations done"),
    )
    tables.write(perturbed, tables.PERTURBED, snakemake.output.perturbed)
    record.metrics({"ecgs": len(part), "refused": int(perturbed["reason"].notna().sum())})
