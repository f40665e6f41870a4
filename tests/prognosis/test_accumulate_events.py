"""Cumulative events against published numbers, lifelines and counts by hand."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from matplotlib.text import Text
from scipy import stats

from ecg_ccta.config import Evaluation, FollowUp
from ecg_ccta.errors import StudyError
from ecg_ccta.prognosis.accumulate_events import accumulate_events
from ecg_ccta.prognosis.comparison import ADJUSTED, CRUDE
from ecg_ccta.prognosis.figures import cumulative_events_figure, event_rates_figure, strata_events_figure
from ecg_ccta.prognosis.patients import RISK_GROUP, RISK_STRATUM, patient_risk
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.statistics.incidence import AALEN_JOHANSEN, INCIDENCE_METHODS, KAPLAN_MEIER
from ecg_ccta.vessels import VESSELS

# Freireich et al., Blood 21:699-716, 1963: weeks in remission, negative where censored.
MERCAPTOPURINE = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def accumulate(cohort, groups, follow_up, settings, **evaluation):
    return accumulate_events(
        cohort, groups, follow_up, settings, Evaluation(**evaluation), any_vessel=any_vessel(cohort, groups)
    )


def any_vessel(cohort, groups):
    """Strata of any vessel as they might come out: those of the RCA."""
    strata = groups[groups["vessel"] == "RCA"].set_index("ecg_id")["stratum"]
    return cohort[["ecg_id", "patient_id"]].assign(stratum=cohort["ecg_id"].map(strata))


def study(days: list[float], events: list[str], high: list[bool]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """One ECG per patient; high risk in RCA alone."""
    ids = [f"{number:020x}" for number in range(len(days))]
    cohort = pd.DataFrame(
        {"ecg_id": ids, "patient_id": ids, "recorded_at": pd.NaT, "ccta_date": pd.NaT, "days_to_ccta": 1.0}
    )
    cohort["age"], cohort["sex"] = (
        55.0 + 5 * (np.arange(len(ids)) % 4),
        np.array(["female", "male", "male"])[np.arange(len(ids)) % 3],
    )
    groups = pd.concat(
        pd.DataFrame(
            {
                "ecg_id": ids,
                "patient_id": ids,
                "vessel": vessel,
                "probability": 0.1,
                "group": np.where(np.array(high) & (vessel == "RCA"), "high", "low"),
                "stratum": np.where(np.array(high) & (vessel == "RCA"), "high", "intermediate"),
            }
        )
        for vessel in VESSELS
    )
    return cohort, groups, pd.DataFrame({"patient_id": ids, "days": np.array(days, float), "event": events})


def compared(tables: dict[str, pd.DataFrame], vessel: str, measure: str, method: str, grouping=RISK_GROUP) -> pd.Series:
    table = rows_of(tables["comparison"], measure, method)
    return table[(table["vessel"] == vessel) & (table["grouping"] == grouping)].iloc[0]


def read(tables: dict[str, pd.DataFrame], method: str = KAPLAN_MEIER) -> pd.DataFrame:
    rows = tables["readings"]
    return rows[(rows["grouping"] == RISK_GROUP) & (rows["method"] == method)]


@pytest.fixture(scope="module")
def remission() -> dict[str, pd.DataFrame]:
    weeks = MERCAPTOPURINE + PLACEBO
    events = ["event" if week > 0 else "censored" for week in weeks]
    high = [False] * len(MERCAPTOPURINE) + [True] * len(PLACEBO)
    settings = FollowUp(landmark_days=0, horizon_days=40, reading_days=[6, 10, 22, 30])
    return accumulate(*study([abs(week) for week in weeks], events, high), settings)


def test_published_kaplan_meier(remission: dict) -> None:
    """Kalbfleisch and Prentice's table of the 6-MP arm: 0.857, 0.753, 0.538, 0.448."""
    table = read(remission)
    rows = table[(table["vessel"] == "RCA") & (table["group"] == "low")].set_index("day")
    assert (1 - rows["percent"] / 100).round(3).tolist() == [0.857, 0.753, 0.538, 0.448]
    # Published standard error at week 10: 0.0963; interval on the log(-log) scale.
    survival, error = 0.7529411764705882, 0.0963
    factor = np.exp(stats.norm.ppf(0.975) * error / (survival * np.log(survival)))
    assert rows.loc[10, "lower"] == pytest.approx(100 * (1 - survival**factor), abs=0.05)
    assert rows.loc[10, "upper"] == pytest.approx(100 * (1 - survival ** (1 / factor)), abs=0.05)
    assert rows.loc[10, ["at_risk", "events", "censored"]].tolist() == [15, 5, 3]


