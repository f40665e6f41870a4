"""What the ECG adds to a clinical model and to the guidelines' pre-test probability."""

import pandas as pd

from ecg_ccta.evaluation.compare_with_guidelines import BASES, CLINICAL, MODIFIERS
from ecg_ccta.evaluation.guideline_figures import shown_modifier
from ecg_ccta.evaluation.pretest_probability import GUIDELINES
from ecg_ccta.report.blocks import Folded, Heading, Section, Table, Text
from ecg_ccta.report.formatting import (
    count,
    estimate,
    is_missing,
    listed,
    number,
    p_value,
    percent,
    percent_interval,
)
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, COLUMNS, rows_of

_MOVED = ("basis", "modifier", "n", "events")


def added_value(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.judged_sites_with("added_value"):
        blocks += _site(results, site)
    if not blocks:
        return None
    introduction = Text(
        "One ECG per patient, the nearest to the CCTA; the event is a severe stenosis of any vessel. A patient is a "
        "non-event only where all four vessels were judged, so some patients without an event found are left out and "
        "the share of events is rather too high. The guidelines predict a stenosis of 50 % or more, not of 70 %. No "
        "model is scored on patients that it was fitted to."
    )
    return Section("added-value", "Added value over guidelines", [introduction, *blocks])


def _site(results: ResultsFolder, site: str) -> list:
    title, level = results.title(site), results.study.evaluation.level
    found = results.table("added_value", site, ("basis", "comparison", *COLUMNS))
    moved = results.table("reclassification", site, _MOVED)
    blocks: list = [Heading(title)]
    blocks += results.drawn(
        f"added_value_roc_{site}",
        f"ROC curves of a clinical model, the ECG and both, {title}",
        f"Three ROC curves for a severe stenosis of any vessel, {title}.",
        model_sentence(found, level),
        [results.download("added_value_roc", site)],
    )
    blocks.append(_models(results, site, found))
    modifier = shown_modifier(moved)
    blocks += results.drawn(
        f"reclassification_{site}",
        f"Categories of pre-test probability before and after the ECG, {title}",
        "Stacked bars of the guidelines' categories, joined by bands of the patients that the ECG moves.",
        " ".join(strategy_sentence(found, guideline, modifier) for guideline in GUIDELINES.values()),
        [results.download("reclassification", site)],
    )
    blocks.append(_strategies(results, site, found, modifier))
    patients = results.table("guideline_patients", site, ("basis", "reason", "patients"))
    rows = [(basis, [[row["reason"], count(row["patients"])] for _, row in cells.iterrows()])
            for basis, cells in patients.groupby("basis", sort=False)]  # fmt: skip
    table = Table(
        f"Patients, {title}", ["", "Patients"], rows, downloads=[results.download("guideline_patients", site)]
    )
    return [*blocks, Folded("Who is analysed, and why others are not", [table])]


def model_sentence(found: pd.DataFrame, level: float) -> str:
    """The AUCs of the clinical model, the ECG and both, and what each adds to the other."""
    clinical = found[found["basis"] == CLINICAL]
    aucs = rows_of(clinical, "AUC").drop_duplicates("comparison").set_index("comparison")
    if aucs["estimate"].isna().all():
        return f"The clinical model is not compared: {aucs['note'].iloc[0]}."
    gains = rows_of(clinical, "AUC difference", CLUSTERED).set_index("comparison")
    said = []
    for contrast, words in (
        ("with ECG against without ECG", "the ECG changes the AUC of the clinical model by"),
        ("with ECG against ECG", "the clinical predictors that of the ECG by"),
    ):
        row = gains.loc[contrast]
        said.append(f"{words} {number(row['estimate'])} ({number(row['lower'])} to {number(row['upper'])})")
    first = aucs.iloc[0]
    return (
        f"Among {count(first['n'])} patients ({count(first['events'])} with an event) the AUC is "
        f"{number(aucs.loc['without ECG', 'estimate'])} for the clinical model, {number(aucs.loc['ECG', 'estimate'])} "
        f"for the ECG and {number(aucs.loc['with ECG', 'estimate'])} for both: {' and '.join(said)}; "
        f"{percent(level)} intervals."
    )


def bases_sentence(found: pd.DataFrame) -> str:
    """Whether the ECG and each basis add to each other, by the interval of the AUC difference."""
    gains = rows_of(found, "AUC difference", CLUSTERED)
    if gains.empty:
        return "No models could be compared."
    said = []
    for contrast, words in (
        ("with ECG against without ECG", "Adding the ECG raises the AUC, its interval above 0, of"),
        ("with ECG against ECG", "the AUC of the ECG is raised in turn by"),
    ):
        own = gains[(gains["comparison"] == contrast) & (gains["lower"] > 0)]
        said.append(f"{words} {listed(list(own['basis'])) if len(own) else 'none'}")
    return f"{'; '.join(said)} ({gains['basis'].nunique()} compared)."


def strategy_sentence(found: pd.DataFrame, guideline: str, modifier: str) -> str:
    """How the ECG's stratum changes who is ruled out, missed, and left in the gray zone."""
    cells = found[found["basis"] == guideline]
    before = cells[cells["comparison"] == f"guideline, patients with {modifier}"].set_index("measure")
    after = cells[cells["comparison"] == f"with {modifier}"].set_index("measure")
    if before.empty or after.empty:
        return f"{guideline}: {_lack(cells, modifier)}."
    gray, out, missed, rate = (
        [percent(cells.loc[measure, "estimate"], 0, "not estimable") for cells in (before, after)]
        for measure in (
            "share in the gray zone", "share ruled out", "share of events ruled out (missed)",
            "event rate of the ruled out",
        )
    )  # fmt: skip
    return (
        f"{guideline}: the ECG changes the gray zone from {gray[0]} to {gray[1]} of the patients and the ruled out "
        f"from {out[0]} to {out[1]}; ruled out and so missed are {missed[0]} of all events before and {missed[1]} "
        f"after, and the event rate of the ruled out is {rate[0]} before and {rate[1]} after."
    )


def nri_sentence(found: pd.DataFrame, modifier: str) -> str:
    """Net share of events and of non-events that the ECG moves the right way."""
    own = found[found["comparison"] == f"with {modifier} against guideline"]
    said = []
    for guideline in GUIDELINES.values():
        events, others = (
            rows_of(own[own["basis"] == guideline], f"NRI by categories, {part}") for part in ("events", "non-events")
        )
        if len(events) and not is_missing(events["estimate"].iloc[0]):
            said.append(
                f"{guideline}, events {number(events['estimate'].iloc[0], 2)} and non-events "
                f"{number(others['estimate'].iloc[0], 2)}"
            )
    if not said:
        return "No categories could be compared."
    return f"Net share of patients that the ECG moves towards the finding (negative: away from it): {'; '.join(said)}."


def _lack(cells: pd.DataFrame, modifier: str) -> str:
    notes = cells.loc[cells["comparison"] == f"with {modifier} against guideline", "note"]
    return notes.iloc[0] if len(notes) else "not available"


def _models(results: ResultsFolder, site: str, found: pd.DataFrame) -> Table:
    groups = []
    for basis in BASES:
        cells = found[found["basis"] == basis]
        rows = []
        for contrast in cells.loc[rows_of(cells, "AUC difference").index, "comparison"].unique():
            own = cells[cells["comparison"] == contrast]
            gain = rows_of(own, "AUC difference").iloc[-1]
            rows.append(
                [
                    contrast,
                    estimate(gain),
                    *(_cell(own, measure) for measure in ("IDI", "NRI without categories, events",
                                                          "NRI without categories, non-events")),
                    _p(own, "likelihood ratio p value"),
                ]
            )  # fmt: skip
        groups.append((basis, rows))
    return Table(
        f"Models with and without the ECG, {results.title(site)}",
        ["", "AUC difference", "IDI", "Continuous NRI, events", "Continuous NRI, non-events", "Likelihood ratio, p"],
        groups,
        says=bases_sentence(found),
        downloads=[results.download("added_value", site)],
        notes=[
            "Intervals over patients. The likelihood-ratio test is of nested models fitted to the whole development "
            "site, and is given there alone. The continuous NRI counts any change of risk, however small; AUC and IDI "
            "say how much it is worth. The NRI by categories is in the download."
        ],
    )


def _strategies(results: ResultsFolder, site: str, found: pd.DataFrame, modifier: str) -> Table:
    measures = (
        "share ruled out", "share of events ruled out (missed)", "event rate of the ruled out",
        "share in the gray zone", "share ruled in",
    )  # fmt: skip
    groups = []
    for guideline in GUIDELINES.values():
        cells, rows = found[found["basis"] == guideline], []
        for name in sorted(MODIFIERS.values(), key=lambda name: name != modifier):
            for comparison in (f"guideline, patients with {name}", f"with {name}"):
                own = cells[cells["comparison"] == comparison]
                if len(own) and (name == modifier or comparison.startswith("with")):
                    nri = cells[cells["comparison"] == f"with {name} against guideline"]
                    parts = [
                        "" if comparison.startswith("guideline") else _cell(nri, f"NRI by categories, {part}", 2)
                        for part in ("events", "non-events")
                    ]
                    rows.append([comparison, *(_share(own, measure) for measure in measures), *parts])
        groups.append((guideline, rows or [[_lack(cells, modifier), *[""] * 7]]))
    return Table(
        f"Guideline with and without the ECG, {results.title(site)}",
        [
            "", "Ruled out (< 5 %)", "Events ruled out (missed)", "Event rate of the ruled out",
            "Gray zone (5 to 15 %)", "Ruled in (> 15 %)", "NRI, events", "NRI, non-events",
        ],
        groups,
        says=nri_sentence(found, modifier),
        downloads=[results.download("added_value", site)],
        notes=[
            "A low group or stratum of the ECG (all vessels low) moves the category one step down, a high one (any "
            "vessel high) one step up. Shares with Wilson's intervals, NRI with intervals over patients."
        ],
    )  # fmt: skip


def _cell(cells: pd.DataFrame, measure: str, digits: int = 3) -> str:
    found = rows_of(cells, measure)
    if found.empty:
        return ""
    return estimate(found.iloc[0], digits)


def _share(cells: pd.DataFrame, measure: str) -> str:
    row = rows_of(cells, measure).iloc[0]
    return percent_interval(row["estimate"], row["lower"], row["upper"], 0, row["note"])


def _p(cells: pd.DataFrame, measure: str) -> str:
    found = rows_of(cells, measure)
    return "" if found.empty or is_missing(found["estimate"].iloc[0]) else p_value(found["estimate"].iloc[0])
