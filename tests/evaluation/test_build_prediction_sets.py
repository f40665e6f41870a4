"""Prediction sets: nobody calibrates the own set, counts by hand, too few events, and the figure."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta import figures
from ecg_ccta.config import Abstention, Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_prediction_sets import (
    ALL,
    BY_OUTCOME,
    CALIBRATIONS,
    MEASURES,
    build_prediction_sets,
    prediction_sets_figure,
)
from ecg_ccta.evaluation.scored import with_finding
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON
from ecg_ccta.statistics.prediction_sets import conformal_cutoffs
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=50, minimum_events=5)
ABSTENTION = Abstention(level=0.8)


@pytest.fixture(scope="module")
def sets_and_cutoffs(scored):
    return build_prediction_sets(scored, scored, SETTINGS, ABSTENTION, 1)


def test_every_measure_counts_the_sets_of_the_other_folds_cut_offs(scored, sets_and_cutoffs):
    sets, _ = sets_and_cutoffs
    rows = with_finding(scored, "LAD")
    no, yes = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for fold in rows["fold"].unique():
        others, own = rows[rows["fold"] != fold], (rows["fold"] == fold).to_numpy()
        found = conformal_cutoffs(
            others["y_true"].to_numpy(int), others["probability"].to_numpy(), others["patient_id"].to_numpy(), 0.8, True
        )
        no[own], yes[own] = (rows["probability"][own] <= found.no_to), (rows["probability"][own] >= found.yes_from)
    event = rows["y_true"].to_numpy(int) == 1
    expected = {
        "coverage": np.where(event, yes, no).mean(),
        "coverage, stenosis": yes[event].mean(),
        "coverage, no stenosis": no[~event].mean(),
        "only no stenosis": (no & ~yes).mean(),
        "both": (no & yes).mean(),
        "neither": (~no & ~yes).mean(),
        "only stenosis": (~no & yes).mean(),
        "NPV": (~event)[no & ~yes].mean(),
        "PPV": event[~no & yes].mean(),
    }
    of = sets[(sets["vessel"] == "LAD") & (sets["calibration"] == BY_OUTCOME)]
    for method in (CLUSTERED, WILSON):
        found = of[of["method"] == method].set_index("measure")["estimate"]
        assert list(found.index) == list(MEASURES)
        assert found.to_dict() == pytest.approx(expected)


def test_a_folds_own_findings_change_nothing_in_its_cut_offs(scored, sets_and_cutoffs):
    other = scored.copy()
    own = (other["fold"] == 0) & other["y_true"].notna()
    other.loc[own, "y_true"] = 1 - other.loc[own, "y_true"]
    _, before = sets_and_cutoffs
    _, after = build_prediction_sets(other, other, SETTINGS, ABSTENTION, 1)
    is_own = before["fold"] == 0
    pd.testing.assert_frame_equal(after[is_own], before[is_own])
    assert not after[~is_own].equals(before[~is_own])


def test_another_site_is_judged_by_the_cut_offs_of_all_folds_and_its_findings_change_no_set(scored):
    elsewhere = scored.assign(fold=-1)
    sets, cutoffs = build_prediction_sets(elsewhere, scored, SETTINGS, ABSTENTION, 1)
    assert cutoffs["fold"].eq(-1).all()
    rows = with_finding(scored, "RCA")
    expected = conformal_cutoffs(
        rows["y_true"].to_numpy(int), rows["probability"].to_numpy(), rows["patient_id"].to_numpy(), 0.8, False
    )
    found = cutoffs[(cutoffs["vessel"] == "RCA") & (cutoffs["calibration"] == ALL)].iloc[0]
    assert (found["no_to"], found["yes_from"]) == pytest.approx(expected)
    known = elsewhere["y_true"].notna()
    flipped = elsewhere.assign(y_true=elsewhere["y_true"].where(~known, 1 - elsewhere["y_true"]))
    other, same = build_prediction_sets(flipped, scored, SETTINGS, ABSTENTION, 1)
    pd.testing.assert_frame_equal(same, cutoffs)
    both = [of[(of["measure"] == "both") & (of["method"] == WILSON)]["estimate"].to_numpy() for of in (sets, other)]
    np.testing.assert_array_equal(*both)


def test_predictions_of_the_ensemble_calibrate_nothing(scored):
    with pytest.raises(StudyError, match="calibrated out of fold"):
        build_prediction_sets(scored, scored.assign(fold=-1), SETTINGS, ABSTENTION, 1)


def test_too_few_events_are_said(scored):
    strict = Evaluation(bootstrap_replicates=50, minimum_events=10_000)
    sets, cutoffs = build_prediction_sets(scored, scored, strict, ABSTENTION, 1)
    assert sets["estimate"].isna().all()
    assert sets["note"].str.startswith("too few").all()
    assert cutoffs["note"].str.endswith("to calibrate").all()
    assert len(sets) == len(VESSELS) * len(CALIBRATIONS) * len(MEASURES)
    prediction_sets_figure(sets, 0.8)


def test_the_figure_shows_every_vessel(sets_and_cutoffs, tmp_path):
    figures.save(prediction_sets_figure(sets_and_cutoffs[0], 0.8), tmp_path / "sets.svg")
    assert (tmp_path / "sets.svg").stat().st_size > 5000
