"""A vessel's findings: parts of a cohort are drawn alike, and too few findings give a note instead of a number."""

from dataclasses import replace

import numpy as np
import pytest

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.evaluation.scored import with_finding
from ecg_ccta.statistics.auc import auc_bootstrap, auc_delong
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=60, minimum_events=5)


@pytest.fixture(scope="module")
def found(scored):
    return findings_by_vessel(scored, SETTINGS, seed=1)


def test_each_vessel_has_the_rows_that_ccta_judged(scored, found):
    assert list(found) == list(VESSELS)
    for vessel, findings in found.items():
        rows = with_finding(scored, vessel)
        assert list(findings.rows["ecg_id"]) == list(rows["ecg_id"])
        assert findings.counts["events"] == rows["y_true"].sum() == findings.y.sum()
        assert findings.counts["patients"] == rows["patient_id"].nunique() == len(set(findings.codes))


def test_the_rows_of_an_auc_are_those_of_the_estimators(found):
    findings = found["RCA"]
    by_delong, clustered = findings.auc_rows(DELONG, CLUSTERED)
    delong = auc_delong(findings.y, findings.logit)
    assert (by_delong["estimate"], by_delong["lower"], by_delong["upper"]) == delong[:3]
    assert clustered["lower"] < clustered["estimate"] < clustered["upper"]
    # Other codes of the same patients: the order of first appearance among these rows instead of the cohort.
    alone = auc_bootstrap(findings.y, findings.logit, findings.codes, replicates=400, seed=1)
    assert clustered["lower"] == pytest.approx(alone.lower, abs=0.03)


def test_a_part_shares_the_draws_of_the_whole(found):
    findings = found["LAD"]
    everyone = findings.where(np.ones(len(findings.y), dtype=bool))
    assert np.array_equal(everyone.drawn_areas, findings.drawn_areas)
    women = findings.where((findings.rows["sex"] == "female").to_numpy(dtype=bool))
    assert women.bootstrap is findings.bootstrap
    assert 0 < women.counts["n"] < findings.counts["n"]
    # Draws in which the whole does well are draws in which a part of it does.
    assert np.corrcoef(women.drawn_areas[0], findings.drawn_areas[0])[0, 1] > 0.3


def test_too_few_findings_give_a_note_and_no_number(scored):
    findings = findings_by_vessel(scored, Evaluation(minimum_events=10_000), seed=1)["LM"]
    (row,) = findings.auc_rows(CLUSTERED)
    assert row["note"].startswith("too few events")
    assert "estimate" not in row
    assert findings.where(np.zeros(len(findings.y), dtype=bool)).insufficient == "no findings"


def test_a_small_group_pools_its_folds_and_says_so(scored):
    lad = findings_by_vessel(scored, Evaluation(minimum_events=2, bootstrap_replicates=100), 1)["LAD"]
    fold = lad.rows["fold"].to_numpy()
    # One patient with the outcome in each of three folds: no fold has two to tell its variance.
    events = [np.flatnonzero((lad.y == 1) & (fold == number))[0] for number in range(3)]
    small = lad.where(np.isin(np.arange(len(lad.y)), [*events, *np.flatnonzero(lad.y == 0)[:40]]))
    assert small.within_folds is None
    (row,) = small.auc_rows(small.method)
    assert row["note"] == "folds pooled: too few patients in one of them"
    assert row["estimate"] == pytest.approx(small.delong.auc)
    assert row["upper"] - row["lower"] > small.delong.upper - small.delong.lower


def test_a_patient_in_two_folds_is_no_small_group(scored):
    """Pooling is for too few patients; a leak between folds stops."""
    lad = findings_by_vessel(scored, Evaluation(), 1)["LAD"]
    patient = lad.rows["patient_id"].value_counts().index[0]
    own = lad.rows.index[lad.rows["patient_id"] == patient]
    leaking = replace(lad, rows=lad.rows.assign(fold=lad.rows["fold"].mask(lad.rows.index == own[0], 0)))
    leaking = replace(leaking, rows=leaking.rows.assign(fold=leaking.rows["fold"].mask(lad.rows.index == own[1], 1)))
    with pytest.raises(ValueError, match="in two folds"):
        _ = leaking.expected
