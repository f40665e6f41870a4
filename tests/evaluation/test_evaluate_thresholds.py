"""What thresholds and strata are worth, against scikit-learn, statsmodels and a published example."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import class_likelihood_ratios, confusion_matrix, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint

from ecg_ccta import figures
from ecg_ccta.config import Evaluation, PerVessel
from ecg_ccta.evaluation.choose_thresholds import THRESHOLD_KINDS, choose_thresholds, rule_out_threshold, thresholds_of
from ecg_ccta.evaluation.evaluate_thresholds import (
    ACCURACY_MEASURES,
    RATIOS,
    stratum_figure,
    stratum_table,
    threshold_table,
)
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=300)


@pytest.fixture(scope="module")
def chosen(scored) -> dict:
    return choose_thresholds(scored, "internal", SETTINGS)


@pytest.fixture(scope="module")
def table(scored, chosen) -> pd.DataFrame:
    return threshold_table(scored, chosen, SETTINGS, seed=2)


@pytest.fixture(scope="module")
def strata(scored, chosen) -> pd.DataFrame:
    return stratum_table(scored, chosen, SETTINGS, seed=2)


def test_likelihood_ratios_of_a_published_example():
    """Exercise stress test against coronary disease in 1465 men (Weiner et al., N Engl J Med 301:230, 1979).

    815 true and 115 false positives, 208 false and 327 true negatives: 0.797 / 0.260 and 0.203 / 0.740.
    """
    counts = dict(zip(("tp", "fp", "fn", "tn"), np.array([815.0, 115.0, 208.0, 327.0]), strict=True))
    found = {measure: float(ratio(**counts)) for measure, (ratio, _) in RATIOS.items()}
    y = np.repeat([1, 0, 1, 0], [815, 115, 208, 327])
    p = np.repeat([1, 1, 0, 0], [815, 115, 208, 327])
    assert (found["LR+"], found["LR-"]) == pytest.approx(class_likelihood_ratios(y, p))
    assert (found["LR+"], found["LR-"]) == pytest.approx((0.797 / 0.260, 0.203 / 0.740), rel=0.005)


@pytest.mark.parametrize("kind", THRESHOLD_KINDS)
@pytest.mark.parametrize("vessel", ["RCA", "LAD", "LCX"])
def test_measures_are_scikit_learns(scored, chosen, table, vessel, kind):
    rows = with_finding(scored, vessel)
    y = rows["y_true"].to_numpy(dtype=int)
    positive = rows["probability"].to_numpy() >= thresholds_of(rows, chosen, kind)
    cells = table[(table["vessel"] == vessel) & (table["kind"] == kind)]
    assert cells["measure"].drop_duplicates().tolist() == list(ACCURACY_MEASURES)
    found = cells[cells["method"] == CLUSTERED].set_index("measure")
    (tn, fp), (fn, tp) = confusion_matrix(y, positive)
    ratios = class_likelihood_ratios(y, positive)
    expected = {
        "sensitivity": recall_score(y, positive),
        "specificity": recall_score(y, positive, pos_label=0),
        "PPV": precision_score(y, positive),
        "NPV": precision_score(y, positive, pos_label=0),
        "proportion positive": positive.mean(),
        "LR+": ratios[0],
        "LR-": ratios[1],
        "CCTAs per event found": 1 / precision_score(y, positive),
        "ECGs per event found": len(y) / tp,
    }
    assert found["estimate"].to_dict() == pytest.approx(expected)
    assert (found["lower"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["upper"]).all()
    assert found["n"].unique() == [len(y)]
    assert found["events"].unique() == [y.sum()]
    by_wilson = cells[cells["method"] == WILSON].set_index("measure")
    for measure, count, of in (("sensitivity", tp, tp + fn), ("PPV", tp, tp + fp), ("NPV", tn, tn + fn)):
        interval = proportion_confint(count, of, method="wilson")
        assert tuple(by_wilson.loc[measure, ["lower", "upper"]]) == pytest.approx(interval)
    assert set(cells["measure"]) - set(by_wilson.index) == set(RATIOS)


def test_the_bootstrap_is_that_of_the_repeated_patients(scored, chosen):
    """One draw by hand: its sensitivity from the rows repeated as often as their patients were drawn."""
    from ecg_ccta.statistics.bootstrap import patient_codes, resample_patients

    one = threshold_table(scored, chosen, Evaluation(bootstrap_replicates=1), seed=9)
    codes, patients = patient_codes(scored["patient_id"])
    counts = next(resample_patients(patients, 1, 9))[0]
    repeated = with_finding(scored.loc[scored.index.repeat(counts[codes])], "RCA")
    positive = repeated["probability"] >= thresholds_of(repeated, chosen, "rule-in")
    cell = one[(one["vessel"] == "RCA") & (one["kind"] == "rule-in") & (one["method"] == CLUSTERED)]
    cell = cell.set_index("measure")
    assert cell.loc["sensitivity", "lower"] == pytest.approx(recall_score(repeated["y_true"].astype(int), positive))


def test_a_fold_is_judged_by_the_thresholds_of_the_others(scored, chosen, table):
    rows = with_finding(scored, "RCA")
    low = [
        rule_out_threshold(part["y_true"].to_numpy(dtype=int), part["probability"].to_numpy(), 0.9)
        for part in (rows[rows["fold"] != fold] for fold in range(5))
    ]
    cell = table[(table["vessel"] == "RCA") & (table["kind"] == "rule-out")].iloc[0]
    assert (cell["lowest_threshold"], cell["highest_threshold"]) == (min(low), max(low))
    elsewhere = threshold_table(scored.assign(fold=-1), chosen, SETTINGS, seed=2)
    cell = elsewhere[(elsewhere["vessel"] == "RCA") & (elsewhere["kind"] == "rule-out")].iloc[0]
    frozen = chosen["frozen"]["RCA"]["thresholds"]["rule-out"]["threshold"]
    assert (cell["lowest_threshold"], cell["highest_threshold"]) == (frozen, frozen)


def test_a_rare_finding_says_so(table, strata):
    for found in (table, strata):
        cells = found[found["vessel"] == "LM"]
        assert cells["note"].str.startswith("too few events").all()
        assert cells[["estimate", "lower", "upper"]].isna().all(axis=None)
    guideline = table[(table["vessel"] == "LM") & (table["kind"] == "guideline")]
    assert guideline["lowest_threshold"].unique() == [0.01]


def test_no_threshold_here_though_events_enough(scored, chosen):
    """LM is too rare at the development site; a site with more of it still has no threshold for it."""
    often = scored.assign(
        fold=-1, y_true=scored["y_true"].mask(scored["vessel"] == "LM", (scored["probability"] > 0.01).astype("Int8"))
    )
    cells = threshold_table(often, chosen, SETTINGS, seed=2).query("vessel == 'LM'")
    assert cells.loc[cells["kind"] == "guideline", "estimate"].notna().any()
    others = cells[cells["kind"] != "guideline"]
    assert others["note"].str.fullmatch(r"no threshold: too few events \(\d+\) at site internal").all()
    assert stratum_table(often, chosen, SETTINGS, seed=2).query("vessel == 'LM'")["note"].str.startswith("no thr").all()


def test_what_cannot_be_divided_has_a_note(scored):
    everyone = Evaluation(high_risk_thresholds=PerVessel(RCA=0, LM=0, LAD=1, LCX=0), bootstrap_replicates=50)
    table = threshold_table(scored, choose_thresholds(scored, "internal", everyone), everyone, seed=1)
    cells = table[(table["kind"] == "guideline") & (table["method"] == CLUSTERED)].set_index(["vessel", "measure"])
    assert cells.loc[("RCA", "NPV"), "note"] == "no ECG below the threshold"
    assert cells.loc[("RCA", "LR-"), "note"] == "no true negative"
    assert cells.loc[("LAD", "PPV"), "note"] == "no ECG at or above the threshold"
    assert cells.loc[("LAD", "CCTAs per event found"), "note"] == "no event found"
    assert cells.loc[[("RCA", "NPV"), ("LAD", "LR+")], "estimate"].isna().all()
    assert cells.loc[("RCA", "sensitivity"), "note"].startswith("no width: the same in every draw")


def test_an_end_at_infinity_is_missing(scored, chosen):
    # One false positive alone: more than a third of the draws miss its patient, and LR+ has no upper bound.
    rows = scored[scored["vessel"] == "RCA"].assign(fold=-1)
    event = rows["y_true"].fillna(0) == 1
    first = rows.index[~event & rows["y_true"].notna()][0]
    rows["probability"] = np.where(event | (rows.index == first), 0.9, 0.01)
    cell = threshold_table(rows, chosen, SETTINGS, seed=1).query("kind == 'guideline' and measure == 'LR+'")
    cell = cell[cell["vessel"] == "RCA"].iloc[0]
    assert cell["estimate"] > 1
    assert np.isnan(cell["upper"])
    assert cell["note"].startswith("no upper bound: no false positive in 3")


def test_strata_add_up(scored, chosen, strata):
    for vessel in ("RCA", "LAD", "LCX"):
        rows = with_finding(scored, vessel)
        cells = strata[(strata["vessel"] == vessel) & (strata["method"] == CLUSTERED)]
        rate = cells[cells["measure"] == "event rate"]
        assert rate["n"].sum() == len(rows)
        assert rate["events"].sum() == rows["y_true"].sum()
        assert rate["estimate"].is_monotonic_increasing
        for measure in ("proportion of ECGs", "proportion of events"):
            assert cells.loc[cells["measure"] == measure, "estimate"].sum() == pytest.approx(1)
        # What ruling out misses is what the rule-out threshold's sensitivity lacks.
        low = cells[(cells["measure"] == "proportion of events") & (cells["stratum"] == "low")].iloc[0]
        below = rows["probability"].to_numpy() < thresholds_of(rows, chosen, "rule-out")
        assert low["estimate"] == pytest.approx(
            (rows["y_true"].to_numpy(dtype=int) * below).sum() / rows["y_true"].sum()
        )
        wilson = strata[(strata["vessel"] == vessel) & (strata["method"] == WILSON)].set_index(["measure", "stratum"])
        row = wilson.loc[("event rate", "high")]
        assert (row["lower"], row["upper"]) == pytest.approx(
            proportion_confint(row["events"], row["n"], method="wilson")
        )


def test_the_figure_is_drawn_also_where_there_is_nothing(tmp_path, strata, chosen, unjudged):
    figure = stratum_figure(strata)
    rate = strata[(strata["vessel"] == "RCA") & (strata["measure"] == "event rate") & (strata["method"] == CLUSTERED)]
    points = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_marker() not in ("None", None, "")]
    assert points == pytest.approx((100 * rate["estimate"]).tolist())
    figures.save(figure, tmp_path / "strata.svg")
    nothing = stratum_table(scored_ecgs(*unjudged), chosen, SETTINGS, seed=1)
    assert (nothing["note"] == "no findings").all()
    assert len(nothing) == 9 * len(VESSELS)
    figures.save(stratum_figure(nothing), tmp_path / "none.svg")
    assert (tmp_path / "none.png").stat().st_size > 5000
