"""Mean beats of high- against low-risk ECGs of one site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.explanation.measurements import compare_measurements
    from ecg_ccta.explanation.segments import beat_times
    from ecg_ccta.explanation.waveforms import compare_waveforms, curve_table, draw_waveforms
    from ecg_ccta.signals.beats import median_beats
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.vessels import VESSELS

    cohort = tables.read(tables.COHORT, snakemake.input.cohort)
    store = SignalStore(Path(snakemake.input.signals[0]).parent, cohort)
    before, after = (snakemake.params.explanation[name] for name in ("seconds_before_r", "seconds_after_r"))
    chunks = np.array_split(np.arange(len(cohort)), max(1, len(cohort) // 500))
    beats = np.concatenate([median_beats(store.batch(rows), before, after)[0] for rows in chunks])
    risk = tables.read(tables.RISK_GROUPS, snakemake.input.risk)
    level = snakemake.params.evaluation["level"]
    comparison = compare_waveforms(
        beats,
        beat_times(before, after),
        cohort["ecg_id"],
        risk,
        level,
        seed=snakemake.params.seed,
    )
    tables.write_csv(comparison.segments, snakemake.output.waveforms)
    tables.write_csv(comparison.clusters, snakemake.output.waveform_clusters)
    tables.write_csv(curve_table(comparison), snakemake.output.waveform_curves)
    measured = pd.concat([tables.read(tables.MEASUREMENTS, path) for path in snakemake.input.measurements])
    tables.write_csv(compare_measurements(measured, risk, level), snakemake.output.measurements_comparison)
    for vessel in VESSELS:
        figures.save(draw_waveforms(comparison, vessel), snakemake.output[f"{vessel}_svg"])
    record.metrics({"ecgs_without_beat": comparison.ecgs_without_beat})
