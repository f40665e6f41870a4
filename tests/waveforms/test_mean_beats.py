import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from ecg_ccta.errors import StudyError
from ecg_ccta.signals.segments import beat_times, segment_mask
from ecg_ccta.vessels import LEADS, VESSELS
from ecg_ccta.waveforms.compare_waveforms import ALL, MILLIVOLTS
from ecg_ccta.waveforms.figures import draw_waveforms
from ecg_ccta.waveforms.mean_beats import COMPARED_SEGMENTS, beat_curves, compare_waveforms

TIMES = beat_times(0.25, 0.65)
ST = segment_mask("ST", TIMES)
V2 = LEADS.index("V2")


def beats_of(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.1, (n, 12, 1)) * ST
    return (level + np.zeros((n, 12, len(TIMES)))).astype(np.float32)


def risk_table(ids: pd.Series, patients: list[str], groups: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"ecg_id": ids, "patient_id": patients, "vessel": vessel, "group": groups.get(vessel, groups["LAD"])}
        )
        for vessel in VESSELS
    ]
    return pd.concat(parts, ignore_index=True)


def drawn(comparison, vessel: str):
    comparison.clusters["p_corrected"] = comparison.clusters["p_value"]
    return draw_waveforms({(ALL, MILLIVOLTS): comparison}, vessel)


def cell(comparison, vessel="LAD", lead="V2", segment="ST") -> pd.Series:
    table = comparison.segments
    return table[(table["vessel"] == vessel) & (table["lead"] == lead) & (table["segment"] == segment)].iloc[0]


