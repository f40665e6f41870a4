"""Fetch published foundation weights."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta.config import Architecture, Weights
    from ecg_ccta.model.contracts import write_contract
    from ecg_ccta.model.fetching import fetch_foundation

    local = snakemake.config["foundation"]["weights"].get("local")
    weights = Weights(**snakemake.params.weights, local=local)
    architecture = Architecture(**snakemake.params.architecture)
    fetch_foundation(weights, architecture, snakemake.output.checkpoint)
    source = weights.model_dump(include={"repository", "revision", "file"})
    write_contract(snakemake.output.checkpoint, architecture, {"source": source})
