"""The structured abstract: every number in it is read from the study's tables."""

from dataclasses import replace

from ecg_ccta.config import Simulation
from ecg_ccta.evaluation.build_ladder import FINE_TUNED
from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Link, Section, Text
from ecg_ccta.report.formatting import count, interval, listed, percent
from ecg_ccta.report.negative_control import control_sentence
from ecg_ccta.report.outcome import cut, outcome_in_short
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.events import group_sentence, landmark_sentence
from ecg_ccta.report.sections.headline import clustered_aucs, cohorts, recovered_sentences
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.vessels import VESSELS


def abstract(results: ResultsFolder) -> Section:
    """Background, methods, results and conclusion. Sentences whose numbers the study does not have are left out."""
    parts = {
        "Background": [_background(results)],
        "Methods": [_methods(results)],
        "Results": [_discrimination(results), _further(results), _truth(results)],
        "Conclusion": [_conclusion(results)],
    }
    blocks = []
    for lead, paragraphs in parts.items():
        said = [" ".join(paragraph) for paragraph in paragraphs if paragraph]
        blocks += [Text(said[0], lead=lead), *(Text(paragraph) for paragraph in said[1:])]
    return Section("abstract", "Abstract", blocks)


SOURCES = ("inclusion", "results", "calibration", "cumulative-events")
"""Anchors of the sections whose numbers the abstract repeats."""


def with_sources(section: Section, titles: dict[str, str]) -> Section:
    """The abstract, ended by links to its numbers' sections; `titles` of the report's sections by anchor."""
    links = [Link(titles[anchor], anchor) for anchor in SOURCES if anchor in titles]
    return replace(section, blocks=[*section.blocks, Text("Where these numbers come from:", links=links)])


def simulated(results: ResultsFolder) -> dict[str, Simulation]:
    """The sites whose patients are made up, and how."""
    return {site: settings.simulation for site, settings in results.study.sites.items() if settings.simulation}


def _background(results: ResultsFolder) -> list[str]:
    said = [
        "Coronary CT angiography (CCTA) shows which coronary artery is narrowed, but needs a scanner, contrast medium "
        "and radiation; a resting ECG needs none of them. The question is how well a network that reads the 12-lead "
        f"ECG discriminates stenosis of {cut(results.study.cohort.event_from)} in each of the four coronary arteries.",
    ]
    if simulated(results):
        said.append(
            f"Here it is asked of {_patients(results)} whose truth is known, to see how much of a planted effect the "
            "analysis finds, and whether it invents one."
        )
    return said


def _patients(results: ResultsFolder) -> str:
    made_up = simulated(results)
    whole = len(made_up) == len(results.study.sites)
    return "simulated hospitals" if whole else f"simulated patients ({listed([results.title(s) for s in made_up])})"


def _methods(results: ResultsFolder) -> list[str]:
    study = results.study
    sources = []
    for site, settings in study.sites.items():
        last = [step for step in results.flow(site) if "label" in step][-1]
        source = "simulated" if settings.simulation else "exported"
        sources.append(
            f"{results.title(site)}: {count(last['ecgs'])} {source} ECGs of {count(last['patients'])} patients"
        )
    between = ""
    if study.intermediate and study.intermediate_site:
        between = f", then on {listed(study.intermediate.labels)} at {results.title(study.intermediate_site)},"
    said = [
        f"{'; '.join(sources)}.",
        f"A network, pre-trained as a foundation model{between} and {_tuned(results)} folds of patients, gives a "
        f"probability for each vessel ({', '.join(VESSELS)}). Every ECG of the development site is predicted once, "
        "by a model that never saw its patient; other sites by the mean of all folds. Intervals are at the "
        f"{percent(study.evaluation.level)} level and allow for several ECGs of a patient, that of the AUC out of fold "
        "also for the folds' common training patients.",
    ]
    effects = sorted({simulation.effect for simulation in simulated(results).values()})
    if effects:
        said.append(f"Planted effect: {listed([percent(effect) for effect in effects])} of full strength.")
    return said


def _tuned(results: ResultsFolder) -> str:
    """How many folds were fine-tuned, by what each of them kept."""
    training = results.study.training
    if training.method == "linear-probe":
        return f"fitted as a linear probe in {training.folds}"
    started = int((results.table("training")["kept_as"] != FINE_TUNED).sum()) if results.has("training") else 0
    if not started:
        return f"fine-tuned in {training.folds}"
    return f"fine-tuned in {training.folds - started}, kept as it started in {started} of {training.folds}"


def _discrimination(results: ResultsFolder) -> list[str]:
    said = []
    for label, table, site, _, _ in cohorts(results):
        found = clustered_aucs(results, table, site).set_index("vessel")
        known = found[found["estimate"].notna()]
        if known.empty:
            said.append(f"{label}: no vessel has enough events for an AUC.")
            continue
        parts = [
            f"{vessel} {interval(row['estimate'], row['lower'], row['upper'], 2)}"
            for vessel, row in known.iterrows()
            if vessel in VESSELS
        ]
        absent = found[found["estimate"].isna() & found.index.isin(VESSELS)]
        parts += [f"{vessel} {note}" for vessel, note in absent["note"].items()]
        said.append(f"AUC, {label}: {', '.join(parts)}.")
    return said


def _further(results: ResultsFolder) -> list[str]:
    """Calibration at every site, and events in the time after."""
    said = []
    for site, settings in results.study.sites.items():
        if settings.tables.ccta is not None:
            slopes = rows_of(results.table("calibration_summary", site), "slope")
            said.append(f"{results.title(site)}: {_lower_first(sentences.calibration(slopes))}")
    own = results.study.development_site
    if results.study.sites[own].tables.follow_up is not None and results.has("cumulative_events", own):
        followed = group_sentence(results.table("cumulative_events", own))
        said.append(f"{results.title(own)}: {_lower_first(followed)} {landmark_sentence(results, own)}")
    return said


def _truth(results: ResultsFolder) -> list[str]:
    """What was found of what is there, where that is known."""
    control = [control_sentence(results.control)] if results.control is not None else []
    return recovered_sentences(results) + control


def _conclusion(results: ResultsFolder) -> list[str]:
    said = []
    stenosis = outcome_in_short(results.study.cohort.event_from)
    for label, table, site, _, _ in cohorts(results):
        found = clustered_aucs(results, table, site)
        known = found[found["vessel"].isin(VESSELS)].dropna(subset=["estimate", "lower", "upper"])
        above = list(known.loc[known["lower"] > 0.5, "vessel"])
        others = [vessel for vessel in VESSELS if vessel not in above]
        said.append(
            f"{label}: the ECG discriminates {stenosis} better than chance for {listed(above)}"
            f"{f', which is not shown for {listed(others)}' if others else ''}."
            if above
            else f"{label}: for no vessel is the ECG shown to discriminate {stenosis} better than chance."
        )
    made_up = simulated(results)
    if made_up:
        planted = any(simulation.effect for simulation in made_up.values())
        why = "an effect was planted to be found" if planted else "nothing was planted, so what stands out is chance"
        said.append(f"In the simulated ECGs {why}: this shows how the method works, and says nothing about patients.")
    if len(made_up) < len(results.study.sites):
        said.append("Whether acting on the prediction helps patients was not studied.")
    return said


def _lower_first(sentence: str) -> str:
    """The sentence to stand behind a colon, its first letter small unless it is a name's."""
    return sentence if sentence[:2].isupper() else sentence[0].lower() + sentence[1:]
