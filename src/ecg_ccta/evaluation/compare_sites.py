"""Discrimination at an external hospital against the development site: two separate sets of patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, difference_rows, findings_by_vessel
from ecg_ccta.statistics.clustered_auc import compare_independent, mean_auc
from ecg_ccta.statistics.estimates import CLUSTERED, PATIENTS, estimate_table, with_condition
from ecg_ccta.vessels import VESSELS


def compare_sites(
    internal: pd.DataFrame, external: dict[str, pd.DataFrame], settings: Evaluation, seed: int
) -> pd.DataFrame:
    """AUC and PR-AUC of each external site minus those of the development site.

    Parameters
    ----------
    internal : from `scored_ecgs`, the development site out of fold
    external : the same of each external site, by name
    settings : level, replicates and minimum number of events, which both sites must reach
    seed : of the bootstrap; the sites' patients are drawn independently

    Returns
    -------
    In the form of `estimate_table`, strata site and vessel; n, events and patients are those of both sites together.
    Per vessel the difference of AUCs (external minus internal) with interval and two-sided p value, patients clustered
    and the development site's folds allowed for (`Findings.expected`), and that of PR-AUCs by the clustered bootstrap;
    for "macro" the differences of the means over the vessels with enough events at both.
    """
    here = findings_by_vessel(internal, settings, seed)
    rows: list[dict[str, Any]] = []
    for number, (name, scored) in enumerate(external.items()):
        # The seeds differ, for with equal ones the draws of two sites of the same size would be paired.
        there = findings_by_vessel(scored, settings, seed + 1 + number)
        for vessel in VESSELS:
            one, other = here[vessel], there[vessel]
            counts = {count: one.counts[count] + other.counts[count] for count in one.counts}
            rows += [{"site": name, "vessel": vessel, **counts} | row for row in _compared(one, other, name)]
        common = [vessel for vessel in VESSELS if not here[vessel].insufficient and not there[vessel].insufficient]
        rows += [{"site": name, "vessel": "macro"} | row for row in _macro(here, there, common)]
    return with_condition(estimate_table(rows, ["site", "vessel"]), True)


_EMPTY = [
    {"measure": "AUC difference", "method": PATIENTS},
    {"measure": "AUC difference p", "method": PATIENTS},
    {"measure": "PR-AUC difference", "method": CLUSTERED},
]


def _compared(here: Findings, there: Findings, name: str) -> list[dict[str, Any]]:
    """Rows of a vessel's differences, there minus here."""
    if here.insufficient or there.insufficient:
        note = "; ".join(
            f"{side}: {of.insufficient}" for side, of in (("internal", here), (name, there)) if of.insufficient
        )
        return [row | {"note": note} for row in _EMPTY]
    return _rows([here], [there])


def _macro(here: Mapping[str, Findings], there: Mapping[str, Findings], common: list[str]) -> list[dict[str, Any]]:
    if not common:
        return [row | {"note": "no vessel with enough events at both sites"} for row in _EMPTY]
    rows = _rows([here[vessel] for vessel in common], [there[vessel] for vessel in common])
    return [row | {"note": f"mean of {', '.join(common)}"} for row in rows]


def _rows(here: list[Findings], there: list[Findings]) -> list[dict[str, Any]]:
    """Rows of the differences of the means over vessels, there minus here."""
    bootstrap = here[0].bootstrap
    ours, theirs = (mean_auc([findings.expected for findings in side]) for side in (here, there))
    area, drawn = (
        np.mean([of(other) - of(one) for one, other in zip(here, there, strict=True)], axis=0)
        for of in (lambda found: found.areas[1], lambda found: found.drawn_areas[1])
    )
    return [
        *difference_rows(compare_independent(theirs, ours, bootstrap.level), PATIENTS, bootstrap.level),
        bootstrap.estimate("PR-AUC difference", float(area), drawn),
    ]
