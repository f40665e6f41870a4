"""Joining predictions and truth."""

import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.scored import insufficient_events, scored_ecgs, with_finding
from ecg_ccta.vessels import VESSELS

Pair = tuple[pd.DataFrame, pd.DataFrame]


def test_a_missing_finding_stays_missing(cohort_and_predictions: Pair) -> None:
    cohort, predictions = cohort_and_predictions
    scored = scored_ecgs(cohort, predictions.sample(frac=1, random_state=0))
    assert len(scored) == 4 * len(cohort)
    for vessel in VESSELS:
        rows = scored[scored["vessel"] == vessel].reset_index(drop=True)
        assert rows["y_true"].isna().any()
        assert rows["y_true"].equals(cohort[f"target_{vessel}"])
        assert rows["ecg_id"].equals(cohort["ecg_id"])
        judged = with_finding(scored, vessel)
        assert judged["y_true"].notna().all()
        assert len(judged) == cohort[f"target_{vessel}"].notna().sum()


def test_predictions_are_matched_by_ecg_not_by_place(cohort_and_predictions: Pair) -> None:
    cohort, predictions = cohort_and_predictions
    scored = scored_ecgs(cohort, predictions.sample(frac=1, random_state=1))
    key = ["ecg_id", "vessel"]
    expected = predictions.set_index(key)["logit"].sort_index()
    pd.testing.assert_series_equal(scored.set_index(key)["logit"].sort_index(), expected, check_index_type=False)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda table: table.iloc[1:], "1 ECG-vessel pairs of the cohort have no prediction, the first for RCA"),
        (lambda table: pd.concat([table, table.iloc[:1]], ignore_index=True), "repeats an ECG and vessel"),
        (lambda table: table.assign(ecg_id=table["ecg_id"].replace(table["ecg_id"][3], "f" * 20)), "row 3 is not in"),
        (
            lambda table: table.assign(patient_id=table["patient_id"].replace(table["patient_id"][0], "f" * 20)),
            "patient_id differs",
        ),
    ],
)
def test_tables_of_different_runs_are_refused(cohort_and_predictions: Pair, fault, message: str) -> None:
    cohort, predictions = cohort_and_predictions
    with pytest.raises(StudyError, match=message) as caught:
        scored_ecgs(cohort, fault(predictions))
    assert "000000" not in str(caught.value), "an error message never shows an identifier"


def test_shortage_counts_patients() -> None:
    rows = pd.DataFrame({"y_true": [1] * 12 + [0] * 12, "patient_id": ["a"] * 12 + list("bcdefghijklm")})
    assert insufficient_events(rows, 10) == "too few events (1)"
    assert insufficient_events(rows[rows["y_true"] == 1].assign(patient_id=range(12)), 10) == "too few non-events (0)"
    assert insufficient_events(rows.assign(patient_id=range(24)), 10) == ""
    assert insufficient_events(rows.iloc[:0], 10) == "no findings"
