"""Tests and intervals of predictions that were not learnt from the patients, as at external sites; for `levels.py`."""

from functools import cache

import numpy as np
import pandas as pd
from levels_hospital import LAD, LM, RATES, READ_AT, Scores, areas, chosen, draw, ecgs_of, scored, truths
from scipy.special import expit

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_decisions import decision_curves
from ecg_ccta.evaluation.analyse_severity import severity_table
from ecg_ccta.evaluation.analyse_subgroups import subgroup_auc
from ecg_ccta.evaluation.evaluate_thresholds import stratum_table, threshold_table
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.calibration import calibration_summary

PATIENTS = 500
SETTINGS = Evaluation(bootstrap_replicates=200)
SCORES = {"LAD": LAD, "LM": LM}
WORDS = {"LAD": "100 of 500 patients with the event", "LM": "20 of 500 patients with the event"}

Found = dict[tuple[str, str], float]
"""(test or interval, scenario) -> proportion of intervals that miss, or of true hypotheses rejected; NaN where none."""


def missed(lower: float, upper: float, truth: float) -> float:
    """Say whether an interval misses the truth; without an upper end it reaches as far as can be."""
    if np.isnan(lower) and np.isnan(upper):
        return np.nan
    return float(not (np.nan_to_num(lower, nan=-np.inf) <= truth <= np.nan_to_num(upper, nan=np.inf)))


def vessels_of(codes: np.ndarray, rng: np.random.Generator) -> dict[str, tuple]:
    return {vessel: draw(of, codes, rng) for vessel, of in SCORES.items()}


@cache
def all_truths() -> dict[str, dict]:
    """Give what every interval should hold, by vessel."""
    pooled = {("discrimination", name, ""): value for name, value in areas(*SCORES.values()).items()}
    by_vessel = {vessel: truths(of, vessel) for vessel, of in SCORES.items()}
    mean = {key: float(np.mean([of[key] for of in by_vessel.values()])) for key in pooled}
    return by_vessel | {"micro": pooled, "macro": mean}


def rows_with_interval(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["lower"].notna() | table["upper"].notna()]


def tallied(name: str, table: pd.DataFrame, strata: list[str], found: dict[tuple[str, str], list]) -> None:
    """Add whether each interval of a result table misses; raises KeyError for a measure whose truth is not known."""
    truth = all_truths()
    columns = ["vessel", "measure", "method", "lower", "upper", *strata]
    for row in rows_with_interval(table)[columns].to_dict("records"):
        key = (name, row["measure"], *([row[column] for column in strata] or [""]))
        words = WORDS.get(row["vessel"], f"{row['vessel']} of these")
        label = f"{row['measure']}, {row['method']}", words
        found.setdefault(label, []).append(missed(row["lower"], row["upper"], truth[row["vessel"]][key]))


def averaged(found: dict[tuple[str, str], list]) -> Found:
    """Average a repetition's intervals of one name: thresholds, false positive rates, points of a curve."""
    return {key: float(np.nanmean(values)) if np.isfinite(values).any() else np.nan for key, values in found.items()}


def external_site(rng: np.random.Generator) -> Found:
    """Evaluate a site whose predictions are calibrated: discrimination, calibration, thresholds, decisions."""
    codes = ecgs_of(PATIENTS, rng)
    ecgs, seed = scored(vessels_of(codes, rng), codes, rng), int(rng.integers(2**31))
    panel = validate(ecgs, SETTINGS, seed)
    found: dict[tuple[str, str], list] = {}
    tallied("discrimination", panel["discrimination"], [], found)
    summary = panel["calibration_summary"]
    tallied("calibration_summary", summary[~summary["measure"].isin(["ICI", "E50", "E90"])], [], found)
    roc = panel["roc"]
    tallied("roc", roc[roc["false_positive_rate"].round(6).isin(RATES)], ["false_positive_rate"], found)
    for name, words in (("calibration", "group"), ("calibration_curve", "curve")):
        table = panel[name]
        for vessel in SCORES:
            rows = table[(table["vessel"] == vessel) & (table["level"] == SETTINGS.level)]
            if name == "calibration_curve" and len(rows):
                inside = rows["predicted"].rank(pct=True).to_numpy()
                rows = rows.iloc[[int(np.abs(inside - at).argmin()) for at in (0.1, 0.25, 0.5)]]
            for row in rows.to_dict("records"):
                label = f"{row['measure']} of a calibration {words}, {row['method']}", WORDS[vessel]
                found.setdefault(label, []).append(missed(row["lower"], row["upper"], row["predicted"]))
    tallied("thresholds", threshold_table(ecgs, chosen(), SETTINGS, seed), ["kind"], found)
    tallied("strata", stratum_table(ecgs, chosen(), SETTINGS, seed), ["stratum"], found)
    curves = decision_curves(ecgs, SETTINGS, seed)
    at = [
        round(threshold, 6) in READ_AT.get(vessel, ())
        for vessel, threshold in zip(curves["vessel"], curves["threshold"], strict=True)
    ]
    curves = curves[np.array(at)].assign(threshold=lambda rows: rows["threshold"].round(6))
    tallied("decision_curves", curves, ["strategy", "threshold"], found)
    return averaged(found)


