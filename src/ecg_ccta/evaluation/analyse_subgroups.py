"""AUC of each vessel in subgroups - who the patient is, when the ECG was taken, the clinical picture, where and how the
CCTA was done - and whether it differs between their categories."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.statistics.auc import auc_delong, auc_replicates
from ecg_ccta.statistics.bootstrap import patient_codes, percentile_interval
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG, estimate_table
from ecg_ccta.statistics.heterogeneity import BENJAMINI_HOCHBERG, WALD, adjusted, equality_of_replicates
from ecg_ccta.tables import CHEST_PAIN, PLACES, RISK_FACTORS
from ecg_ccta.vessels import VESSELS

WHOLE = "all ECGs"
"""The subgroup with the single category "all"."""
MOST_PERIODS = 6
"""Calendar years are joined into periods of equal length where there are more."""
MOST_PLACES = 8
"""Scanners or centres with a category of their own; the rarer ones are joined."""


def subgroup_auc(scored: pd.DataFrame, settings: Evaluation, seed: int) -> pd.DataFrame:
    """AUC of each vessel in each category of each subgroup, and tests of whether the categories differ.

    Parameters
    ----------
    scored : from `scored_ecgs`
    settings : level, replicates, minimum number of events, cuts of age and of the ECG-to-CCTA interval
    seed : of the bootstrap; all categories share the draws of patients

    Returns
    -------
    Strata vessel, subgroup, category, in the form of `estimate_table`. Per category "AUC" by the clustered bootstrap
    and by DeLong. Per subgroup (category empty), over the categories with enough events:

    AUC difference : of the first minus the second, where the subgroup has two categories
    interaction p : Wald test that the categories share one AUC, from the bootstrap covariance
    interaction q : its Benjamini-Hochberg adjustment over all interaction tests of this table
    ECGs without it : how many ECGs with a finding lack the covariate and are in no category

    Categories with too few events or non-events have empty numbers and a note, as in `validate`.
    """
    codes, patients = patient_codes(scored["patient_id"])
    coded = scored.assign(_code=codes)
    subgroups = subgroup_categories(coded, settings)
    rows: list[dict[str, Any]] = []
    for vessel in VESSELS:
        findings = with_finding(coded, vessel)
        for subgroup, categories in subgroups.items():
            of_findings = categories.loc[findings.index]
            members = {name: findings[(of_findings == name).to_numpy(dtype=bool)] for name in categories.cat.categories}
            strata = {"vessel": vessel, "subgroup": subgroup}
            rows += _subgroup(strata, findings, members, of_findings, patients, settings, seed)
    table = estimate_table(rows, ["vessel", "subgroup", "category"]).fillna({"category": ""})
    return _with_q_values(table)


def _subgroup(
    strata: dict[str, str],
    findings: pd.DataFrame,
    members: dict[str, pd.DataFrame],
    categories: pd.Series,
    patients: int,
    settings: Evaluation,
    seed: int,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    aucs, drawn = {}, {}
    for category, ecgs in members.items():
        counts = strata | {"category": category} | _counts(ecgs)
        note = shortage(ecgs, settings.minimum_events)
        if note:
            rows += [counts | {"measure": "AUC", "method": method, "note": note} for method in (CLUSTERED, DELONG)]
            continue
        y, score = ecgs["y_true"].to_numpy(dtype=np.int64), ecgs["logit"].to_numpy(dtype=float)
        delong = auc_delong(y, score, settings.level)
        replicates = auc_replicates(y, score, ecgs["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed)
        aucs[category], drawn[category] = delong.auc, replicates
        lower, upper, _ = percentile_interval(replicates, settings.level)
        estimate = counts | {"measure": "AUC", "estimate": delong.auc, "level": settings.level}
        rows.append(estimate | {"lower": lower, "upper": upper, "method": CLUSTERED})
        rows.append(estimate | {"lower": delong.lower, "upper": delong.upper, "method": DELONG})
    if len(members) == 1:
        return rows
    counts = strata | _counts(pd.concat([members[name] for name in aucs]) if aucs else findings.iloc[:0])
    rows += _interaction(counts, list(members), aucs, drawn, settings.level)
    without = findings[categories.isna().to_numpy()]
    rows.append(strata | _counts(without) | {"measure": "ECGs without it", "estimate": len(without), "method": "count"})
    return rows


def _interaction(
    counts: dict[str, Any], names: list[str], aucs: dict[str, float], drawn: dict[str, np.ndarray], level: float
) -> list[dict[str, Any]]:
    rows = []
    if len(names) == 2:
        row = counts | {"measure": "AUC difference", "method": CLUSTERED, "note": f"{names[0]} minus {names[1]}"}
        if len(aucs) == 2:
            first, second = names
            lower, upper, _ = percentile_interval(drawn[first] - drawn[second], level)
            row |= {"estimate": aucs[first] - aucs[second], "lower": lower, "upper": upper, "level": level}
        else:
            row["note"] += ": too few events or non-events"
        rows.append(row)
    test = counts | {"measure": "interaction p", "method": WALD}
    if len(aucs) < 2:
        return [*rows, test | {"note": "fewer than two categories with enough events"}]
    try:
        found = equality_of_replicates(np.array(list(aucs.values())), np.column_stack(list(drawn.values())))
    except ValueError as error:
        return [*rows, test | {"note": str(error)}]
    left_out = [name for name in names if name not in aucs]
    note = f"chi-squared {found.statistic:.2f}, {found.degrees} df"
    if left_out:
        note += f"; too few events or non-events in {', '.join(left_out)}"
    return [*rows, test | {"estimate": found.p_value, "note": note}]


def _with_q_values(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with a row "interaction q" after each "interaction p"."""
    tests = table[table["measure"] == "interaction p"]
    q_values = tests.assign(
        measure="interaction q", method=BENJAMINI_HOCHBERG, estimate=adjusted(tests["estimate"].to_numpy())
    )
    number = int(tests["estimate"].notna().sum())
    q_values["note"] = np.where(q_values["estimate"].notna(), f"over {number} tests", q_values["note"])
    return pd.concat([table, q_values]).sort_index(kind="stable").reset_index(drop=True)


