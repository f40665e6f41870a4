"""Sensitivity analyses and fairness in the workflow: their own jobs, and each centre left out where there are some."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from ecg_ccta import tables
from ecg_ccta.vessels import VESSELS

RULES = ("extract_features", "predict_left_out_centres", "analyse_sensitivity", "analyse_fairness")


@pytest.fixture(scope="module")
def overlay(root, tmp_path_factory):
    values = yaml.safe_load((root / "tests/workflow/small.yaml").read_text()) | {"sensitivity": {}, "fairness": {}}
    path = tmp_path_factory.mktemp("overlay") / "sensitivity.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_finished_study_adds_only_their_own_jobs(make_workflow, small_study, overlay):
    planned = make_workflow(small_study.folder, overlay).run(options=["-n"]).stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", planned, flags=re.MULTILINE))
    own = dict(zip(RULES, ("1", "1", "2", "2"), strict=True))
    assert jobs == own | {"build_report": "1", "log_study": "1", "log_report": "1", "all": "1", "total": "10"}


def test_each_centre_is_left_out(make_workflow, small_study, overlay):
    results = small_study.results / "small"
    path = results / "cohort/internal.parquet"
    cohort = tables.read(tables.COHORT, path)
    names = np.array(["north", "south"])[[int(patient, 16) % 2 for patient in cohort["patient_id"]]]
    tables.write(cohort.assign(centre=pd.array(names, dtype="string")), tables.COHORT, path)
    made = [f"results/small/tables/{name}/{site}.csv" for name in ("sensitivity", "fairness") for site in
            ("internal", "external")]  # fmt: skip
    workflow = make_workflow(small_study.folder, overlay)
    workflow.run(*made, options=["--rerun-triggers", "mtime", "--allowed-rules", *RULES])
    predictions = tables.read(tables.CENTRE_PREDICTIONS, results / "centre_predictions/internal.parquet")
    assert len(predictions) == len(VESSELS) * len(cohort)
    centres = pd.read_csv(results / "tables/sensitivity_centres/internal.csv")
    assert {"north", "south"} < set(centres["centre"])
    assert set(pd.read_csv(results / "tables/sensitivity_centres/external.csv")["note"]) == {"no centre column"}
    groups = pd.read_csv(results / "tables/fairness/internal.csv")
    assert {"north", "south"} < set(groups["group"])
