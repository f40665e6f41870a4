"""Does the model see what the reader does not: validation in clinically normal ECGs, and against all others."""

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, difference_rows, findings_by_vessel
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.p_values import p_equation
from ecg_ccta.statistics.clustered_auc import compare_paired
from ecg_ccta.statistics.estimates import HONEST, PATIENTS, estimate_table, rows_of
from ecg_ccta.vessels import VESSELS

SIDES = ("normal", "not normal")


def validate_normal(
    scored: pd.DataFrame, normal: pd.Series, settings: Evaluation, seed: int
) -> dict[str, pd.DataFrame]:
    """The validation panel in clinically normal ECGs, and their AUC against that of all other ECGs.

    Parameters
    ----------
    scored, settings, seed : as `validate`
    normal : (n,) from `normality.clinically_normal`, rows as in `scored`

    Returns
    -------
    The tables of `validate` for the normal ECGs, but for the probabilities by outcome, and

    comparison : strata vessel and ecgs ("normal", "not normal", "normal - not normal"), in the form of
        `estimate_table`: the AUC of either side (`Findings.expected`), and their difference with interval and p value,
        patients clustered: one may have ECGs of both kinds. With vessel "any": how many ECGs are normal, not
        normal, or "unknown" and on neither side.
    """
    sides = {
        "normal": normal.fillna(False).to_numpy(dtype=bool),
        "not normal": (~normal).fillna(False).to_numpy(dtype=bool),
        "unknown": normal.isna().to_numpy(),
    }
    rows: list[dict[str, Any]] = []
    for name, members in sides.items():
        ecgs = scored[members]
        number = ecgs["ecg_id"].nunique()
        rows.append(
            {"vessel": "any", "ecgs": name, "measure": "ECGs", "estimate": number, "n": number}
            | {"patients": ecgs["patient_id"].nunique(), "method": "count"}
        )
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        here = {side: pd.Series(members, index=scored.index)[findings.rows.index] for side, members in sides.items()}
        of = {side: findings.where(here[side].to_numpy()) for side in SIDES}
        rows += [{"vessel": vessel} | row for row in _compared(of)]
    panel = validate(scored[sides["normal"]], settings, seed)
    return {
        **{name: table for name, table in panel.items() if name != "probabilities"},
        "comparison": estimate_table(rows, ["vessel", "ecgs"]),
    }


def _compared(sides: dict[str, Findings]) -> list[dict[str, Any]]:
    """Rows of the AUC of either side and of their difference."""
    rows = [{"ecgs": side} | row for side, findings in sides.items() for row in findings.auc_rows(findings.method)]
    one, other = sides.values()
    both = replace(one, rows=pd.concat([one.rows, other.rows]))
    counts = {"ecgs": " - ".join(SIDES), **both.counts}
    if one.insufficient or other.insufficient:
        note = "; ".join(f"{side} ECGs: {of.insufficient}" for side, of in sides.items() if of.insufficient)
        absent = {"method": PATIENTS, "note": note}
        return rows + [counts | absent | {"measure": measure} for measure in ("AUC difference", "AUC difference p")]
    level = one.bootstrap.level
    made = difference_rows(compare_paired(one.fixed, other.fixed, level), PATIENTS, level)
    return rows + [counts | row for row in made]


def comparison_figure(comparison: pd.DataFrame) -> Figure:
    """AUC in normal and in all other ECGs, per vessel, with intervals and the p value beside them.

    Parameters
    ----------
    comparison : from `validate_normal`
    """
    aucs = rows_of(comparison, "AUC", HONEST)
    tests = rows_of(comparison, "AUC difference p", PATIENTS).set_index("vessel")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.5))
        axes = figure.subplots()
        ticks = []
        for number, vessel in enumerate(VESSELS):
            for offset, side in ((-0.18, "normal"), (0.18, "not normal")):
                row = aucs[(aucs["vessel"] == vessel) & (aucs["ecgs"] == side)].iloc[0]
                y = number + offset
                ticks.append((y, f"{vessel} {side}, {row['events']}/{row['n']}"))
                if np.isnan(row["estimate"]):
                    axes.text(0.51, y, row["note"], va="center", fontsize=6, color=GREY)
                    continue
                axes.plot([row["lower"], row["upper"]], [y, y], color=VESSEL_COLOURS[vessel])
                filled = VESSEL_COLOURS[vessel] if side == "normal" else "white"
                axes.plot(row["estimate"], y, "o", markersize=4.5, color=VESSEL_COLOURS[vessel], markerfacecolor=filled)
            p_value = tests.loc[vessel, "estimate"]
            if np.isfinite(p_value):
                axes.text(
                    1.02, number, p_equation(p_value), va="center", fontsize=7, transform=axes.get_yaxis_transform()
                )
        axes.axvline(0.5, color=GREY, linewidth=0.6, linestyle=":")
        axes.set_yticks([place for place, _ in ticks], [label for _, label in ticks], fontsize=6)
        axes.set_ylim(len(VESSELS) - 0.5, -0.5)
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("AUC (left: events/ECGs)")
    return figure
