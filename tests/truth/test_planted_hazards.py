"""The planted hazards are inside the Cox intervals as often as they should be, and the oracle's groups are its own."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test

from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation, FollowUp
from ecg_ccta.errors import StudyError
from ecg_ccta.prognosis.patients import RISK_TARGETS
from ecg_ccta.sources.follow_up import HAZARD_RATIOS, marginal_hazard_ratios, simulate_follow_up
from ecg_ccta.truth.planted_hazards import (
    ALONE,
    MODEL,
    ORACLE,
    TOGETHER,
    draw_planted_hazards,
    recovered_hazards,
    separation,
)
from ecg_ccta.vessels import HIGH_RISK_THRESHOLDS, VESSELS

KEY = b"k" * 32
PREVALENCE = np.array([0.18, 0.02, 0.25, 0.17])


def site(seed: int, n: int = 2000, ratios: dict | None = None):
    """Patients of the default study's size with one ECG each: cohort, follow-up, truth table and planted ratios."""
    rng = np.random.default_rng(seed)
    oracle = rng.beta(1.2 * PREVALENCE / (1 - PREVALENCE), 1.2, (n, 4)).clip(1e-4, 0.9999)
    events = rng.random((n, 4)) < oracle
    performed = np.datetime64("2021-01-04") + rng.integers(0, 700, n)
    drawn = simulate_follow_up(performed, rng.normal(60, 10, n), events, rng)
    raw = [f"HOSP-{number:05d}" for number in range(n)]
    ids = [pseudonym(KEY, "ecg", value) for value in raw]
    infarction = (drawn["event"] == "myocardial infarction").to_numpy()
    last = pd.to_datetime(drawn["event_date"]).where(infarction, pd.to_datetime(drawn["end_date"]))
    follow_up = pd.DataFrame(
        {
            "patient_id": ids,
            "days": (last.to_numpy().astype("datetime64[D]") - performed).astype(float),
            "event": np.where(infarction, "event", drawn["event"].fillna("censored")),
        }
    )
    cohort = pd.DataFrame(
        {"ecg_id": ids, "patient_id": ids, "recorded_at": pd.NaT, "ccta_date": pd.NaT, "days_to_ccta": 1.0}
    )
    cohort["age"], cohort["sex"] = 60.0, "male"
    for column, vessel in enumerate(VESSELS):
        target = pd.array(events[:, column].astype(int), dtype="Int8")
        target[rng.random(n) < 0.03] = pd.NA
        cohort[f"target_{vessel}"] = target
        cohort[f"grade_{vessel}"] = pd.Series(target).map({0: "none", 1: "severe"}).astype("string")
    truth = pd.DataFrame({"ecg_id": raw, **{f"oracle_{v}": oracle[:, k] for k, v in enumerate(VESSELS)}})
    planted = {"hazard_ratio": ratios or HAZARD_RATIOS, "marginal_hazard_ratio": marginal_hazard_ratios(events)}
    return cohort, follow_up, truth, planted


def recovered(seed: int, **others) -> pd.DataFrame:
    cohort, follow_up, _, planted = site(seed, **others)
    return recovered_hazards(cohort, follow_up, planted, FollowUp(), Evaluation())


def test_intervals_hold_the_planted_ratios_as_often_as_they_should() -> None:
    """40 draws of 2,000 patients: 200 intervals of 95 % of all findings at once, and 40 tests of all five ratios."""
    tables = [recovered(seed).set_index(["regression", "finding"]) for seed in range(40)]
    together = [table.loc[TOGETHER] for table in tables]
    inside = np.mean([table["inside"].astype(bool) for table in together])
    # Binomial: 95 % within 3 standard deviations of 1.5 % each.
    assert 0.90 <= inside <= 0.995
    assert np.mean([table["p_planted"].iloc[0] < 0.05 for table in together]) <= 0.15
    # On average over the draws the coefficients are the planted ones.
    for name, ratio in HAZARD_RATIOS.items():
        found = np.log([table.loc[name, "estimate"] for table in together])
        assert np.mean(found) == pytest.approx(np.log(ratio), abs=3.5 * np.std(found) / np.sqrt(40)), name
    alone = np.mean([table.loc[(ALONE, "any"), "inside"] for table in tables])
    assert alone >= 0.85


def test_wrong_ratios_are_outside() -> None:
    """The check can fail: were the truth to claim that left main disease protects, no interval would hold it."""
    table = recovered(0, ratios=HAZARD_RATIOS | {"LM": 0.5, "any": 12.0}).set_index(["regression", "finding"])
    assert not table.loc[(TOGETHER, "LM"), "inside"]
    assert not table.loc[(TOGETHER, "any"), "inside"]
    assert table.loc[(TOGETHER, "RCA"), "p_planted"] < 0.001


