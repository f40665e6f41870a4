"""Write the raw export of a simulated site, and its truth beside it."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta.config import Simulation
    from ecg_ccta.sources.generated_ecgs import read_generated
    from ecg_ccta.sources.simulated_site import simulate_site

    # One file where the site's morphology is learnt, else none.
    generated = [read_generated(Path(path)) for path in snakemake.input.generated]
    record.metrics(
        simulate_site(
            Path(snakemake.output.export),
            Path(snakemake.output.truth_table),
            Path(snakemake.output.truth_json),
            Simulation(**snakemake.params.simulation),
            snakemake.params.seed,
            *generated,
        )
    )
