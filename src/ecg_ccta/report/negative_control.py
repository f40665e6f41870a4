"""The negative control in words: what it found at each site, what else it differs in, and what it could not see."""

from dataclasses import replace
from typing import Any

import pandas as pd

from ecg_ccta.config import Simulation, Study
from ecg_ccta.report.blocks import Table
from ecg_ccta.report.columns import ABSENT, bounded, grouped_rows, value, words
from ecg_ccta.report.formatting import count, interval, is_missing, listed, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.vessels import VESSELS

CHANCE = 0.5


def control_sentence(control: ResultsFolder) -> str:
    """Whether the analysis finds something where nothing is planted, at each site of the control."""
    said = []
    for site, label in _sites(control):
        macro = _macro(control, site)
        if is_missing(macro["estimate"]):
            said.append(f"{label}, {macro['note'] or 'no estimate'}")
            continue
        covered = macro["lower"] <= CHANCE <= macro["upper"]
        auc = interval(macro["estimate"], macro["lower"], macro["upper"])
        verdict = "0.5 lies within the interval" if covered else "0.5 lies OUTSIDE the interval: find out why"
        said.append(f"{label} ({count(macro['patients'])} patients) {auc}; {verdict}")
    return f"Negative control, nothing is planted. Mean AUC over vessels: {'. '.join(said)}."


def control_differences(study: Study, control: Study) -> str:
    """What the control's configuration has that the study's has not, beside the planted effect."""
    parts = []
    for name, site in control.sites.items():
        simulated = site.simulation
        if simulated is None:
            continue
        main = study.sites[name].simulation if name in study.sites else None
        for words_of, here, there in zip(_DESCRIBED, _described(simulated), _described(main), strict=True):
            if here != there:
                parts.append(f"{site.title or name}, {words_of.format(here)} instead of {there}")
    if control.training.folds != study.training.folds:
        parts.append(f"{control.training.folds} folds instead of {study.training.folds}")
    parts += [f"no {study.sites[name].title or name}" for name in study.external_sites if name not in control.sites]
    if study.intermediate is not None and control.intermediate is None:
        parts.append("no intermediate task")
    other = _other_settings(study, control)
    if other:
        parts.append(f"other values of {listed(other)}")
    return f"Beside the planted effect the control differs from the study: {'; '.join(parts)}." if parts else ""


def control_reach(control: ResultsFolder) -> str:
    """How small a leak the control would not show: half the width of its intervals."""
    halves = []
    for site, label in _sites(control):
        macro = _macro(control, site)
        if not is_missing(macro["lower"]):
            halves.append(f"{number((macro['upper'] - macro['lower']) / 2, 2)} ({label})")
    if not halves:
        return ""
    return (
        "The negative control shows a leak that moves the mean AUC by clearly more than half the width of its "
        f"interval, {listed(halves)}; a smaller one it need not show."
    )


def control_table(study: Study, control: ResultsFolder) -> Table:
    """Each vessel's AUC in the control, by site."""
    found, downloads = [], []
    for site, label in _sites(control):
        rows = rows_of(control.table("discrimination", site), "AUC", HONEST).set_index("vessel")
        rows = rows.reindex([*VESSELS, "macro"]).reset_index()
        found.append(rows.assign(cohort=label, note=rows["note"].fillna("not analysed")))
        numbers = control.download("discrimination", site)
        downloads.append(replace(numbers, name=f"{control.study.study}_{numbers.name}"))
    columns = {
        "Vessel": words("vessel", lambda vessel: "Mean" if vessel == "macro" else vessel),
        "ECGs": value("n", count),
        "Events": value("events", count, missing=ABSENT),
        f"AUC ({100 * control.study.evaluation.level:g} % interval)": bounded("estimate"),
    }
    cautious = " and is, with two folds, rather too wide" if control.study.training.folds == 2 else ""
    notes = [
        f"Out of fold the interval allows for the folds' common training patients{cautious}. At another site it is "
        "that of one fixed model, the mean of the folds' predictions, and misses 0.5 in one run of twenty. An epoch "
        "chosen on evaluated patients, or a patient in two folds, can show out of fold alone; findings that leak "
        "into the signals of every site can show at both.",
        control_differences(study, control.study),
    ]
    return Table(
        "Negative control: planted effect zero",
        list(columns),
        grouped_rows(pd.concat(found), columns, group="cohort"),
        says=control_sentence(control),
        downloads=downloads,
        notes=[note for note in notes if note],
    )


def _sites(control: ResultsFolder) -> list[tuple[str, str]]:
    """(site, label) of the control's sites that were judged."""
    own = control.study.development_site
    return [
        (site, f"{title}, out of fold" if site == own else title)
        for site, title in control.judged_sites_with("discrimination")
    ]


def _macro(control: ResultsFolder, site: str) -> pd.Series:
    found = rows_of(control.table("discrimination", site), "AUC", HONEST).set_index("vessel").reindex(["macro"])
    return found.assign(note=found["note"].fillna("not analysed")).iloc[0]


_DESCRIBED = ("{} simulated patients", "severe stenosis of a vessel in {}")


def _described(simulation: Simulation | None) -> tuple[str, str]:
    """Number of patients, and proportion of them with a severe stenosis of a vessel, for `_DESCRIBED`."""
    if simulation is None:
        return "a hospital's own", "the hospital's own proportion"
    values = sorted(set(simulation.prevalence.model_dump().values()))
    proportion = percent(values[0]) if len(values) == 1 else f"{percent(values[0])} to {percent(values[-1])}"
    return count(simulation.patients), proportion


def _other_settings(study: Study, control: Study) -> list[str]:
    """Names of settings of the network, its training, the cohort and the evaluation that are not the same."""
    sections = ("foundation", "training", "cohort", "quality", "evaluation")
    mine, its = (_flat({name: getattr(one, name).model_dump() for name in sections}) for one in (study, control))
    return sorted(key for key in mine | its if key != "training.folds" and mine.get(key) != its.get(key))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, setting in values.items():
        found |= _flat(setting, f"{prefix}{name}.") if isinstance(setting, dict) else {f"{prefix}{name}": setting}
    return found