def test_one_ecg_per_patient_is_welchs_test():
    beats, ids = beats_of(60), pd.Series([f"e{i}" for i in range(60)])
    group = np.where(np.arange(60) < 22, "high", "low")
    beats[:22, V2] -= 0.08 * ST
    comparison = compare_waveforms(beats, TIMES, ids, risk_table(ids, [f"p{i}" for i in range(60)], {"LAD": group}))
    found = cell(comparison)
    values = beats[:, V2][:, ST].mean(axis=1).astype(float)
    expected = stats.ttest_ind(values[:22], values[22:], equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found["t"] == pytest.approx(expected.statistic, rel=1e-5)
    assert found["p_value"] == pytest.approx(expected.pvalue, rel=1e-4)
    assert (found["lower"], found["upper"]) == pytest.approx((interval.low, interval.high), rel=1e-4)
    assert found["difference"] == pytest.approx(values[:22].mean() - values[22:].mean(), abs=1e-6)
    assert (found["patients_high"], found["patients_low"], found["ecgs_high"]) == (22, 38, 22)


def test_a_patient_in_both_groups_is_counted_as_one_cluster():
    """Against statsmodels' cluster-robust regression on patient averages (its small-sample factors undone)."""
    n = 40
    beats, ids = beats_of(2 * n, 1), pd.Series([f"e{i}" for i in range(2 * n)])
    patients = [f"p{i}" for i in range(n)] * 2
    group = np.repeat(["low", "high"], n)
    beats[n:] += beats[:n]  # what a patient's two ECGs share
    comparison = compare_waveforms(beats, TIMES, ids, risk_table(ids, patients, {"LAD": group}))
    values = beats[:, V2][:, ST].mean(axis=1).astype(float)
    paired = stats.ttest_rel(values[n:], values[:n])
    assert cell(comparison)["t"] == pytest.approx(paired.statistic, rel=1e-5)
    data = pd.DataFrame({"y": values, "high": (group == "high").astype(int), "patient": np.tile(np.arange(n), 2)})
    robust = smf.ols("y ~ high", data).fit(
        cov_type="cluster", cov_kwds={"groups": data["patient"], "use_correction": False}
    )
    assert cell(comparison)["t"] == pytest.approx(robust.tvalues["high"] * np.sqrt((n - 1) / n), rel=1e-4)


def test_matched_pairs_are_compared_by_the_paired_test():
    """Pair 0's partner has no beat: the pair is left out, and its ECG is not counted."""
    n = 20
    beats, ids = beats_of(2 * n + 1, 2), pd.Series([f"e{i}" for i in range(2 * n + 1)])
    patients = [f"p{i}" for i in range(2 * n)] + ["p5"]
    group = np.array(["low"] * n + ["high"] * n + ["low"])
    pair = np.append(np.tile(np.arange(n), 2), 5)
    beats[n : 2 * n] += beats[:n] + np.float32(0.02) * ST
    beats[0] = np.nan
    risk = risk_table(ids, patients, {"LAD": group})
    comparison = compare_waveforms(beats, TIMES, ids, risk.assign(pair=np.tile(pair, len(VESSELS))))
    values = beats[:, V2][:, ST].mean(axis=1).astype(float)
    low, high = values[1:n].copy(), values[n + 1 : 2 * n]
    low[4] = (values[5] + values[2 * n]) / 2
    expected = stats.ttest_rel(high, low)
    interval = expected.confidence_interval(0.95)
    found = cell(comparison)
    assert (found["t"], found["p_value"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-4)
    assert (found["lower"], found["upper"]) == pytest.approx((interval.low, interval.high), rel=1e-4)
    assert found[["patients_low", "patients_high", "ecgs_low", "ecgs_high"]].tolist() == [19, 19, 20, 19]
    assert comparison.curves["LAD"].t_statistic[V2][ST].mean() == pytest.approx(expected.statistic, rel=1e-4)


def test_several_ecgs_of_a_patient_count_once():
    beats, ids = beats_of(30), pd.Series([f"e{i}" for i in range(30)])
    patients = [f"p{i}" for i in range(30)]
    group = np.where(np.arange(30) < 15, "high", "low")
    once = compare_waveforms(beats, TIMES, ids, risk_table(ids, patients, {"LAD": group}))
    again = np.concatenate([beats, np.repeat(beats[:1], 50, axis=0)])
    more_ids = pd.Series([f"e{i}" for i in range(80)])
    repeated = compare_waveforms(
        again, TIMES, more_ids, risk_table(more_ids, patients + ["p0"] * 50, {"LAD": np.append(group, ["high"] * 50)})
    )
    assert cell(repeated)["t"] == pytest.approx(cell(once)["t"], rel=1e-5)
    assert cell(repeated)["ecgs_high"] == 65
    assert cell(repeated)["patients_high"] == 15


def test_a_taller_t_wave_does_not_move_the_other_segments():
    """The high-pass filter makes each lead's mean zero; the PQ level takes that out again."""
    beats, ids = beats_of(40), pd.Series([f"e{i}" for i in range(40)])
    group = np.where(np.arange(40) < 20, "high", "low")
    beats[:20] += 0.3 * segment_mask("T", TIMES)
    shifted = beats - beats.mean(axis=2, keepdims=True)
    table = risk_table(ids, [f"p{i}" for i in range(40)], {"LAD": group})
    plain, filtered = (compare_waveforms(b, TIMES, ids, table) for b in (beats, shifted))
    assert cell(filtered, segment="P")["difference"] == pytest.approx(0, abs=1e-6)
    assert cell(filtered, segment="T")["difference"] == pytest.approx(0.3, abs=1e-5)
    assert cell(filtered)["difference"] == pytest.approx(cell(plain)["difference"], abs=1e-5)


def test_few_patients_give_a_note_and_no_number():
    beats, ids = beats_of(40), pd.Series([f"e{i}" for i in range(40)])
    few = np.where(np.arange(40) < 9, "high", "low")
    enough = np.where(np.arange(40) < 10, "high", "low")
    comparison = compare_waveforms(
        beats, TIMES, ids, risk_table(ids, [f"p{i}" for i in range(40)], {"LAD": enough, "LM": few})
    )
    lm = comparison.segments[comparison.segments["vessel"] == "LM"]
    assert set(lm["note"]) == {"too few patients (9 high-risk)"}
    assert lm[["difference", "lower", "t", "p_value", "q_value"]].isna().all().all()
    assert cell(comparison)["note"] == ""
    assert len(comparison.segments) == 4 * 12 * len(COMPARED_SEGMENTS)
    curves = beat_curves(comparison)
    assert curves.loc[curves["vessel"] == "LM", "high"].isna().all()
    texts = [text.get_text() for axis in drawn(comparison, "LM").axes for text in axis.texts]
    assert texts == ["too few patients (9 high-risk)"] * 12


def test_an_empty_group_and_ecgs_without_a_beat_are_told():
    beats, ids = beats_of(30), pd.Series([f"e{i}" for i in range(30)])
    beats[3] = np.nan
    table = risk_table(ids, [f"p{i}" for i in range(30)], {"LAD": np.repeat("low", 30)})
    comparison = compare_waveforms(beats, TIMES, ids, table)
    assert comparison.ecgs_without_beat == 1
    assert cell(comparison)["note"] == "too few patients (0 high-risk)"
    assert cell(comparison)["patients_low"] == 29


def test_q_values_hold_false_discoveries_down():
    beats, ids = beats_of(400, 5), pd.Series([f"e{i}" for i in range(400)])
    group = np.where(np.random.default_rng(1).random(400) < 0.5, "high", "low")
    comparison = compare_waveforms(beats, TIMES, ids, risk_table(ids, [f"p{i}" for i in range(400)], {"LAD": group}))
    st = comparison.segments[comparison.segments["vessel"] == "LAD"]
    assert (st["q_value"] >= st["p_value"] - 1e-12).all()
    assert (st["q_value"] < 0.05).sum() == 0


def test_an_ecg_without_a_row_is_an_error():
    beats, ids = beats_of(2), pd.Series(["e0", "e1"])
    table = risk_table(pd.Series(["e0", "other"]), ["p0", "p1"], {"LAD": np.array(["low", "high"])})
    with pytest.raises(StudyError, match=r"median beats: 1 ECG\(s\) of the risk groups"):
        compare_waveforms(beats, TIMES, ids, table)


def test_the_figure_shades_the_region_that_differs():
    beats, ids = beats_of(60), pd.Series([f"e{i}" for i in range(60)])
    group = np.where(np.arange(60) < 22, "high", "low")
    beats[:22, V2] -= 0.5 * ST
    comparison = compare_waveforms(beats, TIMES, ids, risk_table(ids, [f"p{i}" for i in range(60)], {"LAD": group}))
    panels = {axis.get_title(loc="left"): axis for axis in drawn(comparison, "LAD").axes}
    assert list(panels) != []
    assert len(panels["V2"].patches) == 1
    assert len(panels["V6"].patches) == 0
    assert panels["V2"].get_subplotspec().colspan.start == 2
    high = next(line for line in panels["V2"].lines if "high" in str(line.get_label()))
    assert high.get_ydata()[np.isclose(high.get_xdata(), 0.1)][0] < -0.3


def test_clusters_are_told_in_milliseconds_from_r():
    beats, ids = beats_of(60), pd.Series([f"e{i}" for i in range(60)])
    group = np.where(np.arange(60) < 22, "high", "low")
    few = np.where(np.arange(60) < 9, "high", "low")
    beats[:22, V2] -= 0.5 * ST
    comparison = compare_waveforms(
        beats, TIMES, ids, risk_table(ids, [f"p{i}" for i in range(60)], {"LAD": group, "LM": few}), seed=1
    )
    clusters = comparison.clusters
    largest = clusters[clusters["vessel"] == "LAD"].iloc[0]
    assert (largest["lead"], largest["from_ms"], largest["to_ms"]) == ("V2", 60, 158)
    t = comparison.curves["LAD"].t_statistic[V2]
    assert largest["mass"] == pytest.approx(t[ST].sum(), rel=1e-5)
    assert largest["difference"] == pytest.approx(cell(comparison)["difference"], rel=1e-5)
    assert largest["p_value"] == 1 / 1001
    assert clusters.loc[clusters["vessel"] == "LM", "note"].tolist() == ["too few patients (9 high-risk)"]
