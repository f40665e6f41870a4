"""Tests and intervals that explain the predictions: beats, measurements, logits, attribution; for `levels.py`."""

from functools import cache
from unittest.mock import patch

import numpy as np
import pandas as pd
from levels_fixed import Found, averaged, missed
from levels_hospital import ecgs_of
from out_of_fold import Hospital, fold_scores, folds_of

from ecg_ccta.attribution.summarise_attribution import over_folds
from ecg_ccta.config import Evaluation
from ecg_ccta.truth.compare_attribution_with_truth import ATTRIBUTION_MEASURES, attribution_agreement
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms import measurements as of_measurements
from ecg_ccta.waveforms.compare_waveforms import (
    all_curves,
    cluster_table,
    compare_all_measurements,
    compare_all_waveforms,
    segment_table,
)
from ecg_ccta.waveforms.explain_logits import explain_logits
from ecg_ccta.waveforms.matched_groups import match_risk_groups
from ecg_ccta.waveforms.measurements import GLOBAL

PATIENTS, PERMUTATIONS, LEVEL = 160, 199, 0.95
TIMES = np.arange(-0.3, 0.5, 0.04)
AGE = 0.2
"""Proportion of the variance of beats and measurements that age explains."""
HIGH = {"LM": 0.2}
"""Proportion of high-risk calls, which know nothing of the ECG; 5 % of the ECGs are called otherwise than the rest of
their patient's."""


