"""The sections on sensitivity analyses and fairness: what their sentences claim, and what they say is missing."""

import pandas as pd
import pytest

from ecg_ccta.evaluation.analyse_fairness import ACCURACY, CORRECTED, NO_THRESHOLD, WITHOUT
from ecg_ccta.evaluation.analyse_sensitivity import LEFT_OUT, MAIN, SAME
from ecg_ccta.evaluation.choose_thresholds import THRESHOLD_KINDS
from ecg_ccta.evaluation.sensitivity_centres import CENTRES, WITHOUT_CENTRE
from ecg_ccta.report.blocks import Folded, Table, Text
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.checklist import checklist
from ecg_ccta.report.sections.fairness import difference_sentence, fairness
from ecg_ccta.report.sections.sensitivity import difference_sentence as sensitivity_sentence
from ecg_ccta.report.sections.sensitivity import sensitivity
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table
from ecg_ccta.statistics.random_effects import RANDOM_EFFECTS


def interval(value: float, half: float = 0.05) -> dict:
    return {"estimate": value, "lower": value - half, "upper": value + half, "level": 0.95}


def sensitivity_table() -> pd.DataFrame:
    rows = []
    for vessel in ("RCA", "LM"):
        few = {"note": "too few events (7)"} if vessel == "LM" else {}
        for analysis, value in ((MAIN, 0.7), ("ECG within 7 days of the CCTA", 0.64), ("recorded at 500 Hz", 0.7)):
            strata = {"vessel": vessel, "analysis": analysis, "n": 900, "events": 100}
            rows.append(strata | {"measure": "AUC"} | (few or interval(value)))
            if analysis != MAIN:
                same = {"note": SAME} if value == 0.7 else {}
                difference = few or same or interval(value - 0.7, 0.02)
                rows.append(strata | {"measure": "AUC difference", "method": PATIENTS} | difference)
            rows += [strata | {"measure": name} | (few or interval(1)) for name in ("intercept", "slope")]
        rows.append({"vessel": vessel, "analysis": LEFT_OUT, "measure": "AUC"} | (few or interval(0.66)))
        difference = {"measure": "AUC difference", "method": RANDOM_EFFECTS} | (few or interval(-0.04, 0.01))
        rows.append({"vessel": vessel, "analysis": LEFT_OUT} | difference)
    return estimate_table(rows, ["vessel", "analysis"])


def centre_rows() -> pd.DataFrame:
    counts = {"vessel": "RCA", "n": 300, "events": 40}
    rows = [counts | {"centre": name, "measure": "AUC"} | interval(0.7) for name in ("north", "south", "west")]
    mean = counts | {"centre": CENTRES}
    rows += [mean | {"measure": name} | interval(0.7) for name in ("AUC", "AUC, prediction interval")]
    rows += [mean | {"measure": "AUC, I²", "estimate": 0.25}, mean | {"measure": WITHOUT_CENTRE, "estimate": 12}]
    few = {"note": "fewer than 3 centres with enough events (1)"}
    rows += [{"vessel": "LM", "centre": CENTRES, "measure": name} | few for name in ("AUC", "AUC, I²")]
    return estimate_table(rows, ["vessel", "centre"])


@pytest.fixture
def with_sensitivity(results, put_table):
    for site in ("internal", "external"):
        put_table(sensitivity_table(), "sensitivity", site)
    put_table(centre_rows(), "sensitivity_centres", "internal")
    none = [{"vessel": "RCA", "centre": CENTRES, "measure": "AUC", "note": "no centre column"}]
    put_table(estimate_table(none, ["vessel", "centre"]), "sensitivity_centres", "external")
    return results


def test_without_the_tables_there_is_no_section(study, results) -> None:
    folder = ResultsFolder(study, results)
    assert sensitivity(folder) is None
    assert fairness(folder) is None


