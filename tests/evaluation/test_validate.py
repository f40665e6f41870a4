"""The validation panel against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.probabilities import OUTCOMES
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.statistics.auc import auc_bootstrap
from ecg_ccta.statistics.calibration import CALIBRATION_MEASURES
from ecg_ccta.statistics.estimates import CLUSTERED, CONDITIONAL, CROSS_VALIDATED, DELONG, ESTIMATE_COLUMNS, rows_of

SETTINGS = Evaluation(bootstrap_replicates=200)


@pytest.fixture(scope="module")
def panel(scored: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return validate(scored, SETTINGS, seed=1)


def truth_and(scored: pd.DataFrame, vessel: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    rows = with_finding(scored, vessel)
    return rows["y_true"].to_numpy(dtype=int), rows[column].to_numpy(dtype=float)


def area(panel: dict, vessel: str, measure: str = "AUC", method: str = CLUSTERED) -> pd.Series:
    rows = rows_of(panel["discrimination"], measure, method)
    return rows.set_index("vessel").loc[vessel]


def test_every_table_has_the_common_form(panel: dict) -> None:
    for table in panel.values():
        assert tuple(table.columns[-len(ESTIMATE_COLUMNS) :]) == ESTIMATE_COLUMNS
        known = table.dropna(subset=["estimate"])
        assert known["n"].notna().all()
        assert (table.loc[table["estimate"].isna(), "note"] != "").all()


@pytest.mark.parametrize("vessel", ["RCA", "LAD", "LCX"])
def test_numbers_are_those_of_scikit_learn(scored: pd.DataFrame, panel: dict, vessel: str) -> None:
    y, probability = truth_and(scored, vessel, "probability")
    for method in (CLUSTERED, DELONG):
        row = area(panel, vessel, method=method)
        assert (row["n"], row["events"]) == (len(y), y.sum())
        assert row["estimate"] == pytest.approx(roc_auc_score(y, probability))
        assert row["lower"] < row["estimate"] < row["upper"]
    row = area(panel, vessel, "PR-AUC")
    assert row["estimate"] == pytest.approx(average_precision_score(y, probability))
    assert row["lower"] < row["estimate"] < row["upper"]
    summary = panel["calibration_summary"]
    summary = summary[summary["vessel"] == vessel].set_index("measure")
    assert summary.loc["Brier", "estimate"] == pytest.approx(brier_score_loss(y, probability))
    assert summary.loc["observed proportion", "estimate"] == pytest.approx(y.mean())


def test_intervals_that_hold_out_of_fold_predictions_fixed_say_so(scored: pd.DataFrame, panel: dict) -> None:
    """Not that of `cross_validated_auc`, nor what has no interval; and none where another site's models predicted."""
    for name, table in panel.items():
        says = table["note"].str.contains(CONDITIONAL)
        expected = table["lower"].notna() & (table["method"] != CROSS_VALIDATED)
        assert (says == expected).all(), name
        # Of the probabilities by outcome only quantiles are given.
        assert says.any() or name == "probabilities", name
    for table in validate(scored.assign(fold=-1), SETTINGS, seed=1).values():
        assert not table["note"].str.contains(CONDITIONAL).any()


def test_a_rare_vessel_has_a_note_instead_of_numbers(panel: dict) -> None:
    row = area(panel, "LM")
    assert row["note"].startswith("too few events (")
    assert np.isnan(row["estimate"])
    assert np.isnan(area(panel, "LM", method=DELONG)["upper"])
    of_lm = panel["calibration_summary"].query("vessel == 'LM'")
    assert set(of_lm["measure"]) == set(CALIBRATION_MEASURES)
    assert of_lm["estimate"].isna().all()
    assert (of_lm["note"] == row["note"]).all()
    for table in ("roc", "calibration", "calibration_curve"):
        assert "LM" not in set(panel[table]["vessel"])


def test_macro_is_the_mean_of_the_vessels_with_enough_events(panel: dict) -> None:
    vessels = [area(panel, vessel) for vessel in ("RCA", "LAD", "LCX")]
    macro = area(panel, "macro")
    assert macro["estimate"] == pytest.approx(np.mean([row["estimate"] for row in vessels]))
    assert macro["note"] == f"mean of RCA, LAD, LCX; {CONDITIONAL}"
    assert macro["upper"] - macro["lower"] < min(row["upper"] - row["lower"] for row in vessels)


def test_micro_pools_the_vessels_with_enough_events(scored: pd.DataFrame, panel: dict) -> None:
    rows = scored[scored["vessel"].isin(["RCA", "LAD", "LCX"]) & scored["y_true"].notna()]
    y = rows["y_true"].astype(int)
    assert area(panel, "micro")["estimate"] == pytest.approx(roc_auc_score(y, rows["logit"]))
    assert area(panel, "micro", "PR-AUC")["estimate"] == pytest.approx(average_precision_score(y, rows["logit"]))
    assert area(panel, "micro")["n"] == len(rows)


