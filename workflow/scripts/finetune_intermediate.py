"""Fine-tune the foundation network on the intermediate task, without the patients of analysed sites."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import torch

    from ecg_ccta import tables
    from ecg_ccta.config import Architecture, Recipe
    from ecg_ccta.files import read_json, write_json
    from ecg_ccta.model.checkpoints import save_checkpoint
    from ecg_ccta.model.contracts import write_contract
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.tracking.progress import training_bar
    from ecg_ccta.training.fine_tuning import fine_tune_labelled
    from ecg_ccta.training.intermediate import training_ecgs

    labels_learnt = snakemake.params.labels
    torch.set_num_threads(snakemake.resources.torch_threads)
    architecture = Architecture(**snakemake.params.architecture)
    chosen, labels, flow = training_ecgs(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.label_schema(labels_learnt), snakemake.input.labels),
        [tables.read(tables.COHORT, path) for path in snakemake.input.analysed],
        read_json(snakemake.input.flow),
    )
    with training_bar("intermediate task") as on_step:
        network, made = fine_tune_labelled(
            Path(snakemake.input.foundation),
            architecture,
            SignalStore(Path(snakemake.input.signals[0]).parent, chosen),
            chosen,
            labels,
            Recipe(**snakemake.params.recipe),
            snakemake.params.seed,
            Path(snakemake.params.interrupted),
            on_step,
        )
    save_checkpoint(network, snakemake.output.checkpoint)
    write_contract(snakemake.output.checkpoint, architecture, {"labels": labels_learnt, **made})
    write_json(snakemake.output.flow, flow)
    record.training(made)
    record.metrics({"patients_left_out": sum(step["patients"] for step in flow["overlap"]), "ecgs": len(chosen)})
