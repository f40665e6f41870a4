"""No patient of an analysed site trains the intermediate task."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta import tables
from ecg_ccta.errors import StudyError
from ecg_ccta.training.intermediate import SAME_PATIENT, SAME_RECORDING, UNKNOWN, training_ecgs

FLOW = {"site": "hospital", "steps": [{"label": "ECGs included", "ecgs": 12, "patients": 8}], "follow_up": []}


@pytest.fixture
def site(make_cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Twelve ECGs of eight patients, the first eight one each, and two labels."""
    cohort = make_cohort(8, 12)
    labels = pd.DataFrame({"ecg_id": cohort["ecg_id"], "mi": [0.0, 1.0] * 6, "other": [1.0, 0.0, np.nan] * 4})
    return cohort, tables.check(labels.iloc[::-1], tables.label_schema(["mi", "other"]), "labels")


@pytest.fixture
def elsewhere(make_cohort) -> pd.DataFrame:
    """A cohort that shares nothing."""
    other = make_cohort(3, 5)
    for column in ("ecg_id", "patient_id", "signal_sha256"):
        other[column] = "f" + other[column].str[1:]
    return other


def excluded(flow: dict) -> dict[str, int]:
    return {step["excluded"]: step["ecgs"] for step in flow["steps"] if "excluded" in step}


def test_without_overlap_everybody_is_trained_on(site, elsewhere):
    cohort, labels = site
    kept, values, flow = training_ecgs(cohort, labels, [elsewhere], FLOW)
    pd.testing.assert_frame_equal(kept, cohort)
    np.testing.assert_array_equal(values[:, 0], [0, 1] * 6)
    np.testing.assert_array_equal(values[:, 1], [1, 0, np.nan] * 4)
    assert values.dtype == np.float32
    assert flow["steps"][-1] == {"label": "ECGs of the intermediate task", "ecgs": 12, "patients": 8}
    assert flow["overlap"] == [{"excluded": SAME_PATIENT, "patients": 0}, {"excluded": SAME_RECORDING, "patients": 0}]


def test_a_patient_of_any_analysed_site_leaves_with_all_ecgs(site, elsewhere):
    cohort, labels = site
    third = elsewhere.assign(patient_id=cohort["patient_id"].iloc[2])
    kept, values, flow = training_ecgs(cohort, labels, [elsewhere, third], FLOW)
    mine = int((cohort["patient_id"] == cohort["patient_id"].iloc[2]).sum())
    assert cohort["patient_id"].iloc[2] not in set(kept["patient_id"])
    assert len(kept) == len(values) == 12 - mine
    assert excluded(flow) == {SAME_PATIENT: mine}
    assert flow["overlap"][0] == {"excluded": SAME_PATIENT, "patients": 1}


def test_the_same_recording_under_another_key_gives_the_patient_away(site, elsewhere):
    cohort, labels = site
    repeated = cohort["patient_id"].value_counts().idxmax()
    rows = np.flatnonzero(cohort["patient_id"] == repeated)
    elsewhere.loc[0, "signal_sha256"] = cohort["signal_sha256"].iloc[rows[0]]
    kept, _, flow = training_ecgs(cohort, labels, [elsewhere], FLOW)
    assert len(rows) > 1
    assert repeated not in set(kept["patient_id"])
    assert excluded(flow) == {SAME_RECORDING: len(rows)}
    assert flow["overlap"][1] == {"excluded": SAME_RECORDING, "patients": 1}


def test_an_ecg_without_any_known_label_is_not_trained_on(site, elsewhere):
    cohort, labels = site
    labels.loc[labels["ecg_id"] == cohort["ecg_id"].iloc[5], ["mi", "other"]] = np.nan
    kept, _, flow = training_ecgs(cohort, labels, [elsewhere], FLOW)
    assert excluded(flow) == {UNKNOWN: 1}
    assert cohort["ecg_id"].iloc[5] not in set(kept["ecg_id"])


def test_labels_of_ecgs_that_were_not_admitted_are_not_used(site, elsewhere):
    cohort, labels = site
    kept, values, _ = training_ecgs(
        cohort.iloc[2:].reset_index(drop=True),
        labels,
        [elsewhere],
        {**FLOW, "steps": [{"label": "ECGs included", "ecgs": 10, "patients": 8}]},
    )
    assert kept["ecg_id"].tolist() == cohort["ecg_id"].tolist()[2:]
    np.testing.assert_array_equal(values[:, 0], [0, 1] * 5)


@pytest.mark.parametrize(("value", "lacks"), [(0.0, 1), (1.0, 0)])
def test_a_label_that_is_always_the_same_is_refused(site, elsewhere, value, lacks):
    cohort, labels = site
    with pytest.raises(StudyError, match=rf"label mi is {lacks} for none of the 12 ECGs .* Fix: take it out of"):
        training_ecgs(cohort, labels.assign(mi=value), [elsewhere], FLOW)


def test_labels_of_another_run_are_refused(site, elsewhere):
    cohort, labels = site
    with pytest.raises(StudyError, match=r"1 of 12 ECGs are not in the table of labels\. Fix: run build_cohort again"):
        training_ecgs(cohort, labels.iloc[1:], [elsewhere], FLOW)
