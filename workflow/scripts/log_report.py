"""Send the report, and what of the study MLflow did not hold before."""

import logging
from pathlib import Path

from ecg_ccta.files import read_json
from ecg_ccta.tracking.mlflow_runs import send_or_postpone
from ecg_ccta.tracking.sent import write_tracking

logging.basicConfig(filename=snakemake.log[0], filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
path = Path(snakemake.output.tracking)
records = [*snakemake.input.records, snakemake.input.report]
write_tracking(send_or_postpone(read_json(snakemake.input.config), records, path.parents[1]), path)
