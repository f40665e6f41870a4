"""Decision curves against dcurves, and where the model is worth using."""

import numpy as np
import pandas as pd
import pytest
from dcurves import dca

from ecg_ccta import figures
from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_decisions import GRID, decision_curves, decision_figure, useful_range
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.statistics.net_benefit import net_benefit

SETTINGS = Evaluation(bootstrap_replicates=200)


@pytest.fixture(scope="module")
def table(scored) -> pd.DataFrame:
    return decision_curves(scored, SETTINGS, seed=1)


@pytest.mark.parametrize("vessel", ["RCA", "LAD", "LCX"])
def test_the_curves_are_those_of_dcurves(scored, table, vessel):
    rows = with_finding(scored, vessel)[["y_true", "probability"]].astype(float)
    expected = dca(data=rows, outcome="y_true", modelnames=["probability"], thresholds=GRID[vessel], nper=100).rename(
        columns={"net_benefit": "net benefit", "net_intervention_avoided": "net interventions avoided"}
    )
    found = table[table["vessel"] == vessel]
    for strategy, name, measure in (
        ("model", "probability", "net benefit"),
        ("all", "all", "net benefit"),
        ("none", "none", "net benefit"),
        ("model", "probability", "net interventions avoided"),
    ):
        ours = found[(found["strategy"] == strategy) & (found["measure"] == measure)]
        theirs = expected[expected["model"] == name]
        assert ours["threshold"].to_numpy() == pytest.approx(theirs["threshold"].to_numpy())
        assert ours["estimate"].to_numpy() == pytest.approx(theirs[measure].to_numpy(), abs=1e-10)


def test_a_draw_is_dcurves_on_the_repeated_rows(scored):
    rows = with_finding(scored, "RCA")
    y, p = rows["y_true"].to_numpy(dtype=int), rows["probability"].to_numpy(dtype=float)
    counts = np.random.default_rng(4).integers(0, 3, (1, y.size))
    repeated = pd.DataFrame({"y": y.repeat(counts[0]).astype(float), "p": p.repeat(counts[0])})
    expected = dca(data=repeated, outcome="y", modelnames=["p"], thresholds=[0.05, 0.15, 0.4])
    model, _ = net_benefit(y, p, np.array([0.05, 0.15, 0.4]), counts)
    assert model[0] == pytest.approx(expected.loc[expected["model"] == "p", "net_benefit"].to_numpy(), abs=1e-12)


def test_bands_hold_the_curves_and_are_wider_with_repeated_patients(scored, table):
    known = table.dropna(subset=["lower"])
    assert (known["lower"] <= known["estimate"]).mean() > 0.99
    assert (known["estimate"] <= known["upper"]).mean() > 0.99
    # Three copies of each patient's ECGs are no more patients: the band stays; taken for patients it would shrink.
    thrice = pd.concat([scored] * 3, ignore_index=True)
    kept = decision_curves(thrice, SETTINGS, seed=1)
    assert kept["upper"].dropna().to_numpy() == pytest.approx(table["upper"].dropna().to_numpy())
    apart = thrice.assign(patient_id=thrice["patient_id"] + np.repeat(["a", "b", "c"], len(scored)))
    narrow = decision_curves(apart, SETTINGS, seed=1)
    widths = [
        (t["upper"] - t["lower"])[(t["strategy"] == "model") & (t["vessel"] == "LAD")].mean() for t in (kept, narrow)
    ]
    assert widths[1] / widths[0] == pytest.approx(3**-0.5, abs=0.1)


def test_the_useful_range_is_where_the_model_is_above_both(table):
    rows = table[(table["vessel"] == "LAD") & (table["measure"] == "net benefit")]
    curves = rows.pivot_table(index="threshold", columns="strategy", values="estimate")
    better = curves["model"] > curves[["all", "none"]].max(axis=1)
    inside = pd.Series(False, index=curves.index)
    for start, end in useful_range(table, "LAD"):
        inside |= (inside.index >= start) & (inside.index <= end)
    assert better.equals(inside)
    assert better.any()
    for start, end in useful_range(table, "LAD", sure=True):
        assert better.loc[start:end].all()


def test_a_rare_finding_says_so(table):
    rows = table[table["vessel"] == "LM"]
    assert len(rows) == 1
    assert rows["note"].iloc[0].startswith("too few events")
    assert rows["estimate"].isna().all()
    assert useful_range(table, "LM") == []


def test_the_figure_is_drawn_also_where_there_is_nothing(tmp_path, table, unjudged):
    figure = decision_figure(table)
    drawn = np.concatenate([line.get_ydata() for line in figure.axes[0].lines])
    shown = table[(table["vessel"] == "RCA") & (table["strategy"] == "model") & (table["measure"] == "net benefit")]
    assert set(shown["estimate"].round(12)) <= set(np.round(drawn.astype(float), 12))
    assert figure.axes[0].get_xlim()[1] >= 60
    figures.save(figure, tmp_path / "curves.svg")
    figures.save(decision_figure(decision_curves(scored_ecgs(*unjudged), SETTINGS, seed=1)), tmp_path / "none.svg")
    assert (tmp_path / "none.png").stat().st_size > 5000
