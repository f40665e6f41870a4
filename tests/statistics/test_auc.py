"""AUCs against pROC, scikit-learn and definitions written out in full."""

import doctest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from ecg_ccta.statistics import auc as discrimination
from ecg_ccta.statistics import proportions
from ecg_ccta.statistics.auc import (
    auc_and_pr_auc_replicates,
    auc_bootstrap,
    auc_delong,
    auc_replicates,
    compare_auc_delong,
    compare_auc_delong_unpaired,
    roc_curve,
)
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, resample_patients


@pytest.fixture(scope="module")
def asah() -> pd.DataFrame:
    """The aSAH patients of R's pROC (Turck et al., Intensive Care Med 36:107-115, 2010).

    Markers are given as ranks, recovered from the DeLong placements that pROC's own tests publish; ranks are all that
    an AUC depends on. Controls first, then cases; rows are patients, so that pairs of markers keep their covariance.
    """
    return pd.read_csv(Path(__file__).parent / "data" / "asah_ranks.csv")


# pROC's ci.auc(outcome ~ marker); its documentation prints four digits, its tests all of ndka's.
PROC_AUC = {
    "wfns": (0.823678861788618, 0.7485, 0.8988),
    "s100b": (0.731368563685637, 0.6301, 0.8326),
    "ndka": (0.611957994579946, 0.501244999271703, 0.722670989888189),
}
# roc.test(method = "delong"): p value and interval of the difference; then p with paired = FALSE (Welch t).
PROC_TEST = {
    ("wfns", "s100b"): (0.0271757822291882, 0.0104061769564846, 0.174214419249478, 0.152825378808796),
    ("wfns", "ndka"): (0.00514557970691098, 0.0634011709339876, 0.3600405634833566, 0.00220950791756457),
    ("ndka", "s100b"): (0.164295175223054, -0.2876917446341914, 0.0488706064228094, 0.120192832430845),
}


@pytest.mark.parametrize("marker", PROC_AUC)
def test_auc_and_interval_are_those_of_proc(asah: pd.DataFrame, marker: str) -> None:
    auc, lower, upper = PROC_AUC[marker]
    result = auc_delong(asah["poor"], asah[marker])
    assert result.auc == pytest.approx(auc, abs=1e-12)
    assert (result.lower, result.upper) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("markers", PROC_TEST)
def test_comparisons_are_those_of_proc(asah: pd.DataFrame, markers: tuple[str, str]) -> None:
    p_value, lower, upper, unpaired_p = PROC_TEST[markers]
    y, a, b = asah["poor"], asah[markers[0]], asah[markers[1]]
    paired = compare_auc_delong(y, a, b)
    assert paired.p_value == pytest.approx(p_value, rel=1e-9)
    assert (paired.lower, paired.upper) == pytest.approx((lower, upper), rel=1e-9)
    assert compare_auc_delong_unpaired(y, a, y, b).p_value == pytest.approx(unpaired_p, rel=1e-9)


