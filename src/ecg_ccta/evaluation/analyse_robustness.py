"""What perturbed recordings cost in discrimination, how far they move predictions, and which of them are refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import Findings, auc_row, difference_rows, findings_by_vessel
from ecg_ccta.signals.perturbations import NOISE, PERTURBATIONS, WITHOUT
from ecg_ccta.statistics.clustered_auc import AucInfluence, compare_paired, mean_auc
from ecg_ccta.statistics.estimates import WILSON, estimate_table
from ecg_ccta.statistics.proportions import wilson
from ecg_ccta.vessels import VESSELS

STRATA = ["kind", "perturbation", "vessel"]
MACRO = "macro"
ANY_REASON = "any"
"""`reason` of the row that counts ECGs refused for whatever reason."""
CHANGE, REFUSED, NOISY, RATIO = (
    "mean absolute change", "proportion refused", "proportion with noisy leads", "median signal to noise (dB)",
)  # fmt: skip
STUDENT = "Student's t over patients"
KINDS = {perturbation.name: perturbation.kind for perturbation in PERTURBATIONS}


def analyse_robustness(
    perturbed: pd.DataFrame, cohort: pd.DataFrame, settings: Evaluation
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the predictions of perturbed ECGs with those of the same ECGs as they were recorded.

    Refused ECGs are predicted and count all the same: what a perturbation costs is told apart from whether it is seen.

    Parameters
    ----------
    perturbed : `tables.PERTURBED` of all parts of the sample
    cohort : `tables.COHORT` of the same site
    settings : level and least events

    Returns
    -------
    predictions : strata kind, perturbation, vessel (or MACRO: mean over the vessels with enough events) in the form of
        `estimate_table`: "AUC" (`Findings.expected`), "AUC difference" to the unperturbed ECGs and its p value, paired
        over patients, on the ECGs sampled for the vessel; CHANGE of the probability, on the common sample.
    quality : strata kind, perturbation, reason: of the common sample REFUSED by the quality limits for each reason that
        occurs and for ANY_REASON, NOISY (named, not refused), and RATIO of noise.

    Raises
    ------
    StudyError
        Where an ECG is not in the cohort, or a perturbation lacks some.
    """
    found = findings_of_perturbed(perturbed, cohort, settings, None)
    without = found[WITHOUT]
    counted = [vessel for vessel, findings in without.items() if not findings.insufficient]
    rows: list[dict[str, Any]] = []
    for name, of_vessel in found.items():
        strata = {"kind": KINDS.get(name, ""), "perturbation": name}
        for vessel, findings in of_vessel.items():
            at = strata | {"vessel": vessel}
            if vessel not in counted:
                rows.append(at | findings.counts | {"measure": "AUC", "note": findings.insufficient})
                continue
            made = _auc_rows(findings.expected, without[vessel].expected, name, findings)
            rows += [at | findings.counts | row for row in made]
        if counted:
            mean, first_mean = (mean_auc([of[vessel].expected for vessel in counted]) for of in (of_vessel, without))
            ecgs = pd.concat([of_vessel[vessel].rows for vessel in counted])
            counts = {"n": ecgs["ecg_id"].nunique(), "patients": ecgs["patient_id"].nunique()}
            first = of_vessel[counted[0]]
            rows += [strata | {"vessel": MACRO} | counts | row for row in _auc_rows(mean, first_mean, name, first)]
    changes = _changes(perturbed, settings.level)
    table = estimate_table([*rows, *changes], STRATA)
    order = {name: place for place, name in enumerate(found)}
    table = table.sort_values("perturbation", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    return table, _quality(perturbed, settings.level)


def findings_of_perturbed(
    perturbed: pd.DataFrame, cohort: pd.DataFrame, settings: Evaluation, seed: int | None
) -> Mapping[str, Mapping[str, Findings]]:
    """Take the findings of the ECGs sampled for each vessel with the logits under each perturbation.

    Returns
    -------
    perturbation -> vessel -> findings; the same ECGs in the same order under every perturbation.

    Raises
    ------
    StudyError
        As `analyse_robustness`.
    """
    names = list(dict.fromkeys(perturbed["perturbation"]))
    wide = {name: rows.set_index("ecg_id") for name, rows in perturbed.groupby("perturbation", sort=False)}
    if WITHOUT not in wide:
        raise StudyError("perturbed ECGs: none is unperturbed. Fix: run perturb_ecgs again")
    first = wide[WITHOUT]
    if not set(first.index) <= set(cohort["ecg_id"]):
        raise StudyError("perturbed ECGs: column ecg_id names ECGs of another cohort. Fix: run perturb_ecgs again")
    if any(set(rows.index) != set(first.index) or rows.index.has_duplicates for rows in wide.values()):
        raise StudyError("perturbed ECGs: some lack a perturbation or have it twice. Fix: run perturb_ecgs again")
    known = cohort.set_index("ecg_id").loc[first.index]
    scored = pd.concat(
        [
            pd.DataFrame(
                {
                    "ecg_id": first.index,
                    "patient_id": first["patient_id"].to_numpy(),
                    "vessel": vessel,
                    "fold": first["fold"].to_numpy(),
                    "y_true": known[f"target_{vessel}"].where(first[f"analysed_{vessel}"]).array,
                    "logit": first[f"logit_{vessel}"].to_numpy(),
                    "probability": expit(first[f"logit_{vessel}"].to_numpy()),
                }
            )
            for vessel in VESSELS
        ],
        ignore_index=True,
    )
    without = findings_by_vessel(scored, settings, seed)
    return {
        name: {
            vessel: findings.with_logit(wide[name].loc[findings.rows["ecg_id"], f"logit_{vessel}"])
            for vessel, findings in without.items()
        }
        for name in names
    }


def _auc_rows(auc: AucInfluence, without: AucInfluence, name: str, findings: Findings) -> list[dict[str, Any]]:
    level, method = findings.bootstrap.level, findings.method
    rows = [auc_row(auc, method, level)]
    if name != WITHOUT:
        rows += difference_rows(compare_paired(auc, without, level), method, level)
    return rows


def _changes(perturbed: pd.DataFrame, level: float) -> list[dict[str, Any]]:
    """Mean absolute change of the probability per perturbation and vessel, and over all vessels (MACRO)."""
    common = perturbed[perturbed["common"]]
    columns = [f"logit_{vessel}" for vessel in VESSELS]
    probability = {
        name: expit(rows.set_index("ecg_id")[columns]) for name, rows in common.groupby("perturbation", sort=False)
    }
    rows = []
    for name, values in probability.items():
        if name == WITHOUT:
            continue
        change = (values - probability[WITHOUT]).abs().set_axis(list(VESSELS), axis=1)
        change[MACRO] = change.mean(axis=1)
        for vessel in (*VESSELS, MACRO):
            mean, error = change[vessel].mean(), change[vessel].sem()
            half = stats.t.ppf((1 + level) / 2, len(change) - 1) * error if len(change) > 1 else np.nan
            rows.append(
                {
                    "kind": KINDS.get(name, ""), "perturbation": name, "vessel": vessel, "measure": CHANGE,
                    "estimate": mean, "lower": max(0.0, mean - half), "upper": mean + half, "level": level,
                    "n": len(change), "patients": len(change), "method": STUDENT,
                }
            )  # fmt: skip
    return rows


def _quality(perturbed: pd.DataFrame, level: float) -> pd.DataFrame:
    """What the quality limits say of the common sample under each perturbation."""
    rows = []
    for name, ecgs in perturbed[perturbed["common"]].groupby("perturbation", sort=False):
        strata = {"kind": KINDS.get(name, ""), "perturbation": name}
        reasons = ecgs["reason"].value_counts()
        counted = {(ANY_REASON, REFUSED): ecgs["reason"].notna().sum()}
        counted |= {(reason, REFUSED): number for reason, number in reasons.items()}
        counted[("", NOISY)] = ecgs["noisy_leads"].ne("").sum()
        for (reason, measure), number in counted.items():
            lower, upper = wilson(int(number), len(ecgs), level)
            rows.append(
                strata | {"reason": reason, "measure": measure, "estimate": number / len(ecgs), "lower": lower,
                          "upper": upper, "level": level, "n": len(ecgs), "events": number, "patients": len(ecgs),
                          "method": WILSON}
            )  # fmt: skip
        ratio = ecgs["signal_to_noise_db"].dropna()
        if strata["kind"] == NOISE and len(ratio):
            rows.append(
                strata | {"reason": "", "measure": RATIO, "estimate": ratio.median(), "n": len(ratio),
                          "patients": len(ratio), "method": "median"}
            )  # fmt: skip
    return estimate_table(rows, ["kind", "perturbation", "reason"])
