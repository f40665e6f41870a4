"""What each step towards the fine-tuned network is worth: age and sex, measurements, the foundation's features."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import Findings, auc_row, difference_rows, findings_by_vessel
from ecg_ccta.evaluation.scored import with_other_logit
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.clustered_auc import AucInfluence, compare_paired, mean_auc
from ecg_ccta.statistics.estimates import HONEST, estimate_table, rows_of

DEMOGRAPHY, MEASURED, PROBE, FINE_TUNED = "age and sex", "measurements, age and sex", "linear probe", "fine-tuned"
START = "random last layer"
"""What a fold is that kept a start without a probe."""
INNER_PARTS = 3
"""Parts of the training patients by which a regression's penalty is chosen."""

RUNGS = (DEMOGRAPHY, MEASURED, PROBE, FINE_TUNED)
"""From what is known without an ECG, over what a reader measures in it, to the network's features and the network."""


def build_ladder(
    scored: pd.DataFrame, probe: pd.DataFrame, measurements: pd.DataFrame, settings: Evaluation
) -> pd.DataFrame:
    """AUC of each rung on the same ECGs of the development site, out of fold, and by how much fine-tuning exceeds it.

    Age and sex, and these with the measurements, are penalised logistic regressions that are fitted in each fold's
    training patients; the penalty is chosen among these. Missing values are the training patients' median, with a
    flag of their own.

    Parameters
    ----------
    scored : from `scored_ecgs`, out-of-fold predictions of the fine-tuned network
    probe : the same of the linear probe of the same foundation in the same folds
    measurements : `tables.MEASUREMENTS` of these ECGs
    settings : level and least events

    Returns
    -------
    Strata rung and vessel ("macro": mean over the vessels with enough events), in the form of `estimate_table`: "AUC"
    (`Findings.expected`), and of every rung but the last "AUC difference" with its p value, fine-tuned minus the rung,
    paired over patients.

    Raises
    ------
    StudyError
        Where the two predictions are not of the same ECGs and folds, or the measurements of other ECGs.
    """
    if set(measurements["ecg_id"]) != set(scored["ecg_id"]):
        raise StudyError("measurements and predictions are not of the same ECGs: run measure_ecgs and predict again")
    both = with_other_logit(scored, probe, "logit_probe").merge(measurements, on="ecg_id", validate="many_to_one")
    demography = both[["age"]].assign(male=(both["sex"] == "male").where(both["sex"].notna()).astype(float))
    measured = both[[name for name in measurements if name != "ecg_id"]].astype(float).join(demography)
    rows: list[dict[str, Any]] = []
    found: dict[str, dict[str, Findings]] = {rung: {} for rung in RUNGS}
    for vessel, findings in findings_by_vessel(both, settings, None).items():
        note = findings.insufficient or _too_few_to_fit(findings)
        if note:
            absent = {"measure": "AUC", "method": findings.method, "note": note}
            rows += [{"rung": rung, "vessel": vessel, **findings.counts} | absent for rung in RUNGS]
            continue
        at = findings.rows.index
        logits = {
            DEMOGRAPHY: regressed(findings, demography.loc[at]),
            MEASURED: regressed(findings, measured.loc[at]),
            PROBE: findings.rows["logit_probe"].to_numpy(dtype=float),
            FINE_TUNED: findings.logit,
        }
        for rung, logit in logits.items():
            found[rung][vessel] = findings.with_logit(logit)
        rows += _rows({rung: found[rung][vessel].expected for rung in RUNGS}, vessel, findings, findings.counts)
    if found[FINE_TUNED]:
        means = {rung: mean_auc([of.expected for of in found[rung].values()]) for rung in RUNGS}
        first = next(iter(found[FINE_TUNED].values()))
        ecgs = pd.concat([of.rows for of in found[FINE_TUNED].values()])
        counts = {"n": ecgs["ecg_id"].nunique(), "patients": ecgs["patient_id"].nunique()}
        rows += _rows(means, "macro", first, counts | {"note": f"mean of {', '.join(found[FINE_TUNED])}"})
    return estimate_table(rows, ["rung", "vessel"])


