"""Compare the attribution at a simulated site with what was planted."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures
    from ecg_ccta.attribution.attribute_waveforms import load_attribution
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.truth.compare_attribution_with_truth import (
        attributed_regions,
        attribution_agreement,
        draw_planted_attribution,
    )
    from ecg_ccta.vessels import VESSELS

    planted = read_json(snakemake.input.truth_json)["planted"]
    folds = [load_attribution(path) for path in snakemake.input.folds]
    regions = attributed_regions(planted, folds)
    agreement = attribution_agreement(regions)
    write_csv(regions, snakemake.output.regions)
    write_csv(agreement, snakemake.output.agreement)
    for vessel in VESSELS:
        figures.save(
            draw_planted_attribution(planted, folds, vessel), snakemake.output[f"planted_attribution_{vessel}_svg"]
        )
    for measure, rows in agreement.groupby("measure"):
        record.metrics({"planted_auroc": {measure: rows.set_index("vessel")["auroc"]}})
