"""Attribute the predictions of the highest-risk ECGs to leads and beat segments."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import numpy as np

    from ecg_ccta import figures, tables
    from ecg_ccta.explanation.attribution import attribute, draw_attribution, map_table, region_table
    from ecg_ccta.model.fold_models import load_fold
    from ecg_ccta.signals.store import SignalStore

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    settings = snakemake.params.explanation
    maps = attribute(
        {model.fold: model.network for model in map(load_fold, snakemake.input.models)},
        store.batch(np.arange(len(cohort))),
        cohort["ecg_id"],
        tables.read(tables.PREDICTIONS, snakemake.input.predictions),
        settings["attributed_ecgs"],
        settings["seconds_before_r"],
        settings["seconds_after_r"],
    )
    tables.write_csv(region_table(maps), snakemake.output.attribution)
    tables.write_csv(map_table(maps), snakemake.output.attribution_map)
    figures.save(draw_attribution(maps), snakemake.output.figure_svg)
    record.metrics({"completeness_error": maps.completeness_error})
