"""Recalibration: right parameters, and never a patient's own outcome."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from ecg_ccta import tables
from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.recalibrate import AS_PREDICTED, INTERCEPT, LOGISTIC, UPDATE_FOLDS, UPDATES, recalibrate
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.statistics.estimates import rows_of

SETTINGS = Evaluation(bootstrap_replicates=20)


@pytest.fixture(scope="module")
def scored(cohort_and_predictions) -> pd.DataFrame:
    """Predictions that are too low and too extreme: the truth is 0.5 + 0.5 times what is shown."""
    right = scored_ecgs(*cohort_and_predictions)
    shown = 2 * right["logit"] - 1
    return right.assign(logit=shown, probability=expit(shown))


@pytest.fixture(scope="module")
def results(scored: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return recalibrate(scored, SETTINGS, seed=1)


def test_planted_miscalibration_is_undone(results: dict) -> None:
    of = results["summary"].query("vessel == 'LAD'")
    found = {kind: of[of["predictions"] == kind].set_index("measure")["estimate"] for kind in UPDATES}
    assert found[AS_PREDICTED]["slope"] == pytest.approx(0.5, abs=0.15)
    assert found[AS_PREDICTED]["intercept"] > 0.2
    assert found[INTERCEPT]["intercept"] == pytest.approx(0, abs=0.03)
    assert found[INTERCEPT]["slope"] == pytest.approx(found[AS_PREDICTED]["slope"], abs=0.02)
    assert found[LOGISTIC]["slope"] == pytest.approx(1, abs=0.1)
    assert found[LOGISTIC]["ICI"] < found[INTERCEPT]["ICI"] < found[AS_PREDICTED]["ICI"]
    slopes = rows_of(results["parameters"], "slope").query("vessel == 'LAD'")["estimate"]
    assert len(slopes) == UPDATE_FOLDS
    assert slopes.to_numpy() == pytest.approx(0.5, abs=0.15)


def test_a_fold_is_taught_by_the_other_patients_alone(scored: pd.DataFrame, results: dict) -> None:
    """Turning the outcomes of one fold's patients leaves the parameters that scored them as they were."""
    assignment = results["assignment"]
    assert assignment.groupby(["vessel", "patient_id"])["fold"].nunique().max() == 1
    tables.check(assignment, tables.RECALIBRATION, "test")
    lad = assignment[(assignment["vessel"] == "LAD") & (assignment["fold"] == 0)]
    others = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna() & ~scored["ecg_id"].isin(lad["ecg_id"])]
    parameters = results["parameters"].query("vessel == 'LAD' and fold == 0")
    assert (parameters["n"] == len(others)).all()
    assert (parameters["events"] == others["y_true"].sum()).all()
    line = parameters[parameters["predictions"] == LOGISTIC].set_index("measure")["estimate"]
    fitted = expit(line["intercept"] + line["slope"] * others["logit"].to_numpy(dtype=float))
    y = others["y_true"].to_numpy(dtype=float)
    # The score equations of a logistic regression on the others: it was fitted on them, and on nobody else.
    assert (fitted - y).sum() == pytest.approx(0, abs=1e-5)
    assert ((fitted - y) * logit(fitted)).sum() == pytest.approx(0, abs=1e-4)


def test_too_few_events_are_said(results: dict) -> None:
    of = results["summary"].query("vessel == 'LM'")
    assert of["estimate"].isna().all()
    assert of["note"].str.startswith("too few events").all()
    assert "LM" not in set(results["assignment"]["vessel"])


def test_a_site_without_findings(unjudged) -> None:
    results = recalibrate(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert (results["summary"]["note"] == "no findings").all()
    assert len(results["summary"]) == 4 * len(UPDATES) * 9
    assert results["curve"].empty
    assert np.isnan(results["summary"]["estimate"]).all()
    tables.check(results["assignment"], tables.RECALIBRATION, "test")
