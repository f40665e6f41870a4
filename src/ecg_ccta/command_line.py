"""The command `ecg-ccta`: one verb per wish of a user."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ecg_ccta.config import load, load_overlaid
from ecg_ccta.errors import StudyError

app = typer.Typer(
    help="Predict coronary CT angiography findings from the resting ECG. A study runs with "
    "`snakemake --cores all`; these commands go around it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# Lines are left to the terminal to wrap, so that paths and messages stay whole when copied or searched.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)

Overlay = Annotated[
    Path | None,
    typer.Argument(help="Overlay over config.yaml, such as studies/hospital.yaml; none: the default study."),
]


@app.command()
def check(overlay: Overlay = None) -> None:
    """Check a study's configuration, its negative control's, and the tables of every hospital export it names, before
    anything runs.
    """
    from ecg_ccta.cohort.site_tables import read_site_tables

    try:
        study = load(overlay)
        if study.negative_control is not None:
            load_overlaid(study.model_dump(), study.negative_control)
        for name, site in study.sites.items():
            if site.export is not None:
                labels = study.intermediate.labels if study.intermediate and name == study.intermediate_site else []
                read_site_tables(name, site, site.export, labels)
    except StudyError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(f"{study.study}: {len(study.sites)} site(s), {study.training.folds} folds; nothing wrong found")


@app.command()
def sync(
    study: Annotated[str, typer.Argument(help="Name of the study, a folder below results.")] = "default",
    results: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("results"),
) -> None:
    """Send to MLflow what a study's jobs recorded and MLflow does not hold yet; nothing is sent twice.

    MLFLOW_TRACKING_URI names the server; without it the runs go to the database results/mlflow.db.
    """
    from ecg_ccta.files import read_json, write_json
    from ecg_ccta.tracking.mlflow_runs import send_or_postpone

    tracking, parameters = results / study / "tracking.json", results / study / "config.json"
    missing = [path for path in (tracking, parameters) if not path.exists()]
    if missing:
        errors.print(f"{missing[0]}: missing; run the study to its end first", style="red", markup=False)
        raise typer.Exit(1)
    records = [results / path for path in read_json(tracking)["records"]]
    sent = send_or_postpone(read_json(parameters), records, results)
    if sent["status"] != "sent":
        message = f"{sent['tracking_uri']}: {sent['reason']}; nothing is lost, try again later"
        errors.print(message, style="red", markup=False)
        raise typer.Exit(1)
    write_json(tracking, sent)
    console.print(f"sent {sent['sent']} run(s) to {sent['tracking_uri']}")


@app.command()
def pseudonym(
    site: Annotated[str, typer.Argument(help="The site's key in the configuration.")],
    identifier: Annotated[str, typer.Argument(help="The hospital's own patient or ECG identifier.")],
    kind: Annotated[str, typer.Option(help="patient or ecg")] = "patient",
    overlay: Annotated[Path | None, typer.Option(help="Overlay of the study.")] = None,
) -> None:
    """Show under which pseudonym a patient or ECG appears; needs the site's secret key."""
    from ecg_ccta.cohort import pseudonyms

    try:
        study = load(overlay)
        if site not in study.sites:
            raise StudyError(f"no site {site}; the study has {', '.join(study.sites)}")
        if kind not in ("patient", "ecg"):
            raise StudyError(f"--kind {kind}: give patient or ecg")
        key = pseudonyms.site_key(site, study.sites[site], study.seed)
    except StudyError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    # As the tables are read: without blanks around a cell.
    console.print(pseudonyms.pseudonym(key, kind, identifier.strip()))


@app.command()
def explain(
    recording: Annotated[Path, typer.Argument(help="WFDB record of 12 leads and 10 s or more, with or without .hea.")],
    study: Annotated[str, typer.Option(help="Name of the study whose networks score it.")] = "default",
    vessel: Annotated[
        str | None, typer.Option(help="RCA, LM, LAD or LCX: whose prediction is coloured; none: that of highest risk.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page; nothing else of the file names it.")] = "12-lead ECG",
    output: Annotated[Path, typer.Option(help="Page to write: .pdf, .svg or .png.")] = Path("ecg.pdf"),
    results: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("results"),
) -> None:
    """Score one ECG of any hospital by a finished study, and explain it on a page of A4.

    The page has the tracing on ECG paper (to scale when printed at 100 %), the four probabilities with their risk
    groups among the study's thresholds, and in colour what in the tracing raised or lowered one of them. The recording
    is cleaned and judged exactly as those of the study; one that the study would exclude is refused with the reason.
    For research only.
    """
    from ecg_ccta.explanation.recording_page import explain_recording
    from ecg_ccta.figures import PAGE_SUFFIXES, save_page

    try:
        if output.suffix not in PAGE_SUFFIXES:
            raise StudyError(f"--output {output}: give a name that ends with {', '.join(PAGE_SUFFIXES)}")
        risks, page = explain_recording(recording, results / study, vessel, title)
    except StudyError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    save_page(page, output)
    for row in risks.itertuples():
        stratum = f", stratum {row.stratum}" if isinstance(row.stratum, str) else ""
        console.print(f"{row.vessel}: {100 * row.probability:.1f} %, {row.group} risk{stratum}", highlight=False)
    console.print(f"wrote {output}", highlight=False)
