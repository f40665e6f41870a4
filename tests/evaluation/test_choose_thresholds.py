"""Thresholds: chosen as scikit-learn's ROC corners say, on other patients than they are applied to."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.choose_thresholds import (
    THRESHOLD_KINDS,
    choose_thresholds,
    lack_of,
    rule_in_threshold,
    rule_out_threshold,
    strata_of,
    thresholds_of,
)
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding

SETTINGS = Evaluation()


@pytest.fixture(scope="module")
def chosen(scored) -> dict:
    return choose_thresholds(scored, "internal", SETTINGS)


@pytest.mark.parametrize("target", [0.5, 0.87, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("decimals", [1, 8])
def test_thresholds_are_scikit_learns_corners(scored, target, decimals):
    rows = with_finding(scored, "LAD")
    y, p = rows["y_true"].to_numpy(dtype=int), rows["probability"].to_numpy().round(decimals)
    rate, sensitivity, thresholds = roc_curve(y, p, drop_intermediate=False)
    assert rule_out_threshold(y, p, target) == thresholds[sensitivity >= target].max()
    enough = thresholds[(1 - rate >= target - 1e-12) & np.isfinite(thresholds)]
    assert rule_in_threshold(y, p, target) == (enough.min() if enough.size else None)
    base = enough[enough >= 0.3]
    expected = None if not base.size else 0.3 if np.mean(p[y == 0] < 0.3) >= target else base.min()
    assert rule_in_threshold(y, p, target, 0.3) == expected


def test_a_sensitivity_that_is_met_exactly_is_met():
    # 9 of 10 events and 87 of 100 non-events: the targets as written, not a rounding error above them.
    events, others = np.arange(1, 11) / 10, np.arange(100) / 100
    y, p = np.repeat([1, 0], [10, 100]), np.concatenate([events, others])
    assert rule_out_threshold(y, p, 0.9) == 0.2
    assert rule_in_threshold(y, p, 0.87) == 0.87


def test_no_threshold_is_specific_enough_where_a_non_event_is_on_top():
    assert rule_in_threshold(np.array([0, 1]), np.array([0.9, 0.1]), 0.95) is None


def test_the_choice_says_where_it_comes_from(scored, chosen):
    assert (chosen["site"], chosen["predictions"]) == ("internal", "out-of-fold")
    choice, rows = chosen["frozen"]["RCA"], with_finding(scored, "RCA")
    assert (choice["n"], choice["events"]) == (len(rows), int(rows["y_true"].sum()))
    assert choice["patients"] == rows["patient_id"].nunique()
    found = choice["thresholds"]
    assert tuple(found) == THRESHOLD_KINDS
    assert found["guideline"]["threshold"] == 0.15
    assert found["rule-out"]["threshold"] < found["rule-in"]["threshold"] <= found["screening"]["threshold"]
    assert "sensitivity 0.9" in found["rule-out"]["method"]
    json.dumps(chosen, allow_nan=False)


def test_a_rare_finding_has_only_the_guideline(scored, chosen):
    found = chosen["frozen"]["LM"]["thresholds"]
    assert found["guideline"]["threshold"] == 0.01
    assert [found[kind]["threshold"] for kind in THRESHOLD_KINDS[1:]] == [None] * 3
    assert found["rule-in"]["note"].startswith("too few events")
    rows = with_finding(scored, "LM")
    assert "no threshold: too few events" in lack_of(rows, chosen, "screening")
    assert lack_of(rows, chosen, "guideline") == ""
    assert strata_of(rows, chosen).isna().all()


def test_labels_of_another_site_change_no_byte(cohort_and_predictions, scored, chosen, tmp_path):
    """Choosing reads the development site alone; an external site with other labels gets the same frozen thresholds."""
    cohort, predictions = cohort_and_predictions
    elsewhere = predictions.assign(fold=-1)
    flipped = cohort.assign(**{f"target_{vessel}": 1 - cohort[f"target_{vessel}"] for vessel in ("RCA", "LAD", "LCX")})
    for external in (scored_ecgs(cohort, elsewhere), scored_ecgs(flipped, elsewhere)):
        both = pd.concat([scored, external.assign(site="external")])
        again = choose_thresholds(both[both["fold"] >= 0], "internal", SETTINGS)
        assert json.dumps(again) == json.dumps(chosen)
        with pytest.raises(StudyError, match="the ensemble"):
            choose_thresholds(both, "internal", SETTINGS)
        for kind in THRESHOLD_KINDS:
            np.testing.assert_array_equal(
                np.unique(thresholds_of(with_finding(external, "RCA"), chosen, kind)),
                chosen["frozen"]["RCA"]["thresholds"][kind]["threshold"],
            )


@pytest.mark.parametrize("fold", range(5))
def test_a_folds_own_labels_do_not_move_its_thresholds(scored, chosen, fold):
    own = scored["fold"] == fold
    changed = scored.assign(y_true=scored["y_true"].mask(own, 1 - scored["y_true"]))
    again = choose_thresholds(changed, "internal", SETTINGS)
    assert again["cross_fitted"][str(fold)] == chosen["cross_fitted"][str(fold)]
    assert again["frozen"] != chosen["frozen"]
    for kind in THRESHOLD_KINDS:
        np.testing.assert_array_equal(thresholds_of(scored[own], again, kind), thresholds_of(scored[own], chosen, kind))


def test_cross_fitted_thresholds_are_those_of_the_other_folds(scored, chosen):
    rows = with_finding(scored, "LAD")
    others = rows[rows["fold"] != 2]
    expected = rule_out_threshold(others["y_true"].to_numpy(dtype=int), others["probability"].to_numpy(), 0.9)
    assert (thresholds_of(rows[rows["fold"] == 2], chosen, "rule-out") == expected).all()
    assert chosen["cross_fitted"]["2"]["LAD"]["n"] == len(others)


def test_strata_lie_between_the_thresholds(scored, chosen):
    external = with_finding(scored, "LAD").assign(fold=-1)
    found = chosen["frozen"]["LAD"]["thresholds"]
    low, high = found["rule-out"]["threshold"], found["rule-in"]["threshold"]
    strata = strata_of(external, chosen)
    probability = external["probability"]
    assert (strata == "low").equals((probability < low).astype("boolean"))
    assert (strata == "high").equals((probability >= high).astype("boolean"))
    assert strata.value_counts().min() > 0


def test_one_threshold_for_both_targets_leaves_no_intermediate_group(scored):
    # The true outcome decides the prediction: every target is reached by one threshold.
    perfect = scored.assign(probability=np.where(scored["y_true"].fillna(0) == 1, 0.9, 0.1))
    chosen = choose_thresholds(perfect, "internal", SETTINGS)
    found = chosen["frozen"]["RCA"]["thresholds"]
    assert found["rule-in"]["threshold"] == found["rule-out"]["threshold"] == 0.9
    noisy = Evaluation(rule_out_sensitivity=0.5, rule_in_specificity=0.5)
    found = choose_thresholds(scored, "internal", noisy)["frozen"]["RCA"]["thresholds"]
    assert found["rule-in"]["threshold"] == found["rule-out"]["threshold"]
    assert found["rule-in"]["note"] == "raised to the rule-out threshold: one threshold reaches both targets"


def test_a_fold_of_another_run_is_refused(scored, chosen):
    with pytest.raises(StudyError, match="none for fold 7; they are of another run"):
        thresholds_of(scored.assign(fold=7), chosen, "guideline")
