"""The sections that only some studies have: random weights beside the foundation, and an intermediate task."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.files import write_json
from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections.initialisations import sentence

RANDOM = {"random_start": {"epochs": 7, "learning_rate": 0.004}}
INTERMEDIATE = {
    "intermediate": {
        "labels": ["infarction"],
        "training": {"epochs": 3, "patience": 1, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0},
    },
    "sites": {
        "registry": {
            "role": "intermediate",
            "title": "Registry",
            "export": "exports/registry",
            "tables": {"ccta": None, "follow_up": None},
        }
    },
}


@pytest.fixture
def with_initialisations(results):
    rows = [
        {"fold": str(fold), "vessels": "RCA LAD", "macro_auc_foundation": 0.7 + fold / 100, "macro_auc_random": 0.6,
         "difference": 0.1 + fold / 100, "note": ""}
        for fold in range(4)
    ]  # fmt: skip
    rows.append({"fold": "4", "note": "no vessel with enough events"})
    rows.append(
        {"fold": "mean", "macro_auc_foundation": 0.715, "macro_auc_random": 0.6, "difference": 0.115, "lower": 0.094,
         "upper": 0.136, "p_value": 0.0004, "note": "paired t test over 4 folds"}
    )  # fmt: skip
    pd.DataFrame(rows).to_csv(results / "tables/initialisations.csv", index=False)
    for suffix in (".svg", ".png"):
        shutil.copy(results / f"figures/toy{suffix}", results / f"figures/initialisations{suffix}")
    return results


def test_foundation_and_random_weights_are_compared_in_words(changed, with_initialisations):
    page = build_report(changed(RANDOM), with_initialisations)
    assert "Foundation against random weights" in page
    assert (
        "The mean macro AUC over folds is 0.715 from the foundation and 0.600 from random weights, a difference of "
        "0.115 (95 % interval 0.094 to 0.136; p &lt; 0.001, paired t test over 4 folds)."
    ) in page
    assert "From random weights: 7 epochs, learning rate 0.004, all layers learning." in page
    assert "foundation: 6 epochs, learning rate 0.003." in page
    assert "no vessel with enough events" in page
    assert 'download="initialisations.csv"' in page


def test_the_section_is_there_only_where_the_study_asks_for_it(study, changed, with_initialisations):
    assert "Foundation against random weights" not in build_report(study, with_initialisations)
    (with_initialisations / "tables/initialisations.csv").unlink()
    assert "Foundation against random weights" not in build_report(changed(RANDOM), with_initialisations)


def test_no_comparison_is_said_in_words():
    nothing = pd.Series({"difference": np.nan, "note": "no interval: 0 fold(s) with enough events"})
    assert sentence(nothing, 0.95) == "No fold has a vessel with enough events to compare the two."
    one = pd.Series(
        {"macro_auc_foundation": 0.7, "macro_auc_random": 0.6, "difference": 0.1, "lower": np.nan,
         "note": "no interval: 1 fold(s) with enough events"}
    )  # fmt: skip
    assert sentence(one, 0.95).endswith("a difference of 0.100 (no interval: 1 fold(s) with enough events).")


def test_the_intermediate_site_shows_who_taught_and_nothing_else(changed, results):
    study = changed(INTERMEDIATE)
    with pytest.raises(StudyError, match="run finetune_intermediate"):
        build_report(study, results)
    steps = [
        {"label": "ECGs included", "ecgs": 80, "patients": 70},
        {"excluded": "patient of an analysed site", "ecgs": 9},
        {"label": "ECGs of the intermediate task", "ecgs": 71, "patients": 63},
    ]
    write_json(results / "intermediate/flow.json", {"steps": steps})
    page = build_report(study, results)
    assert "Excluded: patient of an analysed site" in page
    assert "Registry: 71 exported ECGs of 63 patients" in page
    assert "then on infarction at Registry, and fine-tuned" in page
    assert "the network learnt infarction from the ECGs of Registry (at most 3 epochs" in page
    assert "Registry: a raw export of the hospital; is used for the intermediate task alone." in page
    assert "Registry: scored only" not in page
    assert "Characteristics of the included patients, Registry" not in page