def test_published_log_rank_and_hazard_ratio(remission: dict) -> None:
    """Log-rank chi-squared 16.79, as in Kleinbaum and Klein, Survival Analysis, chapter 2; all to more digits by R's
    survdiff, coxph (Efron's ties: 1.572, standard error 0.412) and cox.zph on MASS::gehan."""
    assert compared(remission, "RCA", "chi-squared", "log-rank")["estimate"] == pytest.approx(16.792941, abs=5e-7)
    row = compared(remission, "RCA", "hazard ratio", CRUDE)
    assert np.log(row["estimate"]) == pytest.approx(1.57212515, abs=5e-7)
    error = (np.log(row["upper"]) - np.log(row["lower"])) / (2 * stats.norm.ppf(0.975))
    assert error == pytest.approx(0.412396718, abs=5e-7)
    assert (row["patients"], row["events"]) == (42, 30)
    proportional = compared(remission, "RCA", "proportional hazards p", CRUDE)
    assert proportional["estimate"] == pytest.approx(0.879812895, abs=5e-6)


def simulated(patients: int = 600, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    high = rng.random(patients) < 0.4
    times = np.stack(
        [
            rng.exponential(np.where(high, 800, 2500)),
            rng.exponential(6000, patients),
            rng.uniform(5, 1500, patients),
        ]
    )
    words = np.array(["event", "death", "censored"])[times.argmin(axis=0)]
    return study(np.ceil(times.min(axis=0)).tolist(), words.tolist(), high.tolist())


def test_landmark_and_horizon() -> None:
    days = [28, 28, 10, 29, 700, 701, 900, 300]
    events = ["event", "death", "censored", "event", "event", "event", "censored", "death"]
    tables = accumulate(*study(days, events, [True] * 4 + [False] * 4), FollowUp(), minimum_events=1)
    flow = tables["flow"].set_index("step")["patients"]
    assert flow["event by day 28"] == flow["death by day 28"] == flow["follow-up ended by day 28"] == 1
    assert flow["analysed"] == 5
    rows = tables["at_risk"].query("vessel == 'any' and grouping == 'risk group' and group == 'low'").set_index("day")
    # The event on day 700 counts, the one on day 701 does not; the study's end on day 700 censors nobody early.
    assert rows.loc[700, ["at_risk", "events", "deaths", "censored"]].tolist() == [3, 1, 1, 0]
    assert rows.loc[28, ["at_risk", "events"]].tolist() == [4, 0]


def test_estimates_are_those_of_lifelines() -> None:
    cohort, groups, follow_up = simulated()
    tables = accumulate(cohort, groups, follow_up, FollowUp(), level=0.9)
    high = groups[groups["vessel"] == "RCA"].set_index("patient_id")["group"] == "high"
    data = follow_up[follow_up["days"] > 28].assign(high=lambda rows: rows["patient_id"].map(high))
    data["event"] = (data["event"] == "event") & (data["days"] <= 700)
    data["days"] = data["days"].clip(upper=700)
    arms = {group: data[data["high"] == (group == "high")] for group in ("low", "high")}
    readings = read(tables).query("vessel == 'RCA'").set_index(["group", "day"])
    for group, arm in arms.items():
        fitter = KaplanMeierFitter(alpha=0.1).fit(arm["days"], arm["event"])
        for day in (30, 100, 200, 300):
            row = readings.loc[(group, day)]
            assert row["at_risk"] == (arm["days"] >= day).sum()
            assert row["percent"] / 100 == pytest.approx(1 - fitter.predict(day))
    test = logrank_test(arms["low"]["days"], arms["high"]["days"], arms["low"]["event"], arms["high"]["event"])
    exact = {"precision": 1e-12, "r_precision": 1e-14}
    cox = CoxPHFitter(alpha=0.1).fit(data[["days", "event", "high"]].astype(float), "days", "event", fit_options=exact)
    assert compared(tables, "RCA", "p", "log-rank")["estimate"] == pytest.approx(test.p_value)
    row = compared(tables, "RCA", "hazard ratio", CRUDE)
    assert row["estimate"] == pytest.approx(cox.hazard_ratios_["high"])
    assert row["lower"] < 2500 / 800 < row["upper"]
    # Age and sex are drawn apart from the events.
    assert compared(tables, "RCA", "hazard ratio", ADJUSTED)["estimate"] == pytest.approx(row["estimate"], rel=0.1)


def test_where_patients_die_the_incidence_of_the_event_is_lower_than_if_nobody_did() -> None:
    cohort, groups, follow_up = simulated()
    tables = accumulate(cohort, groups, follow_up, FollowUp())
    alone, competing = (read(tables, method).query("day == 300 and vessel == 'RCA'") for method in INCIDENCE_METHODS)
    assert (competing["percent"].to_numpy() < alone["percent"].to_numpy()).all()
    nobody_died = follow_up.assign(event=follow_up["event"].replace("death", "censored"))
    assert set(accumulate(cohort, groups, nobody_died, FollowUp())["readings"]["method"]) == {KAPLAN_MEIER}


def test_strata() -> None:
    cohort, groups, follow_up = simulated()
    order = np.where(cohort.index % 2 == 0, "low", "intermediate")
    low = groups["vessel"].eq("LAD") & groups["ecg_id"].map(dict(zip(cohort["ecg_id"], order == "low", strict=True)))
    groups = groups.assign(stratum=groups["stratum"].mask(low, "low").mask(groups["vessel"] == "LM"))
    tables = accumulate(cohort, groups, follow_up, FollowUp())
    lacking = tables["comparison"].query("vessel == 'LM' and grouping == 'stratum'")
    assert set(lacking["note"]) == {"no strata: too few events to choose their thresholds"}
    # Any vessel has thresholds of its own: neither LM's missing strata nor the LAD's low ones are its.
    counts = tables["at_risk"].query("vessel == 'any' and grouping == 'stratum' and day == 28").set_index("group")
    assert counts["at_risk"].sum() == tables["flow"].set_index("step").loc["analysed", "patients"]
    assert counts.loc["low", "at_risk"] == 0
    risk = patient_risk(cohort, groups, any_vessel(cohort, groups))
    assert (risk["stratum_any"] == risk["stratum_RCA"]).all()
    assert patient_risk(cohort, groups)["stratum_any"].isna().all()
    assert compared(tables, "any", "p", "log-rank trend", RISK_STRATUM)["estimate"] < 0.001
    strata_events_figure(tables)


def test_patients_without_age_or_sex_leave_the_adjusted_hazard_ratio() -> None:
    cohort, groups, follow_up = simulated()
    cohort.loc[cohort.index[:100], "age"] = np.nan
    tables = accumulate(cohort, groups, follow_up, FollowUp())
    crude, adjusted = (compared(tables, "RCA", "hazard ratio", method) for method in (CRUDE, ADJUSTED))
    left = crude["patients"] - adjusted["patients"]
    assert 80 < left <= 100
    assert adjusted["note"] == f"{left} patients without age or sex left out"


def test_the_ecg_nearest_to_the_ccta_decides() -> None:
    cohort, groups, _ = study([0] * 5, ["censored"] * 5, [True, False, False, True, False])
    cohort["patient_id"] = [f"{number:020x}" for number in (0, 0, 0, 1, 1)]
    cohort["days_to_ccta"] = [9.0, -3.0, 5.0, np.nan, 60.0]
    risk = patient_risk(cohort, groups).set_index("patient_id")
    assert risk["RCA"].tolist() == ["low", "low"]
    cohort["days_to_ccta"] = [-1.0, 3.0, 5.0, np.nan, np.nan]
    cohort["recorded_at"] = pd.to_datetime(["2022-03-01"] * 3 + ["2022-01-01", "2022-02-01"])
    risk = patient_risk(cohort, groups).set_index("patient_id")
    assert risk["RCA"].tolist() == risk["any"].tolist() == ["high", "high"]
    assert risk["LAD"].tolist() == ["low", "low"]


def test_a_missing_risk_group_is_refused() -> None:
    cohort, groups, follow_up = simulated(20)
    with pytest.raises(StudyError, match="1 of the cohort's 20 ECGs have no risk group"):
        accumulate(cohort, groups.iloc[1:], follow_up, FollowUp())
    with pytest.raises(StudyError, match="risk of the patients: some of the cohort have none"):
        patient_risk(cohort, groups, any_vessel(cohort, groups).iloc[1:])


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda table: table.iloc[:0], "no follow-up"),
        (lambda table: table.assign(event="censored"), "too few events (0)"),
        (lambda table: table.assign(days=20.0), "no follow-up"),
    ],
)
def test_too_little_follow_up_gives_notes_and_no_numbers(change, note: str, tmp_path) -> None:
    cohort, groups, follow_up = simulated(80)
    tables = accumulate(cohort, groups, change(follow_up), FollowUp())
    assert set(tables["comparison"]["note"]) == set(tables["readings"]["note"]) == {note}
    assert tables["readings"]["percent"].isna().all()
    assert tables["curves"].empty
    figure = cumulative_events_figure(tables)
    strata_events_figure(tables)
    bars = event_rates_figure(tables)
    for drawn in (figure, bars):
        assert [text.get_text() for text in drawn.findobj(Text)].count(note) == 5
    assert set(tables["auc"]["note"]) == {note}
    assert tables["auc"]["estimate"].isna().all()
    bars.savefig(tmp_path / "bars.png", dpi=50)
    figure.savefig(tmp_path / "events.png", dpi=50)


