"""One recording through a finished study's folder."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb

from ecg_ccta import tables
from ecg_ccta.config import load
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.choose_thresholds import THRESHOLD_KINDS
from ecg_ccta.figures import save_page
from ecg_ccta.files import write_json
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.fold_models import FoldModel, load_fold, save_fold
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.recording import clean_recording
from ecg_ccta.single_ecg.recording_page import DEMONSTRATION, explain_recording
from ecg_ccta.vessels import LEADS, VESSELS


@pytest.fixture(scope="module")
def study(root):
    return load(base=root / "config.yaml")


@pytest.fixture
def finished(tmp_path, study, make_ecg):
    """What `explain` reads of a study: settings, two folds with random weights, thresholds, four ECGs."""
    folder = tmp_path / "results" / "default"
    settings = study.model_dump(mode="json")
    settings["training"]["folds"] = 2
    write_json(folder / "config.json", settings)
    torch.manual_seed(0)
    for fold in range(2):
        network = build_network(study.foundation.architecture, len(VESSELS)).eval()
        save_fold(
            FoldModel(fold, network, 1.0 + fold, study.foundation.architecture, {}), folder / f"models/fold{fold}"
        )
    nothing = {kind: {"threshold": 0.3, "method": "", "note": ""} for kind in THRESHOLD_KINDS}
    write_json(
        folder / "thresholds.json",
        {"site": "internal", "frozen": {v: {"thresholds": nothing} for v in VESSELS}, "cross_fitted": {}},
    )
    signals = np.stack([make_ecg(seed=i) for i in range(4)])
    (folder / "signals/internal").mkdir(parents=True)
    np.save(folder / "signals/internal/0.npy", signals)
    cohort = pd.DataFrame(index=range(4), columns=list(tables.COHORT.columns)).assign(
        ecg_id=[f"{i:020x}" for i in range(4)], patient_id=[f"{i:020x}" for i in range(4)], shard=0, row=range(4),
        signal_sha256="", noisy_leads="", source_rate=500.0,
    )  # fmt: skip
    tables.write(cohort, tables.COHORT, folder / "cohort/internal.parquet")
    return folder


@pytest.fixture
def write(tmp_path, make_ecg):
    def write(name: str = "Smith-John-4711", leads: tuple = LEADS, seconds: float = 10) -> str:
        ecg = make_ecg(st_v2=0.3, seed=7) / 1000
        one, two = ecg[:2].copy()
        ecg[2:6] = two - one, -(one + two) / 2, one - two / 2, two - one / 2
        ecg = ecg[: len(leads), : round(500 * seconds)].T
        wfdb.wrsamp(name, 500, ["mV"] * len(leads), list(leads), ecg, fmt=["16"] * len(leads), write_dir=str(tmp_path),
                    comments=["Patient: John Smith"])  # fmt: skip
        return tmp_path / name

    return write


def test_a_recording_is_cleaned_and_scored_as_the_study_does(finished, write, study):
    path = write()
    risks, page = explain_recording(path, finished, is_demonstration=True)
    inputs = standardise(torch.from_numpy(clean_recording(path, study.quality).microvolts[None]))
    with torch.no_grad():
        folds = [load_fold(finished / f"models/fold{fold}") for fold in range(2)]
        logits = sum(model.network(inputs)[0] / model.temperature for model in folds) / 2
    assert list(risks["vessel"]) == list(VESSELS)
    assert risks["probability"].to_numpy() == pytest.approx(torch.sigmoid(logits).numpy(), abs=1e-5)
    assert set(risks.loc[risks["probability"] >= risks["guideline"], "group"]) <= {"high"}
    assert page.axes


def test_nothing_of_the_files_name_or_header_is_on_the_page(finished, write, tmp_path):
    _, page = explain_recording(write(), finished, "RCA", "A title", is_demonstration=True)
    words = " ".join(text.get_text() for text in page.axes[0].texts)
    assert "A title" in words
    assert "lowers RCA" in words
    assert not re.search("Smith|John|4711", words)
    for suffix in ("svg", "pdf", "png"):
        save_page(page, tmp_path / f"page.{suffix}")
        assert not re.search(rb"Smith|John|4711", (tmp_path / f"page.{suffix}").read_bytes())


def test_a_recording_that_cannot_be_used_says_why(finished, write, tmp_path):
    for path, said in (
        (tmp_path / "none", "missing file: the header"),
        (write("eleven", LEADS[:11]), "missing lead: the header must name the 12 standard leads I, II"),
        (write("short", seconds=9), "too short: the network reads 10 s"),
    ):
        with pytest.raises(StudyError, match=said):
            explain_recording(path, finished, is_demonstration=True)
    (tmp_path / "broken.hea").write_text("nonsense")
    with pytest.raises(StudyError, match="unreadable file"):
        explain_recording(tmp_path / "broken", finished, is_demonstration=True)
    with pytest.raises(StudyError, match="give one of RCA, LM, LAD, LCX"):
        explain_recording(write(), finished, "aorta")


def test_networks_that_saw_no_patient_are_refused_or_named_across_the_page(finished, write):
    with pytest.raises(StudyError, match=r"trained on simulated ECGs.*--demonstration"):
        explain_recording(write(), finished)
    _, page = explain_recording(write(), finished, is_demonstration=True)
    assert [text.get_text() for text in page.texts] == [DEMONSTRATION]
