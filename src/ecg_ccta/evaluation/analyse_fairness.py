"""Calibration, and accuracy at the study's thresholds, by sex, age group and centre, and how far the groups differ.

What differs between groups is described; why it does is not. Groups of unequal prevalence cannot have equal PPV, NPV,
sensitivity and specificity at once unless the prediction is perfect (Chouldechova, Big Data 5:153-163, 2017), and a
group of other patients, or other ECGs, has other values without any fault of the model.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation, Fairness
from ecg_ccta.evaluation.analyse_subgroups import ALL_ECGS, place_categories
from ecg_ccta.evaluation.choose_thresholds import THRESHOLD_KINDS, lack_of, thresholds_of
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.statistics.clustered_groups import Value, calibration_values, clustered_proportion, difference_of
from ecg_ccta.statistics.estimates import estimate_table
from ecg_ccta.tables import SEXES

CALIBRATION = ("intercept", "slope")
ACCURACY = ("sensitivity", "specificity", "PPV", "NPV")
FAIRNESS_MEASURES = (*CALIBRATION, *ACCURACY)
NO_THRESHOLD = "no threshold"
"""Kind of the rows of calibration."""
WITHOUT = "ECGs without it"
CORRECTED = "after Bonferroni's correction"
"""In the note of a difference whose interval excludes 0: also, or but not."""


def analyse_fairness(
    scored: pd.DataFrame, chosen: dict[str, Any], settings: Evaluation, fairness: Fairness
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Describe each group, and the difference of each group to the largest one.

    Parameters
    ----------
    scored : of `scored_ecgs`
    chosen : of `choose_thresholds`; each ECG is judged by thresholds that its patient had no part in
    settings : level and minimum_events

    Returns
    -------
    values : strata vessel, attribute (ALL_ECGS, sex, age, centre), group, kind (of threshold, or NO_THRESHOLD), in the
        form of `estimate_table`: FAIRNESS_MEASURES, and the count of ECGs WITHOUT the attribute
    differences : as values, with the column reference, the group of the attribute with the most ECGs; its note says
        where an interval excludes 0, and whether it does after Bonferroni's correction for all differences of the site

    A group with too few events or non-events has a note, as in `validate`; so has an attribute that the site lacks.
    """
    groups = fairness_groups(scored, fairness)
    rows: list[dict[str, Any]] = []
    parts: list[tuple[dict[str, str], Findings]] = []
    for vessel, findings in findings_by_vessel(scored, settings, None).items():
        for attribute, categories in groups.items():
            strata = {"vessel": vessel, "attribute": attribute}
            if isinstance(categories, str):
                rows.append(strata | {"group": "", "kind": NO_THRESHOLD, "measure": WITHOUT, "note": categories})
                continue
            of_rows = categories.loc[findings.rows.index]
            for group in of_rows.cat.categories:
                part = findings.where((of_rows == group).to_numpy(dtype=bool))
                parts.append((strata | {"group": str(group)}, part))
                rows += [strata | {"group": str(group)} | row for row in value_rows(part, chosen)]
            if attribute != ALL_ECGS:
                without = findings.where(of_rows.isna().to_numpy()).counts
                row = {"group": "", "kind": NO_THRESHOLD, "measure": WITHOUT, "estimate": without["n"]}
                rows.append(strata | without | row | {"method": "count"})
    values = estimate_table(rows, ["vessel", "attribute", "group", "kind"])
    references = {name: of.value_counts().index[0] for name, of in groups.items() if not isinstance(of, str)}
    return values, _difference_table(parts, references, chosen, settings.level)


def fairness_groups(rows: pd.DataFrame, fairness: Fairness) -> dict[str, pd.Series | str]:
    """Group of every row by each attribute: a categorical, or why there are no groups.

    Centres with few ECGs are joined, as in the subgroups.
    """
    everybody = pd.Series(pd.Categorical(["all"] * len(rows)), index=rows.index)
    sex = pd.Series(pd.Categorical(rows["sex"], categories=SEXES), index=rows.index)
    cuts = fairness.age_cuts
    between = [f"{low:g} to < {high:g} years" for low, high in pairwise(cuts)]
    labels = [f"< {cuts[0]:g} years", *between, f"≥ {cuts[-1]:g} years"]
    age = pd.cut(rows["age"].astype(float), [-np.inf, *cuts, np.inf], right=False, labels=labels)
    found: dict[str, pd.Series | str] = {ALL_ECGS: everybody, "sex": sex, "age": age}
    centre = place_categories(rows, "centre") if "centre" in rows and rows["centre"].notna().any() else None
    found["centre"] = "no centre column" if centre is None else centre
    for name in ("sex", "age"):
        of = found[name]
        if not isinstance(of, str) and of.isna().all():
            found[name] = f"{name} is not known of any ECG"
    return found


