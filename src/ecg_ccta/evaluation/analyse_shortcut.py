"""How much of the AUC rests on where or with what ECGs were recorded: within origins, and at another hospital."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, auc_row, difference_rows, findings_by_vessel
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, DEMOGRAPHY, FEATURES, SAME_FINDINGS
from ecg_ccta.evaluation.scored import insufficient_events
from ecg_ccta.figures import GREY, PAGE, STYLE
from ecg_ccta.statistics.clustered_auc import (
    AucInfluence,
    TooFewPatients,
    compare_independent,
    compare_paired,
    mean_auc,
    stratified_auc,
)
from ecg_ccta.statistics.cross_validated_auc import variance_factor
from ecg_ccta.statistics.estimates import CROSS_VALIDATED, PATIENTS, estimate_table, rows_of

POOLED, WITHIN, ALONE = "all pairs", "pairs of one origin", "origin alone"
MACRO = "macro"
COLOURS = {POOLED: "#D55E00", WITHIN: "#0072B2", ALONE: GREY}


def analyse_shortcut(sites: Mapping[str, pd.DataFrame], column: str, settings: Evaluation) -> pd.DataFrame:
    """Compare the AUC over all pairs of ECGs with that over the pairs of one origin.

    A model that knows nothing but the origin orders no pair of one origin. What the AUC loses when only such pairs
    count is what the origin brings, by a signature of the device or because one origin's patients are sicker.

    Parameters
    ----------
    sites : site -> `scored_ecgs` with the column `origin` (text, missing where unknown); the first is the development
        site
    column : what the origin is, for the notes
    settings : level and least events

    Returns
    -------
    Strata site, vessel (or MACRO: mean over the vessels with enough events), compared, in the form of `estimate_table`,
    of ECGs whose origin is known. "AUC" of POOLED (as in validation), WITHIN and ALONE, which ranks each ECG by the
    proportion of stenoses in its origin among the patients of the other folds. "AUC difference" with its p value: of
    compared POOLED, all pairs minus pairs of one origin, paired over patients; at other sites "AUC difference to
    development" of POOLED and WITHIN, this site minus the development site.
    """
    rows: list[dict[str, Any]] = []
    first: dict[str, AucInfluence] = {}
    for site, scored in sites.items():
        known = scored[scored["origin"].notna()] if "origin" in scored else scored[:0]
        if known["origin"].nunique() < 2 if len(known) else True:
            note = f"no {column} in the export" if known.empty else f"only one {column}"
            rows.append({"site": site, "vessel": MACRO, "measure": "AUC", "note": note})
            continue
        found = {vessel: _of_vessel(findings) for vessel, findings in findings_by_vessel(known, settings, None).items()}
        usable = [vessel for vessel, (aucs, _) in found.items() if aucs]
        for vessel, (aucs, findings) in found.items():
            if not aucs:
                note = findings.insufficient or "no two ECGs of one origin and fold to compare"
                rows.append({"site": site, "vessel": vessel} | findings.counts | {"measure": "AUC", "note": note})
                continue
            rows += _rows({"site": site, "vessel": vessel} | findings.counts, aucs, findings, settings.level)
        if usable:
            means = {kind: mean_auc([found[vessel][0][kind] for vessel in usable]) for kind in (POOLED, WITHIN, ALONE)}
            findings = found[usable[0]][1]
            ecgs = pd.concat([found[vessel][1].rows for vessel in usable])
            counts = {"n": ecgs["ecg_id"].nunique(), "patients": ecgs["patient_id"].nunique()}
            rows += _rows({"site": site, "vessel": MACRO} | counts, means, findings, settings.level)
            rows += _falls({"site": site, "vessel": MACRO} | counts, means, first, settings.level)
            first = first or means
    strata = ["site", "vessel", "compared"]
    return estimate_table(rows, strata).fillna({"compared": ""})


def _of_vessel(findings: Findings) -> tuple[dict[str, AucInfluence], Findings]:
    """AUC over all pairs, within origins and by the origin alone; none where there are too few events."""
    if findings.insufficient or insufficient_events(findings.rows, 2):
        return {}, findings
    fold = findings.rows["fold"].to_numpy()
    origin = pd.factorize(findings.rows["origin"].astype(str))[0]
    parts = fold if findings.is_out_of_fold else findings.codes % 5
    spread = variance_factor(max(2, np.unique(fold).size)) ** 0.5 if findings.is_out_of_fold else 1.0
    patients = findings.bootstrap.patients
    try:
        within = stratified_auc(
            findings.y, findings.logit, fold * (origin.max() + 1) + origin, findings.codes, patients
        )
        alone = stratified_auc(findings.y, _rates(findings.y, origin, parts), parts, findings.codes, patients)
    except TooFewPatients:
        return {}, findings
    wider = variance_factor(max(2, np.unique(parts).size)) ** 0.5
    return {
        POOLED: findings.expected,
        WITHIN: within._replace(influence=within.influence * spread),
        ALONE: alone._replace(influence=alone.influence * wider),
    }, findings


def _rates(y: np.ndarray, origin: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Proportion of events (n,) among the other parts' ECGs of the same origin, or of all where there are none."""
    rates = np.zeros(len(y))
    for part in np.unique(parts):
        others = parts != part
        here = pd.Series(y[others]).groupby(origin[others]).mean()
        rates[~others] = pd.Series(origin[~others]).map(here).fillna(y[others].mean() if others.any() else 0.5)
    return rates


