"""Figures show what the tables hold, and say so where there is nothing to show."""

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_severity import severity_table
from ecg_ccta.evaluation.figures import (
    calibration_figure,
    grade_figure,
    recalibration_figure,
    roc_figure,
)
from ecg_ccta.evaluation.probabilities import probability_figure
from ecg_ccta.evaluation.recalibrate import recalibrate
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.figures import COLUMN
from ecg_ccta.statistics.estimates import HONEST, rows_of

SETTINGS = Evaluation(bootstrap_replicates=30)


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def figures(tables) -> dict[str, Figure]:
    scored = scored_ecgs(*tables)
    panel = validate(scored, SETTINGS, seed=1)
    recalibrated = recalibrate(scored, SETTINGS, seed=1)
    return {
        "roc": roc_figure(panel["discrimination"], panel["roc"]),
        "calibration": calibration_figure(
            scored, panel["calibration"], panel["calibration_curve"], panel["calibration_summary"]
        ),
        "probabilities": probability_figure(panel["probabilities"], panel["calibration_summary"]),
        "recalibration": recalibration_figure(recalibrated["curve"], recalibrated["summary"]),
        "grades": grade_figure(scored, severity_table(scored, SETTINGS, seed=1)),
    }


def test_figures_of_a_site(cohort_and_predictions, tmp_path) -> None:
    scored = scored_ecgs(*cohort_and_predictions)
    table = validate(scored, SETTINGS, seed=1)["discrimination"]
    table = rows_of(table, "AUC", HONEST).set_index("vessel")
    drawn = figures(cohort_and_predictions)
    assert f"AUC {table.loc['LAD', 'estimate']:.3f}" in words(drawn["roc"])
    assert table.loc["LM", "note"] in words(drawn["roc"])
    assert table.loc["LM", "note"] in words(drawn["calibration"])
    assert table.loc["LM", "note"] in words(drawn["probabilities"])
    for name, figure in drawn.items():
        assert figure.get_figwidth() == pytest.approx(COLUMN)
        figure.savefig(tmp_path / f"{name}.png", dpi=50)
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000


def test_figures_of_a_site_without_findings(unjudged, tmp_path) -> None:
    for name, figure in figures(unjudged).items():
        assert words(figure).count("no findings") >= 4
        figure.savefig(tmp_path / f"{name}.png", dpi=50)
