"""The validation panel against scikit-learn and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.discrimination import auc_bootstrap
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.evaluation.validation import calibration_line, validate

SETTINGS = Evaluation(bootstrap_replicates=200)


@pytest.fixture(scope="module")
def scored(cohort_and_predictions) -> pd.DataFrame:
    return scored_ecgs(*cohort_and_predictions)


@pytest.fixture(scope="module")
def panel(scored: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return validate(scored, SETTINGS, seed=1)


def truth_and(scored: pd.DataFrame, vessel: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    rows = with_finding(scored, vessel)
    return rows["y_true"].to_numpy(dtype=int), rows[column].to_numpy(dtype=float)


@pytest.mark.parametrize("vessel", ["RCA", "LAD", "LCX"])
def test_numbers_are_those_of_scikit_learn(scored: pd.DataFrame, panel: dict, vessel: str) -> None:
    y, probability = truth_and(scored, vessel, "probability")
    row = panel["discrimination"].set_index("vessel").loc[vessel]
    assert (row["n"], row["events"]) == (len(y), y.sum())
    assert row["auc"] == pytest.approx(roc_auc_score(y, probability))
    assert row["bootstrap_lower"] < row["auc"] < row["bootstrap_upper"]
    summary = panel["calibration_summary"].set_index("vessel").loc[vessel]
    assert summary["brier"] == pytest.approx(brier_score_loss(y, probability))
    assert summary["brier_lower"] < summary["brier"] < summary["brier_upper"]
    assert summary["observed"] == pytest.approx(y.mean())


def test_a_rare_vessel_has_a_note_instead_of_numbers(panel: dict) -> None:
    row = panel["discrimination"].set_index("vessel").loc["LM"]
    assert row["note"] == f"too few events ({row['event_patients']})"
    assert 0 < row["event_patients"] < 10
    assert row[["auc", "delong_lower", "bootstrap_upper"]].isna().all()
    assert panel["calibration_summary"].set_index("vessel").loc["LM", "brier":"brier_upper"].isna().all()
    assert "LM" not in set(panel["roc"]["vessel"]) | set(panel["calibration"]["vessel"])


def test_macro_is_the_mean_of_the_vessels_with_enough_events(panel: dict) -> None:
    table = panel["discrimination"].set_index("vessel")
    assert table.loc["macro", "auc"] == pytest.approx(table.loc[["RCA", "LAD", "LCX"], "auc"].mean())
    assert table.loc["macro", "note"] == "mean of RCA, LAD, LCX"
    width = table["bootstrap_upper"] - table["bootstrap_lower"]
    assert width["macro"] < width[["RCA", "LAD", "LCX"]].min()


def test_interval_agrees_with_auc_bootstrap(scored: pd.DataFrame, panel: dict) -> None:
    rows = with_finding(scored, "LAD")
    alone = auc_bootstrap(rows["y_true"], rows["logit"], rows["patient_id"], 1000, seed=9)
    row = panel["discrimination"].set_index("vessel").loc["LAD"]
    assert row["bootstrap_lower"] == pytest.approx(alone.lower, abs=0.02)
    assert row["bootstrap_upper"] == pytest.approx(alone.upper, abs=0.02)


def test_missing_is_not_negative(scored: pd.DataFrame, panel: dict) -> None:
    """Taking missing findings for negatives would change the numbers; the panel's are those without them."""
    y, probability = truth_and(scored, "RCA", "probability")
    rows = scored[scored["vessel"] == "RCA"]
    wrong = roc_auc_score(rows["y_true"].fillna(0).astype(int), rows["probability"])
    row = panel["discrimination"].set_index("vessel").loc["RCA"]
    assert row["auc"] == pytest.approx(roc_auc_score(y, probability))
    assert row["auc"] != pytest.approx(wrong)
    # Whatever is predicted where there is no finding, nothing changes.
    changed = scored.assign(
        logit=scored["logit"].where(scored["y_true"].notna(), 9.0),
        probability=scored["probability"].where(scored["y_true"].notna(), 0.999),
    )
    for name, table in validate(changed, SETTINGS, seed=1).items():
        pd.testing.assert_frame_equal(table, panel[name])