STRETCH = Scores(LAD.share, LAD.without * 0.6 - 0.3, LAD.with_event * 0.6 - 0.3, LAD.spread * 0.6)
"""Predictions of too little spread, and too low."""


@cache
def true_distances() -> dict[str, float]:
    """Give ICI, E50 and E90 of all ECGs that could be drawn, by the library's smoother."""
    rng = np.random.default_rng(1)
    y, score = draw(STRETCH, np.arange(20_000), rng)
    rows, _ = calibration_summary(y, expit(score), score, np.arange(20_000), Bootstrap(20_000, 2, 0.95, 1))
    return {row["measure"]: row["estimate"] for row in rows}


def miscalibrated(rng: np.random.Generator) -> Found:
    """Measure how far predictions are off that are off."""
    codes = ecgs_of(PATIENTS, rng)
    y, score = draw(STRETCH, codes, rng)
    bootstrap = Bootstrap(PATIENTS, SETTINGS.bootstrap_replicates, SETTINGS.level, int(rng.integers(2**31)))
    rows, _ = calibration_summary(y, expit(score), score, codes, bootstrap)
    truth = true_distances()
    return {
        (f"{row['measure']}, {row['method']}", "miscalibrated, 100 of 500 patients with the event"): missed(
            row["lower"], row["upper"], truth[row["measure"]]
        )
        for row in rows
        if row["measure"] in ("ICI", "E50", "E90")
    }


def groups(rng: np.random.Generator) -> Found:
    """Compare subgroups that do not differ. Normal and other ECGs are compared by the same functions."""
    codes = ecgs_of(PATIENTS, rng)
    ecgs, seed = scored(vessels_of(codes, rng), codes, rng), int(rng.integers(2**31))
    quick = SETTINGS.model_copy(update={"bootstrap_replicates": 1})
    subgroups = subgroup_auc(ecgs, quick, seed)
    found: dict[tuple[str, str], list] = {}
    truth = {vessel: all_truths()[vessel]["discrimination", "AUC", ""] for vessel in SCORES}
    for row in rows_with_interval(subgroups).to_dict("records"):
        of = truth[row["vessel"]] if row["measure"] == "AUC" else 0.0
        label = f"{row['measure']}, {row['method']}", f"subgroups of {WORDS[row['vessel']]}"
        found.setdefault(label, []).append(missed(row["lower"], row["upper"], of))
    tests = subgroups[subgroups["estimate"].notna()]
    for row in tests[tests["measure"] == "interaction p"].to_dict("records"):
        label = f"interaction p, {row['method']}", f"subgroups of {WORDS[row['vessel']]}"
        found.setdefault(label, []).append(float(row["estimate"] < 0.05))
    q = tests[tests["measure"] == "interaction q"]
    found["interaction q, any below 5 %", "all subgroups, 500 patients"] = [float((q["estimate"] < 0.05).any())]
    return averaged(found)


def grades(rng: np.random.Generator) -> Found:
    """Look for a trend over grades in predictions that know nothing of them; 3 % of the patients are severe."""
    codes = ecgs_of(PATIENTS, rng)
    ecgs = scored({"LM": (np.zeros(codes.size), rng.normal(size=codes.max() + 1)[codes])}, codes, rng)
    grade = rng.choice(
        ["none", "mild", "moderate", "severe", "complete"], codes.max() + 1, p=[0.7, 0.17, 0.1, 0.02, 0.01]
    )
    is_lm = (ecgs["vessel"] == "LM").to_numpy()
    ecgs.loc[is_lm, "grade"] = grade[codes]
    table = severity_table(ecgs, SETTINGS, int(rng.integers(2**31)))
    rows = table[(table["vessel"] == "LM") & (table["grade"] == "")].set_index("measure")
    correlation = rows.loc["Spearman correlation"]
    return {
        (f"Spearman correlation, {correlation['method']}", "500 patients, 3 % severe, no trend"): missed(
            correlation["lower"], correlation["upper"], 0.0
        ),
        ("Jonckheere-Terpstra p, one ECG per patient", "500 patients, 3 % severe, no trend"): float(
            rows.loc["Jonckheere-Terpstra p", "estimate"] < 0.05
        ),
    }
