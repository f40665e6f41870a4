"""How much of a planted effect the study finds again, where it is known: recovered against planted.

Only this module reads the truth of a simulated hospital. The oracle is the true event probability given everything
the ECG shows, so no reading of the ECG beats its AUC but by luck; the recovered fraction is (model AUC - 0.5) over
(oracle AUC - 0.5), both on the same ECGs.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation, EventFrom
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.figures import PAGE, STYLE
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.sources.event_model import oracle_column
from ecg_ccta.statistics.clustered_auc import AucInfluence, auc_interval, clustered_auc, mean_auc
from ecg_ccta.statistics.repeated_trainings import proportion_of, symmetric_interval
from ecg_ccta.vessels import LEADS, VESSELS

_SEVERE = EventFrom()

MEAN_EVENTS = 100
"""Events a vessel needs to enter the mean recovered fraction; with fewer the fraction is mostly luck."""

_RECOVERY = [
    "stratum", "vessel", "n", "events", "patients", "oracle_auc", "oracle_lower", "oracle_upper",
    "model_auc", "model_lower", "model_upper", "recovered", "recovered_lower", "recovered_upper", "note",
]  # fmt: skip


def compare_with_truth(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    key: bytes,
    normal: pd.Series,
    settings: Evaluation,
    event_from: EventFrom = _SEVERE,
) -> pd.DataFrame:
    """Oracle's and model's AUC on exactly the analysed ECGs.

    Parameters
    ----------
    cohort : `tables.COHORT`.
    predictions : `tables.PREDICTIONS` of that cohort.
    truth : a row per exported ECG: ecg_id (the export's own) and the probabilities of `event_model.oracle_column`.
    key : the site's pseudonym key, which joins the two.
    normal : boolean, index like `cohort`'s: whether the ECG was read as normal; missing where it was not read.
    settings : level and minimum number of events.
    event_from : the grade from which a stenosis is an event, per vessel.

    Returns
    -------
    A row per stratum ("all", "normal ECG") and vessel, and one for "mean", the mean recovered fraction of the vessels
    with at least MEAN_EVENTS events: stratum, vessel, n, events, patients, oracle_auc and model_auc (of all folds
    pooled) with patient-clustered intervals, recovered with its interval (delta method from each patient's contribution
    to both AUCs; out of fold the model's are enlarged as in `cross_validated_auc`), note.

    Raises
    ------
    StudyError
        Where an ECG of the cohort has no truth: the truth is of another export.
    """
    oracle = oracle_by_ecg(truth, key, event_from)
    absent = ~cohort["ecg_id"].isin(oracle.index)
    if absent.any():
        raise StudyError(
            f"truth table: {int(absent.sum())} of {len(cohort)} analysed ECGs have no planted truth; "
            "it is of another export or the pseudonym key has changed: simulate the site again"
        )
    scored = scored_ecgs(cohort, predictions)
    oracle = oracle.reset_index().melt("ecg_id", var_name="vessel", value_name="oracle")
    scored = scored.merge(oracle, on=["ecg_id", "vessel"], how="left", validate="one_to_one")
    read_as_normal = pd.Series(normal.fillna(False).to_numpy(dtype=bool), index=cohort["ecg_id"])
    found = findings_by_vessel(scored, settings, None)
    normal_ecg = {
        vessel: findings.where(findings.rows["ecg_id"].map(read_as_normal).to_numpy(dtype=bool))
        for vessel, findings in found.items()
    }
    rows = []
    for stratum, members in (("all", found), ("normal ECG", normal_ecg)):
        rows += [{"stratum": stratum} | row for row in _stratum(members)]
    return pd.DataFrame(rows).reindex(columns=_RECOVERY)


def oracle_by_ecg(truth: pd.DataFrame, key: bytes, event_from: EventFrom = _SEVERE) -> pd.DataFrame:
    """Oracle probabilities of an event, one column per vessel, by the cohort's pseudonym of each ECG."""
    columns = [oracle_column(vessel, getattr(event_from, vessel)) for vessel in VESSELS]
    lacking = [name for name in ("ecg_id", *columns) if name not in truth]
    if lacking:
        raise StudyError(f"truth table: no column {', '.join(lacking)}; simulate the site again")
    oracle = truth[columns].set_axis(list(VESSELS), axis=1)
    oracle.index = pd.Index([pseudonym(key, "ecg", str(value)) for value in truth["ecg_id"]], name="ecg_id")
    # An export may hold the same ECG twice on purpose; its truth is the same.
    return oracle[~oracle.index.duplicated()]


def _stratum(found: Mapping[str, Findings]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    fractions: dict[str, AucInfluence] = {}
    for vessel, findings in found.items():
        row = {"vessel": vessel, **findings.counts, "note": findings.insufficient}
        if not findings.insufficient:
            row |= _recovered(findings, fractions)
        rows.append(row)
    return [*rows, _mean(rows, fractions, found[VESSELS[0]].bootstrap.level)]


def _recovered(findings: Findings, fractions: dict[str, AucInfluence]) -> dict[str, Any]:
    """Compare the AUCs of one vessel; leaves the fraction, with what patients contribute to it, in `fractions`."""
    level = findings.bootstrap.level
    oracle = findings.rows["oracle"].to_numpy(dtype=float)
    aucs = {
        "oracle": clustered_auc(findings.y, oracle, findings.codes, findings.bootstrap.patients),
        "model": findings.pooled,
    }
    row: dict[str, Any] = {}
    for name, auc in aucs.items():
        lower, upper = auc_interval(auc, level)
        row |= {f"{name}_auc": auc.estimate, f"{name}_lower": lower, f"{name}_upper": upper}
    if row["oracle_lower"] <= 0.5:
        return row | {"note": "the oracle itself does not exceed chance"}
    fractions[findings.vessel] = proportion_of(aucs["model"], aucs["oracle"])
    return row | _fraction(fractions[findings.vessel], level)


def _fraction(found: AucInfluence, level: float) -> dict[str, Any]:
    lower, upper = symmetric_interval(found, level)
    return {"recovered": found.estimate, "recovered_lower": lower, "recovered_upper": upper}


def _mean(rows: list[dict[str, Any]], fractions: dict[str, AucInfluence], level: float) -> dict[str, Any]:
    counted = [row for row in rows if row["vessel"] in fractions and row["events"] >= MEAN_EVENTS]
    if not counted:
        return {"vessel": "mean", "note": f"no vessel with {MEAN_EVENTS} events and an oracle above chance"}
    vessels = [row["vessel"] for row in counted]
    return {
        "vessel": "mean",
        **_fraction(mean_auc([fractions[vessel] for vessel in vessels]), level),
        "note": f"mean of {', '.join(vessels)} (vessels with at least {MEAN_EVENTS} events)",
    }


def planted_regions(truth: Mapping[str, Any], curves: pd.DataFrame | None) -> pd.DataFrame:
    """Planted and recovered strength of every lead and segment, on the truth's own segments.

    Parameters
    ----------
    truth : what the simulator's record holds under "planted": leads, segments, mask (vessel -> leads x segments),
        windows_seconds (segment -> from, to, relative_to "R peak" or "T peak").
    curves : `waveforms.curve_table`, or None.

    Returns
    -------
    A row per vessel, lead and segment: vessel, lead, segment, planted (bool), waveform (absolute mean t statistic of
    high against low risk in the window; missing where the curves are). T-peak windows are placed at the T peak of the
    mean low-risk beat.
    """
    waveform = {} if curves is None else _by_window(truth, curves)
    rows = [
        {
            "vessel": vessel,
            "lead": lead,
            "segment": segment,
            "planted": bool(truth["mask"][vessel][truth["leads"].index(lead)][column]),
            "waveform": abs(waveform.get((vessel, lead, segment), np.nan)),
        }
        for vessel in VESSELS
        for lead in LEADS
        for column, segment in enumerate(truth["segments"])
    ]
    return pd.DataFrame(rows)


def _by_window(truth: Mapping[str, Any], curves: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """(vessel, lead, segment) -> mean t within the segment's window."""
    t_peak = _t_peak(curves)
    means = {}
    for segment, window in truth["windows_seconds"].items():
        shift = t_peak if window["relative_to"] == "T peak" else 0.0
        inside = curves[curves["time"].between(window["from"] + shift, window["to"] + shift)]
        for (vessel, lead), mean in inside.groupby(["vessel", "lead"])["t"].mean().items():
            means[vessel, lead, segment] = mean
    return means


def _t_peak(curves: pd.DataFrame) -> float:
    """Seconds from R to the largest root mean square over leads within the T segment."""
    inside = curves[curves["time"].between(*SEGMENTS["T"])]
    if inside["low"].isna().all():
        return sum(SEGMENTS["T"]) / 2
    return float((inside["low"] ** 2).groupby(inside["time"]).mean().idxmax())


def region_agreement(regions: pd.DataFrame) -> pd.DataFrame:
    """How well recovered strength ranks planted regions above others.

    Parameters
    ----------
    regions : from `planted_regions`.

    Returns
    -------
    A row per vessel: vessel, regions, planted (count), and the area under the ROC curve over regions of waveform;
    missing where there are no curves or nothing (or everything) is planted. Neighbouring regions are not independent,
    so there is no interval.
    """
    rows = []
    for vessel in VESSELS:
        cells = regions[regions["vessel"] == vessel]
        row: dict[str, Any] = {"vessel": vessel, "regions": len(cells), "planted": int(cells["planted"].sum())}
        known = cells.dropna(subset=["waveform"])
        both = known["planted"].nunique() == 2
        row["waveform"] = roc_auc_score(known["planted"], known["waveform"]) if both else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def draw_planted(regions: pd.DataFrame, truth: Mapping[str, Any]) -> Figure:
    """Planted regions and what was recovered: a row per vessel; lead by segment, each panel on its own scale.

    Planted regions are outlined in every panel. The scale reaches at least |t| = 4, so that noise alone does not fill
    it.
    """
    import seaborn

    colours = mpl.colors.ListedColormap(seaborn.color_palette("rocket_r", 256))
    measures = {
        "planted": ("planted", 1.0),
        "waveform": ("waveform difference |t|", 4.0),
    }
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 9.2))
        axes = figure.subplots(len(VESSELS), len(measures), sharex=True, sharey=True)
        for v, vessel in enumerate(VESSELS):
            cells = regions[regions["vessel"] == vessel]
            planted = _grid(cells, "planted", truth)
            for m, (measure, (title, least)) in enumerate(measures.items()):
                axis, values = axes[v, m], _grid(cells, measure, truth)
                axis.set_title(f"{vessel}: {title}", loc="left")
                axis.set_yticks(range(len(LEADS)), LEADS)
                axis.set_xticks(range(len(truth["segments"])), truth["segments"], rotation=40, ha="right")
                if np.isfinite(values).any():
                    top = max(float(np.nanmax(values)), least)
                    image = axis.imshow(values, aspect="auto", cmap=colours, vmin=0, vmax=top)
                    if measure != "planted":
                        figure.colorbar(image, ax=axis, pad=0.02).outline.set_visible(False)
                else:
                    axis.set_xlim(-0.5, len(truth["segments"]) - 0.5)
                    axis.set_ylim(len(LEADS) - 0.5, -0.5)
                    axis.text(0.5, 0.5, "not estimated", transform=axis.transAxes, ha="center")
                for row, column in np.argwhere(planted == 1):
                    box = mpl.patches.Rectangle(
                        (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#0072B2", linewidth=1.4
                    )
                    axis.add_patch(box)
    return figure


def _grid(cells: pd.DataFrame, measure: str, truth: Mapping[str, Any]) -> np.ndarray:
    """(12, segments) float of one measure."""
    values = cells.assign(value=cells[measure].astype(float))
    wide = values.pivot_table(index="lead", columns="segment", values="value", dropna=False)
    return wide.reindex(index=list(LEADS), columns=list(truth["segments"])).to_numpy()
