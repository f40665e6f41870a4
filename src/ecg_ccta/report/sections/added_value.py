"""What the ECG adds to a clinical model and to the guidelines' pre-test probability."""

import pandas as pd

from ecg_ccta.evaluation.compare_with_guidelines import ALONE, CLINICAL, MODIFIERS, OBSERVED, PREDICTED, RATIO
from ecg_ccta.evaluation.guideline_figures import shown_modifier
from ecg_ccta.evaluation.pretest_probability import GUIDELINES
from ecg_ccta.report.blocks import Folded, Heading, Section, Table, Text
from ecg_ccta.report.columns import Cell, measured, p_of, value, words
from ecg_ccta.report.formatting import count, estimate, is_missing, listed, number, percent, percent_interval
from ecg_ccta.report.outcome import cut, outcome_in_short
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sentences import held_fixed
from ecg_ccta.statistics.estimates import rows_of

ORDER = 100

FAR_ABOVE = 2
"""Observed over predicted events from which a guideline's categories cannot be read as in a clinic."""


def _proportion(measure: str) -> Cell:
    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure).iloc[0]
        return percent_interval(found["estimate"], found["lower"], found["upper"], 0, found["note"])

    return cell


MODEL_COLUMNS = {
    "": words("comparison"),
    "AUC difference": measured("AUC difference"),
    "IDI": measured("IDI", absent=""),
    "Continuous NRI, events": measured("NRI without categories, events", absent=""),
    "Continuous NRI, non-events": measured("NRI without categories, non-events", absent=""),
    "NRI by categories, events": measured("NRI by categories, events", absent=""),
    "NRI by categories, non-events": measured("NRI by categories, non-events", absent=""),
    "Likelihood ratio, p": p_of("likelihood ratio p value", absent=""),
}

STRATEGIES = {
    "": words("comparison"),
    "Ruled out (< 5 %)": _proportion("proportion ruled out"),
    "Events ruled out (missed)": _proportion("proportion of events ruled out (missed)"),
    "Event rate of the ruled out": _proportion("event rate of the ruled out"),
    "Gray zone (5 to 15 %)": _proportion("proportion in the gray zone"),
    "Ruled in (> 15 %)": _proportion("proportion ruled in"),
    "NRI, events": measured("NRI by categories, events", 2, absent=""),
    "NRI, non-events": measured("NRI by categories, non-events", 2, absent=""),
}