def test_a_single_stratum_and_a_stratum_without_events(tmp_path) -> None:
    cohort, groups, follow_up = simulated(200)
    tables = accumulate(cohort, groups.assign(group="low"), follow_up, FollowUp())
    tests = rows_of(tables["comparison"], "p", "log-rank")
    assert set(tests.loc[tests["grouping"] == RISK_GROUP, "note"]) == {"no patients at high risk"}
    assert set(tables["curves"].query("grouping == 'risk group'")["group"]) == {"low"}
    cumulative_events_figure(tables).savefig(tmp_path / "single.png", dpi=50)
    high = groups.query("vessel == 'RCA' and group == 'high'")["patient_id"]
    quiet = follow_up.assign(event=follow_up["event"].where(~follow_up["patient_id"].isin(high), "censored"))
    tables = accumulate(cohort, groups, quiet, FollowUp())
    row = compared(tables, "RCA", "hazard ratio", CRUDE)
    assert row["note"] == "no hazard ratio: no events at high risk"
    assert np.isnan(row["estimate"])
    assert compared(tables, "RCA", "p", "log-rank")["estimate"] < 0.05
    reading = read(tables).query("vessel == 'RCA' and group == 'high' and day == 300").iloc[0]
    assert (reading["percent"], reading["note"]) == (0, "no event yet: no interval")
    cumulative_events_figure(tables).savefig(tmp_path / "quiet.png", dpi=50)


