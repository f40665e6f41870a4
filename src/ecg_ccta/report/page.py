"""The one-page report of a study: everything in one HTML file that loads nothing from anywhere."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecg_ccta.config import Study
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.abstract import abstract, with_sources
from ecg_ccta.report.sections.added_value import added_value
from ecg_ccta.report.sections.attribution import attribution, planted
from ecg_ccta.report.sections.checklist import checklist
from ecg_ccta.report.sections.decisions import decisions
from ecg_ccta.report.sections.events import cumulative_events
from ecg_ccta.report.sections.headline import first_results
from ecg_ccta.report.sections.inclusion import inclusion
from ecg_ccta.report.sections.individual import individual
from ecg_ccta.report.sections.initialisations import initialisations
from ecg_ccta.report.sections.leakage import leakage
from ecg_ccta.report.sections.limits import limits
from ecg_ccta.report.sections.logits import logits
from ecg_ccta.report.sections.methods import methods
from ecg_ccta.report.sections.normal_ecg import normal_ecg
from ecg_ccta.report.sections.planted_hazards import planted_hazards
from ecg_ccta.report.sections.provenance import provenance
from ecg_ccta.report.sections.sample_size import sample_size
from ecg_ccta.report.sections.severity import severity
from ecg_ccta.report.sections.subgroups import subgroups
from ecg_ccta.report.sections.thresholds import thresholds
from ecg_ccta.report.sections.validation import validation
from ecg_ccta.report.sections.waveforms import waveforms


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
        abstract(results, controlled),
        inclusion(results),
        first_results(results, controlled),
        validation(results),
        severity(results),
        normal_ecg(results),
        subgroups(results),
        thresholds(results),
        decisions(results),
        added_value(results),
        cumulative_events(results),
        waveforms(results),
        attribution(results),
        individual(results),
        logits(results),
        planted(results),
        planted_hazards(results),
        sample_size(results),
        initialisations(results),
        methods(study),
        leakage(results),
        limits(results),
        provenance(results),
    ]
    found = [section for section in sections if section is not None]
    titles = {section.anchor: section.title for section in found}
    found[0] = with_sources(found[0], titles)
    found.append(checklist(results, titles))
    environment = Environment(
        loader=PackageLoader("ecg_ccta.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Style and script are let through by their own hashes, so that text from data can never become either.
    style, script = (environment.get_template(name).render() for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        title=study.title,
        lead=lead(study),
        sections=found,
        style=style,
        script=script,
        style_hash=content_hash(style),
        script_hash=content_hash(script),
        first_time=first_time(),
    )


def lead(study: Study) -> str:
    """What the page is, in one sentence under its title."""
    made_up = sum(site.simulation is not None for site in study.sites.values())
    kind = {0: "", len(study.sites): " in simulated hospitals"}.get(made_up, ", some of them simulated")
    return f"Predicting severe coronary stenosis at CT angiography from the resting ECG{kind}. For research only."


def content_hash(text: str) -> str:
    """The form in which a Content-Security-Policy names an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def first_time() -> Callable[[str], bool]:
    """Function that says whether it is asked for a file's name for the first time: each is embedded once."""
    seen: set[str] = set()

    def is_first(name: str) -> bool:
        new = name not in seen
        seen.add(name)
        return new

    return is_first
