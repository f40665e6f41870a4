"""No patient in two places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_ccta.errors import StudyError
from ecg_ccta.training.splits import draw_subset, roles, split_patients


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 6), extra=st.integers(0, 80))
def test_a_patient_is_in_one_place_only(make_cohort, seed, folds, extra):
    cohort = make_cohort(60, 60 + extra, seed)
    splits = split_patients(cohort, folds, seed)
    assert sorted(splits["patient_id"]) == sorted(set(cohort["patient_id"]))
    tested = np.zeros(len(cohort), dtype=int)
    for fold in range(folds):
        role = roles(cohort, splits, fold)
        places = {name: set(cohort.loc[role == name, "patient_id"]) for name in ("train", "inner", "test")}
        assert not places["train"] & places["inner"]
        assert not places["train"] & places["test"]
        assert not places["inner"] & places["test"]
        tested += role == "test"
    assert (tested == 1).all()


def test_event_rates_are_alike_over_folds(cohort):
    splits = split_patients(cohort, 5, 7)
    fold = cohort["patient_id"].map(splits.set_index("patient_id")["fold"])
    rates = cohort["target_LAD"].astype("Float64").groupby(fold).mean()
    assert rates.max() - rates.min() < 0.15


def test_the_seed_decides(cohort):
    assert split_patients(cohort, 5, 1).equals(split_patients(cohort, 5, 1))
    assert not split_patients(cohort, 5, 1).equals(split_patients(cohort, 5, 2))


def test_too_few_patients_are_refused(cohort):
    with pytest.raises(StudyError, match=r"lower training\.folds"):
        split_patients(cohort.head(7), 5, 1)


def test_an_unknown_patient_is_refused(cohort):
    splits = split_patients(cohort, 5, 1).iloc[1:]
    with pytest.raises(StudyError, match="run split_patients again"):
        roles(cohort, splits, 0)


def test_subsets_of_a_size_share_no_patient_and_hold_none_of_the_first_fold(cohort):
    splits = split_patients(cohort, 5, 1)
    pool = set(splits.query("fold != 0")["patient_id"])
    subsets = [draw_subset(splits, 50, repeat, 1) for repeat in range(3)]
    drawn = [set(subset["patient_id"]) for subset in subsets]
    assert [len(patients) for patients in drawn] == [50, 50, 50]
    assert len(set.union(*drawn)) == 150
    assert set.union(*drawn) <= pool
    assert drawn[0] < set(draw_subset(splits, 100, 0, 1)["patient_id"])
    own = cohort[cohort["patient_id"].isin(drawn[0])]
    assert set(roles(own, subsets[0], 0)) == {"train", "inner"}


def test_a_subset_larger_than_the_patients_is_refused(cohort):
    splits = split_patients(cohort, 5, 1)
    with pytest.raises(StudyError, match=r"2 x 100 patients are asked for, and 160 are outside"):
        draw_subset(splits, 100, 1, 1)
