"""Explain single ECGs of one site, each on a page of its own."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from functools import partial
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Evaluation, Explanation, Export
    from ecg_ccta.files import read_json
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.signals.shards import raw_ecgs
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.single_ecg.explain_ecgs import explain_ecgs

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    read_raw = partial(
        raw_ecgs,
        export=Path(snakemake.params.folder),
        site=Export(**snakemake.params.export),
        site_name=snakemake.wildcards.site,
        study_seed=snakemake.params.seed,
    )
    index = explain_ecgs(
        cohort,
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        tables.read(tables.RISK_GROUPS, snakemake.input.risk),
        read_json(snakemake.input.thresholds),
        [load_fold(folder) for folder in snakemake.input.models],
        SignalStore(Path(snakemake.input.signals[0]).parent, cohort).batch,
        read_raw,
        Evaluation.of(snakemake.params.evaluation),
        Explanation.of(snakemake.params.explanation),
        snakemake.params.title,
        snakemake.output.pages,
    )
    record.metrics({"ecgs": len(index), "without_attribution": int(index["logit_over_mean_beat"].isna().sum())})
