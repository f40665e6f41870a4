"""Compare a simulated site's results with what was planted."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.cohort.pseudonyms import site_key
    from ecg_ccta.config import Cohort, Evaluation, Export, FollowUp
    from ecg_ccta.evaluation.normality import clinically_normal
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.truth.compare_with_truth import compare_with_truth, draw_planted, planted_regions, region_agreement
    from ecg_ccta.truth.planted_hazards import draw_planted_hazards, recovered_hazards, separation
    from ecg_ccta.waveforms import compare_waveforms as comparisons

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    site = Export(**snakemake.params.export)
    settings = Evaluation.of(snakemake.params.evaluation)
    event_from = Cohort.of(snakemake.params.cohort).event_from
    predictions = tables.read(tables.PREDICTIONS, snakemake.input.predictions)
    truth = pd.read_parquet(snakemake.input.truth_table)
    key = site_key(snakemake.wildcards.site, site, snakemake.params.seed)
    measured = [tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements]
    recovery = compare_with_truth(
        cohort,
        predictions,
        truth,
        key,
        clinically_normal(cohort, settings, pd.concat(measured) if measured else None),
        settings,
        event_from,
    )
    record_of_truth = read_json(snakemake.input.truth_json)
    planted = record_of_truth["planted"]
    curves = pd.read_csv(snakemake.input.curves) if snakemake.input.curves else None
    if curves is not None:
        curves = comparisons.comparison_rows(curves, comparisons.ALL)
    regions = planted_regions(planted, curves)
    agreement = region_agreement(regions)
    follow_up, observed = (
        tables.read(tables.FOLLOW_UP, snakemake.input.follow_up),
        FollowUp.of(snakemake.params.follow_up),
    )
    hazards = recovered_hazards(cohort, follow_up, record_of_truth["follow_up"], observed, settings)
    separated = separation(cohort, predictions, follow_up, truth, key, observed, settings, event_from)
    write_csv(recovery, snakemake.output.recovery)
    write_csv(regions, snakemake.output.planted_regions)
    write_csv(agreement, snakemake.output.planted)
    write_csv(hazards, snakemake.output.hazards)
    write_csv(separated, snakemake.output.separation)
    figures.save(draw_planted(regions, planted), snakemake.output.planted_svg)
    figures.save(draw_planted_hazards(hazards), snakemake.output.planted_hazards_svg)
    of_all = recovery[recovery["stratum"] == "all"].set_index("vessel")
    record.metrics({"recovered": of_all["recovered"].to_dict(), "oracle_auc": of_all["oracle_auc"].to_dict()})
