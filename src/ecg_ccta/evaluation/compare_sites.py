"""Discrimination at an external hospital against the development site: two separate sets of patients."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.statistics.auc import (
    auc_and_pr_auc,
    auc_and_pr_auc_replicates,
    compare_auc_delong_unpaired,
)
from ecg_ccta.statistics.bootstrap import patient_codes, percentile_interval
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
    # The seeds differ, for with equal ones the draws of two sites of the same size would be paired.
    sites = {"": _Site(internal, settings, seed)}
    sites |= {
        name: _Site(scored, settings, seed + 1 + number) for number, (name, scored) in enumerate(external.items())
    }
    here = sites.pop("")
    rows: list[dict[str, Any]] = []
    for name, there in sites.items():
        shared = [vessel for vessel in VESSELS if not here.notes[vessel] and not there.notes[vessel]]
        for vessel in VESSELS:
            counts = {
                "site": name,
                "vessel": vessel,
                **{count: here.counts[vessel][count] + there.counts[vessel][count] for count in here.counts[vessel]},
            }
            if vessel in shared:
                rows += [counts | row for row in _compared(here, there, vessel, settings.level)]
            else:
                note = "; ".join(
                    f"{side}: {of.notes[vessel]}"
                    for side, of in (("internal", here), (name, there))
                    if of.notes[vessel]
                )
                rows += [counts | row | {"note": note} for row in _EMPTY]
        rows += [{"site": name, "vessel": "macro"} | row for row in _macro(here, there, shared, settings.level)]
    return estimate_table(rows, ["site", "vessel"])


_EMPTY = [
    {"measure": "AUC difference", "method": UNPAIRED_DELONG},
    {"measure": "AUC difference p", "method": UNPAIRED_DELONG},
    {"measure": "AUC difference", "method": CLUSTERED},
    {"measure": "PR-AUC difference", "method": CLUSTERED},
]


class _Site:
    """What the comparison needs of one site, by vessel."""

    def __init__(self, scored: pd.DataFrame, settings: Evaluation, seed: int):
        codes, patients = patient_codes(scored["patient_id"])
        scored = scored.assign(_code=codes)
        self.counts, self.notes, self.truth, self.score, self.estimates, self.drawn = {}, {}, {}, {}, {}, {}
        for vessel in VESSELS:
            findings = with_finding(scored, vessel)
            y, score = findings["y_true"].to_numpy(dtype=np.int64), findings["logit"].to_numpy(dtype=float)
            self.counts[vessel] = {"n": len(y), "events": int(y.sum()), "patients": findings["_code"].nunique()}
            self.notes[vessel] = shortage(findings, settings.minimum_events)
            self.truth[vessel], self.score[vessel] = y, score
            if not self.notes[vessel]:
                self.estimates[vessel] = np.array(auc_and_pr_auc(y, score))
                self.drawn[vessel] = np.array(
                    auc_and_pr_auc_replicates(
                        y, score, findings["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed
                    )
                )


def _compared(here: _Site, there: _Site, vessel: str, level: float) -> list[dict[str, Any]]:
    test = compare_auc_delong_unpaired(
        there.truth[vessel], there.score[vessel], here.truth[vessel], here.score[vessel], level
    )
    return [
        {
            "measure": "AUC difference",
            "estimate": test.difference,
            "lower": test.lower,
            "upper": test.upper,
            "level": level,
            "method": UNPAIRED_DELONG,
        },
        {"measure": "AUC difference p", "estimate": test.p_value, "method": UNPAIRED_DELONG},
        *_resampled(there.estimates[vessel] - here.estimates[vessel], there.drawn[vessel] - here.drawn[vessel], level),
    ]


def _macro(here: _Site, there: _Site, shared: list[str], level: float) -> list[dict[str, Any]]:
    if not shared:
        note = "no vessel with enough events at both sites"
        return [row | {"note": note} for row in _EMPTY if row["method"] == CLUSTERED]
    estimates, drawn = (
        np.mean([getattr(there, name)[vessel] - getattr(here, name)[vessel] for vessel in shared], axis=0)
        for name in ("estimates", "drawn")
    )
    return [row | {"note": f"mean of {', '.join(shared)}"} for row in _resampled(estimates, drawn, level)]


def _resampled(estimates: np.ndarray, drawn: np.ndarray, level: float) -> list[dict[str, Any]]:
    rows = []
    for measure, estimate, replicates in zip(("AUC", "PR-AUC"), estimates, drawn, strict=True):
        lower, upper, _ = percentile_interval(replicates, level)
        rows.append(
            {"measure": f"{measure} difference", "estimate": float(estimate), "lower": lower, "upper": upper,
             "level": level, "method": CLUSTERED}
        )  # fmt: skip
    return rows
