"""Fine-tune the foundation network on the training patients of one outer fold."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import tables
    from ecg_ccta.config import Architecture, Training
    from ecg_ccta.model.fold_models import save_fold
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.training.fine_tuning import fine_tune

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)

    def note(epoch):
        record.series("loss", epoch.epoch, epoch.loss)
        record.series("validation_loss", epoch.epoch, epoch.validation_loss)
        record.series("validation_auc", epoch.epoch, epoch.validation_auc)
        record.series("ecgs_per_second", epoch.epoch, epoch.ecgs_per_second)

    model = fine_tune(
        Path(snakemake.input.foundation),
        Architecture(**snakemake.params.architecture),
        SignalStore(Path(snakemake.input.signals[0]).parent, cohort),
        cohort,
        tables.read(tables.SPLITS, snakemake.input.splits),
        int(snakemake.wildcards.fold),
        Training(**snakemake.params.training),
        snakemake.params.seed,
        interrupted=Path("results") / snakemake.wildcards.study / "interrupted",
        on_epoch=note,
    )
    save_fold(model, snakemake.output.model)
    record.metrics({"temperature": model.temperature, "best_epoch": model.provenance["best_epoch"]})
