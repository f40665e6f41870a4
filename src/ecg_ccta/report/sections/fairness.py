"""The section on fairness: calibration and accuracy by sex, age group and centre, and the groups' differences."""

from collections.abc import Callable

import pandas as pd

from ecg_ccta.evaluation.analyse_fairness import CORRECTED, NO_THRESHOLD, WITHOUT
from ecg_ccta.evaluation.analyse_subgroups import ALL_ECGS
from ecg_ccta.evaluation.choose_thresholds import THRESHOLD_KINDS
from ecg_ccta.evaluation.fairness_figure import KIND
from ecg_ccta.report.blocks import Folded, Section, Table
from ecg_ccta.report.columns import Cell, capital, part_of, words
from ecg_ccta.report.formatting import count, interval, listed, number, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.vessels import VESSELS

ORDER = 74


def _cell(measure: str, digits: int, write: Callable = interval, is_first: bool = False) -> Cell:
    """Write a measure with its interval; why a group has none at all is said in the first of its cells."""

    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure).iloc[0]
        if rows["estimate"].isna().all() and not is_first:
            return ""
        return write(found["estimate"], found["lower"], found["upper"], digits, found["note"])

    return cell


CALIBRATION = {
    "Intercept": _cell("intercept", 2, is_first=True),
    "Slope": _cell("slope", 2),
}
SENSITIVITY = {"Sensitivity": _cell("sensitivity", 0, percent_interval)}
FIRST_SENSITIVITY = {"Sensitivity": _cell("sensitivity", 0, percent_interval, is_first=True)}
OTHERS = {
    "Specificity": _cell("specificity", 0, percent_interval),
    "PPV": _cell("PPV", 0, percent_interval),
    "NPV": _cell("NPV", 0, percent_interval),
}
GROUP = {"Group": words("who"), "Events / ECGs": part_of("events", "n")}
KIND_WORDS = {"guideline": "guideline's", "rule-out": "rule-out", "rule-in": "rule-in", "screening": "screening"}


def fairness(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.judged_sites_with("fairness"):
        values, differences = results.table("fairness", site), results.table("fairness_differences", site)
        values = values.assign(who=[_who(*pair) for pair in zip(values["attribute"], values["group"], strict=True)])
        differences = differences.assign(
            who=differences["attribute"].map(capital)
            + (": " + differences["group"] + " minus " + differences["reference"])
        )
        for vessel in VESSELS:
            blocks += results.drawn(
                f"fairness_{vessel}",
                site,
                f"Calibration and accuracy by group, {vessel}",
                f"For each group of patients at {title} six values with intervals: intercept, slope, sensitivity, "
                "specificity, PPV and NPV.",
                missing_sentence(values[values["vessel"] == vessel]),
                "fairness",
            )
        blocks += _tables(results, site, values, differences, KIND, CALIBRATION | SENSITIVITY | OTHERS)
        others = [kind for kind in THRESHOLD_KINDS if kind != KIND]
        columns = FIRST_SENSITIVITY | OTHERS
        folded = [table for kind in others for table in _tables(results, site, values, differences, kind, columns)]
        blocks.append(Folded(f"Groups at the other thresholds, {title}", folded))
    return Section("fairness", "Fairness", blocks) if blocks else None


def _who(attribute: str, group: str) -> str:
    return "All ECGs" if attribute == ALL_ECGS else f"{capital(attribute)}: {group}"


def _tables(
    results: ResultsFolder,
    site: str,
    values: pd.DataFrame,
    differences: pd.DataFrame,
    kind: str,
    columns: dict[str, Cell],
) -> list[Table]:
    """A table of the groups' values at a threshold, and one of their differences."""
    kinds = [NO_THRESHOLD, kind] if kind == KIND else [kind]
    of_groups, between = (
        found[found["kind"].isin(kinds) & (found["measure"] != WITHOUT)] for found in (values, differences)
    )
    what = "Calibration, and accuracy" if kind == KIND else "Accuracy"
    first = kind == KIND
    return [
        results.tabulated(
            "fairness",
            site,
            f"{what} at the {KIND_WORDS[kind]} threshold by group",
            of_groups,
            GROUP | columns,
            row="who",
            group="vessel",
            notes=[_VALUES] if first else [],
        ),
        results.tabulated(
            "fairness_differences",
            site,
            f"Differences between groups, {KIND_WORDS[kind]} threshold",
            between,
            GROUP | columns,
            row="who",
            group="vessel",
            says=difference_sentence(differences) if first else "",
            notes=[_DIFFERENCES] if first else [],
        ),
    ]


_VALUES = (
    "Patients clustered. Proportions: Wilson's interval at the effective sample size. Intercept above 0: predictions "
    "too low in the group; slope below 1: too extreme. Intervals are conditional on the models and thresholds."
)
_DIFFERENCES = (
    "Each group minus the group of the attribute with the most ECGs; of proportions, in percentage points. ECGs and "
    "events are those of both groups. Patients clustered; proportions by Newcombe's method. A difference whose "
    "interval holds 0 is not shown to be absent, and groups of unequal prevalence or of other ECGs differ in PPV, NPV, "
    "sensitivity or specificity without any fault of the model: the cause of a difference cannot be read from this "
    "table."
)


def missing_sentence(found: pd.DataFrame) -> str:
    """What an attribute lacks at this site, and the groups that are too small."""
    said = []
    for attribute, rows in found.groupby("attribute", sort=False):
        without = rows_of(rows, WITHOUT)
        if len(without) and without["estimate"].isna().all():
            said.append(str(without["note"].iloc[0]))
        elif len(without) and without["estimate"].iloc[0] > 0:
            said.append(f"{count(without['estimate'].iloc[0])} ECGs without {attribute}")
        few = rows_of(rows, "intercept")
        few = few[few["estimate"].isna()]
        said += [f"{row['group']}: {row['note']}" for _, row in few.iterrows()]
    return f"Not estimated: {'; '.join(said)}." if said else "Every group has enough events."


def difference_sentence(differences: pd.DataFrame) -> str:
    """How many of a site's differences exclude 0, how many would by chance, and which remain after correction."""
    known = differences.dropna(subset=["estimate"])
    if known.empty:
        return "No two groups have enough events to be compared."
    apart = known[known["note"].str.startswith("excludes 0")]
    left = known[known["note"].str.contains(f"also {CORRECTED}", regex=False)]
    level = known["level"].iloc[0]
    named = [_named(row) for _, row in left.iterrows()]
    kept = f"{CORRECTED} {len(left)} remain: {listed(named)}" if named else f"none does {CORRECTED}"
    return (
        f"Of {count(len(known))} differences, over vessels, groups, thresholds and measures, {len(apart)} have an "
        f"interval that excludes 0; {number((1 - level) * len(known), 1)} would on average where no groups differed; "
        f"{kept}. The measures of one group depend on each other, so that several exclude 0 together more easily."
    )


def _named(row: pd.Series) -> str:
    kind = "" if row["kind"] == NO_THRESHOLD else f" ({row['kind']})"
    return f"{row['vessel']} {row['measure']}{kind}, {row['group']} minus {row['reference']}"
