"""Summarise the attribution of all folds: maps, regions, deletion and insertion, randomisation of weights."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.attribution import figures as draw
    from ecg_ccta.attribution import summarise_attribution as tabulate
    from ecg_ccta.attribution.attribute_waveforms import load_attribution
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.vessels import VESSELS

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    folds = [load_attribution(path) for path in snakemake.input.folds]
    events = {vessel: int(cohort[f"target_{vessel}"].sum()) for vessel in VESSELS}
    faithfulness = tabulate.faithfulness_table(folds, events)
    randomisation = tabulate.randomisation_table(folds)
    write_csv(tabulate.region_table(folds), snakemake.output.attribution)
    write_csv(tabulate.map_table(folds), snakemake.output.attribution_map)
    write_csv(faithfulness, snakemake.output.faithfulness)
    write_csv(tabulate.removal_curves_table(folds), snakemake.output.faithfulness_curves)
    write_csv(randomisation, snakemake.output.randomisation)
    figures.save(draw.draw_attribution(folds), snakemake.output.attribution_svg)
    figures.save(draw.draw_regions(folds), snakemake.output.attribution_regions_svg)
    figures.save(draw.draw_faithfulness(folds), snakemake.output.faithfulness_svg)
    figures.save(draw.draw_randomisation(folds), snakemake.output.randomisation_svg)
    deletion = faithfulness[faithfulness["curve"] == "deletion"]
    whole = randomisation[randomisation["reinitialised"] == randomisation["of_layers"]]
    for method, rows in deletion.groupby("method"):
        record.metrics({"deletion_better_folds": {method: rows.set_index("vessel")["folds_better"]}})
    for method, rows in whole.groupby("method"):
        record.metrics({"randomised_correlation": {method: rows.set_index("vessel")["correlation"]}})