def test_sensitivity_analyses_and_centres(study, with_sensitivity) -> None:
    internal, centres, external, none = sensitivity(ResultsFolder(study, with_sensitivity)).blocks
    assert isinstance(internal, Table)
    (label, rows), (_, rare) = internal.groups
    assert label == "RCA"
    assert rows[1][2:4] == ["0.640 (0.590 to 0.690)", "−0.060 (−0.080 to −0.040)"]
    assert rows[2][3] == SAME
    assert rows[-1][0].startswith("Linear probe, centres left out in turn")
    assert rare[0][2] == "too few events (7)"
    # The linear probe's difference is none to the main analysis.
    assert internal.says.startswith("Of 1 AUC differences to the main analysis 1 have an interval without 0; 0.1 would")
    assert isinstance(centres, Table)
    assert "RCA 0.700 (0.650 to 0.750), prediction interval 0.650 to 0.750, I² 25 %" in centres.says
    assert "LM: fewer than 3 centres with enough events (1)" in centres.says
    assert centres.says.endswith("12 ECGs are of unknown centre and in none.")
    assert "without any patient who has an ECG there" in centres.notes[0]
    assert isinstance(none, Text)
    assert none.text == "External (simulated): no centre column, so centres are not compared."
    assert external.caption.endswith("External (simulated)")


def test_no_difference_is_claimed_where_there_is_none() -> None:
    table = sensitivity_table()
    assert sensitivity_sentence(table[table["vessel"] == "LM"]) == "No analysis has a difference to the main one."


def fairness_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    values, differences = [], []
    keys = [(NO_THRESHOLD, "intercept"), (NO_THRESHOLD, "slope")]
    keys += [(kind, name) for kind in THRESHOLD_KINDS for name in ACCURACY]
    for attribute, group in (("all ECGs", "all"), ("sex", "female"), ("sex", "male")):
        few = {"note": "too few events (3)"} if group == "female" else {}
        strata = {"vessel": "RCA", "attribute": attribute, "group": group, "n": 900, "events": 100}
        values += [strata | {"kind": kind, "measure": name} | (few or interval(0.8)) for kind, name in keys]
    lacking = {"vessel": "RCA", "group": "", "kind": NO_THRESHOLD, "measure": WITHOUT}
    values.append(lacking | {"attribute": "sex", "estimate": 5})
    values.append(lacking | {"attribute": "centre", "note": "no centre column"})
    strata = {"vessel": "RCA", "attribute": "age", "group": "< 50 years", "reference": "≥ 50 years", "n": 900}
    for place, (kind, name) in enumerate(keys):
        note = {0: f"excludes 0, also {CORRECTED} (18 differences)", 1: f"excludes 0, but not {CORRECTED}"}.get(
            place, ""
        )
        value = 0.1 if note else 0.01
        differences.append(strata | {"kind": kind, "measure": name, "note": note} | interval(value))
    return (
        estimate_table(values, ["vessel", "attribute", "group", "kind"]),
        estimate_table(differences, ["vessel", "attribute", "group", "reference", "kind"]),
    )


def test_fairness_draws_no_conclusion_that_the_intervals_do_not_carry(study, results, put_table) -> None:
    values, differences = fairness_tables()
    put_table(values, "fairness", "internal")
    put_table(differences, "fairness_differences", "internal")
    groups, between, folded = fairness(ResultsFolder(study, results)).blocks
    ((label, rows),) = groups.groups
    assert label == "RCA"
    assert rows[0] == ["All ECGs", "100 / 900", *["0.80 (0.75 to 0.85)"] * 2, *["80 % (75 to 85)"] * 4]
    assert rows[1] == ["Sex: female", "100 / 900", "too few events (3)", "", "", "", "", ""]
    assert between.says == (
        "Of 18 differences, over vessels, groups, thresholds and measures, 2 have an interval that excludes 0; 0.9 "
        "would on average where no groups differed; after Bonferroni's correction 1 remain: RCA intercept, < 50 years "
        "minus ≥ 50 years. The measures of one group depend on each other, so that several exclude 0 together more "
        "easily."
    )
    assert "the cause of a difference cannot be read" in between.notes[0]
    assert isinstance(folded, Folded)
    assert len(folded.blocks) == 2 * (len(THRESHOLD_KINDS) - 1)
    assert difference_sentence(differences[:0]) == "No two groups have enough events to be compared."


def test_the_checklist_claims_fairness_where_the_study_has_it(study, changed, results) -> None:
    titles = {"fairness": "Fairness", "subgroups": "Subgroups"}
    for chosen, word in ((study, "Discrimination by age"), (changed({"fairness": {}}), "calibration and accuracy")):
        (table,) = checklist(ResultsFolder(chosen, results), titles).blocks
        (item,) = (row for _, rows in table.groups for row in rows if row[0].startswith("14 "))
        assert word in item[1]
