import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecg_ccta import tables
from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.measurements import around_mean_direction, compare_measurements

HIGH = np.arange(80) < 30


def measured(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = [name for name in tables.MEASUREMENTS.columns if name not in ("ecg_id", "beats", "p_wave")]
    table = pd.DataFrame(rng.normal(0, 1, (80, len(columns))), columns=columns)
    return table.assign(ecg_id=[f"e{i}" for i in range(80)], qrs_ms=rng.normal(95, 10, 80) + 8 * HIGH)


def risk(high: np.ndarray = HIGH) -> pd.DataFrame:
    ecgs = {"ecg_id": [f"e{i}" for i in range(80)], "patient_id": [f"p{i}" for i in range(80)]}
    parts = [pd.DataFrame(ecgs | {"vessel": v, "group": np.where(high, "high", "low")}) for v in VESSELS]
    return pd.concat(parts, ignore_index=True)


def cell(table: pd.DataFrame, measurement: str, lead: str = "") -> pd.Series:
    found = table[(table["vessel"] == "LAD") & (table["measurement"] == measurement) & (table["lead"] == lead)]
    assert len(found) == 1
    return found.iloc[0]


def test_a_difference_is_welchs_and_missing_measurements_are_left_out():
    table = measured()
    table.loc[[0, 50], "qrs_ms"] = np.nan
    found = cell(compare_measurements(table, risk()), "QRS duration")
    high, low = (table.loc[group, "qrs_ms"].dropna() for group in (HIGH, ~HIGH))
    expected = stats.ttest_ind(high, low, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((low.mean(), high.mean()))
    assert (found["t"], found["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found["lower"], found["upper"]) == pytest.approx((bounds.low, bounds.high))
    assert (found["patients_high"], found["patients_low"]) == (29, 49)
    # Cohen's d is Student's t over the square root of the harmonic sample size.
    student = stats.ttest_ind(high, low).statistic
    assert found["standardised_difference"] == pytest.approx(student * np.sqrt(1 / 29 + 1 / 49))


def test_matched_pairs_are_compared_by_the_paired_test_where_both_were_measured():
    table, pair = measured(), np.tile(np.arange(40), 2)
    table["axis_deg"] = np.random.default_rng(5).normal(0, 10, 80) + 3 * pair
    table.loc[[0, 50], ["qrs_ms", "axis_deg"]] = np.nan
    pairs = risk(np.arange(80) >= 40).assign(pair=np.tile(pair, len(VESSELS)))
    for name, column, tolerance in (("QRS duration", "qrs_ms", 1e-9), ("QRS axis", "axis_deg", 0.3)):
        values = np.delete(table[column].to_numpy().reshape(2, 40), [0, 10], axis=1)
        expected = stats.ttest_rel(values[1], values[0])
        found = cell(compare_measurements(table, pairs), name)
        assert (found["t"], found["p_value"]) == pytest.approx((expected.statistic, expected.pvalue), rel=tolerance)
        assert (found["patients_low"], found["patients_high"], found["ecgs_high"]) == (38, 38, 38)


def test_q_values_are_those_of_the_vessel():
    found = compare_measurements(measured(), risk())
    of_vessel = found[found["vessel"] == "RCA"]
    assert len(of_vessel) == 9 + 2 + 6 + 3 * 12
    assert of_vessel["q_value"].to_numpy() == pytest.approx(stats.false_discovery_control(of_vessel["p_value"]))


def test_axes_on_both_sides_of_180_degrees_are_near():
    table = measured()
    axis = np.random.default_rng(1).normal(175, 8, 80) + 10 * HIGH
    for name, column in (("QRS axis", "axis_deg"), ("T axis", "t_axis_deg")):
        table[column] = (axis + 180) % 360 - 180
        found = cell(compare_measurements(table, risk()), name)
        means = {True: "high", False: "low"}
        for group in (HIGH, ~HIGH):
            circular = stats.circmean(table.loc[group, column], high=180, low=-180)
            assert found[means[bool(group[0])]] == pytest.approx(circular)
        assert found["difference"] == pytest.approx(axis[HIGH].mean() - axis[~HIGH].mean(), abs=0.2)
        # So near to each other, angles are numbers: Welch's test.
        expected = stats.ttest_ind(axis[HIGH], axis[~HIGH], equal_var=False)
        assert found["t"] == pytest.approx(expected.statistic, rel=0.02)


def test_the_error_of_a_mean_direction_is_that_of_the_bootstrap():
    """Axes as wide as T axes are, some inverted: 55 degrees of circular standard deviation."""
    rng = np.random.default_rng(2)
    axes = np.degrees(rng.vonmises(np.radians(60), 1.6, 300))
    found = around_mean_direction(axes)
    assert found.mean() == pytest.approx(stats.circmean(axes, high=180, low=-180))
    drawn = rng.choice(axes, (4000, 300))
    bootstrap = stats.circstd(stats.circmean(drawn, high=180, low=-180, axis=1), high=180, low=-180)
    assert found.std(ddof=1) / np.sqrt(300) == pytest.approx(bootstrap, rel=0.05)


def test_a_patient_s_axes_are_averaged_around_the_circle():
    table = measured()
    table["axis_deg"] = np.random.default_rng(4).normal(178, 3, 80)
    table.loc[[0, 1], "axis_deg"] = 170.0, -170.0
    ecgs = risk()
    ecgs.loc[ecgs["ecg_id"] == "e1", "patient_id"] = "p0"
    found = cell(compare_measurements(table, ecgs), "QRS axis")
    once = np.append(table["axis_deg"][HIGH][2:], 180.0)
    assert found["patients_high"] == 29
    assert found["high"] == pytest.approx(stats.circmean(once, high=180, low=-180))


def test_few_patients_give_a_note_and_no_number():
    found = compare_measurements(measured(), risk(np.arange(80) < 9))
    assert set(found["note"]) == {"too few patients (9 high-risk)"}
    assert found[["difference", "p_value", "q_value"]].isna().all().all()


def test_an_ecg_that_was_not_measured_is_an_error():
    with pytest.raises(StudyError, match="1 ECG"):
        compare_measurements(measured().iloc[1:], risk())
