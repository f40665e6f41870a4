"""Calibration against R's rms, statsmodels and scikit-learn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from ecg_ccta.statistics.bootstrap import Bootstrap, resample_patients
from ecg_ccta.statistics.calibration import (
    BAND_LEVELS,
    SPAN,
    Lowess,
    calibration_groups,
    calibration_line,
    calibration_summary,
)


@pytest.fixture(scope="module")
def rms() -> pd.DataFrame:
    """The example of val.prob's help page in R's rms (set.seed(1), 100 of 200 patients): logits and outcomes."""
    return pd.read_csv(Path(__file__).parent / "data" / "rms_val_prob.csv")


# print(val.prob(phat, y[101:200], pl=FALSE), digits=10) of rms 6.5.0 in R 4.2.2; E50 is the median of the same
# distances, |phat - approx(lowess(phat, y, iter=0), xout=phat)|, which val.prob does not print.
RMS = {"Brier": 0.23189634632, "slope": 0.95651781295, "ICI": 0.02583821801, "E50": 0.01991748684, "E90": 0.05324085011}
# val.prob's Intercept is fitted together with the slope.
RMS_JOINT_INTERCEPT = 0.05228721395


def summary_of(y: np.ndarray, logit: np.ndarray, codes: np.ndarray, replicates: int = 50) -> pd.DataFrame:
    rows, _ = calibration_summary(y, expit(logit), logit, codes, Bootstrap(codes.max() + 1, replicates, 0.95, 1))
    return pd.DataFrame(rows).set_index("measure")


def test_measures_are_those_of_rms(rms: pd.DataFrame) -> None:
    y, logit = rms["event"].to_numpy(), rms["logit"].to_numpy()
    found = summary_of(y, logit, np.arange(100))
    for measure in ("Brier", "slope"):
        assert found.loc[measure, "estimate"] == pytest.approx(RMS[measure], abs=1e-7)
    # R's lowess skips points nearer than a hundredth of the range, this one joins its own points: hence the tolerance.
    for measure in ("ICI", "E50", "E90"):
        assert found.loc[measure, "estimate"] == pytest.approx(RMS[measure], abs=5e-4)


def test_the_joint_intercept_of_rms_is_met_by_the_same_regression(rms: pd.DataFrame) -> None:
    line = sm.GLM(rms["event"], sm.add_constant(rms["logit"]), family=sm.families.Binomial()).fit()
    assert line.params.to_numpy() == pytest.approx([RMS_JOINT_INTERCEPT, RMS["slope"]], abs=1e-7)


def test_the_curve_is_the_lowess_of_statsmodels() -> None:
    rng = np.random.default_rng(2)
    probability = rng.beta(1, 6, 700)
    y = (rng.random(700) < probability**1.3).astype(int)
    smoother = Lowess(y, probability, np.arange(700), 700)
    (curve,) = smoother.curves(np.ones((1, 700)))
    expected = sm.nonparametric.lowess(y, probability, frac=SPAN, it=0, xvals=smoother.points)
    assert curve == pytest.approx(np.clip(expected, 0, 1), abs=1e-3)
    assert np.median(np.abs(curve - np.clip(expected, 0, 1))) < 1e-6


def test_distances_of_a_draw_are_those_of_the_repeated_rows() -> None:
    """The quantiles under weights against numpy's on rows that are really repeated, with the draw's own curve."""
    from ecg_ccta.statistics.calibration import _distances, _read, _weights_between

    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(80), rng.integers(1, 4, 80))
    probability = rng.beta(1, 4, codes.size)
    y = (rng.random(codes.size) < probability).astype(int)
    smoother = Lowess(y, probability, codes, 80)
    counts = np.concatenate(list(resample_patients(80, 20, seed=3)))
    fitted = _read(smoother.curves(counts), _weights_between(smoother.points, probability))
    found = _distances(fitted, probability, counts[:, codes])
    for number, count in enumerate(counts):
        distance = np.repeat(np.abs(fitted[number] - probability), count[codes])
        assert found["ICI"][number] == pytest.approx(distance.mean())
        assert found["E50"][number] == pytest.approx(np.median(distance))
        assert found["E90"][number] == pytest.approx(np.quantile(distance, 0.9))


def test_brier_and_its_scale() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(-1, 1, 500)
    y = (rng.random(500) < expit(logit)).astype(int)
    found = summary_of(y, logit, np.arange(500))
    brier = brier_score_loss(y, expit(logit))
    assert found.loc["Brier", "estimate"] == pytest.approx(brier)
    reference = brier_score_loss(y, np.full(500, y.mean()))
    assert found.loc["scaled Brier", "estimate"] == pytest.approx(1 - brier / reference)
    assert found.loc["Brier", "lower"] < brier < found.loc["Brier", "upper"]


def test_bands_nest_and_hold_the_true_curve() -> None:
    """Predictions that are right: the diagonal lies in the bands nearly everywhere."""
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(1500), rng.choice([1, 1, 2], 1500))
    logit = rng.normal(-1, 1, 1500)[patient]
    y = (rng.random(1500) < expit(logit[np.searchsorted(patient, np.arange(1500))]))[patient].astype(int)
    _, curve = calibration_summary(y, expit(logit), logit, patient, Bootstrap(1500, 300, 0.95, 1))
    narrow, wide = (curve[curve["level"] == level].reset_index() for level in BAND_LEVELS)
    assert (wide["lower"] <= narrow["lower"]).all()
    assert (wide["upper"] >= narrow["upper"]).all()
    inside = (wide["lower"] <= wide["predicted"]) & (wide["predicted"] <= wide["upper"])
    assert inside.mean() > 0.9


def test_a_curve_that_misses_says_how_far() -> None:
    rng = np.random.default_rng(6)
    logit = rng.normal(-1, 1, 20_000)
    y = (rng.random(logit.size) < expit(logit)).astype(int)
    right, low = (summary_of(y, shown, np.arange(logit.size), 5)["estimate"] for shown in (logit, logit - 0.7))
    assert right["ICI"] < 0.01
    assert low["ICI"] == pytest.approx(np.abs(expit(logit) - expit(logit - 0.7)).mean(), abs=0.01)
    assert low["E90"] > low["E50"]


def test_groups_are_coloured_by_the_threshold_of_their_mean() -> None:
    rng = np.random.default_rng(7)
    probability = rng.uniform(0, 0.4, 2000)
    y = (rng.random(2000) < probability).astype(int)
    groups = calibration_groups(y, probability, np.arange(2000), 0.15, 20, 0.95)
    assert len(groups) == 20
    assert (groups["risk_group"] == np.where(groups["predicted"] >= 0.15, "high", "low")).all()
    assert groups["events"].sum() == y.sum()


def test_calibration_line_is_that_of_a_plain_logistic_regression() -> None:
    rng = np.random.default_rng(9)
    logit = rng.normal(-1, 1, 800)
    y = (rng.random(800) < expit(0.5 + 0.7 * logit)).astype(int)
    line = calibration_line(y, logit, np.arange(800) // 2)
    slope = LogisticRegression(C=np.inf, tol=1e-10).fit(logit[:, None], y)
    assert line["slope"] == pytest.approx(slope.coef_[0, 0], abs=1e-4)
    # The intercept with offset makes the mean prediction equal the observed proportion.
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