def added_value(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.judged_sites_with("added_value"):
        blocks += _site(results, site)
    if not blocks:
        return None
    event_from = results.study.cohort.event_from
    stenosis = outcome_in_short(event_from)
    introduction = Text(
        f"One ECG per patient, the nearest to the first CCTA; the event is a {stenosis} of any vessel, of patients "
        f"whose vessels were all judged. The guidelines predict a stenosis of 50 % or more, this study "
        f"{cut(event_from)}. No model is evaluated on patients that it was fitted to."
    )
    return Section("added-value", "Added value over guidelines", [introduction, *blocks])


def _site(results: ResultsFolder, site: str) -> list:
    title, level = results.title(site), results.study.evaluation.level
    found, moved = results.table("added_value", site), results.table("reclassification", site)
    modifier = shown_modifier(moved)
    patients = results.tabulated(
        "guideline_patients",
        site,
        "Patients",
        results.table("guideline_patients", site),
        {"": words("reason"), "Patients": value("patients", count)},
        group="basis",
    )
    return [
        Heading(title),
        *[Text(warning, lead="Warning") for warning in [prevalence_warning(found)] if warning],
        *results.drawn(
            "added_value_roc",
            site,
            "ROC curves of a clinical model, the ECG and both",
            f"Three ROC curves for a {outcome_in_short(results.study.cohort.event_from)} of any vessel, {title}.",
            model_sentence(found, level),
            "added_value_roc",
        ),
        _models(results, site, found),
        *results.drawn(
            "reclassification",
            site,
            "Categories of pre-test probability before and after the ECG",
            "Stacked bars of the guidelines' categories, joined by bands of the patients that the ECG moves.",
            " ".join(strategy_sentence(found, guideline, modifier) for guideline in GUIDELINES.values()),
            "reclassification",
        ),
        _strategies(results, site, found, modifier),
        Folded("Who is analysed, and why others are not", [patients]),
    ]


def prevalence_warning(found: pd.DataFrame) -> str:
    """Say where far more patients have an event than a guideline predicts for them, or nothing."""
    said = []
    for guideline in GUIDELINES.values():
        cells = found[(found["basis"] == guideline) & (found["comparison"] == ALONE)].set_index("measure")
        if RATIO not in cells.index or not cells.loc[RATIO, "estimate"] >= FAR_ABOVE:
            continue
        ratio = cells.loc[RATIO]
        said.append(
            f"{guideline} predicts {percent(cells.loc[PREDICTED, 'estimate'])} and "
            f"{percent(cells.loc[OBSERVED, 'estimate'])} have it, {estimate(ratio, 1)} times as many"
        )
    if not said:
        return ""
    return (
        "the stenosis is far more frequent in these patients than in those that the guidelines were made for: "
        f"{'; '.join(said)}. Their categories of 5 and 15 % cannot be read here as in a clinic: who falls below 5 % is "
        "not at low risk, and most patients lie above 15 % by any model that is calibrated to this site."
    )


def model_sentence(found: pd.DataFrame, level: float) -> str:
    """The AUCs of the clinical model, the ECG and both, and what each adds to the other."""
    clinical = found[found["basis"] == CLINICAL]
    aucs = rows_of(clinical, "AUC").drop_duplicates("comparison").set_index("comparison")
    if aucs["estimate"].isna().all():
        return f"The clinical model is not compared: {aucs['note'].iloc[0]}."
    gains = rows_of(clinical, "AUC difference").set_index("comparison")
    said = []
    for contrast, phrase in (
        ("with ECG against without ECG", "the ECG changes the AUC of the clinical model by"),
        ("with ECG against ECG", "the clinical predictors that of the ECG by"),
    ):
        row = gains.loc[contrast]
        said.append(f"{phrase} {number(row['estimate'])} ({number(row['lower'])} to {number(row['upper'])})")
    first = aucs.iloc[0]
    return (
        f"Among {count(first['n'])} patients ({count(first['events'])} with an event) the AUC is "
        f"{number(aucs.loc['without ECG', 'estimate'])} for the clinical model, {number(aucs.loc['ECG', 'estimate'])} "
        f"for the ECG and {number(aucs.loc['with ECG', 'estimate'])} for both: {' and '.join(said)}; "
        f"{percent(level)} intervals."
    )


def bases_sentence(found: pd.DataFrame) -> str:
    """Whether the ECG and each basis add to each other, by the interval of the AUC difference."""
    gains = rows_of(found, "AUC difference")
    if gains.empty:
        return "No models could be compared."
    said = []
    for contrast, phrase in (
        ("with ECG against without ECG", "Adding the ECG raises the AUC, its interval above 0, of"),
        ("with ECG against ECG", "the AUC of the ECG is raised in turn by"),
    ):
        own = gains[(gains["comparison"] == contrast) & (gains["lower"] > 0)]
        said.append(f"{phrase} {listed(list(own['basis'])) if len(own) else 'none'}")
    return f"{'; '.join(said)} ({gains['basis'].nunique()} compared)."


def reclassified_sentence(found: pd.DataFrame) -> str:
    """What adding the ECG to each basis does to events and non-events, by any change of risk and by the categories."""
    own = found[found["comparison"] == "with ECG against without ECG"]
    said = []
    for basis, rows in own.groupby("basis", sort=False):
        parts = [
            f"{name} {number(events['estimate'].iloc[0])} and {number(others['estimate'].iloc[0])}"
            for name, measure in (("continuous", "NRI without categories"), ("by categories", "NRI by categories"))
            if len(events := rows_of(rows, f"{measure}, events").dropna(subset=["estimate"]))
            and len(others := rows_of(rows, f"{measure}, non-events").dropna(subset=["estimate"]))
        ]
        if parts:
            said.append(f"{basis}: {', '.join(parts)}")
    if not said:
        return ""
    return f"NRI of the ECG among events and non-events (below 0: the wrong way), {'; '.join(said)}."


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
            "proportion in the gray zone", "proportion ruled out", "proportion of events ruled out (missed)",
            "event rate of the ruled out",
        )
    )  # fmt: skip
    return (
        f"{guideline}: the ECG changes the gray zone from {gray[0]} to {gray[1]} of the patients and the ruled out "
        f"from {out[0]} to {out[1]}; of all events, {missed[0]} are ruled out, and so missed, before and {missed[1]} "
        f"after, and the event rate of the ruled out is {rate[0]} before and {rate[1]} after."
    )


