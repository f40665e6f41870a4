"""Coverage of the true risk: by hand, of intervals that hold it, that are too narrow, and of another export."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta import figures
from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.truth.compare_instability_with_truth import (
    ABOVE,
    BELOW,
    ERROR,
    GROUPS,
    HELD,
    MOVED,
    compare_instability_with_truth,
    instability_truth_figure,
)
from ecg_ccta.vessels import VESSELS

KEY = b"k" * 32
SETTINGS = Evaluation(bootstrap_replicates=100)
ECGS = 400


@pytest.fixture(scope="module")
def site():
    """The LAD's risk is always held, the RCA's in the lower half of the predictions, others by chance."""
    rng = np.random.default_rng(0)
    raw = [f"HOSP-{number:04d}" for number in range(ECGS)]
    risk = rng.uniform(0.1, 0.5, (ECGS // 2, 4)).repeat(2, axis=0)
    truth = pd.DataFrame({"ecg_id": raw, **{f"oracle_{vessel}": risk[:, v] for v, vessel in enumerate(VESSELS)}})
    ids = [pseudonym(KEY, "ecg", value) for value in raw]
    patients = [f"{number // 2:020x}" for number in range(ECGS)]
    parts = []
    for v, vessel in enumerate(VESSELS):
        predicted = risk[:, v] + (0.2 * (risk[:, v] > np.median(risk[:, v])) if vessel == "RCA" else 0.03)
        parts.append(
            pd.DataFrame(
                {"ecg_id": ids, "patient_id": patients, "vessel": vessel, "fold": -1, "model": "linear probe",
                 "probability": predicted, "mape": 0.04, "sd": 0.05, "lower": predicted - 0.1, "upper": predicted + 0.1,
                 "level": 0.95}
            )
        )  # fmt: skip
    return pd.DataFrame({"ecg_id": ids, "patient_id": patients}), pd.concat(parts), truth


@pytest.fixture(scope="module")
def found(site):
    cohort, ecgs, truth = site
    return compare_instability_with_truth(cohort, ecgs, truth.sample(frac=1, random_state=1), KEY, SETTINGS, 1)


def cells(found, vessel, measure, group="all"):
    return found.query("vessel == @vessel and measure == @measure and group == @group").set_index("method")


def test_coverage_by_hand(found):
    assert cells(found, "LAD", HELD)["estimate"].tolist() == [1, 1]
    assert cells(found, "RCA", HELD)["estimate"].tolist() == [0.5, 0.5]
    assert cells(found, "RCA", BELOW)["estimate"].tolist() == [0.5, 0.5]
    assert cells(found, "RCA", ABOVE)["estimate"].tolist() == [0, 0]
    assert cells(found, "RCA", HELD, "1")["estimate"].iloc[0] == 1
    assert cells(found, "RCA", HELD, str(GROUPS))["estimate"].iloc[0] == 0
    drawn = cells(found, "RCA", HELD).loc["patient-clustered bootstrap"]
    wilson = cells(found, "RCA", HELD).loc["Wilson"]
    assert drawn["upper"] - drawn["lower"] > wilson["upper"] - wilson["lower"], "two ECGs of a patient are nearly one"


def test_the_whole_error_and_what_moves(found):
    assert cells(found, "LAD", ERROR)["estimate"].iloc[0] == pytest.approx(0.03)
    assert cells(found, "RCA", ERROR)["estimate"].iloc[0] == pytest.approx(0.2 * 0.5**0.5)
    assert cells(found, "LAD", MOVED)["estimate"].iloc[0] == pytest.approx(0.05)


def test_groups_are_fifths_by_prediction(found):
    groups = found.query("vessel == 'LAD' and measure == @HELD and method == 'Wilson' and group != 'all'")
    assert groups["n"].tolist() == [ECGS // GROUPS] * GROUPS
    assert groups["predicted"].is_monotonic_increasing


def test_without_intervals_there_is_a_note(site):
    cohort, ecgs, truth = site
    few = ecgs.assign(lower=np.nan, upper=np.nan)
    found = compare_instability_with_truth(cohort, few, truth, KEY, SETTINGS, 1)
    assert found[found["measure"] == HELD]["note"].eq("too few re-developments for an interval").all()
    assert found[found["measure"] == ERROR]["estimate"].notna().all()
    instability_truth_figure(found, 0.95)


def test_the_truth_of_another_export_is_refused(site):
    cohort, ecgs, truth = site
    with pytest.raises(StudyError, match=r"10 re-predicted ECGs have no planted truth.*Fix"):
        compare_instability_with_truth(cohort, ecgs, truth.iloc[10:], KEY, SETTINGS, 1)


def test_the_figure_is_drawn(found, tmp_path):
    figures.save(instability_truth_figure(found, 0.95), tmp_path / "truth.svg")
    assert (tmp_path / "truth.svg").stat().st_size > 5000
