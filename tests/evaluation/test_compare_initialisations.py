"""Foundation against random weights: Student's paired t test over folds, the same vessels for both starts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta import figures
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.compare_initialisations import (
    INITIALISATION_COLUMNS,
    compare_initialisations,
    initialisations_figure,
    mean_difference,
)
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.statistics.clustered_auc import auc_interval, mean_auc
from ecg_ccta.statistics.estimates import CROSS_VALIDATED

SETTINGS = Evaluation(minimum_events=5)


@pytest.fixture(scope="module")
def both(cohort_and_predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The good predictions, and the same with so much noise that little is left of them."""
    cohort, predictions = cohort_and_predictions
    noise = np.random.default_rng(11).normal(0, 2, len(predictions))
    return scored_ecgs(cohort, predictions), scored_ecgs(cohort, predictions.assign(logit=predictions["logit"] + noise))


@pytest.fixture(scope="module")
def table(both) -> pd.DataFrame:
    return compare_initialisations(*both, SETTINGS)


def test_every_fold_is_the_mean_auc_of_its_own_test_patients(both, table):
    assert list(table.columns) == INITIALISATION_COLUMNS
    assert table["fold"].tolist() == ["0", "1", "2", "3", "4", "mean"]
    for row in table[:-1].itertuples():
        for scored, found in zip(both, (row.macro_auc_foundation, row.macro_auc_random), strict=True):
            aucs = []
            for vessel in row.vessels.split():
                ecgs = with_finding(scored[scored["fold"] == int(row.fold)], vessel)
                aucs.append(roc_auc_score(ecgs["y_true"].astype(int), ecgs["logit"]))
            assert found == pytest.approx(np.mean(aucs), abs=1e-12)
        assert row.difference == pytest.approx(row.macro_auc_foundation - row.macro_auc_random)
        assert "LM" not in row.vessels, "left main disease is too rare in a fold"


def test_the_mean_row_is_over_folds_and_paired_over_patients(both, table):
    folds, mean = table[:-1], table.iloc[-1]
    assert mean["note"] == CROSS_VALIDATED
    assert mean["difference"] == pytest.approx(folds["difference"].mean(), abs=0.02), "folds are of nearly equal size"
    assert mean["difference"] > 0.05, "noise costs discrimination"
    assert mean["lower"] < mean["difference"] < mean["upper"]
    assert mean_difference(table)["p_value"] == mean["p_value"]
    # The same ECGs by both starts: far narrower than for separate patients.
    alone = [
        auc_interval(mean_auc([of.expected for v, of in findings_by_vessel(one, SETTINGS, None).items() if v != "LM"]))
        for one in both
    ]
    apart = np.hypot(*[(upper - lower) for lower, upper in alone])
    assert mean["upper"] - mean["lower"] < 0.95 * apart


def test_both_starts_alike_differ_by_nothing(both):
    table = compare_initialisations(both[0], both[0], SETTINGS)
    assert (table["difference"] == 0).all()
    assert mean_difference(table)["p_value"] == 1


def test_the_order_of_rows_does_not_matter(both, table):
    # Predictions from a file have other types than those just made.
    shuffled = both[1].sample(frac=1, random_state=0).astype({"vessel": "object", "ecg_id": "string"})
    pd.testing.assert_frame_equal(compare_initialisations(both[0], shuffled, SETTINGS), table)


def test_folds_without_enough_events_have_no_numbers(both):
    table = compare_initialisations(*both, Evaluation(minimum_events=10_000))
    assert table["note"].tolist() == ["no vessel with enough events"] * 6
    assert table[INITIALISATION_COLUMNS[2:-1]].isna().all(axis=None)


@pytest.mark.parametrize("change", [lambda t: t.iloc[:-4], lambda t: t.assign(fold=0)])
def test_other_ecgs_or_folds_are_refused(both, change):
    with pytest.raises(StudyError, match="not evaluated on the same ECGs in the same folds"):
        compare_initialisations(both[0], change(both[1]), SETTINGS)


def test_the_figure_is_drawn_also_where_there_is_nothing(tmp_path, both, table):
    figures.save(initialisations_figure(table), tmp_path / "starts.svg")
    figures.save(
        initialisations_figure(compare_initialisations(*both, Evaluation(minimum_events=10_000))), tmp_path / "none.svg"
    )
    assert (tmp_path / "starts.png").stat().st_size > 5000
    axes = initialisations_figure(table).axes[0]
    drawn = {round(float(y), 12) for line in axes.lines for y in line.get_ydata()}
    assert set(table["macro_auc_random"][:-1].round(12)) <= drawn
