"""Does the model see what the reader does not: validation in clinically normal ECGs, and against all others."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.compare_sites import UNPAIRED_DELONG
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.p_values import p_equation
from ecg_ccta.statistics.auc import auc_delong, auc_replicates, compare_auc_delong_unpaired
from ecg_ccta.statistics.bootstrap import patient_codes, percentile_interval
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG, estimate_table, rows_of
from ecg_ccta.statistics.heterogeneity import WALD, equality_of_replicates
from ecg_ccta.vessels import VESSELS

SIDES = ("normal", "not normal")
_DIFFERENCE = (
    ("AUC difference", UNPAIRED_DELONG),
    ("AUC difference p", UNPAIRED_DELONG),
    ("AUC difference", CLUSTERED),
    ("AUC difference p", WALD),
)


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
    The tables of `validate` for the normal ECGs, and

    comparison : strata vessel and ecgs ("normal", "not normal", "normal - not normal"), in the form of
        `estimate_table`: the AUC of either side by DeLong and by the clustered bootstrap; their difference with the
        interval and p value of the unpaired DeLong test, which takes the two sides for independent, and with interval
        and Wald test by the clustered bootstrap, which does not: a patient may have ECGs of both kinds. With vessel
        "any": how many ECGs are normal, not normal, or "unknown" and on neither side.
    """
    codes, patients = patient_codes(scored["patient_id"])
    coded = scored.assign(_code=codes)
    sides = {
        "normal": coded[normal.fillna(False).to_numpy(dtype=bool)],
        "not normal": coded[(~normal).fillna(False).to_numpy(dtype=bool)],
    }
    rows: list[dict[str, Any]] = []
    for name, ecgs in (*sides.items(), ("unknown", coded[normal.isna().to_numpy()])):
        number = ecgs["ecg_id"].nunique()
        rows.append(
            {"vessel": "any", "ecgs": name, "measure": "ECGs", "estimate": number, "n": number}
            | {"patients": ecgs["patient_id"].nunique(), "method": "count"}
        )
    for vessel in VESSELS:
        rows += _compared(vessel, sides, patients, settings, seed)
    return {
        **validate(sides["normal"].drop(columns="_code"), settings, seed),
        "comparison": estimate_table(rows, ["vessel", "ecgs"]),
    }


def _compared(
    vessel: str, sides: dict[str, pd.DataFrame], patients: int, settings: Evaluation, seed: int
) -> list[dict[str, Any]]:
    findings = {side: with_finding(ecgs, vessel) for side, ecgs in sides.items()}
    y = {side: ecgs["y_true"].to_numpy(dtype=np.int64) for side, ecgs in findings.items()}
    score = {side: ecgs["logit"].to_numpy(dtype=float) for side, ecgs in findings.items()}
    notes = {side: shortage(ecgs, settings.minimum_events) for side, ecgs in findings.items()}
    rows: list[dict[str, Any]] = []
    aucs, drawn = {}, {}
    for side, ecgs in findings.items():
        counts = _counts(vessel, side, ecgs)
        if notes[side]:
            rows += [
                counts | {"measure": "AUC", "method": method, "note": notes[side]} for method in (DELONG, CLUSTERED)
            ]
            continue
        delong = auc_delong(y[side], score[side], settings.level)
        aucs[side] = delong.auc
        drawn[side] = auc_replicates(
            y[side], score[side], ecgs["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed
        )
        bounds = {DELONG: (delong.lower, delong.upper), CLUSTERED: percentile_interval(drawn[side], settings.level)[:2]}
        rows += [
            counts | _interval("AUC", delong.auc, *interval, settings.level, method)
            for method, interval in bounds.items()
        ]
    counts = _counts(vessel, " - ".join(SIDES), pd.concat(list(findings.values())))
    if any(notes.values()):
        note = "; ".join(f"{side} ECGs: {note}" for side, note in notes.items() if note)
        return rows + [counts | {"measure": measure, "method": method, "note": note} for measure, method in _DIFFERENCE]
    one, other = SIDES
    test = compare_auc_delong_unpaired(y[one], score[one], y[other], score[other], settings.level)
    lower, upper, _ = percentile_interval(drawn[one] - drawn[other], settings.level)
    try:
        p_value, note = (
            equality_of_replicates(
                np.array([aucs[side] for side in SIDES]), np.column_stack([drawn[side] for side in SIDES])
            ).p_value,
            "",
        )
    except ValueError as error:
        p_value, note = np.nan, str(error)
    return [
        *rows,
        counts | _interval("AUC difference", test.difference, test.lower, test.upper, settings.level, UNPAIRED_DELONG),
        counts | {"measure": "AUC difference p", "estimate": test.p_value, "method": UNPAIRED_DELONG},
        counts | _interval("AUC difference", test.difference, lower, upper, settings.level, CLUSTERED),
        counts | {"measure": "AUC difference p", "estimate": p_value, "method": WALD, "note": note},
    ]


def _counts(vessel: str, ecgs: str, findings: pd.DataFrame) -> dict[str, Any]:
    return {
        "vessel": vessel,
        "ecgs": ecgs,
        "n": len(findings),
        "events": int(findings["y_true"].sum()),
        "patients": findings["patient_id"].nunique(),
    }


def _interval(measure: str, estimate: float, lower: float, upper: float, level: float, method: str) -> dict[str, Any]:
    return {
        "measure": measure, "estimate": estimate, "lower": lower, "upper": upper, "level": level, "method": method,
    }  # fmt: skip


def comparison_figure(comparison: pd.DataFrame) -> Figure:
    """AUC in normal and in all other ECGs, per vessel, with clustered bootstrap intervals and the p value beside them.

    Parameters
    ----------
    comparison : from `validate_normal`
    """
    aucs = rows_of(comparison, "AUC", CLUSTERED)
    tests = rows_of(comparison, "AUC difference p", WALD).set_index("vessel")
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