def group_values(findings: Findings, chosen: dict[str, Any], level: float) -> dict[tuple[str, str], Value | str]:
    """Estimate every measure of a group of a vessel's ECGs, or say why there is none.

    Returns
    -------
    (kind, measure) -> value or note
    """
    keys = [(NO_THRESHOLD, name) for name in CALIBRATION]
    keys += [(kind, name) for kind in THRESHOLD_KINDS for name in ACCURACY]
    if findings.insufficient:
        return dict.fromkeys(keys, findings.insufficient)
    y, codes, patients = findings.y == 1, findings.codes, findings.bootstrap.patients
    calibration = calibration_values(findings.y, findings.logit, codes, patients, level)
    found: dict[tuple[str, str], Value | str] = {(NO_THRESHOLD, name): calibration[name] for name in CALIBRATION}
    for kind in THRESHOLD_KINDS:
        note = lack_of(findings.rows, chosen, kind)
        if note:
            found |= {(kind, name): note for name in ACCURACY}
            continue
        positive = findings.probability >= thresholds_of(findings.rows, chosen, kind)
        masks = {
            "sensitivity": (positive, y),
            "specificity": (~positive, ~y),
            "PPV": (y, positive),
            "NPV": (~y, ~positive),
        }
        for name, (counted, among) in masks.items():
            try:
                found[kind, name] = clustered_proportion(counted, among, codes, patients, level)
            except ValueError as error:
                found[kind, name] = f"{error} {_WHERE[name]}"
    return found


_WHERE = {
    "sensitivity": "with an event",
    "specificity": "without an event",
    "PPV": "at or above the threshold",
    "NPV": "below the threshold",
}


def value_rows(findings: Findings, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a group's values; n, events and patients are the group's."""
    level = findings.bootstrap.level
    rows = []
    for (kind, measure), value in group_values(findings, chosen, level).items():
        row = findings.counts | {"kind": kind, "measure": measure, "level": level}
        if isinstance(value, str):
            rows.append(row | {"note": value})
            continue
        interval = {"estimate": value.estimate, "lower": value.lower, "upper": value.upper}
        rows.append(row | interval | {"method": value.method})
    return rows


def _difference_table(
    parts: list[tuple[dict[str, str], Findings]], references: dict[str, Any], chosen: dict[str, Any], level: float
) -> pd.DataFrame:
    """Differences at the level, and at Bonferroni's for as many as there are."""
    rows = _differences(parts, references, chosen, level)
    number = sum("estimate" in row for row in rows)
    corrected = _differences(parts, references, chosen, 1 - (1 - level) / max(1, number))
    for row, strict in zip(rows, corrected, strict=True):
        if "estimate" not in row:
            continue
        apart = row["lower"] > 0 or row["upper"] < 0
        left = strict["lower"] > 0 or strict["upper"] < 0
        row["note"] = f"excludes 0, {'also' if left else 'but not'} {CORRECTED} ({number} differences)" if apart else ""
    return estimate_table(rows, ["vessel", "attribute", "group", "reference", "kind"])


def _differences(
    parts: list[tuple[dict[str, str], Findings]], references: dict[str, Any], chosen: dict[str, Any], level: float
) -> list[dict[str, Any]]:
    """Rows of each group minus the reference of its attribute; n, events and patients are those of both."""
    found = {tuple(strata.values()): (of, group_values(of, chosen, level)) for strata, of in parts}
    rows: list[dict[str, Any]] = []
    for (vessel, attribute, group), (part, values) in found.items():
        reference = str(references[attribute])
        if group == reference or attribute == ALL_ECGS:
            continue
        other, others = found[vessel, attribute, reference]
        # A patient may have ECGs in both groups.
        patients = pd.concat([part.rows["patient_id"], other.rows["patient_id"]]).nunique()
        counts = {name: part.counts[name] + other.counts[name] for name in ("n", "events")} | {"patients": patients}
        strata = {"vessel": vessel, "attribute": attribute, "group": group, "reference": reference}
        for (kind, measure), value in values.items():
            row = strata | counts | {"kind": kind, "measure": measure, "level": level}
            against = others[kind, measure]
            if isinstance(value, str) or isinstance(against, str):
                sides = ((group, value), (reference, against))
                notes = [f"{name}: {side}" for name, side in sides if isinstance(side, str)]
                rows.append(row | {"note": "; ".join(notes)})
                continue
            between = difference_of(value, against, level)
            interval = {"estimate": between.estimate, "lower": between.lower, "upper": between.upper}
            rows.append(row | interval | {"method": between.method})
    return rows
