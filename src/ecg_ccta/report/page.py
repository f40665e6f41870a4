"""The one-page report of a study: everything in one HTML file that loads nothing from anywhere."""

import base64
import hashlib
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecg_ccta.config import EventFrom, Study
from ecg_ccta.report import sections
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.outcome import outcome
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.abstract import abstract, with_sources
from ecg_ccta.report.sections.checklist import checklist


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
    controlled = ResultsFolder(control, Path(control_folder)) if control and control_folder else None
    results = ResultsFolder(study, Path(folder), controlled)
    found = [section for write in section_writers() if (section := write(results)) is not None]
    first = abstract(results)
    titles = {section.anchor: section.title for section in (first, *found)}
    found = [with_sources(first, titles), *found, checklist(results, titles)]
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


def section_writers() -> list[Callable[[ResultsFolder], Section | None]]:
    """The functions that write the page's sections, in the page's order.

    Each module of `report/sections` that has an `ORDER` has one, of the module's own name. Abstract and checklist,
    which refer to the others, have none.
    """
    names = [name for _, name, _ in pkgutil.iter_modules(sections.__path__, f"{sections.__name__}.")]
    modules = [module for name in names if hasattr(module := importlib.import_module(name), "ORDER")]
    return [getattr(module, module.__name__.rpartition(".")[2]) for module in sorted(modules, key=lambda m: m.ORDER)]


def lead(study: Study) -> str:
    """What the page is, in one sentence under its title."""
    made_up = sum(site.simulation is not None for site in study.sites.values())
    kind = {0: "", len(study.sites): " in simulated hospitals"}.get(made_up, ", some of them simulated")
    found = study.cohort.event_from
    what = "severe coronary stenosis" if found == EventFrom() else f"coronary {outcome(found)}"
    return f"Predicting {what} at CT angiography from the resting ECG{kind}. For research only."


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