def nri_sentence(found: pd.DataFrame, modifier: str) -> str:
    """Net proportion of events and of non-events that the ECG moves the right way."""
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
    return (
        "Net proportion of patients that the ECG moves towards the finding (negative: away from it): "
        f"{'; '.join(said)}."
    )


def _lack(cells: pd.DataFrame, modifier: str) -> str:
    notes = cells.loc[cells["comparison"] == f"with {modifier} against guideline", "note"]
    return notes.iloc[0] if len(notes) else "not available"


def _models(results: ResultsFolder, site: str, found: pd.DataFrame) -> Table:
    compared = rows_of(found, "AUC difference")[["basis", "comparison"]].drop_duplicates()
    return results.tabulated(
        "added_value",
        site,
        "Models with and without the ECG",
        compared.merge(found),
        MODEL_COLUMNS,
        row="comparison",
        group="basis",
        says=f"{bases_sentence(found)} {reclassified_sentence(found)}".strip(),
        notes=[
            "Intervals over patients; that of the AUC difference allows for the folds' common training patients, and "
            "is rather too wide. The likelihood-ratio test is of nested models fitted to the whole development site, "
            "and is given there alone; its statistic is halved, because the ECG's score was learnt from the same "
            "labels. Categories: below 5, 5 to 15 and above 15 %.",
            "NRI and IDI have no p value here: both can be positive for a useless predictor whose risks are not "
            "calibrated, the continuous NRI, which counts any change of risk, most of all (Hilden and Gerds, Stat Med "
            "33:3405, 2014). AUC and decision curves say what the ECG is worth.",
            *held_fixed(results, site, "Intervals of NRI and IDI"),
        ],
    )


def _strategies(results: ResultsFolder, site: str, found: pd.DataFrame, modifier: str) -> Table:
    parts = []
    for guideline in GUIDELINES.values():
        cells = found[found["basis"] == guideline]
        wanted = [f"guideline, patients with {modifier}", f"with {modifier}"]
        wanted += [f"with {name}" for name in MODIFIERS.values() if name != modifier]
        own = [cells[cells["comparison"] == comparison] for comparison in wanted]
        # The index of reclassification stands in the row of the strategy that it compares with the guideline alone.
        nri = [
            cells[cells["comparison"] == f"{comparison} against guideline"].assign(comparison=comparison)
            for comparison in wanted[1:]
            if (cells["comparison"] == comparison).any()
        ]
        lack = pd.DataFrame([{"basis": guideline, "comparison": "", "note": _lack(cells, modifier)}])
        parts += [*own, *nri] if any(map(len, own)) else [lack]
    return results.tabulated(
        "added_value",
        site,
        "Guideline with and without the ECG",
        pd.concat(parts).reindex(columns=found.columns),
        STRATEGIES,
        row="comparison",
        group="basis",
        needs="estimate",
        says=nri_sentence(found, modifier),
        notes=[
            "A low group (all vessels low) or stratum of the ECG moves the category one step down, a high one (any "
            "vessel high) one step up; strata are by the thresholds of any vessel. Proportions with Wilson's "
            "intervals, NRI with intervals over patients.",
            *held_fixed(results, site, "Intervals of what the ECG changes"),
        ],
    )
