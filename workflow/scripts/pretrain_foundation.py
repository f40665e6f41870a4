"""Pre-train the small foundation network on simulated ECG statements."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta.config import Foundation
    from ecg_ccta.files import sha256, write_json
    from ecg_ccta.model.checkpoints import save_checkpoint
    from ecg_ccta.model.inputs import PREPROCESSING
    from ecg_ccta.training.pretraining import pretrain

    network, history, statements = pretrain(Foundation(**snakemake.params.foundation))
    save_checkpoint(network, snakemake.output.checkpoint)
    write_json(
        snakemake.output.contract,
        {
            "sha256": sha256(snakemake.output.checkpoint),
            "preprocessing": PREPROCESSING,
            "architecture": snakemake.params.foundation["architecture"],
            "statements": list(statements),
            **history.as_json(),
        },
    )
    for epoch in history.epochs:
        record.series("loss", epoch.epoch, epoch.loss)
        record.series("validation_auc", epoch.epoch, epoch.validation_auc)