def _rows(
    at: dict[str, Any], aucs: Mapping[str, AucInfluence], findings: Findings, level: float
) -> list[dict[str, Any]]:
    method = {POOLED: findings.method, WITHIN: findings.method, ALONE: CROSS_VALIDATED}
    rows = [at | {"compared": kind} | auc_row(auc, method[kind], level) for kind, auc in aucs.items()]
    lost = compare_paired(aucs[POOLED], aucs[WITHIN], level)
    return rows + [at | {"compared": POOLED} | row for row in difference_rows(lost, findings.method, level)]


def _falls(
    at: dict[str, Any], means: Mapping[str, AucInfluence], first: Mapping[str, AucInfluence], level: float
) -> list[dict[str, Any]]:
    """By how much the AUCs of another site differ from the development site's."""
    rows = []
    for kind in (POOLED, WITHIN) if first else ():
        made = difference_rows(compare_independent(means[kind], first[kind], level), PATIENTS, level)
        for row in made:
            named = row["measure"].replace("AUC difference", "AUC difference to development")
            rows.append(at | {"compared": kind} | row | {"measure": named})
    return rows


def shortcut_figure(shortcut: pd.DataFrame, probes: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    """Draw what the probe tells of the origin, and the AUC over all pairs, within origins and of the origin alone.

    Parameters
    ----------
    shortcut : from `analyse_shortcut`
    probes : site -> table of `probe_origin`
    titles : site -> its name
    """
    shown = [(FEATURES, ALL_PAIRS), (FEATURES, SAME_FINDINGS), (DEMOGRAPHY, ALL_PAIRS)]
    macro = rows_of(shortcut[shortcut["vessel"] == MACRO], "AUC").dropna(subset=["estimate"])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.9 + 0.75 * max(1, len(probes))))
        left, right = figure.subplots(1, 2)
        labels: list[tuple[float, str]] = []
        at = 0.0
        for site, table in probes.items():
            for origin, rows in table.dropna(subset=["estimate"]).groupby("origin", sort=False):
                for predictor, pairs in shown:
                    row = rows[(rows["predictor"] == predictor) & (rows["pairs"] == pairs)]
                    _dot(left, at, row, COLOURS[WITHIN] if predictor == FEATURES else GREY)
                    labels.append((at, f"{predictor}, {pairs}"))
                    at += 1
                left.text(0.02, at - 3.7, f"{titles[site]}, {origin}", transform=left.get_yaxis_transform(), fontsize=6,
                          fontweight="bold")  # fmt: skip
                at += 1.2
        left.set_yticks([place for place, _ in labels], [text for _, text in labels], fontsize=6)
        left.set_title("Probe of the origin", loc="left")
        left.set_xlabel("AUC (dotted: chance)")
        left.set_ylim(max(at, 1) - 0.7, -1.4)
        places, at = [], 0.0
        for site, rows in macro.groupby("site", sort=False):
            for kind, colour in COLOURS.items():
                _dot(right, at, rows[rows["compared"] == kind], colour)
                places.append((at, kind))
                at += 1
            right.text(0.02, at - 3.7, titles[str(site)], transform=right.get_yaxis_transform(), fontsize=6,
                       fontweight="bold")  # fmt: skip
            at += 1.2
        right.set_yticks([place for place, _ in places], [text for _, text in places], fontsize=6)
        right.set_title("Mean AUC over vessels", loc="left")
        right.set_xlabel("AUC (dotted: chance)")
        right.set_ylim(max(at, 1) - 0.7, -1.4)
        for axis in (left, right):
            axis.axvline(0.5, color=GREY, linewidth=0.6, linestyle=":")
            if not axis.get_yticks().size:
                axis.text(0.5, 0.5, "nothing to compare", transform=axis.transAxes, ha="center")
    return figure


def _dot(axis: mpl.axes.Axes, place: float, row: pd.DataFrame, colour: str) -> None:
    if len(row) and row["estimate"].notna().all():
        axis.plot([row["lower"].iloc[0], row["upper"].iloc[0]], [place, place], color=colour)
        axis.plot(row["estimate"].iloc[0], place, "o", color=colour, markersize=3.5)