def test_estimates_are_those_of_lifelines_in_patients_with_every_finding() -> None:
    cohort, follow_up, _, planted = site(1)
    found = recovered_hazards(cohort, follow_up, planted, FollowUp(), Evaluation()).set_index(["regression", "finding"])
    data = cohort.merge(follow_up, on="patient_id").dropna(subset=[f"target_{vessel}" for vessel in VESSELS])
    data = data[data["days"] > 28]
    table = data[[f"target_{vessel}" for vessel in VESSELS]].astype(float)
    table["any"] = table.max(axis=1)
    table["event"] = (data["event"] == "event") & (data["days"] <= 700)
    table["days"] = data["days"].clip(upper=700)
    summary = CoxPHFitter().fit(table, "days", "event", fit_options={"precision": 1e-12, "r_precision": 1e-14}).summary
    for name in RISK_TARGETS:
        row = summary.loc[name if name == "any" else f"target_{name}"]
        assert found.loc[(TOGETHER, name), ["estimate", "lower", "upper"]].tolist() == pytest.approx(
            row[["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%"]].tolist(), rel=1e-5
        )
    assert found.loc[(TOGETHER, "any"), ["patients", "events"]].tolist() == [len(table), table["event"].sum()]
    assert found.loc[(TOGETHER, "any"), "planted"] == 3.0
    assert found.loc[(ALONE, "any"), "planted"] == planted["marginal_hazard_ratio"]["any"]


def test_the_oracles_groups_separate_and_are_made_of_the_oracle() -> None:
    cohort, follow_up, truth, _ = site(2)
    rng = np.random.default_rng(0)
    predictions = pd.DataFrame(
        {"ecg_id": np.repeat(cohort["ecg_id"], 4), "vessel": np.tile(VESSELS, len(cohort)),
         "probability": rng.uniform(0.001, 0.4, 4 * len(cohort))}
    )  # fmt: skip
    shuffled = truth.sample(frac=1, random_state=1)
    table = separation(cohort, predictions, follow_up, shuffled, KEY, FollowUp(), Evaluation())
    table = table.set_index(["source", "vessel"])
    oracle = truth[[f"oracle_{vessel}" for vessel in VESSELS]].to_numpy()
    limits = np.array([HIGH_RISK_THRESHOLDS[vessel] for vessel in VESSELS])
    data = follow_up.assign(high=(oracle >= limits).any(axis=1))
    data = data[data["days"] > 28]
    data["event"] = (data["event"] == "event") & (data["days"] <= 700)
    data["days"] = data["days"].clip(upper=700)
    low, high = (data[data["high"] == group] for group in (False, True))
    row = table.loc[(ORACLE, "any")]
    counts = [len(high), high["event"].sum(), len(low), low["event"].sum()]
    assert row[["patients_high", "events_high", "patients_low", "events_low"]].tolist() == counts
    test = logrank_test(low["days"], high["days"], low["event"], high["event"])
    assert row["log_rank_p"] == pytest.approx(test.p_value)
    assert row["log_rank_p"] < 0.05
    assert row["lower"] > 1
    assert row["per_sd_lower"] > 1
    # A model that knows nothing does not separate.
    assert table.loc[(MODEL, "any"), "per_sd_lower"] < 1 < table.loc[(MODEL, "any"), "per_sd_upper"]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda table: table.iloc[:0], "no follow-up"),
        (lambda table: table.assign(event="censored"), "too few events (0)"),
    ],
)
def test_too_little_follow_up_gives_notes(change, note: str, tmp_path) -> None:
    cohort, follow_up, truth, planted = site(3, 300)
    table = recovered_hazards(cohort, change(follow_up), planted, FollowUp(), Evaluation())
    assert set(table["note"]) == {note}
    assert table["estimate"].isna().all()
    draw_planted_hazards(table).savefig(tmp_path / "none.png", dpi=50)
    predictions = pd.DataFrame(
        {"ecg_id": np.repeat(cohort["ecg_id"], 4), "vessel": np.tile(VESSELS, 300), "probability": 0.1}
    )
    separated = separation(cohort, predictions, change(follow_up), truth, KEY, FollowUp(), Evaluation())
    assert set(separated["note"]) == {note}


def test_a_finding_without_events_and_an_oracle_that_knows_nothing_are_said() -> None:
    cohort, follow_up, truth, planted = site(4, 600)
    cohort["grade_LM"] = pd.array(["moderate"] * 600, dtype="string")
    table = recovered_hazards(cohort, follow_up, planted, FollowUp(), Evaluation()).set_index(["regression", "finding"])
    note = "no events in patients with a stenosis in LM"
    assert set(table.loc[TOGETHER, "note"]) == {table.loc[(ALONE, "LM"), "note"]} == {note}
    assert table.loc[(ALONE, "LAD"), "note"] == ""
    constant = truth.assign(**{f"oracle_{vessel}": 0.17 for vessel in VESSELS})
    predictions = pd.DataFrame(
        {"ecg_id": np.repeat(cohort["ecg_id"], 4), "vessel": np.tile(VESSELS, 600), "probability": 0.1}
    )
    separated = separation(cohort, predictions, follow_up, constant, KEY, FollowUp(), Evaluation())
    of_oracle = separated[separated["source"] == ORACLE]
    assert set(of_oracle["note"]) == {"no patients at low risk"}
    assert of_oracle["per_sd"].isna().all()


def test_a_truth_of_another_export_is_refused() -> None:
    cohort, follow_up, truth, _ = site(5, 100)
    predictions = pd.DataFrame(
        {"ecg_id": np.repeat(cohort["ecg_id"], 4), "vessel": np.tile(VESSELS, 100), "probability": 0.1}
    )
    with pytest.raises(StudyError, match="no risk group"):
        separation(cohort, predictions, follow_up, truth.iloc[:50], KEY, FollowUp(), Evaluation())