def delong_by_definition(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """All pairs in a table: AUC, and variance of its row and column means."""
    events, others = score[y == 1], score[y == 0]
    pairs = (events[:, None] > others) + 0.5 * (events[:, None] == others)
    variance = pairs.mean(axis=1).var(ddof=1) / len(events) + pairs.mean(axis=0).var(ddof=1) / len(others)
    return pairs.mean(), variance


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_delong_equals_its_definition(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    y = (rng.random(300) < 0.2).astype(int)
    score = np.round(rng.normal(size=300) + y, decimals)
    result = auc_delong(y, score)
    assert (result.auc, result.variance) == pytest.approx(delong_by_definition(y, score), rel=1e-12)
    assert result.auc == pytest.approx(roc_auc_score(y, score), rel=1e-12)


def test_identical_scores_do_not_differ() -> None:
    y, score = [0, 1, 0, 1, 1], [1, 2, 3, 4, 5]
    result = compare_auc_delong(y, score, score)
    assert (result.difference, result.p_value) == (0, 1)


def test_interval_stays_in_the_unit_interval() -> None:
    result = auc_delong([0, 0, 0, 1, 1], [1, 2, 4, 3, 5])
    assert result.upper == 1
    perfect = auc_delong([0, 0, 1, 1], [1, 2, 3, 4])
    assert (perfect.auc, perfect.lower, perfect.upper, perfect.variance) == (1, 1, 1, 0)


@pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
def test_missing_truth_is_refused_and_named(missing: object) -> None:
    with pytest.raises(ValueError, match="y_true holds 1 missing"):
        auc_delong(pd.array([0, 1, missing, 1, 0], dtype="Int8"), [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([1, 1, 1], [1, 2, 3], "each class"),
        ([0, 0, 0], [1, 2, 3], "each class"),
        ([0, 1, 2], [1, 2, 3], "0 and 1"),
        ([0, 1, 1], [1, np.nan, 3], "y_score holds missing"),
        ([0, 1, 1], [1, 2], "shape"),
    ],
)
def test_bad_input_is_refused(y: list, score: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auc_delong(y, score)
    with pytest.raises(ValueError, match=message):
        auc_bootstrap(y, score, range(len(y)))


def repeated_patients(seed: int, patients: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ECGs of patients who have one to five; a patient's ECGs share truth and most of the score. Many ties."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), rng.integers(1, 6, patients))
    truth = rng.random(patients) < 0.3
    score = (rng.normal(size=patients) + truth)[groups] + rng.normal(0, 0.2, groups.size)
    return truth[groups].astype(int), np.round(score, 1), groups


def test_a_replicate_equals_the_areas_of_the_repeated_rows() -> None:
    y, score, groups = repeated_patients(1)
    codes, patients = patient_codes(groups)
    aucs, pr_aucs = auc_and_pr_auc_replicates(y, score, codes, Bootstrap(patients, 200, 0.95, 5))
    counts = np.concatenate(list(resample_patients(patients, 200, seed=5)))
    for auc, pr_auc, count in zip(aucs, pr_aucs, counts, strict=True):
        rows = np.repeat(np.arange(len(y)), count[codes])
        assert auc == pytest.approx(roc_auc_score(y[rows], score[rows]), abs=1e-13)
        assert pr_auc == pytest.approx(average_precision_score(y[rows], score[rows]), abs=1e-13)
    assert np.array_equal(aucs, auc_replicates(y, score, codes, Bootstrap(patients, 200, 0.95, 5)))


def test_draws_of_one_class_have_neither_area() -> None:
    areas = auc_and_pr_auc_replicates(
        np.array([1, 0]), np.array([2.0, 1.0]), np.array([0, 1]), Bootstrap(2, 300, 0.95, 0)
    )
    for area in areas:
        assert 0.3 < np.isnan(area).mean() < 0.7
        assert (area[np.isfinite(area)] == 1).all()


def test_draws_do_not_depend_on_the_block_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resample_patients(37, 50, seed=2)))
    assert (whole.sum(axis=1) == 37).all()
    monkeypatch.setattr("ecg_ccta.statistics.bootstrap._DRAWS_AT_ONCE", 37 * 50)
    assert np.array_equal(whole, np.concatenate(list(resample_patients(37, 50, seed=2))))


def test_repeated_ecgs_widen_the_interval() -> None:
    y, score, groups = repeated_patients(2, patients=300)
    by_patient = auc_bootstrap(y, score, groups, 500, seed=1)
    by_ecg = auc_bootstrap(y, score, np.arange(len(y)), 500, seed=1)
    assert by_patient.auc == by_ecg.auc == pytest.approx(roc_auc_score(y, score))
    # On average 3 ECGs that nearly agree: the interval should be about sqrt(3) times as wide.
    assert by_patient.upper - by_patient.lower > 1.4 * (by_ecg.upper - by_ecg.lower)
    delong = auc_delong(y, score)
    assert by_ecg.upper - by_ecg.lower == pytest.approx(delong.upper - delong.lower, rel=0.15)


def test_coverage_of_the_intervals() -> None:
    """With one ECG per patient both intervals hold the true AUC about 95 % of the time."""
    rng = np.random.default_rng(11)
    true_auc = 0.7602499389065233  # Phi(1 / sqrt 2): scores N(0, 1) against N(1, 1)
    repeats, hits = 300, np.zeros(2)
    for number in range(repeats):
        y = np.repeat([0, 1], [120, 40])
        score = rng.normal(size=160) + y
        delong, drawn = auc_delong(y, score), auc_bootstrap(y, score, np.arange(160), 200, seed=number)
        hits += [delong.lower <= true_auc <= delong.upper, drawn.lower <= true_auc <= drawn.upper]
    # 0.95 - 4 standard errors of 300 repeats, and a little for the percentile interval's known shortfall.
    assert (hits / repeats > 0.89).all()
    assert (hits / repeats < 0.995).all()


def test_seed_fixes_the_bootstrap() -> None:
    y, score, groups = repeated_patients(3)
    assert auc_bootstrap(y, score, groups, 50, seed=4) == auc_bootstrap(y, score, groups, 50, seed=4)
    assert auc_bootstrap(y, score, groups, 50, seed=4) != auc_bootstrap(y, score, groups, 50, seed=5)


def test_draws_of_one_class_are_left_out_and_not_counted() -> None:
    result = auc_bootstrap([1, 0, 0], [3, 1, 2], ["a", "b", "b"], 400, seed=0)
    # Two patients: half of the draws take one of them twice.
    assert 150 < result.replicates < 250
    assert (result.lower, result.upper) == (1, 1)


def test_missing_patient_is_refused() -> None:
    with pytest.raises(ValueError, match="groups holds 1 missing"):
        auc_bootstrap([1, 0, 0], [3, 1, 2], ["a", None, "b"])


def test_roc_corners_are_those_of_scikit_learn() -> None:
    y, score, _ = repeated_patients(4)
    weights = np.random.default_rng(0).integers(0, 3, (2, len(y)))
    rate, sensitivity = roc_curve(y, score, weights)
    for row in range(2):
        expected = sklearn_roc_curve(y, score, sample_weight=weights[row], drop_intermediate=False)
        kept = np.isin(np.round(rate[row], 12), np.round(expected[0], 12))
        assert kept.all()
        assert np.trapezoid(sensitivity[row], rate[row]) == pytest.approx(
            roc_auc_score(y, score, sample_weight=weights[row]), abs=1e-12
        )


@pytest.mark.parametrize("module", [discrimination, proportions])
def test_examples_of_the_docstrings(module) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
