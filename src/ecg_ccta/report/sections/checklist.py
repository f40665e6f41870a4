"""The TRIPOD+AI checklist: where the report answers each item, and what is left to the author.

Items after Collins et al., BMJ 385:e078378, 2024. Numbers are the statement's, topics are in our own words.
"""

from dataclasses import dataclass

from ecg_ccta.report.blocks import Link, Section, Table
from ecg_ccta.report.formatting import count, listed
from ecg_ccta.report.outcome import cut
from ecg_ccta.report.results_folder import ResultsFolder

NO_PATIENTS = "Does not apply: all patients are simulated."
AUTHOR = "Author to write: "


@dataclass(frozen=True)
class Item:
    """One item: what the study says of it and in which sections, and what only an author can say (`left`)."""

    number: str
    topic: str
    says: str = ""
    where: tuple[str, ...] = ()
    left: str = ""


def checklist(results: ResultsFolder, sections: dict[str, str]) -> Section:
    """The section of all items; `sections` are the titles of the report's sections by anchor."""
    parts = {
        "Title and abstract": _title(),
        "Introduction": _introduction(results),
        "Methods": [*_data(results), *_measurement(results), *_analysis(results), *_use(results)],
        "Open science and patients": _openness(results),
        "Results": _results(results),
        "Discussion": _discussion(results),
    }
    groups = [(part, [_row(_answered(item, sections), sections) for item in items]) for part, items in parts.items()]
    table = Table(
        "TRIPOD+AI: where each item is answered",
        ["Item", "From this study", "Section", "Still to write"],
        groups,
        says=_sentence([_answered(item, sections) for items in parts.values() for item in items]),
        notes=[
            "Items of Collins et al., BMJ 2024;385:e078378, in short words of our own; the statement itself says what "
            "each asks for. An item that is answered here still needs an author's reading."
        ],
    )
    return Section("checklist", "TRIPOD+AI checklist", [table])


def _answered(item: Item, sections: dict[str, str]) -> Item:
    """The item as this report answers it: what stands in no section of the page is the author's to write."""
    where = tuple(anchor for anchor in item.where if anchor in sections)
    if where or item.says == NO_PATIENTS:
        return Item(item.number, item.topic, item.says, where, item.left)
    return Item(item.number, item.topic, left=item.left or "the study has no such analysis.")


def _row(item: Item, sections: dict[str, str]) -> list:
    links = [Link(sections[anchor], anchor) for anchor in item.where]
    left = f"{AUTHOR}{item.left}" if item.left else "–"
    return [f"{item.number} {item.topic}", item.says or "–", links or "–", left]


def _sentence(items: list[Item]) -> str:
    none = sum(item.says == NO_PATIENTS for item in items)
    whole = sum(bool(item.says and not item.left) for item in items) - none
    partly = sum(bool(item.says and item.left) for item in items)
    left = len(items) - whole - partly - none
    return (
        f"Of {len(items)} items with their parts, {whole} are answered from the study, {partly} in part"
        f"{f', {none} do not apply' if none else ''}, and {left} are the author's to write."
    )


def _all_simulated(results: ResultsFolder) -> bool:
    return all(site.simulation is not None for site in results.study.sites.values())


def _of_patients(results: ResultsFolder, number: str, topic: str, left: str) -> Item:
    """An item that asks about people: none where all are simulated."""
    return Item(number, topic, says=NO_PATIENTS) if _all_simulated(results) else Item(number, topic, left=left)


def _real(results: ResultsFolder, left: str) -> str:
    """What is left to the author of a study of real patients."""
    return "" if _all_simulated(results) else left


def _externals(results: ResultsFolder) -> list[str]:
    study = results.study
    return [results.title(site) for site in study.external_sites if study.sites[site].tables.ccta is not None]


def _title() -> list[Item]:
    return [
        Item("1", "Title", left="development and validation, population and outcome, named in the title."),
        Item(
            "2",
            "Abstract",
            "Structured, its numbers read from the study's tables.",
            ("abstract",),
            "the items of TRIPOD+AI for Abstracts that it lacks.",
        ),
    ]