def _rows(aucs: dict[str, AucInfluence], vessel: str, findings: Findings, counts: dict) -> list[dict[str, Any]]:
    level, method = findings.bootstrap.level, findings.method
    rows: list[dict[str, Any]] = []
    for rung, auc in aucs.items():
        made = [auc_row(auc, method, level)]
        if rung != FINE_TUNED:
            made += difference_rows(compare_paired(aucs[FINE_TUNED], auc, level), method, level)
        rows += [{"rung": rung, "vessel": vessel, **row, **counts} for row in made]
    return rows


def _too_few_to_fit(findings: Findings) -> str:
    """Say why no regression can be fitted: each inner part of each fold's training patients needs both outcomes."""
    patients = findings.rows.pivot_table(values="code", index="fold", columns="y_true", aggfunc="nunique", fill_value=0)
    left = patients.sum() - patients
    return "" if (left >= INNER_PARTS).all(axis=None) else "too few patients of either outcome to fit a regression"


def regressed(findings: Findings, design: pd.DataFrame) -> np.ndarray:
    """Log-odds (n,) by a penalised logistic regression on the patients of all other folds."""
    logit = np.zeros(len(findings.rows))
    fold = findings.rows["fold"].to_numpy()
    for number in np.unique(fold):
        train, test = fold != number, fold == number
        splits = list(StratifiedGroupKFold(INNER_PARTS).split(design[train], findings.y[train], findings.codes[train]))
        model = _regression(splits).fit(design[train], findings.y[train])
        logit[test] = model.decision_function(design[test])
    return logit


def _regression(splits: list) -> Pipeline:
    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegressionCV(
            Cs=np.geomspace(1e-4, 1, 5),
            l1_ratios=(0,),
            cv=splits,
            scoring="neg_log_loss",
            max_iter=1000,
            use_legacy_attributes=False,
        ),
    )


def training_table(models: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Tell of each fold what the probe reached on its inner-validation patients, which epoch was kept, and why.

    Parameters
    ----------
    models : what the folds' model.json say

    Returns
    -------
    fold, kept_as ("fine-tuned"; where the start was kept "linear probe", or START where it was no probe), kept_epoch
    (from 1; 0: the start), epochs, probe_loss, probe_auc, loss, auc (of what was kept), reason.
    """
    rows = []
    for model in models:
        probe, epochs, best = model["probe"] or {}, model["epochs"], model["best_epoch"]
        kept = epochs[best] if best >= 0 else probe
        rows.append(
            {
                "fold": model["fold"], "kept_as": FINE_TUNED if best >= 0 else PROBE if probe else START,
                "kept_epoch": best + 1, "epochs": len(epochs), "probe_loss": probe.get("validation_loss"),
                "probe_auc": probe.get("validation_auc"), "loss": kept.get("validation_loss"),
                "auc": kept.get("validation_auc"), "reason": model["kept"],
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def ladder_figure(ladder: pd.DataFrame) -> Figure:
    """AUC of each rung with its interval, for the mean over vessels and for each vessel; `ladder` of `build_ladder`."""
    aucs = rows_of(ladder, "AUC", HONEST).dropna(subset=["estimate"])
    vessels = [vessel for vessel in ("macro", *VESSEL_COLOURS) if (aucs["vessel"] == vessel).any()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 0.5 + 0.62 * max(1, len(vessels))))
        axes = figure.subplots(max(1, len(vessels)), 1, sharex=True, squeeze=False)[:, 0]
        if not vessels:
            axes[0].text(0.5, 0.5, "no vessel with enough events", ha="center", transform=axes[0].transAxes)
        for axis, vessel in zip(axes, vessels, strict=False):
            of_vessel = aucs[aucs["vessel"] == vessel].set_index("rung").loc[list(RUNGS)]
            colour = VESSEL_COLOURS.get(vessel, "black")
            for place, (_, row) in enumerate(of_vessel.iterrows()):
                axis.plot([row["lower"], row["upper"]], [place, place], color=colour)
                axis.plot(row["estimate"], place, "o", color=colour, markersize=4)
            axis.axvline(0.5, color=GREY, linewidth=0.6, linestyle=":")
            axis.set_yticks(range(len(RUNGS)), RUNGS, fontsize=6)
            axis.set_ylim(-0.6, len(RUNGS) - 0.4)
            axis.set_title("Mean" if vessel == "macro" else vessel, loc="left", fontsize=7, color=colour)
        axes[-1].set_xlabel("AUC (dotted: chance)")
    return figure
