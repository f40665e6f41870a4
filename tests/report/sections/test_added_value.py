"""The section on the added value: its sentences, and the reasons where there are no numbers."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections.added_value import model_sentence, strategy_sentence
from ecg_ccta.statistics.estimates import estimate_table

GUIDELINES = ("ESC 2019", "RF-CL (ESC 2024)")
BOOTSTRAP = "patient-clustered bootstrap"
STRATA = "rule-out and rule-in strata"


def rows(note=""):
    counts = {"n": 1634, "events": 815, "patients": 1634, "level": 0.95, "note": note}
    blank = bool(note)
    made = []
    for basis in ("clinical model", *GUIDELINES):
        for comparison, value in (("without ECG", 0.592), ("ECG", 0.731), ("with ECG", 0.754)):
            made.append({"basis": basis, "comparison": comparison, "measure": "AUC", "estimate": value,
                         "method": BOOTSTRAP, **counts})  # fmt: skip
        for comparison, value in (("with ECG against without ECG", 0.162), ("with ECG against ECG", 0.023)):
            own = {"basis": basis, "comparison": comparison, "method": BOOTSTRAP, **counts}
            made.append({**own, "measure": "AUC difference", "estimate": value, "lower": value - 0.01,
                         "upper": value + 0.01})  # fmt: skip
            made.append({**own, "measure": "IDI", "estimate": 0.1})
            for kind, moved in (("without categories", 0.3), ("by categories", -0.02)):
                made += [
                    {**own, "measure": f"NRI {kind}, {part}", "estimate": moved} for part in ("events", "non-events")
                ]
            made.append({**own, "measure": "likelihood ratio p value", "estimate": 1e-9})
    for guideline in GUIDELINES:
        if blank:
            made.append({"basis": guideline, "comparison": f"with {STRATA} against guideline",
                         "measure": "NRI by categories", **counts})  # fmt: skip
            continue
        for part, value in (("events", 0.2), ("non-events", -0.1)):
            made.append({"basis": guideline, "comparison": f"with {STRATA} against guideline",
                         "measure": f"NRI by categories, {part}", "estimate": value, **counts})  # fmt: skip
        for comparison, ruled_out in ((f"guideline, patients with {STRATA}", 0.4), (f"with {STRATA}", 0.3)):
            for measure, value in (
                ("proportion ruled out", ruled_out), ("proportion in the gray zone", 0.35),
                ("proportion ruled in", 0.2),
                ("proportion of events ruled out (missed)", ruled_out / 2), ("event rate of the ruled out", 0.1),
            ):  # fmt: skip
                made.append(
                    {"basis": guideline, "comparison": comparison, "measure": measure, "estimate": value, **counts}
                )
    table = estimate_table(made, ["basis", "comparison"])
    return table.assign(**dict.fromkeys(["estimate", "lower", "upper"], np.nan)) if blank else table


@pytest.fixture
def with_added_value(results, put_table):
    put_table(rows(), "added_value", "internal")
    put_table(rows("too few events (3)"), "added_value", "external")
    for site, n in (("internal", 12), ("external", 0)):
        put_table(
            pd.DataFrame([{"basis": "ESC 2019", "modifier": STRATA, "n": n, "events": 0}]), "reclassification", site
        )
        put_table(
            pd.DataFrame([{"basis": "ESC 2019", "reason": "no chest pain", "patients": 294}]),
            "guideline_patients",
            site,
        )
        put_table(pd.DataFrame(columns=["basis", "model"]), "added_value_roc", site)
        for name in ("added_value_roc", "reclassification"):
            shutil.copy(results / "figures/toy.svg", results / f"figures/{name}_{site}.svg")
    return results


def test_what_the_ecg_adds_is_said_in_words(study, with_added_value):
    page = build_report(study, with_added_value)
    assert "Added value over guidelines" in page
    assert (
        "Among 1\u202f634 patients (815 with an event) the AUC is 0.592 for the clinical model, 0.731 for the ECG and "
        "0.754 for both: the ECG changes the AUC of the clinical model by 0.162 (0.152 to 0.172) and the clinical "
        "predictors that of the ECG by 0.023 (0.013 to 0.033); 95 % intervals."
    ) in page
    assert (
        "ESC 2019: the ECG changes the gray zone from 35 % to 35 % of the patients and the ruled out from 40 % to "
        "30 %; of all events, 20 % are ruled out, and so missed, before and 15 % after, and the event rate of the "
        "ruled out is 10 % before and 10 % after."
    ) in page
    assert (
        "Adding the ECG raises the AUC, its interval above 0, of clinical model, ESC 2019 and RF-CL (ESC 2024); the "
        "AUC of the ECG is raised in turn by clinical model, ESC 2019 and RF-CL (ESC 2024) (3 compared)."
    ) in page
    assert "ESC 2019, events 0.20 and non-events −0.10; RF-CL (ESC 2024), events 0.20 and non-events −0.10." in page
    assert (
        "NRI of the ECG among events and non-events (below 0: the wrong way), clinical model: continuous 0.300" in page
    )
    assert "by categories −0.020 and −0.020; ESC 2019" in page
    assert "No categories could be compared." in page
    assert "no chest pain" in page
    assert 'download="reclassification_internal.csv"' in page


def test_too_few_events_are_said_in_words():
    found = rows("too few events (3)")
    assert model_sentence(found, 0.95) == "The clinical model is not compared: too few events (3)."
    assert strategy_sentence(found, "ESC 2019", STRATA) == "ESC 2019: too few events (3)."


def test_a_study_without_the_tables_has_no_section(study, results):
    assert "Added value over guidelines" not in build_report(study, results)
