"""Patients with two CCTAs, from the simulated export over the cohort to the follow-up."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.cohort.building import build_cohort
from ecg_ccta.cohort.follow_up import follow_up_from_index
from ecg_ccta.config import Cohort, Evaluation, FollowUp, PerVessel, Simulation, Site
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.prognosis.accumulate_events import accumulate_events
from ecg_ccta.sources.second_ccta import DAYS_LATER, PROGRESSION
from ecg_ccta.sources.simulated_site import simulate_site
from ecg_ccta.vessels import VESSELS

SIMULATION = Simulation(
    patients=80,
    ecgs=90,
    oracle_auc=PerVessel(RCA=0.79, LM=0.82, LAD=0.74, LCX=0.76),
    prevalence=PerVessel(RCA=0.2, LM=0.1, LAD=0.3, LCX=0.2),
    broken_fraction=0,
    second_ccta=0.5,
)
WINDOW = Cohort()
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the simulated site, its cohort (but for the signals' columns) and when patients were last known."""
    folder = tmp_path_factory.mktemp("second")
    export = folder / "export"
    simulate_site(export, folder / "truth.parquet", folder / "truth.json", SIMULATION, 1)
    (folder / "site.key").write_text("0123456789abcdef0123456789abcdef")
    cohort, last_known, _, _ = build_cohort(
        "one", Site(role="external", export=export, pseudonym_key=folder / "site.key"), export, WINDOW, 1
    )
    return folder, cohort, last_known


def test_half_of_the_patients_have_a_second_ccta_with_an_ecg_of_its_own(site):
    folder, cohort, _ = site
    performed = pd.read_csv(folder / "export" / "ccta.csv", parse_dates=["performed_at"], dtype={"patient_id": str})
    dates = performed.groupby("patient_id")["performed_at"].agg(["min", "max", "size"])
    twice = dates[dates["size"] == 2]
    assert 0.3 * len(dates) < len(twice) < 0.6 * len(dates)
    assert (twice["max"] - twice["min"]).dt.days.between(*DAYS_LATER).all()
    assert (cohort.groupby("patient_id")["ccta_date"].nunique() == 2).sum() == len(twice)
    assert cohort["days_to_ccta"].between(-WINDOW.days_after_ccta, WINDOW.days_before_ccta).all()


def test_the_second_ecg_shows_the_disease_that_went_on(site):
    truth = pd.read_parquet(site[0] / "truth.parquet")
    later = truth.iloc[SIMULATION.ecgs :].set_index("patient_id")
    first = truth.iloc[: SIMULATION.ecgs].drop_duplicates("patient_id").set_index("patient_id").loc[later.index]
    for vessel in VESSELS:
        grown = later[f"expression_{vessel}"] - first[f"expression_{vessel}"]
        assert np.allclose(grown, PROGRESSION)
        assert (later[f"oracle_{vessel}"] > first[f"oracle_{vessel}"]).all()


def test_who_has_a_second_ccta_was_followed_until_then(site):
    _, cohort, last_known = site
    second = cohort.groupby("patient_id")["ccta_date"].max()
    assert (last_known.set_index("patient_id")["last_date"].loc[second.index] > second).mean() == 1


@pytest.mark.parametrize("unusable", [0, 25])
def test_no_exposure_is_measured_after_follow_up_began(site, unusable):
    """Also where the first CCTA's ECGs of some patients are unusable: their day 0 is the later CCTA."""
    _, cohort, last_known = site
    several = cohort.groupby("patient_id")["ccta_date"].transform("nunique") == 2
    first = cohort["ccta_date"] == cohort.groupby("patient_id")["ccta_date"].transform("min")
    included = cohort.drop(index=cohort.index[several & first][:unusable])
    follow_up, _ = follow_up_from_index(included, last_known)
    nearest = nearest_to_ccta(included).set_index("patient_id")
    known = last_known.set_index("patient_id")["last_date"]
    for row in follow_up.itertuples():
        day_0 = known[row.patient_id] - row.days * DAY
        exposure = nearest.loc[row.patient_id, "recorded_at"].normalize()
        assert (exposure - day_0) / DAY <= WINDOW.days_after_ccta
        assert (exposure - day_0) / DAY >= -WINDOW.days_before_ccta
    groups = pd.concat(
        pd.DataFrame(
            {
                "ecg_id": included["ecg_id"],
                "patient_id": included["patient_id"],
                "vessel": vessel,
                "probability": 0.1,
                # The ECGs of first CCTAs are at low risk, the later ones at high risk.
                "group": np.where(first[included.index], "low", "high"),
                "stratum": "intermediate",
            }
        )
        for vessel in VESSELS
    )
    found = accumulate_events(included, groups, follow_up, FollowUp(), Evaluation(bootstrap_replicates=10))["at_risk"]
    at_start = found.query("vessel == 'any' and grouping == 'risk group' and day == 28").set_index("group")["at_risk"]
    moved = nearest.index[~nearest["ecg_id"].isin(included.loc[first[included.index], "ecg_id"])]
    assert at_start["high"] == len(set(moved) & set(follow_up.loc[follow_up["days"] > 28, "patient_id"]))
    assert (at_start["high"] == 0) == (unusable == 0)
