"""The command `ecg-ccta`: one verb per task of a user."""

import signal
from pathlib import Path
from typing import Annotated, NoReturn

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


def _stop(message: str) -> NoReturn:
    errors.print(message, style="red", markup=False)
    raise typer.Exit(1) from None


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
        _stop(str(error))
    console.print(f"{study.study}: {len(study.sites)} site(s), {study.training.folds} folds; nothing wrong found")


StudyName = Annotated[str, typer.Argument(help="Name of the study, a folder below results.")]
Results = Annotated[Path, typer.Option(help="Folder of all results.")]


@app.command()
def sync(study: StudyName = "default", results: Results = Path("results")) -> None:
    """Send to MLflow what a study's jobs recorded and MLflow does not hold yet; nothing is sent twice.

    MLFLOW_TRACKING_URI names the server; without it the runs go to the database results/mlflow.db. `snakemake` then
    puts the runs' addresses into the report.
    """
    from ecg_ccta.files import read_json
    from ecg_ccta.tracking.mlflow_runs import send_or_postpone
    from ecg_ccta.tracking.sent import read_tracking, write_tracking

    tracking, parameters = results / study / "tracking.json", results / study / "config.json"
    report = tracking.with_name("report_tracking.json")
    missing = [path for path in (tracking, parameters) if not path.exists()]
    if missing:
        _stop(f"{missing[0]}: missing; run the study to its end first")
    try:
        noted = {path: read_tracking(path)["records"] for path in (tracking, report) if path.exists()}
    except StudyError as error:
        _stop(str(error))
    total = 0
    for path, names in noted.items():
        sent = send_or_postpone(read_json(parameters), [results / name for name in names], results)
        if not sent.is_sent:
            _stop(f"{sent.facts['tracking_uri']}: {sent.facts['reason']}; nothing is lost, try again later")
        write_tracking(sent, path)
        total += sent.sent
    console.print(f"sent {total} run(s) to {sent.facts['tracking_uri']}")


@app.command()
def verify(study: StudyName = "default", results: Results = Path("results")) -> None:
    """Hash every file of a study again and name what changed since its job recorded it: inputs, outputs, records.

    Also named are files that are gone, and files among the results that no job recorded. Ends with 1 where there are
    any.
    """
    from tqdm import tqdm

    from ecg_ccta.tracking.verification import verify as compare

    def progress(names: list[str]):
        return tqdm(names, "Hashing", disable=None, leave=False)

    try:
        found = compare(study, results, progress)
    except StudyError as error:
        _stop(str(error))
    for difference in found.differences:
        rule = f", recorded by {difference.rule}" if difference.rule else ""
        hashes = f"expected {difference.expected or 'no such file'}, found {difference.found or 'no file'}"
        console.print(f"{difference.kind}: {difference.file}: {hashes}{rule}", markup=False, highlight=False)
    if found.differences:
        _stop(f"{study}: {len(found.differences)} difference(s) in {found.files} recorded files")
    console.print(f"{study}: {found.files} recorded files and folders, nothing changed")


@app.command()
def audit(
    port: Annotated[int, typer.Option(envvar="AUDIT_PORT", help="Port on this machine, 127.0.0.1.")] = 5000,
    results: Results = Path("results"),
) -> None:
    """Show the runs of the local database results/mlflow.db in a browser, to this machine alone, until interrupted."""
    from ecg_ccta.tracking.auditing import serve_local

    try:
        server = serve_local(results, port)
    except StudyError as error:
        _stop(str(error))
    console.print(f"http://127.0.0.1:{port} shows {results / 'mlflow.db'}; end with Ctrl-C")
    # However this command is ended, the server ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
    else:
        _stop(f"MLflow ended; is port {port} taken? Give another with --port")


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
        _stop(str(error))
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
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Draw it also by networks that have seen simulated ECGs alone.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("results"),
) -> None:
    """Score one ECG of any hospital by a finished study, and explain it on a page of A4.

    The page has the tracing on ECG paper (to scale when printed at 100 %), the four probabilities with their risk
    groups among the study's thresholds, and in colour what in the tracing raised or lowered one of them. The recording
    is cleaned and judged exactly as those of the study; one that the study would exclude is refused with the reason. A
    study of simulated hospitals says nothing about a patient: it is refused too, without --demonstration, and with it
    the page says so. For research only.
    """
    from ecg_ccta.figures import PAGE_SUFFIXES, save_page
    from ecg_ccta.single_ecg.recording_page import explain_recording

    try:
        if output.suffix not in PAGE_SUFFIXES:
            raise StudyError(f"--output {output}: give a name that ends with {', '.join(PAGE_SUFFIXES)}")
        risks, page = explain_recording(recording, results / study, vessel, title, demonstration)
    except StudyError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    save_page(page, output)
    for row in risks.itertuples():
        stratum = f", stratum {row.stratum}" if isinstance(row.stratum, str) else ""
        only = "demonstration, no statement about a patient: " if demonstration else ""
        console.print(f"{only}{row.vessel}: {100 * row.probability:.1f} %, {row.group} risk{stratum}", highlight=False)
    console.print(f"wrote {output}", highlight=False)
