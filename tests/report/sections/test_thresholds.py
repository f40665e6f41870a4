"""The sections on thresholds, decision curves and sample size, made from tables of the library itself."""

import re
import shutil
from html import unescape

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.evaluation.analyse_decisions import decision_curves
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.evaluate_thresholds import stratum_table, threshold_table
from ecg_ccta.evaluation.plan_sample_size import plan_sample_size
from ecg_ccta.report.columns import grouped_rows
from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections import decisions, sample_size, thresholds
from ecg_ccta.vessels import VESSELS


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    """Calibrated predictions of 600 patients; LM has two events."""
    rng = np.random.default_rng(8)
    parts = []
    for vessel in VESSELS:
        logit = rng.normal(-1.2, 1.2, 600)
        event = rng.random(600) < 1 / (1 + np.exp(-logit))
        parts.append(
            pd.DataFrame(
                {
                    "ecg_id": [f"e{i}" for i in range(600)],
                    "patient_id": [f"p{i}" for i in range(600)],
                    "vessel": vessel,
                    "recorded_at": pd.NaT,
                    "ccta_date": pd.NaT,
                    "days_to_ccta": 3.0,
                    "fold": np.arange(600) % 5,
                    "y_true": pd.array(event if vessel != "LM" else np.arange(600) < 2, dtype="Int8"),
                    "logit": logit,
                    "probability": 1 / (1 + np.exp(-logit)),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def made(scored, study, results, put_table):
    """The results folder with this part's tables and figures beside the others."""
    settings = study.evaluation.model_copy(update={"bootstrap_replicates": 100})
    chosen = choose_thresholds(scored, "internal", settings)
    for site in ("internal", "external"):
        rows = scored if site == "internal" else scored.assign(fold=-1)
        for name, table in (
            ("thresholds", threshold_table(rows, chosen, settings, 1)),
            ("strata", stratum_table(rows, chosen, settings, 1)),
            ("decision_curves", decision_curves(rows, settings, 1)),
        ):
            put_table(table, name, site)
        for name in ("strata", "decision_curves"):
            for suffix in (".svg", ".png"):
                shutil.copy(results / f"figures/toy{suffix}", results / f"figures/{name}_{site}{suffix}")
    plan_sample_size(scored, settings).to_csv(results / "tables/sample_size.csv", index=False)
    return results


def test_the_sections_stand_in_the_page(study, made):
    page = unescape(build_report(study, made))
    for words in (
        "Thresholds and strata",
        "Event rate at low, intermediate and high: RCA",
        "Sensitivity at the rule-out threshold: RCA",
        "Each fold is judged by thresholds chosen on the other folds",
        "Thresholds were chosen at Internal (simulated) and frozen",
        "Decision curves",
        "Threshold probabilities over which the model beats both",
        "Net CCTAs avoided per 100 ECGs, against CCTA for all, at the risk groups' threshold: RCA",
        "Sample size",
        "Width of the AUC's interval here: RCA",
        "Too few events to plan with: LM.",
        "too few events (2)",
    ):
        assert words in page, words
    for name in ("thresholds_internal", "strata_external", "decision_curves_external", "sample_size"):
        assert re.search(rf'download="{name}\.csv(\.gz)?"', page)


def test_no_section_without_its_tables(study, results):
    page = build_report(study, results)
    for words in ("Thresholds and strata", "Net benefit at some", "Patients needed"):
        assert words not in page


def test_a_sensitivity_below_its_target_is_named():
    row = {"kind": "rule-out", "measure": "sensitivity", "method": "patient-clustered bootstrap", "note": ""}
    found = pd.DataFrame(
        [
            row | {"vessel": "RCA", "estimate": 0.91, "lower": 0.88, "upper": 0.94},
            row | {"vessel": "LAD", "estimate": 0.8, "lower": 0.75, "upper": 0.85},
            row | {"vessel": "LM", "note": "too few events (2)"},
        ]
    )
    assert thresholds.threshold_sentence(found, 0.9) == (
        "Sensitivity at the rule-out threshold: RCA 91.0 % and LAD 80.0 %; the interval lies below the 90 % it was "
        "chosen for in LAD."
    )
    assert "no interval lies below" in thresholds.threshold_sentence(found[found["vessel"] == "RCA"], 0.9)
    assert thresholds.threshold_sentence(found[found["vessel"] == "LM"], 0.9).startswith("No vessel has")


def test_the_range_of_use_is_said_in_words():
    better = [(0.05, -0.01, -0.02), (0.1, 0.01, -0.01), (0.15, 0.02, 0.01), (0.2, 0.01, 0.001), (0.25, -0.1, -0.2)]
    better += [(0.3, 0.001, -0.1)]
    rows = [
        {"vessel": "RCA", "strategy": "model", "measure": "advantage", "threshold": t, "estimate": e, "lower": low}
        for t, e, low in better
    ]
    rows.append({"vessel": "LM", "strategy": "model", "measure": "net benefit", "note": "too few events (2)"})
    assert decisions.sentence(pd.DataFrame(rows), 0.95) == (
        "Threshold probabilities over which the model beats both CCTA for all and CCTA for none (in brackets where the "
        "95 % interval of its advantage lies above 0): RCA 10.0 to 20.0 % and 1 shorter (15.0 to 20.0 %); LM not "
        "estimated (too few events (2))."
    )
    never = pd.DataFrame(rows[:1])
    assert decisions.sentence(never, 0.95).endswith("RCA nowhere.")


def test_the_patients_needed_are_said_in_words():
    row = {"vessel": "LAD", "width": 0.05, "target_width": 0.1}
    found = pd.DataFrame(
        [
            row | {"measure": "AUC", "patients_needed": 532},
            row | {"measure": "calibration slope", "patients_needed": 3568},
            {"vessel": "LM", "measure": "AUC", "note": "too few events (2)"},
        ]
    )
    assert sample_size.sentence(found) == (
        "Width of the AUC's interval here: LAD 0.05; 532 patients for 0.10, and 3\u202f568 for every target (the "
        "calibration slope needs most). Too few events to plan with: LM."
    )
    assert sample_size.sentence(found[found["vessel"] == "LM"]) == "No vessel has events enough to plan with."


def test_an_interval_without_width_gives_way_to_wilsons():
    row = {"lowest_threshold": 0.01, "highest_threshold": 0.01, "note": "", "estimate": 1.0, "lower": 1.0, "upper": 1.0}
    names = (
        "sensitivity",
        "specificity",
        "PPV",
        "NPV",
        "LR+",
        "LR-",
        "CCTAs per event found",
        "ECGs per event found",
    )
    rows = [row | {"measure": name, "method": "patient-clustered bootstrap"} for name in names]
    rows += [row | {"measure": name, "method": "Wilson", "lower": 0.83} for name in names[:4]]
    found = pd.DataFrame(rows).assign(kind="guideline")
    ((_, (shown,)),) = grouped_rows(found, thresholds.COLUMNS, row="kind")
    assert shown[:3] == ["Guideline", "1.0 %", "100 % (83 to 100)"]
    assert shown[6:8] == ["1.00", "1.00"]
