"""Attribute the predictions of a fold's highest-risk ECGs to leads and beat segments."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import torch

    from ecg_ccta import tables
    from ecg_ccta.attribution.attribute_waveforms import attribute_fold, save_attribution
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S
    from ecg_ccta.signals.store import SignalStore

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    model = load_fold(snakemake.input.model)
    settings = snakemake.params.explanation
    torch.set_num_threads(snakemake.threads)
    found = attribute_fold(
        model.network.to("cuda" if torch.cuda.is_available() else "cpu"),
        model.fold,
        SignalStore(Path(snakemake.input.signals[0]).parent, cohort).batch,
        cohort["ecg_id"],
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        settings["attributed_ecgs"],
        BEFORE_R_S,
        AFTER_R_S,
        settings["batch_size"],
        snakemake.params.seed,
    )
    save_attribution(found, snakemake.output.attribution)
    record.metrics({"ecgs": found.ecgs.sum(), "completeness_error": max(found.completeness_error, default=0.0)})
