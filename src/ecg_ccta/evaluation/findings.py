"""What CCTA found in a vessel beside what was predicted, and how its patients are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import insufficient_events, is_out_of_fold, with_finding
from ecg_ccta.statistics.auc import AucResult, auc_and_pr_auc, auc_and_pr_auc_replicates, auc_delong
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes
from ecg_ccta.statistics.clustered_auc import AucDifference, AucInfluence, TooFewPatients, auc_interval, clustered_auc
from ecg_ccta.statistics.cross_validated_auc import cross_validated_auc, variance_factor
from ecg_ccta.statistics.estimates import CLUSTERED, CROSS_VALIDATED, DELONG, PATIENTS
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

    def with_logit(self, logit: Any) -> "Findings":
        """Take the same ECGs with another model's logits, (n,) in the order of `rows`."""
        return replace(self, rows=self.rows.assign(logit=np.asarray(logit, dtype=float)))

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
        # One patient has no variance, whatever the setting.
        return insufficient_events(self.rows, max(2, self.minimum_events))

    @cached_property
    def is_out_of_fold(self) -> bool:
        """Tell whether each ECG was predicted by the one fold that did not see its patient."""
        return is_out_of_fold(self.rows)

    @cached_property
    def fixed(self) -> AucInfluence:
        """AUC of the predictions as they are, for comparisons between groups of ECGs (`cross_validated_auc`)."""
        return clustered_auc(self.y, self.logit, self.codes, self.bootstrap.patients)

    @cached_property
    def within_folds(self) -> AucInfluence | None:
        """AUC of ECGs of the same fold; None where a fold has too few patients, as in a small subgroup."""
        fold = self.rows["fold"].to_numpy()
        try:
            return cross_validated_auc(self.y, self.logit, fold, self.codes, self.bootstrap.patients)
        except TooFewPatients:
            return None

    @cached_property
    def expected(self) -> AucInfluence:
        """AUC to be expected of a model trained as these were; out of fold its variance knows of the shared labels.

        With too few patients in a fold the folds are pooled, at the same loss of precision.
        """
        if not self.is_out_of_fold:
            return self.fixed
        return self.pooled if self.within_folds is None else self.within_folds

    @cached_property
    def pooled(self) -> AucInfluence:
        """AUC of all folds' predictions together; out of fold its variance knows of the shared labels."""
        if not self.is_out_of_fold:
            return self.fixed
        spread = variance_factor(max(2, self.rows["fold"].nunique())) ** 0.5
        return self.fixed._replace(influence=self.fixed.influence * spread)

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

    def _expected_row(self) -> dict[str, Any]:
        row = auc_row(self.expected, self.method, self.bootstrap.level)
        if not (self.is_out_of_fold and self.within_folds is None):
            return row
        return row | {"note": "; ".join(filter(None, ("folds pooled: too few patients in one of them", row["note"])))}

    @property
    def method(self) -> str:
        """Name the method of `expected`, one of `estimates.HONEST`."""
        return CROSS_VALIDATED if self.is_out_of_fold else PATIENTS

    def auc_rows(self, *methods: str) -> list[dict[str, Any]]:
        """Make a row of the AUC by each method: `self.method`, DELONG or CLUSTERED.

        With too few events, rows without numbers and with a note.
        """
        if self.insufficient:
            return [self.counts | {"measure": "AUC", "method": method, "note": self.insufficient} for method in methods]
        by_delong = {
            "measure": "AUC", "estimate": self.delong.auc, "lower": self.delong.lower, "upper": self.delong.upper,
            "level": self.bootstrap.level, "method": DELONG,
        }  # fmt: skip
        made = {
            self.method: self._expected_row,
            DELONG: lambda: by_delong,
            CLUSTERED: lambda: self.bootstrap.estimate("AUC", self.delong.auc, self.drawn_areas[0]),
        }
        return [self.counts | made[method]() for method in methods]


def auc_row(found: AucInfluence, method: str, level: float) -> dict[str, Any]:
    """Make the row of an AUC, or of a mean of AUCs, with its interval."""
    lower, upper = auc_interval(found, level)
    note = "" if found.variance > 0 else "perfect separation: the interval has no width"
    row = {"measure": "AUC", "estimate": found.estimate, "lower": lower, "upper": upper, "level": level}
    return row | {"method": method, "note": note}


def difference_rows(found: AucDifference, method: str, level: float) -> list[dict[str, Any]]:
    """Make the rows of a difference of AUCs: the difference with its interval, and the two-sided p value."""
    return [
        {"measure": "AUC difference", "estimate": found.difference, "lower": found.lower, "upper": found.upper,
         "level": level, "method": method},
        {"measure": "AUC difference p", "estimate": found.p_value, "method": method},
    ]  # fmt: skip


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
