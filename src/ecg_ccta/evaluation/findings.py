"""What CCTA found in a vessel beside what was predicted, and how its patients are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import insufficient_events, with_finding
from ecg_ccta.statistics.auc import AucResult, auc_and_pr_auc, auc_and_pr_auc_replicates, auc_delong
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG
from ecg_ccta.vessels import VESSELS


@dataclass(frozen=True, eq=False)
class Findings:
    """A vessel's ECGs with a finding, or some of them. Everything that is computed is computed once.

    Parameters
    ----------
    vessel : one of VESSELS
    rows : of `scored_ecgs`, without missing findings, and the column `code` of the patient
    bootstrap : of all patients of the cohort, so that every part of it shares the draws
    minimum_events : patients with, and without, the outcome below which nothing is estimated
    """

    vessel: str
    rows: pd.DataFrame
    bootstrap: Bootstrap
    minimum_events: int

    def where(self, members: np.ndarray) -> "Findings":
        """Take the ECGs of a mask, (n,) of bool in the order of `rows`."""
        return replace(self, rows=self.rows[members])

    @cached_property
    def y(self) -> np.ndarray:
        """(n,) outcome, 0 or 1."""
        return self.rows["y_true"].to_numpy(dtype=np.int64)

    @cached_property
    def logit(self) -> np.ndarray:
        """(n,) predicted logit."""
        return self.rows["logit"].to_numpy(dtype=float)

    @cached_property
    def probability(self) -> np.ndarray:
        """(n,) predicted probability."""
        return self.rows["probability"].to_numpy(dtype=float)

    @cached_property
    def codes(self) -> np.ndarray:
        """(n,) patient of each ECG, as the bootstrap numbers them."""
        return self.rows["code"].to_numpy()

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count ECGs, ECGs with the outcome, and patients."""
        return {"n": len(self.rows), "events": int(self.y.sum()), "patients": self.rows["patient_id"].nunique()}

    @cached_property
    def insufficient(self) -> str:
        """Say why there are too few findings for an estimate, or nothing."""
        return insufficient_events(self.rows, self.minimum_events)

    @cached_property
    def delong(self) -> AucResult:
        return auc_delong(self.y, self.logit, self.bootstrap.level)

    @cached_property
    def areas(self) -> tuple[float, float]:
        """AUC and average precision."""
        return auc_and_pr_auc(self.y, self.logit)

    @cached_property
    def drawn_areas(self) -> tuple[np.ndarray, np.ndarray]:
        """(replicates,) AUC and average precision of each draw of patients."""
        return auc_and_pr_auc_replicates(self.y, self.logit, self.codes, self.bootstrap)

    def auc_rows(self, *methods: str) -> list[dict[str, Any]]:
        """Make a row of the AUC by each method, DELONG or CLUSTERED; with a note where there are too few events."""
        if self.insufficient:
            return [self.counts | {"measure": "AUC", "method": method, "note": self.insufficient} for method in methods]
        by_delong = {
            "measure": "AUC", "estimate": self.delong.auc, "lower": self.delong.lower, "upper": self.delong.upper,
            "level": self.bootstrap.level, "method": DELONG,
        }  # fmt: skip
        made = {
            DELONG: lambda: by_delong,
            CLUSTERED: lambda: self.bootstrap.estimate("AUC", self.delong.auc, self.drawn_areas[0]),
        }
        return [self.counts | made[method]() for method in methods]


def findings_by_vessel(scored: pd.DataFrame, settings: Evaluation, seed: int | None) -> Mapping[str, Findings]:
    """Take each vessel's findings; all share the draws of the cohort's patients.

    Parameters
    ----------
    scored : from `scored_ecgs`; may lack findings altogether
    settings : level, minimum_events and, where patients are drawn, bootstrap_replicates
    seed : of the bootstrap; None: nothing is drawn

    Returns
    -------
    vessel -> findings, in the order of VESSELS.
    """
    codes, patients = patient_codes(scored["patient_id"])
    replicates = 0 if seed is None else settings.bootstrap_replicates
    bootstrap = Bootstrap(patients, replicates, settings.level, seed or 0)
    coded = scored.assign(code=codes)
    return {
        vessel: Findings(vessel, with_finding(coded, vessel), bootstrap, settings.minimum_events) for vessel in VESSELS
    }