def subgroup_categories(rows: pd.DataFrame, settings: Evaluation) -> dict[str, pd.Series]:
    """Name of each subgroup and the category of every row: a categorical, missing where the covariate is.

    Scanner and centre are there only where the site names any.
    """
    age, days, cut = rows["age"], rows["days_to_ccta"], settings.interval_cut_days
    found = {
        WHOLE: _categories(rows, {"all": pd.Series(True, index=rows.index)}),
        "age": _categories(
            rows,
            {
                f"< {settings.age_cut:g} years": age < settings.age_cut,
                f"≥ {settings.age_cut:g} years": age >= settings.age_cut,
            },
        ),
        "sex": _categories(rows, {word: rows["sex"] == word for word in ("female", "male")}),
        "ECG to CCTA": _categories(rows, {f"≤ {cut:g} days": days.abs() <= cut, f"> {cut:g} days": days.abs() > cut}),
        "order": _categories(rows, {"ECG before or same day": days >= 0, "ECG after CCTA": days < 0}),
        "time of day": _time_of_day(rows),
        "calendar year": _calendar_year(rows),
    }
    for name in RISK_FACTORS:
        factor = rows[name].astype("boolean")
        found[name] = _categories(rows, {"yes": factor, "no": ~factor})
    found["chest pain"] = _categories(rows, {word: rows["chest_pain"] == word for word in CHEST_PAIN})
    for name in PLACES:
        if name in rows and rows[name].notna().any():
            found[name] = _places(rows, name)
    return found


def _time_of_day(rows: pd.DataFrame) -> pd.Series:
    """Quarter of the day of the recording; missing throughout where the export has dates without times."""
    at = rows["recorded_at"]
    has_times = (at.dropna() != at.dropna().dt.normalize()).any()
    hour = at.dt.hour if has_times else pd.Series(np.nan, index=rows.index)
    quarters = {"0 to 6 h": 0, "6 to 12 h": 6, "12 to 18 h": 12, "18 to 24 h": 18}
    return _categories(
        rows, {label: hour.between(start, start + 6, inclusive="left") for label, start in quarters.items()}
    )


def _calendar_year(rows: pd.DataFrame) -> pd.Series:
    """Year of the recording, or the period of years where there are many."""
    year = rows["recorded_at"].dt.year
    if year.isna().all():
        return _categories(rows, {"any": year.notna()})
    first, last = int(year.min()), int(year.max())
    length = -(-(last - first + 1) // MOST_PERIODS)
    periods = {}
    for start in range(first, last + 1, length):
        end = min(start + length - 1, last)
        members = year.between(start, end)
        if members.any():
            periods[str(start) if start == end else f"{start} to {end}"] = members
    return _categories(rows, periods)


def _places(rows: pd.DataFrame, name: str) -> pd.Series:
    """The most frequent words of a column, in the order of their frequency, and the others as one."""
    words = rows[name].value_counts()
    common = list(words.index[:MOST_PLACES])
    members = {str(word): rows[name] == word for word in common}
    if len(words) > len(common):
        members["all others"] = rows[name].notna() & ~rows[name].isin(common)
    return _categories(rows, members)


def _categories(rows: pd.DataFrame, members: dict[str, pd.Series]) -> pd.Series:
    found = pd.Series(pd.Categorical([None] * len(rows), categories=list(members)), index=rows.index)
    for label, mask in members.items():
        found[mask.fillna(False).to_numpy(dtype=bool)] = label
    return found


def _counts(ecgs: pd.DataFrame) -> dict[str, int]:
    return {"n": len(ecgs), "events": int(ecgs["y_true"].sum()), "patients": ecgs["patient_id"].nunique()}
