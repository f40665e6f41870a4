"""The panel of clinically normal ECGs, and the comparison with the rest."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import stats
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_normal_ecg import comparison_figure, validate_normal
from ecg_ccta.evaluation.normality import by_statement
from ecg_ccta.statistics.auc import compare_auc_delong_unpaired
from ecg_ccta.statistics.estimates import CLUSTERED, CROSS_VALIDATED, PATIENTS, rows_of
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=200)


@pytest.fixture(scope="module")
def panel(scored) -> dict[str, pd.DataFrame]:
    return validate_normal(scored, by_statement(scored["statement"]), SETTINGS, seed=1)


def cell(table: pd.DataFrame, vessel: str, ecgs: str, measure: str, method: str) -> pd.Series:
    rows = rows_of(table, measure, method)
    (found,) = [row for _, row in rows[(rows["vessel"] == vessel) & (rows["ecgs"] == ecgs)].iterrows()]
    return found


def test_panel_holds_normal_ecgs_only_and_compares_with_the_rest(scored, panel) -> None:
    lad = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    sides = {
        "normal": lad[(lad["statement"] == "Sinus rhythm. Normal ECG").fillna(False)],
        "not normal": lad[lad["statement"].isin(["Abnormal ECG", "Otherwise normal ECG"])],
    }
    auc = {side: roc_auc_score(rows["y_true"].astype(int), rows["logit"]) for side, rows in sides.items()}
    pooled = rows_of(panel["discrimination"], "AUC", CLUSTERED).set_index("vessel")
    assert pooled.loc["LAD", "estimate"] == pytest.approx(auc["normal"])
    validated = rows_of(panel["discrimination"], "AUC", CROSS_VALIDATED).set_index("vessel")
    comparison = panel["comparison"]
    for side, rows in sides.items():
        found = cell(comparison, "LAD", side, "AUC", CROSS_VALIDATED)
        assert found["estimate"] == pytest.approx(auc[side], abs=0.03)
        assert (found["n"], found["events"]) == (len(rows), rows["y_true"].sum())
        assert found["lower"] < found["estimate"] < found["upper"]
    # One number, one interval: the panel and the comparison give the same.
    of_comparison = cell(comparison, "LAD", "normal", "AUC", CROSS_VALIDATED)
    for name in ("estimate", "lower", "upper"):
        assert of_comparison[name] == pytest.approx(validated.loc["LAD", name], abs=1e-12)
    found = cell(comparison, "LAD", "normal - not normal", "AUC difference", PATIENTS)
    assert found["estimate"] == pytest.approx(auc["normal"] - auc["not normal"])
    assert found["lower"] < found["estimate"] < found["upper"]
    assert found["n"] == len(sides["normal"]) + len(sides["not normal"])
    assert 0 <= cell(comparison, "LAD", "normal - not normal", "AUC difference p", PATIENTS)["estimate"] <= 1


def test_every_ecg_is_counted_once(scored, panel) -> None:
    counts = rows_of(panel["comparison"], "ECGs").set_index("ecgs")["estimate"]
    assert list(counts.index) == ["normal", "not normal", "unknown"]
    assert counts.sum() == scored["ecg_id"].nunique()
    assert counts["unknown"] > 0


def test_a_difference_that_is_there_is_found(scored) -> None:
    """Scores of the not normal ECGs are shuffled: the test agrees with DeLong's, which takes ECGs for independent."""
    normal = by_statement(scored["statement"])
    shuffled = scored.copy()
    there = (~normal).fillna(False).to_numpy(dtype=bool)
    shuffled.loc[there, "logit"] = np.random.default_rng(0).permutation(shuffled.loc[there, "logit"])
    comparison = validate_normal(shuffled, normal, SETTINGS, seed=1)["comparison"]
    lad = shuffled["y_true"].notna() & (shuffled["vessel"] == "LAD")
    sides = [shuffled[lad & mask] for mask in (normal.fillna(False), (~normal).fillna(False))]
    delong = compare_auc_delong_unpaired(*[part for s in sides for part in (s["y_true"].astype(int), s["logit"])])
    found = [cell(comparison, "LAD", "normal - not normal", "AUC difference p", PATIENTS)["estimate"], delong.p_value]
    assert max(found) < 0.01
    z = [stats.norm.isf(p_value / 2) for p_value in found]
    assert z[0] == pytest.approx(z[1], rel=0.35)


def test_too_few_events_say_so(panel) -> None:
    found = panel["comparison"]
    assert "too few events" in cell(found, "LM", "normal", "AUC", CROSS_VALIDATED)["note"]
    rows = found[(found["vessel"] == "LM") & (found["ecgs"] == "normal - not normal")]
    assert rows["estimate"].isna().all()
    assert rows["note"].str.contains("normal ECGs: too few events").all()


def test_no_ecg_is_known(scored) -> None:
    unknown = pd.Series(pd.NA, index=scored.index, dtype="boolean")
    panel = validate_normal(scored, unknown, SETTINGS, seed=1)
    differences = rows_of(panel["comparison"], "AUC difference")
    assert (differences["note"] == "normal ECGs: no findings; not normal ECGs: no findings").all()
    assert rows_of(panel["comparison"], "ECGs")["estimate"].tolist() == [0, 0, scored["ecg_id"].nunique()]
    words = [text.get_text() for text in comparison_figure(panel["comparison"]).findobj(Text)]
    assert words.count("no findings") == 2 * len(VESSELS)


def test_figure_names_counts_and_p_values(panel, tmp_path) -> None:
    figure = comparison_figure(panel["comparison"])
    words = "\n".join(text.get_text() for text in figure.findobj(Text))
    row = cell(panel["comparison"], "LAD", "normal", "AUC", CROSS_VALIDATED)
    assert f"LAD normal, {row['events']}/{row['n']}" in words
    assert words.count("p ") >= 3
    assert "too few events" in words
    figure.savefig(tmp_path / "comparison.png")
