"""Send the study's records to MLflow: one parent run, one child run per job."""

import logging
from pathlib import Path

from ecg_ccta.files import write_json
from ecg_ccta.tracking.mlflow_runs import send_or_postpone

logging.basicConfig(filename=snakemake.log[0], filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
tracking = Path(snakemake.output.tracking)
records = [Path(path) for path in [*snakemake.input.records, *snakemake.input.report]]
write_json(snakemake.output.config, snakemake.params.study)
write_json(tracking, send_or_postpone(snakemake.params.study, records, results=tracking.parents[1]))
