"""Mean beats and measurements of high- against low-risk ECGs of one site, of all and of matched patients."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.signals.beats import stored_median_beats
    from ecg_ccta.signals.quality_sheet import beat_table, draw_quality_sheet
    from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S, beat_times
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.vessels import VESSELS
    from ecg_ccta.waveforms import compare_waveforms as comparisons
    from ecg_ccta.waveforms.figures import draw_waveforms
    from ecg_ccta.waveforms.matched_groups import match_risk_groups

    out, seed = snakemake.output, snakemake.params.seed
    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    beats, _, ok = stored_median_beats(store, BEFORE_R_S, AFTER_R_S, snakemake.threads)
    groups = tables.read(tables.RISK_GROUPS, snakemake.input.risk)
    matched, balance = match_risk_groups(groups, cohort, seed)
    risk = {comparisons.ALL: groups, comparisons.MATCHED: matched}
    level = snakemake.params.evaluation["level"]
    beats, times = comparisons.at_half_the_rate(beats, beat_times(BEFORE_R_S, AFTER_R_S))
    compared = comparisons.compare_all_waveforms(
        beats, times, cohort["ecg_id"], risk, level, seed=seed, jobs=snakemake.threads
    )
    measured = pd.concat([tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements])
    shown = store.batch(range(min(len(cohort), snakemake.params.shown))) / 1000
    write_csv(comparisons.segment_table(compared), out.waveforms)
    write_csv(comparisons.cluster_table(compared), out.waveform_clusters)
    write_csv(comparisons.all_curves(compared), out.waveform_curves)
    write_csv(comparisons.compare_all_measurements(measured, risk, level), out.measurements_comparison)
    write_csv(balance, out.matching)
    write_csv(beat_table(shown), out.beats)
    figures.save(draw_quality_sheet(shown), out.beats_svg)
    for vessel in VESSELS:
        figures.save(draw_waveforms(compared, vessel), out[f"waveforms_{vessel}_svg"])
        figures.save(
            draw_waveforms(compared, vessel, comparisons.NORMALISED), out[f"waveforms_normalised_{vessel}_svg"]
        )
    record.metrics(
        {"ecgs_without_beat": int((~ok).sum()), "matched_pairs": balance.set_index("vessel")["pairs"].to_dict()}
    )
