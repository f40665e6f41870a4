"""Pre-train the small foundation network on simulated ECG statements."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta.config import Architecture, Pretraining
    from ecg_ccta.model.checkpoints import save_checkpoint
    from ecg_ccta.model.contracts import write_contract
    from ecg_ccta.training.pretraining import pretrain

    architecture = Architecture(**snakemake.params.architecture)
    network, history, statements = pretrain(
        Pretraining.of(snakemake.params.pretraining), architecture, snakemake.resources.torch_threads
    )
    save_checkpoint(network, snakemake.output.checkpoint)
    origin = {"statements": list(statements), **history.as_json()}
    write_contract(snakemake.output.checkpoint, architecture, origin)
    for epoch in history.epochs:
        record.series("loss", epoch.epoch, epoch.loss)
        record.series("validation_auc", epoch.epoch, epoch.validation_auc)