def test_nobody_at_risk_any_more_is_not_read() -> None:
    cohort, groups, follow_up = simulated(200)
    ended = follow_up.assign(
        event=follow_up["event"].where(follow_up["days"] <= 250, "censored"), days=follow_up["days"].clip(upper=250)
    )
    readings = read(accumulate(cohort, groups, ended, FollowUp())).query("day == 300 and vessel == 'RCA'")
    assert set(readings["note"]) == {"nobody at risk any more"}
    assert readings["percent"].isna().all()


def test_figure_shows_the_numbers_at_risk() -> None:
    tables = accumulate(*simulated(), FollowUp())
    figure = cumulative_events_figure(tables)
    shown = [text.get_text() for text in figure.findobj(Text)]
    rows = tables["at_risk"].query("grouping == 'risk group'")
    for count in (*rows["at_risk"], *(rows["censored"] + rows["deaths"])):
        assert str(count) in shown
    row = compared(tables, "RCA", "hazard ratio", CRUDE)
    assert any(f"HR {row['estimate']:.2f}" in text for text in shown)


def test_event_rates_respect_censoring_and_death(tmp_path) -> None:
    """Heights are the cumulative incidence, not events over group size, and the figure draws the table."""
    tables = accumulate(*simulated(), FollowUp())
    rates = tables["rates"]
    assert set(rates["method"]) == {AALEN_JOHANSEN}
    row = rates.query("vessel == 'RCA' and group == 'high' and day == 300").iloc[0]
    same = read(tables, AALEN_JOHANSEN).query("vessel == 'RCA' and group == 'high' and day == 300").iloc[0]
    assert row[["percent", "lower", "upper"]].tolist() == same[["percent", "lower", "upper"]].tolist()
    members = tables["at_risk"].query("vessel == 'RCA' and grouping == 'risk group' and group == 'high' and day == 28")
    raw = 100 * row["events"] / members["at_risk"].iloc[0]
    assert row["percent"] > raw + 0.5
    figure = event_rates_figure(tables)
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    drawn = rates[rates["vessel"] == "RCA"]
    assert heights == pytest.approx(
        [percent for group in ("low", "high") for percent in drawn.loc[drawn["group"] == group, "percent"]]
    )
    shown = [text.get_text() for text in figure.findobj(Text)]
    for count in (*rates["at_risk"], *(rates["censored"] + rates["deaths"])):
        assert str(count) in shown
    figure.savefig(tmp_path / "rates.png", dpi=50)
    cohort, groups, follow_up = simulated()
    alive = follow_up.assign(event=follow_up["event"].replace("death", "censored"))
    assert set(accumulate(cohort, groups, alive, FollowUp())["rates"]["method"]) == {KAPLAN_MEIER}


