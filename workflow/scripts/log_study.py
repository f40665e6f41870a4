"""Send the study's records to MLflow: one parent run, one child run per job."""

import logging
from pathlib import Path

from ecg_ccta.files import write_json
from ecg_ccta.tracking.mlflow_runs import send_or_postpone
from ecg_ccta.tracking.sent import write_tracking

logging.basicConfig(filename=snakemake.log[0], filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
path = Path(snakemake.output.tracking)
write_json(snakemake.output.config, snakemake.params.study)
write_tracking(send_or_postpone(snakemake.params.study, snakemake.input.records, path.parents[1]), path)