def test_roc_curve_runs_along_scikit_learns(scored: pd.DataFrame, panel: dict) -> None:
    y, logit = truth_and(scored, "LCX", "logit")
    rate, sensitivity, _ = roc_curve(y, logit, drop_intermediate=False)
    curve = panel["roc"][panel["roc"]["vessel"] == "LCX"]
    for point in curve.itertuples():
        # Without ties the curve is a staircase: at most one step's width from its interpolation.
        assert point.sensitivity <= sensitivity[rate <= point.false_positive_rate + 1 / (y == 0).sum()].max()
        assert point.sensitivity >= sensitivity[rate <= point.false_positive_rate].max() - 1e-12
    assert (curve["lower"] <= curve["upper"]).all()
    assert curve["sensitivity"].is_monotonic_increasing
    inside = (curve["lower"] <= curve["sensitivity"]) & (curve["sensitivity"] <= curve["upper"])
    assert inside.mean() > 0.95


def test_calibration_groups_have_equal_size_and_hold_every_ecg(scored: pd.DataFrame, panel: dict) -> None:
    y, probability = truth_and(scored, "LAD", "probability")
    groups = panel["calibration"][panel["calibration"]["vessel"] == "LAD"]
    assert len(groups) == min(20, y.sum() // 5)
    assert groups["n"].max() - groups["n"].min() <= 1
    assert (groups["n"].sum(), groups["events"].sum()) == (len(y), y.sum())
    assert (groups["n"] * groups["predicted"]).sum() == pytest.approx(probability.sum())
    assert groups["predicted"].is_monotonic_increasing


def test_calibration_line_is_that_of_a_plain_logistic_regression(scored: pd.DataFrame) -> None:
    y, logit = truth_and(scored, "RCA", "logit")
    patients = with_finding(scored, "RCA")["patient_id"].to_numpy()
    line = calibration_line(y, logit, patients)
    slope = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], y)
    assert line["slope"] == pytest.approx(slope.coef_[0, 0], abs=1e-4)
    # The intercept with offset makes the mean prediction equal the observed share.
    assert (1 / (1 + np.exp(-logit - line["intercept"]))).mean() == pytest.approx(y.mean(), abs=1e-9)
    assert line["slope_lower"] < line["slope"] < line["slope_upper"]


def test_calibration_finds_planted_miscalibration() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(-1, 1.2, 60_000)
    y = (rng.random(logit.size) < 1 / (1 + np.exp(-logit))).astype(int)
    right = calibration_line(y, logit, np.arange(logit.size))
    assert right["intercept_lower"] < 0 < right["intercept_upper"]
    assert right["slope_lower"] < 1 < right["slope_upper"]
    assert calibration_line(y, 2 * logit, np.arange(logit.size))["slope"] == pytest.approx(0.5, abs=0.02)
    assert calibration_line(y, logit - 0.7, np.arange(logit.size))["intercept"] == pytest.approx(0.7, abs=0.03)


def test_clustered_variance_is_wider_where_patients_repeat() -> None:
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(2000), 3)
    logit = rng.normal(-1, 1, 2000)[patient]
    y = (rng.random(2000) < 1 / (1 + np.exp(-rng.permutation(logit[::3]))))[patient].astype(int)
    wide = calibration_line(y, logit, patient)
    narrow = calibration_line(y, logit, np.arange(6000))
    ratio = (wide["slope_upper"] - wide["slope_lower"]) / (narrow["slope_upper"] - narrow["slope_lower"])
    assert ratio == pytest.approx(3**0.5, rel=0.03)


@pytest.mark.parametrize(
    ("logit", "note"),
    [(np.zeros(8), "no slope: all predictions are equal"), (np.arange(8.0), "no slope: the predictions separate")],
)
def test_a_slope_that_does_not_exist_is_not_given(logit: np.ndarray, note: str) -> None:
    line = calibration_line(np.repeat([0, 1], 4), logit, np.arange(8))
    assert line["note"].startswith(note)
    assert "slope" not in line


def test_a_site_without_findings(unjudged) -> None:
    panel = validate(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert set(panel["discrimination"]["note"]) == {"no findings", "no vessel with enough events"}
    assert panel["discrimination"]["auc"].isna().all()
    assert panel["roc"].empty
    assert panel["calibration"].empty


def test_seed_fixes_the_panel(scored: pd.DataFrame, panel: dict) -> None:
    for name, table in validate(scored, SETTINGS, seed=1).items():
        pd.testing.assert_frame_equal(table, panel[name])
