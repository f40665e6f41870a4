"""Trend over grades against published examples, R and scipy."""

import doctest

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation import analyse_severity as severity
from ecg_ccta.evaluation.analyse_severity import jonckheere_terpstra, severity_table, spearman_replicates
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.statistics import estimates
from ecg_ccta.statistics.bootstrap import Bootstrap, resample_patients
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.vessels import GRADES

SETTINGS = Evaluation(bootstrap_replicates=100)


def test_jonckheeres_own_example() -> None:
    """Jonckheere, Biometrika 41:133-145, 1954; J = 71, Z = 2.147876 and p = 0.0158618 by R's npordtests::JtTest."""
    values = np.array([19, 20, 60, 130, 21, 61, 80, 129, 40, 99, 100, 149, 49, 110, 151, 160])
    trend = jonckheere_terpstra(np.repeat([1, 2, 3, 4], 4), values)
    assert trend.z == pytest.approx(2.147876, abs=1e-6)
    assert trend.p_value / 2 == pytest.approx(0.0158618, abs=1e-7)


# jonck.csv of PSI's CAMIS project, a dose-response study with ties. DescTools::JonckheereTerpstraTest of R
# gives J = 184.5; its normal deviate with the variance for ties is that of R's cor.test(value, dose, "kendall",
# exact = FALSE), the same statistic: z = -2.78827960185, p = 0.00529887889178 (R 4.2.2).
DOSES = np.array([
    [153, 134.2, 139, 124.2, 157.4, 128.8, 140.1, 134.1, 129.1, 135.3],
    [124.6, 129.5, 138.9, 124, 124.6, 124, 135.4, 129, 118.5, 136.3],
    [140.1, 141.3, 122.8, 143.1, 116.4, 117.5, 136.5, 130.9, 126.2, 139.2],
    [115.7, 115.6, 118.6, 121.2, 131.7, 109.8, 133.8, 118.6, 132.9, 120.6],
])  # fmt: skip


def test_ties_are_those_of_r() -> None:
    trend = jonckheere_terpstra(np.repeat(range(4), 10), DOSES.ravel())
    assert trend.z == pytest.approx(-2.78827960185, abs=1e-9)
    assert trend.p_value == pytest.approx(0.00529887889178, abs=1e-11)


def direct(grade: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Jonckheere's J, counted pair by pair, and its normal deviate with the variance for ties."""
    pairs = [
        (grade[j] > grade[i], np.sign(values[j] - values[i])) for i in range(len(grade)) for j in range(len(grade))
    ]
    statistic = sum((1 + sign) / 2 for rises, sign in pairs if rises)
    n = len(grade)
    sizes, ties = (np.unique(x, return_counts=True)[1].astype(float) for x in (grade, values))
    variance = (n * (n - 1) * (2 * n + 5) - sum((t * (t - 1) * (2 * t + 5)).sum() for t in (sizes, ties))) / 72
    variance += np.prod([(t * (t - 1)).sum() for t in (sizes, ties)]) / (8 * n * (n - 1))
    variance += np.prod([(t * (t - 1) * (t - 2)).sum() for t in (sizes, ties)]) / (36 * n * (n - 1) * (n - 2))
    return statistic, (statistic - (n**2 - (sizes**2).sum()) / 4) / variance**0.5


def test_the_published_statistics_are_counted() -> None:
    """J = 71 and J = 184.5, as printed for the two examples above."""
    values = np.array([19, 20, 60, 130, 21, 61, 80, 129, 40, 99, 100, 149, 49, 110, 151, 160])
    assert direct(np.repeat([1, 2, 3, 4], 4), values)[0] == 71
    assert direct(np.repeat(range(4), 10), DOSES.ravel())[0] == 184.5


@pytest.mark.parametrize("seed", range(200))
def test_equals_the_direct_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grade = np.concatenate([[0, 1], rng.integers(0, 5, rng.integers(8, 60))])
    values = np.concatenate([[0, 1], rng.integers(0, rng.integers(2, 30), len(grade) - 2)])
    z = direct(grade, values)[1]
    trend = jonckheere_terpstra(grade, values)
    assert trend.z == pytest.approx(z, abs=1e-9)
    assert trend.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_equal_values_have_no_trend() -> None:
    assert jonckheere_terpstra(np.array([0, 0, 1, 1]), np.ones(4)) == (0.0, 1.0)


def test_a_replicate_is_the_correlation_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(60), rng.integers(1, 4, 60))
    grade = rng.integers(0, 5, codes.size)
    value = np.round(grade + rng.normal(0, 3, codes.size), 1)
    drawn = spearman_replicates(grade, value, codes, Bootstrap(60, 25, 0.95, 2))
    for found, count in zip(drawn, np.concatenate(list(resample_patients(60, 25, seed=2))), strict=True):
        rows = np.repeat(np.arange(codes.size), count[codes])
        assert found == pytest.approx(stats.spearmanr(grade[rows], value[rows]).statistic, abs=1e-12)


def test_table(scored: pd.DataFrame) -> None:
    table = severity_table(scored, SETTINGS, seed=1)
    rows = scored[(scored["vessel"] == "RCA") & scored["grade"].notna()]
    severe = rows.loc[rows["grade"] == "severe", "probability"]
    of_rca = table[table["vessel"] == "RCA"].set_index(["grade", "measure"])
    assert of_rca.loc[("severe", "median"), "n"] == len(severe)
    assert of_rca.loc[("severe", "median"), "estimate"] == pytest.approx(severe.median())
    assert of_rca.loc[("severe", "upper quartile"), "estimate"] == pytest.approx(severe.quantile(0.75))
    grade = rows["grade"].map(list(GRADES).index).astype(int)
    spearman = of_rca.loc[("", "Spearman correlation")]
    assert spearman["estimate"] == pytest.approx(stats.spearmanr(grade, rows["probability"]).statistic)
    assert spearman["lower"] < spearman["estimate"] < spearman["upper"]
    z = of_rca.loc[("", "Jonckheere-Terpstra z")]
    assert z["n"] == z["patients"] == rows["patient_id"].nunique()
    medians = [of_rca.loc[(grade, "median"), "estimate"] for grade in GRADES]
    assert of_rca.loc[("", "smallest rise of the median"), "estimate"] == pytest.approx(np.diff(medians).min())


def test_grades_with_few_patients_take_no_part_in_the_rise(scored: pd.DataFrame) -> None:
    found = rows_of(severity_table(scored, SETTINGS, seed=1), "smallest rise of the median").set_index("vessel")
    assert "complete (" in found.loc["LM", "note"]


def test_the_nearest_ecg_speaks_for_its_patient(scored: pd.DataFrame) -> None:
    """Whatever a patient's farther ECGs say, the test of trend is the same."""
    rows = scored[(scored["vessel"] == "LAD") & scored["grade"].notna()]
    rank = rows["days_to_ccta"].abs().groupby(rows["patient_id"]).rank(method="min")
    changed = scored.assign(probability=scored["probability"].where(~scored.index.isin(rank.index[rank > 1]), 0.99))
    before, after = (severity_table(of, SETTINGS, seed=1).query("vessel == 'LAD'") for of in (scored, changed))
    for measure, same in (("Jonckheere-Terpstra z", True), ("Spearman correlation", False)):
        found = {float(rows_of(of, measure)["estimate"].iloc[0]) for of in (before, after)}
        assert (len(found) == 1) is same


def test_a_site_without_findings(unjudged) -> None:
    table = severity_table(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert table["estimate"].isna().all()
    assert (table["note"] != "").all()


@pytest.mark.parametrize("module", [severity, estimates])
def test_examples_of_the_docstrings(module) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