def _introduction(results: ResultsFolder) -> list[Item]:
    externals = _externals(results)
    own = results.title(results.study.development_site)
    others = f", external validation at {listed(externals)}" if externals else ", no external validation"
    return [
        Item("3a", "Context and rationale", left="the diagnostic context, why this model, and existing ones."),
        Item("3b", "Population and intended use", left="for whom, by whom and at which point of care."),
        Item("3c", "Health inequalities", left="known differences between sociodemographic groups."),
        Item("4", "Objectives", f"Development and out-of-fold validation at {own}{others}.", ("abstract",)),
    ]


def _data(results: ResultsFolder) -> list[Item]:
    study = results.study
    cohort = study.cohort
    own_limits = [results.title(site) for site, settings in study.sites.items() if settings.quality is not None]
    quality = f"; own quality limits at {listed(own_limits)}" if own_limits else ""
    return [
        Item(
            "5a", "Sources of data", f"{len(study.sites)} sites, each with its role.", ("methods",),
            _real(results, "why these data, and whom they represent."),
        ),
        _of_patients(results, "5b", "Dates", "first and last date of recruitment, end of follow-up."),
        _of_patients(results, "6a", "Setting", "level of care, number and place of the centres."),
        Item(
            "6b", "Eligibility",
            f"Age {cohort.minimum_age:g} years or more, ECG at most {cohort.days_before_ccta} days before or "
            f"{cohort.days_after_ccta} days after the CCTA, usable recording.",
            ("methods", "inclusion"),
        ),
        _of_patients(results, "6c", "Treatments", "treatments received, and how they were handled."),
        Item(
            "7", "Data preparation", f"One cleaning for all patients{quality}; every exclusion has its reason.",
            ("methods", "inclusion"),
        ),
    ]  # fmt: skip


def _measurement(results: ResultsFolder) -> list[Item]:
    normal = results.study.evaluation.normal_ecg != "measured"
    reader = "; a reader's statement only defines the subset of normal ECGs" if normal else ""
    return [
        Item(
            "8a", "Outcome",
            f"Stenosis of {cut(results.study.cohort.event_from)} at CCTA, each of four vessels on its own.",
            ("methods",), _real(results, "how CCTA was read, and whether alike in all groups of patients."),
        ),
        _of_patients(results, "8b", "Who assessed the outcome", "the readers' training and experience."),
        _of_patients(results, "8c", "Blinding of the outcome", "what the readers of the CCTA knew."),
        Item("9a", "Choice of predictors", "All samples of the ECG; none is selected.", ("methods", "added-value")),
        Item(
            "9b", "Definition of predictors", "12 leads, 10 s, 500 Hz, cleaned in one way.", ("methods",),
            _real(results, "devices, and who recorded when."),
        ),
        Item("9c", "Who assessed predictors", f"Nobody: the network reads the recording{reader}.", ("methods",)),
        Item(
            "10", "Sample size", "After the fact: interval widths that these patients give, patients that widths need.",
            ("sample-size",), "how the study's size was decided beforehand.",
        ),
        Item(
            "11", "Missing data",
            "A vessel without a finding is left out for that vessel; unusable recordings are excluded and counted; "
            "regressions on risk factors take complete cases, with their numbers.",
            ("methods", "inclusion", "added-value"),
        ),
    ]  # fmt: skip


def _analysis(results: ResultsFolder) -> list[Item]:
    training = results.study.training
    balanced = "No method is used" if training.class_balance == "none" else f"{training.class_balance.capitalize()}"
    return [
        Item(
            "12a", "Use of the data",
            f"{training.folds} folds of patients, each predicted once by a model that never saw them; audited.",
            ("methods", "leakage"),
        ),
        Item("12b", "Handling of predictors", "Filtered and standardised, not categorised.", ("methods",)),
        Item(
            "12c", "Model and its building",
            "Pre-trained network, fine-tuned fold by fold; what each fold kept, and why, is listed.",
            ("methods", "ladder", "provenance"),
        ),
        Item("12d", "Differences between sites", *_between_sites(results)),
        Item(
            "12e", "Measures of performance", "Discrimination, calibration, accuracy at thresholds, net benefit.",
            ("methods", "results", "calibration", "decisions"),
        ),
        Item("12f", "Model updating", *_updating(results, "Intercept, and intercept and slope, cross-fitted.")),
        Item("12g", "How predictions are made", "Mean calibrated logit of the folds; code and versions are named.",
             ("methods", "provenance")),
        Item("13", "Class imbalance", f"{balanced}; temperature scaling follows.", ("methods",)),
    ]  # fmt: skip


