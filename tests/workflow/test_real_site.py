"""Thirty real recordings as one more external site of a finished study: scored without training anything."""

import neurokit2
import numpy as np
import pandas as pd
import pytest
import wfdb
import yaml

from ecg_ccta.files import read_json
from ecg_ccta.vessels import LEADS, SAMPLING_RATE


@pytest.fixture
def real_site(real_ecg, small_study, make_workflow, root, tmp_path):
    """The small study with the real recordings as site `challenge`, described by their headers."""
    folder = real_ecg / "cinc2021"
    rows = []
    for header in sorted(folder.glob("*.hea")):
        comments = dict(
            comment.split(": ", 1) for comment in wfdb.rdheader(str(header.with_suffix(""))).comments if ": " in comment
        )
        rows.append(
            {
                "ecg_id": header.stem,
                "patient_id": header.stem,
                "path": header.with_suffix("").name,
                "age": comments["Age"],
                "sex": comments["Sex"],
                "statement": comments["Dx"],
            }
        )
    export = tmp_path / "challenge"
    export.mkdir()
    pd.DataFrame(rows).to_csv(export / "ecg_index.csv", index=False)
    for file in folder.iterdir():
        (export / file.name).write_bytes(file.read_bytes())
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["sites"]["challenge"] = {
        "role": "external",
        "title": "PhysioNet Challenge 2021",
        "export": str(export),
        "pseudonym_key": str(tmp_path / "challenge.key"),
        "tables": {"ccta": None, "patients": None, "follow_up": None},
        # Two of the recordings hold zeros in V2, V4 and V6.
        "quality": {"flat_leads_allowed": 3},
        "shards": 1,
    }
    (tmp_path / "challenge.key").write_text("a key for this test alone\n")
    (tmp_path / "with_real.yaml").write_text(yaml.safe_dump(overlay))
    return make_workflow(small_study.folder, tmp_path / "with_real.yaml")


def test_real_recordings_are_scored_without_retraining(real_site):
    target = "results/small/predictions/challenge.parquet"
    planned = real_site.run(target, options=["-n", "--quiet", "rules"]).stdout
    for rule in ("simulate_site", "split_patients", "pretrain_foundation", "finetune"):
        assert rule not in planned
    real_site.run(target)
    predictions = pd.read_parquet(real_site.folder / target)
    assert predictions["ecg_id"].nunique() == 30
    assert len(predictions) == 120
    assert predictions[["logit", "probability"]].notna().all(axis=None)
    flow = read_json(real_site.results / "small/cohort/challenge.flow.json")["steps"]
    assert flow[0]["ecgs"] == flow[-1]["ecgs"] == 30

    signals = np.load(real_site.results / "small/signals/challenge/0.npy")
    assert signals.shape == (30, 12, 5000)
    for ecg in signals:
        lead = ecg[LEADS.index("II")] / 1000.0
        peaks = neurokit2.ecg_peaks(lead, sampling_rate=SAMPLING_RATE)[1]["ECG_R_Peaks"]
        rate = 60 * SAMPLING_RATE / np.median(np.diff(peaks))
        assert 30 < rate < 200


def test_the_whole_study_with_the_real_site_ends_with_a_report_that_shows_it(real_site):
    planned = real_site.run(options=["-n", "--quiet", "rules"]).stdout
    assert "finetune" not in planned
    real_site.run()
    assert "PhysioNet Challenge 2021" in (real_site.results / "small/report/index.html").read_text()