def test_interval_agrees_with_auc_bootstrap(scored: pd.DataFrame, panel: dict) -> None:
    rows = with_finding(scored, "LAD")
    alone = auc_bootstrap(rows["y_true"], rows["logit"], rows["patient_id"], 1000, seed=9)
    row = area(panel, "LAD")
    assert row["lower"] == pytest.approx(alone.lower, abs=0.02)
    assert row["upper"] == pytest.approx(alone.upper, abs=0.02)


def test_missing_is_not_negative(scored: pd.DataFrame, panel: dict) -> None:
    """Taking missing findings for negatives would change the numbers; the panel's are those without them."""
    y, probability = truth_and(scored, "RCA", "probability")
    rows = scored[scored["vessel"] == "RCA"]
    wrong = roc_auc_score(rows["y_true"].fillna(0).astype(int), rows["probability"])
    assert area(panel, "RCA")["estimate"] == pytest.approx(roc_auc_score(y, probability))
    assert area(panel, "RCA")["estimate"] != pytest.approx(wrong)
    # Whatever is predicted where there is no finding, nothing changes.
    changed = scored.assign(
        logit=scored["logit"].where(scored["y_true"].notna(), 9.0),
        probability=scored["probability"].where(scored["y_true"].notna(), 0.999),
    )
    for name, table in validate(changed, SETTINGS, seed=1).items():
        pd.testing.assert_frame_equal(table, panel[name])


def test_roc_curve_runs_along_scikit_learns(scored: pd.DataFrame, panel: dict) -> None:
    y, logit = truth_and(scored, "LCX", "logit")
    rate, sensitivity, _ = roc_curve(y, logit, drop_intermediate=False)
    curve = panel["roc"][panel["roc"]["vessel"] == "LCX"]
    for point in curve.itertuples():
        # Without ties the curve is a staircase: at most one step's width from its interpolation.
        assert point.estimate <= sensitivity[rate <= point.false_positive_rate + 1 / (y == 0).sum()].max()
        assert point.estimate >= sensitivity[rate <= point.false_positive_rate].max() - 1e-12
    assert (curve["lower"] <= curve["upper"]).all()
    assert curve["estimate"].is_monotonic_increasing
    inside = (curve["lower"] <= curve["estimate"]) & (curve["estimate"] <= curve["upper"])
    assert inside.mean() > 0.95


def test_calibration_groups_have_equal_size_and_hold_every_ecg(scored: pd.DataFrame, panel: dict) -> None:
    y, probability = truth_and(scored, "LAD", "probability")
    groups = panel["calibration"][panel["calibration"]["vessel"] == "LAD"]
    assert len(groups) == min(20, y.sum() // 5)
    assert groups["n"].max() - groups["n"].min() <= 1
    assert (groups["n"].sum(), groups["events"].sum()) == (len(y), y.sum())
    assert (groups["n"] * groups["predicted"]).sum() == pytest.approx(probability.sum())
    assert groups["predicted"].is_monotonic_increasing


def test_a_site_without_findings(unjudged) -> None:
    panel = validate(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert set(panel["discrimination"]["note"]) == {"no findings", "no vessel with enough events"}
    assert panel["discrimination"]["estimate"].isna().all()
    assert panel["roc"].empty
    assert panel["calibration"].empty


def test_seed_fixes_the_panel(scored: pd.DataFrame, panel: dict) -> None:
    for name, table in validate(scored, SETTINGS, seed=1).items():
        pd.testing.assert_frame_equal(table, panel[name])


def test_probabilities_by_outcome_hold_every_ecg_of_it(scored: pd.DataFrame, panel: dict) -> None:
    found = panel["probabilities"]
    y, probability = truth_and(scored, "RCA", "probability")
    for outcome, name in OUTCOMES.items():
        of = found[(found["vessel"] == "RCA") & (found["outcome"] == name)]
        own = probability[y == outcome]
        bins = of[of["measure"] == "proportion of ECGs"]
        assert (bins["ecgs"].sum(), bins["n"].iloc[0]) == (len(own), len(own))
        assert bins["estimate"].sum() == pytest.approx(1)
        edges = np.append(bins["lowest"], bins["highest"].iloc[-1])
        np.testing.assert_array_equal(np.histogram(own, edges)[0], bins["ecgs"].astype(int))
        assert of.set_index("measure").loc["median", "estimate"] == pytest.approx(np.median(own))
    assert set(found.loc[found["vessel"] == "LM", "note"]) == {area(panel, "LM")["note"]}
