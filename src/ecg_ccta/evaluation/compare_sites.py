"""Discrimination at an external hospital against the development site: two separate sets of patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.statistics.auc import compare_auc_delong_unpaired
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table
from ecg_ccta.vessels import VESSELS

UNPAIRED_DELONG = "unpaired DeLong"


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
    Per vessel the difference of AUCs (external minus internal) by the unpaired DeLong test with its two-sided p value,
    and the differences of AUCs and PR-AUCs by the clustered bootstrap; for "macro" the differences of the means over
    the vessels with enough events at both.
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
        shared = [vessel for vessel in VESSELS if not here[vessel].insufficient and not there[vessel].insufficient]
        rows += [{"site": name, "vessel": "macro"} | row for row in _macro(here, there, shared)]
    return estimate_table(rows, ["site", "vessel"])


_EMPTY = [
    {"measure": "AUC difference", "method": UNPAIRED_DELONG},
    {"measure": "AUC difference p", "method": UNPAIRED_DELONG},
    {"measure": "AUC difference", "method": CLUSTERED},
    {"measure": "PR-AUC difference", "method": CLUSTERED},
]


def _compared(here: Findings, there: Findings, name: str) -> list[dict[str, Any]]:
    """Rows of a vessel's differences, there minus here."""
    if here.insufficient or there.insufficient:
        note = "; ".join(
            f"{side}: {of.insufficient}" for side, of in (("internal", here), (name, there)) if of.insufficient
        )
        return [row | {"note": note} for row in _EMPTY]
    level = here.bootstrap.level
    test = compare_auc_delong_unpaired(there.y, there.logit, here.y, here.logit, level)
    return [
        {"measure": "AUC difference", "estimate": test.difference, "lower": test.lower, "upper": test.upper,
         "level": level, "method": UNPAIRED_DELONG},
        {"measure": "AUC difference p", "estimate": test.p_value, "method": UNPAIRED_DELONG},
        *_resampled(*_differences(here, there), here.bootstrap),
    ]  # fmt: skip


def _differences(here: Findings, there: Findings) -> tuple[np.ndarray, np.ndarray]:
    """Differences of AUC and PR-AUC, (2,), and those of each draw, (2, replicates)."""
    return np.subtract(there.areas, here.areas), np.subtract(there.drawn_areas, here.drawn_areas)


def _macro(here: Mapping[str, Findings], there: Mapping[str, Findings], shared: list[str]) -> list[dict[str, Any]]:
    if not shared:
        note = "no vessel with enough events at both sites"
        return [row | {"note": note} for row in _EMPTY if row["method"] == CLUSTERED]
    areas, drawn = zip(*(_differences(here[vessel], there[vessel]) for vessel in shared), strict=True)
    rows = _resampled(np.mean(areas, axis=0), np.mean(drawn, axis=0), here[shared[0]].bootstrap)
    return [row | {"note": f"mean of {', '.join(shared)}"} for row in rows]


def _resampled(areas: np.ndarray, drawn: np.ndarray, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    return [
        bootstrap.estimate(f"{measure} difference", float(area), values)
        for measure, area, values in zip(("AUC", "PR-AUC"), areas, drawn, strict=True)
    ]