def _use(results: ResultsFolder) -> list[Item]:
    return [
        Item("14", "Fairness", *_fairness(results)),
        Item("15", "Output and thresholds", "A probability per vessel; thresholds fixed, or chosen on development "
             "patients alone.", ("methods", "thresholds")),
        Item("16", "Development against evaluation data", *_beside(results)),
        _of_patients(results, "17", "Ethical approval", "committee, approval and consent."),
    ]  # fmt: skip


def _openness(results: ResultsFolder) -> list[Item]:
    simulated = _all_simulated(results)
    again = "Simulated again from the configuration and its seed." if simulated else ""
    return [
        Item("18a", "Funding", left="sources, and what funders had a say in."),
        Item("18b", "Conflicts of interest", left="those of every author."),
        Item("18c", "Protocol", left="where it can be read, or that there was none."),
        Item("18d", "Registration", left="register and number, or that there was none."),
        Item("18e", "Data sharing", again, ("provenance",) if simulated else (),
             "" if simulated else "what others may have, and how."),
        Item("18f", "Code sharing", "Commit, configuration, seed and versions.", ("provenance",),
             "where the code can be had."),
        Item("19", "Patient and public involvement", left="who was involved and how, or that nobody was."),
    ]  # fmt: skip


def _results(results: ResultsFolder) -> list[Item]:
    last = [step for step in results.flow(results.study.development_site) if "label" in step][-1]
    return [
        Item(
            "20a", "Flow of participants",
            f"Per site, with reasons; {count(last['ecgs'])} ECGs of {count(last['patients'])} patients at the "
            "development site.",
            ("inclusion", "cumulative-events"),
        ),
        Item("20b", "Characteristics", "Table 1 of each site, missing values counted.", ("inclusion",),
             _real(results, "key dates and treatments.")),
        Item("20c", "Comparison with the development data", *_beside(results)),
        Item("21", "Numbers in each analysis", "ECGs and events stand in every table.", ("results", "calibration")),
        Item(
            "22", "The full model", "Weights and settings of each fold, named by SHA-256.", ("provenance",),
            "where the weights can be had, and on which terms.",
        ),
        Item("23a", "Performance", "Estimates with intervals, also in subgroups.",
             ("results", "calibration", "subgroups", "decisions")),
        Item("23b", "Differences between sites", *_between_sites(results)),
        Item("24", "Results of updating", *_updating(results, "Calibration before and after.")),
    ]  # fmt: skip


def _discussion(results: ResultsFolder) -> list[Item]:
    return [
        Item("25", "Interpretation", "What the numbers say, in the conclusion.", ("abstract",),
             "fairness, and earlier studies beyond the one shown."),
        Item("26", "Limits", "Those of the design and of the numbers.", ("limits",),
             _real(results, "those of your own patients and data.")),
        Item("27a", "Poor or missing input in use", "A recording that fails the quality limits gets no probability.",
             ("methods", "inclusion")),
        Item("27b", "Users and their expertise", left="what users do with input and output, and what they must know."),
        Item("27c", "Next steps", left="future research, applicability and generalisability."),
    ]  # fmt: skip


def _between_sites(results: ResultsFolder) -> tuple[str, tuple[str, ...], str]:
    externals = _externals(results)
    if not externals:
        return "", (), "no other site was validated."
    return f"{listed(externals)} against the development site, with intervals.", ("calibration",), ""


def _fairness(results: ResultsFolder) -> tuple[str, tuple[str, ...], str]:
    left = _real(results, "the rationale, and groups that the data do not name.")
    if results.study.fairness is None:
        return "Discrimination by age, sex and other groups; nothing is done to change it.", ("subgroups",), left
    says = "Discrimination, calibration and accuracy by age, sex and other groups; nothing is done to change them."
    return says, ("fairness", "subgroups"), left


def _beside(results: ResultsFolder) -> tuple[str, tuple[str, ...], str]:
    if not _externals(results):
        return "", (), "no other site was validated."
    left = _real(results, "differences of setting and of reading the CCTA.")
    return "Table 1 and proportion of events of each site.", ("inclusion", "results"), left


def _updating(results: ResultsFolder, says: str) -> tuple[str, tuple[str, ...], str]:
    done = any(results.has("recalibrated_summary", site) for site in results.study.sites)
    return (says, ("calibration",), "") if done else ("", (), "no model was updated.")
