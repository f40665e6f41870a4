"""AUC of each vessel in subgroups - who the patient is, when the ECG was taken, the clinical picture, where and how the
CCTA was done - and whether it differs between their categories."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, difference_rows, findings_by_vessel
from ecg_ccta.statistics.clustered_auc import compare_paired
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table
from ecg_ccta.statistics.heterogeneity import BENJAMINI_HOCHBERG, WELCH, adjusted, equality_of_aucs
from ecg_ccta.tables import CHEST_PAIN, PLACES, RISK_FACTORS

ALL_ECGS = "all ECGs"
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
    Strata vessel, subgroup, category, in the form of `estimate_table`. Per category "AUC"
    (`Findings.expected`). Per subgroup (category empty), over the categories with enough events:

    AUC difference : of the first minus the second, where the subgroup has two categories
    interaction p : Welch's test that the categories share one AUC (`heterogeneity.equality_of_aucs`)
    interaction q : its Benjamini-Hochberg adjustment over all interaction tests of this table
    ECGs without it : how many ECGs with a finding lack the covariate and are in no category

    Categories with too few events or non-events have empty numbers and a note, as in `validate`.
    """
    subgroups = subgroup_categories(scored, settings)
    rows: list[dict[str, Any]] = []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        for subgroup, categories in subgroups.items():
            strata = {"vessel": vessel, "subgroup": subgroup}
            rows += [strata | row for row in _subgroup(findings, categories.loc[findings.rows.index])]
    table = estimate_table(rows, ["vessel", "subgroup", "category"]).fillna({"category": ""})
    return _with_q_values(table)


def _subgroup(findings: Findings, categories: pd.Series) -> list[dict[str, Any]]:
    """Rows of one subgroup; `categories` are those of the findings' rows."""
    members = {name: findings.where((categories == name).to_numpy(dtype=bool)) for name in categories.cat.categories}
    rows = [{"category": category} | row for category, part in members.items() for row in part.auc_rows(part.method)]
    if len(members) == 1:
        return rows
    enough = {category: part for category, part in members.items() if not part.insufficient}
    counts = findings.where(categories.isin(list(enough)).to_numpy(dtype=bool)).counts
    rows += [counts | row for row in _interaction(list(members), enough)]
    without = findings.where(categories.isna().to_numpy()).counts
    return [*rows, without | {"measure": "ECGs without it", "estimate": without["n"], "method": "count"}]


def _interaction(names: list[str], enough: dict[str, Findings]) -> list[dict[str, Any]]:
    """Rows of the difference between two categories and of the test that all of them share one AUC.

    Patients with ECGs in several categories count; of out-of-fold predictions no correction is needed here.
    """
    rows = []
    left_out = [name for name in names if name not in enough]
    if len(names) == 2:
        note = f"{names[0]} minus {names[1]}"
        if left_out:
            note += ": too few events or non-events"
            rows.append({"measure": "AUC difference", "method": PATIENTS, "note": note})
        else:
            first, second = (enough[name] for name in names)
            level = first.bootstrap.level
            difference = difference_rows(compare_paired(first.fixed, second.fixed, level), PATIENTS, level)[0]
            rows.append(difference | {"note": note})
    test = {"measure": "interaction p", "method": WELCH}
    if len(enough) < 2:
        return [*rows, test | {"note": "fewer than two categories with enough events"}]
    try:
        found = equality_of_aucs([part.fixed for part in enough.values()])
    except ValueError as error:
        return [*rows, test | {"note": str(error)}]
    note = f"F {found.statistic:.2f}, {found.degrees} and {found.denominator:.1f} df"
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
        ALL_ECGS: _categories(rows, {"all": pd.Series(True, index=rows.index)}),
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
            found[name] = place_categories(rows, name)
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


def place_categories(rows: pd.DataFrame, name: str) -> pd.Series:
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