def site(rng: np.random.Generator, columns: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Draw people, risk groups of a vessel, and `columns` values of every ECG of standard deviation 1."""
    codes = ecgs_of(PATIENTS, rng)
    age = rng.normal(62, 10, PATIENTS)
    people = pd.DataFrame(
        {
            "ecg_id": np.char.add("e", np.arange(codes.size).astype(str)),
            "patient_id": np.char.add("p", codes.astype(str)),
            "age": age[codes],
            "sex": rng.choice(["female", "male"], PATIENTS)[codes],
        }
    )
    own = (0.9 * (1 - AGE)) ** 0.5 * rng.normal(size=(PATIENTS, columns)) + AGE**0.5 * ((age - 62) / 10)[:, None]
    values = own[codes] + (0.1 * (1 - AGE)) ** 0.5 * rng.normal(size=(codes.size, columns))
    parts = []
    for vessel, share in HIGH.items():
        high = (rng.random(PATIENTS) < share)[codes] != (rng.random(codes.size) < 0.05)
        parts.append(people[["ecg_id", "patient_id"]].assign(vessel=vessel, group=np.where(high, "high", "low")))
    return people, pd.concat(parts, ignore_index=True), values


def words(comparison: str, vessel: str) -> str:
    return f"{comparison}, {100 * HIGH[vessel]:.0f} % of {PATIENTS} patients at high risk"


def beats(rng: np.random.Generator) -> Found:
    """Compare beats of groups that do not differ."""
    size = TIMES.size
    people, risk, values = site(rng, 12 * size)
    smooth = values.reshape(-1, 12, size)
    smooth = (smooth + np.roll(smooth, 1, axis=2) + np.roll(smooth, 2, axis=2)) / 3**0.5
    matched, _ = match_risk_groups(risk, people, int(rng.integers(2**31)))
    seed = int(rng.integers(2**31))
    compared = compare_all_waveforms(
        smooth, TIMES, people["ecg_id"], {"all": risk, "matched": matched}, seed=seed, permutations=PERMUTATIONS
    )
    found: dict[tuple[str, str], list] = {}
    segments = segment_table(compared)
    for row in segments[segments["note"] == ""].to_dict("records"):
        data = words(row["comparison"], row["vessel"])
        if row["scale"] == "mV":
            found.setdefault(("difference of a region, t", data), []).append(missed(row["lower"], row["upper"], 0.0))
            found.setdefault(("p_value of a region, t", data), []).append(float(row["p_value"] < 0.05))
    known = segments[(segments["note"] == "") & (segments["scale"] == "mV")]
    for (comparison, vessel), rows in known.groupby(["comparison", "vessel"]):
        found["q_value of regions, any below 5 %", words(comparison, vessel)] = [float((rows["q_value"] < 0.05).any())]
    clusters = cluster_table(compared)
    tested = clusters[clusters["permutations"].notna()]
    for (comparison, vessel), rows in tested[tested["scale"] == "mV"].groupby(["comparison", "vessel"]):
        data = words(comparison, vessel)
        found["p_value of a cluster, any", data] = [float((rows["p_value"] <= 0.05).any())]
    for comparison, rows in tested.groupby("comparison"):
        data = f"{comparison}, both scales"
        found["p_corrected of a cluster, any", data] = [float((rows["p_corrected"] <= 0.05).any())]
    curves = all_curves(compared)
    # Beats are zero on average, but their PQ level is taken away: what it is on average is zero too.
    shown = curves[(curves["note"] == "") & (curves["scale"] == "mV") & curves["time"].between(0.15, 0.3)]
    for (comparison, vessel), rows in shown.groupby(["comparison", "vessel"]):
        for group in ("low", "high"):
            outside = (rows[f"{group}_lower"] > 0) | (rows[f"{group}_upper"] < 0)
            data = f"{group} risk, {words(comparison, vessel)}"
            found["mean beat of a group, t", data] = [float(outside.mean())]
    return averaged(found)


def measurements(rng: np.random.Generator) -> Found:
    """Compare measurements of groups that do not differ; a twentieth is missing. Three stand for all."""
    few = {"heart_rate": GLOBAL["heart_rate"], "qrs_ms": GLOBAL["qrs_ms"], "axis_deg": GLOBAL["axis_deg"]}
    with patch.dict(of_measurements.GLOBAL, few, clear=True), patch.dict(of_measurements.BY_LEAD, clear=True):
        return few_measurements(list(few), rng)


def few_measurements(names: list[str], rng: np.random.Generator) -> Found:
    people, risk, values = site(rng, len(names))
    values[rng.random(values.shape) < 0.05] = np.nan
    table = pd.DataFrame(values, columns=names).assign(ecg_id=people["ecg_id"])
    table["axis_deg"] = 40 * table["axis_deg"] + 170
    matched, _ = match_risk_groups(risk, people, int(rng.integers(2**31)))
    compared = compare_all_measurements(table, {"all": risk, "matched": matched}, LEVEL)
    compared = compared[compared["note"] == ""]
    found: dict[tuple[str, str], list] = {}
    for row in compared.to_dict("records"):
        what = "an axis, circular t" if row["unit"] == "degrees" else "a measurement, t"
        data = words(row["comparison"], row["vessel"])
        found.setdefault((f"difference of {what}", data), []).append(missed(row["lower"], row["upper"], 0.0))
        found.setdefault((f"p_value of {what}", data), []).append(float(row["p_value"] < 0.05))
    for (comparison, vessel), rows in compared.groupby(["comparison", "vessel"]):
        label = "q_value of measurements, any below 5 %", words(comparison, vessel)
        found[label] = [float((rows["q_value"] < 0.05).any())]
    return averaged(found)


WEIGHTS = {"age": 0.5, "heart_rate": 0.6, "pr_ms": 0.0, "qrs_ms": 0.3}
"""Of standardised columns on a logit whose other part has variance 1."""


def logits(rng: np.random.Generator) -> Found:
    """Explain a logit by measurements, of which one says nothing."""
    codes = ecgs_of(400, rng)
    columns = {
        name: 0.9**0.5 * rng.normal(size=400)[codes] + 0.1**0.5 * rng.normal(size=codes.size) for name in WEIGHTS
    }
    columns["age"] = rng.normal(size=400)[codes]
    ids = np.char.add("e", np.arange(codes.size).astype(str))
    people = np.char.add("p", codes.astype(str))
    noise = 0.9**0.5 * rng.normal(size=400)[codes] + 0.1**0.5 * rng.normal(size=codes.size)
    logit = sum(weight * columns[name] for name, weight in WEIGHTS.items()) + noise
    cohort = pd.DataFrame({"ecg_id": ids, "patient_id": people, "age": columns["age"], "sex": "male"})
    for name in ("days_to_ccta", "ccta_date", "recorded_at", "chest_pain", "statement", "hypertension", "diabetes",
                 "dyslipidaemia", "smoking"):  # fmt: skip
        cohort[name] = pd.NA
    for vessel in VESSELS:
        cohort[f"target_{vessel}"], cohort[f"grade_{vessel}"] = pd.NA, pd.NA
    measured = pd.DataFrame({"ecg_id": ids, "beats": 8} | {name: columns[name] for name in WEIGHTS if name != "age"})
    predictions = pd.concat(
        [
            pd.DataFrame({"ecg_id": ids, "patient_id": people, "vessel": vessel, "fold": -1, "probability": 0.5,
                          "logit": logit if vessel == "LAD" else 0.0})
            for vessel in VESSELS
        ]
    )  # fmt: skip
    settings = Evaluation(bootstrap_replicates=200)
    found = explain_logits(cohort, predictions, measured, settings, refits=40, seed=int(rng.integers(2**31)))
    squares = {name: weight**2 for name, weight in WEIGHTS.items()}
    explained, total = sum(squares.values()), sum(squares.values()) + 1
    data = "400 patients, four columns"
    result: Found = {}
    truth = {"age and sex": squares["age"], "measurements": explained - squares["age"]}
    for row in found.r2[found.r2["vessel"] == "LAD"].to_dict("records"):
        of = truth.get(row["predictors"], explained) / total
        result["r2, bootstrap", f"{row['predictors']}, {data}"] = missed(row["lower"], row["upper"], of)
    names = {"age and sex": "age", "rate and rhythm": "heart_rate", "PR": "pr_ms", "QRS duration": "qrs_ms"}
    for row in found.groups[found.groups["vessel"] == "LAD"].to_dict("records"):
        of = squares[names[row["group"]]] / total
        what = "nothing to lose" if of == 0 else row["group"]
        result["r2_lost, bootstrap", f"{what}, {data}"] = missed(row["lower"], row["upper"], of)
    for row in found.coefficients[found.coefficients["vessel"] == "LAD"].to_dict("records"):
        if row["measurement"] in WEIGHTS:
            of = WEIGHTS[row["measurement"]] / total**0.5
            what = "of no effect" if of == 0 else row["measurement"]
            result["coefficient, bootstrap", f"{what}, {data}"] = missed(row["lower"], row["upper"], of)
    return result


LEADS = [f"lead {number}" for number in range(12)]
SEGMENTS = [f"segment {number}" for number in range(5)]


@cache
def world() -> Hospital:
    """Sixty regions whose weights five folds' models learn."""
    return Hospital(60, 1.0)


def attribution(rng: np.random.Generator) -> dict[tuple[str, str], float | tuple[float, float, float]]:
    """Average over folds what each fold's model weighs, against what models of other hospitals do on average."""
    hospital = world()
    x, y, codes = hospital.draw(500, 0.2, rng)
    _, weights = fold_scores(x, y, folds_of(y, codes, 5, rng), 100.0)
    by_fold = np.array(weights) * hospital.variance**0.5
    mean, lower, upper = over_folds(by_fold[:, :1])
    planted = np.abs(hospital.shift / hospital.variance**0.5) > 0.15
    cells = [
        {"fold": fold, "vessel": vessel, "lead": LEADS[place // 5], "segment": SEGMENTS[place % 5],
         "planted": planted[place], **dict.fromkeys(ATTRIBUTION_MEASURES, np.nan),
         ATTRIBUTION_MEASURES[0]: abs(value) if vessel == "LAD" else np.nan}
        for fold, values in enumerate(by_fold)
        for vessel in VESSELS
        for place, value in enumerate(values)
    ]  # fmt: skip
    agreement = attribution_agreement(pd.DataFrame(cells))
    row = agreement[(agreement["vessel"] == "LAD") & (agreement["measure"] == ATTRIBUTION_MEASURES[0])].iloc[0]
    data = "five folds of 500 patients, against other hospitals' mean"
    return {
        ("attribution, faithfulness, randomisation over folds, t", data): (lower[0], upper[0], mean[0]),
        ("auroc of planted regions, jackknife over folds", data): (row["lower"], row["upper"], row["auroc"]),
    }
