"""The one-page report of a study: everything in one HTML file that loads nothing from anywhere."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecg_ccta.config import Study
from ecg_ccta.report import analyses
from ecg_ccta.report.added_value import added_value
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.decisions import decisions
from ecg_ccta.report.events import cumulative_events
from ecg_ccta.report.formatting import count, listed, percent
from ecg_ccta.report.headline import first_results
from ecg_ccta.report.inclusion import inclusion
from ecg_ccta.report.individual import individual
from ecg_ccta.report.leakage import leakage
from ecg_ccta.report.logits import logits
from ecg_ccta.report.methods import methods
from ecg_ccta.report.normal_ecg import normal_ecg
from ecg_ccta.report.provenance import provenance
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sample_size import sample_size
from ecg_ccta.report.severity import severity
from ecg_ccta.report.starts import starts
from ecg_ccta.report.subgroups import subgroups
from ecg_ccta.report.thresholds import thresholds
from ecg_ccta.report.validation import validation
from ecg_ccta.report.waveforms import waveforms


def build_report(
    study: Study, folder: str | Path, control: Study | None = None, control_folder: str | Path | None = None
) -> str:
    """The report as HTML text.

    Parameters
    ----------
    study : the checked configuration.
    folder : results/<study>, with cohort/, tables/, figures/ and records/.
    control, control_folder : the negative control's configuration and results, where the study has one.

    Returns
    -------
    HTML; figures and downloads are data URIs, and text from data and configuration is escaped.

    Raises
    ------
    StudyError
        Where a file that the study must have is missing, or lacks a column.
    """
    results = ResultsFolder(study, Path(folder))
    controlled = ResultsFolder(control, Path(control_folder)) if control and control_folder else None
    sections = [
        Section("summary", "What was done", [Text(paragraph) for paragraph in summary(results)]),
        first_results(results, controlled),
        inclusion(results),
        validation(results),
        severity(results),
        normal_ecg(results),
        subgroups(results),
        thresholds(results),
        decisions(results),
        added_value(results),
        cumulative_events(results),
        waveforms(results),
        analyses.attribution(results),
        individual(results),
        logits(results),
        analyses.planted(results),
        sample_size(results),
        starts(results),
        methods(study),
        leakage(results),
        analyses.limits(results),
        provenance(results),
    ]
    environment = Environment(
        loader=PackageLoader("ecg_ccta.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=study.title, sections=[section for section in sections if section is not None]
    )


def summary(results: ResultsFolder) -> list[str]:
    """What was done, with the numbers of this study."""
    study = results.study
    parts = []
    for site, settings in study.sites.items():
        last = [step for step in results.flow(site) if "label" in step][-1]
        source = "simulated" if settings.simulation else "exported"
        parts.append(
            f"{results.title(site)}: {count(last['ecgs'])} {source} ECGs of {count(last['patients'])} patients"
        )
    between = ""
    if study.intermediate and study.intermediate_site:
        between = f", then on {listed(study.intermediate.labels)} at {results.title(study.intermediate_site)},"
    paragraphs = [
        "From a resting 12-lead ECG of 10 s, a network predicts for each of the four coronary arteries (RCA, LM, "
        "LAD, LCX) "
        "whether coronary CT angiography shows a stenosis of 70 % or more. The network was pre-trained as a foundation "
        f"model{between} and fine-tuned in {study.training.folds} folds of patients.",
        f"{'; '.join(parts)}. Every ECG of the development site is scored once, by a model that never saw its patient; "
        "other sites by the mean of all folds.",
    ]
    simulated = [results.title(site) for site, settings in study.sites.items() if settings.simulation]
    if simulated:
        effects = {settings.simulation.effect for settings in study.sites.values() if settings.simulation}
        strength = f" Planted effect: {listed([percent(effect) for effect in sorted(effects)])} of full strength."
        paragraphs.append(
            f"The truth of {listed(simulated)} is known, because it was planted: the report shows how much of it the "
            f"analysis finds again.{strength}"
        )
    return paragraphs