def test_auc_at_the_reading_days_and_the_horizon() -> None:
    cohort, groups, follow_up = simulated()
    high = groups["vessel"].eq("RCA") & groups["group"].eq("high")
    groups = groups.assign(probability=groups["probability"].mask(high, 0.4))
    settings = FollowUp(reading_days=[10, 30, 100, 300])
    table = accumulate(cohort, groups, follow_up, settings, bootstrap_replicates=100)["auc"].set_index(
        ["vessel", "day"]
    )
    # A reading day before the landmark has no AUC, the horizon has one.
    assert table.loc["RCA"].index.tolist() == [30, 100, 300, 700]
    assert table.loc[("RCA", 30), "note"].startswith("too few events (")
    assert np.isnan(table.loc[("RCA", 30), "estimate"])
    reached = follow_up[(follow_up["days"] > 28) & (follow_up["days"] <= 300)]
    assert table.loc[("RCA", 300), "events"] == (reached["event"] == "event").sum()
    row = table.loc[("RCA", 700)]
    assert 0.55 < row["lower"] < row["estimate"] < row["upper"]
    assert table.loc[("any", 700), "estimate"] == pytest.approx(row["estimate"])
    assert table.loc[("LAD", 700), "estimate"] == pytest.approx(0.5)
    ended = follow_up.assign(days=follow_up["days"].clip(upper=700))
    row = (
        accumulate(cohort, groups, ended, settings, bootstrap_replicates=100)["auc"]
        .set_index(["vessel", "day"])
        .loc[("RCA", 700)]
    )
    assert row["note"] == "nobody is followed up for longer"
