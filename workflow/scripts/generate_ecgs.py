"""Generate the healthy ECGs of a simulated site whose morphology is learnt."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta.signals.generate_ecgs import generate_ecgs
    from ecg_ccta.sources.ecg_generator import load_generator
    from ecg_ccta.sources.generated_ecgs import write_generated

    found = generate_ecgs(snakemake.params.ecgs, snakemake.params.seed, load_generator())
    write_generated(found, Path(snakemake.output.generated))
    record.metrics({"ecgs": len(found), "median_heart_rate": float(sorted(found.heart_rate)[len(found) // 2])})
