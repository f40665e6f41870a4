"""The command `ecg-ccta`: one verb per wish of a user."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ecg_ccta.config import load
from ecg_ccta.errors import StudyError

app = typer.Typer(
    help="Predict coronary CT angiography findings from the resting ECG. A study runs with "
    "`snakemake --cores all`; these commands go around it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console()
errors = Console(stderr=True)

Overlay = Annotated[
    Path | None,
    typer.Argument(help="Overlay over config.yaml, such as studies/hospital.yaml; none: the default study."),
]


@app.command()
def check(overlay: Overlay = None) -> None:
    """Check a study's configuration, and the tables of every hospital export it names, before anything runs."""
    from ecg_ccta.cohort.site_tables import read_site_tables

    try:
        study = load(overlay)
        for name, site in study.sites.items():
            if site.export is not None:
                read_site_tables(name, site, site.export)
    except StudyError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(f"{study.study}: {len(study.sites)} site(s), {study.training.folds} folds; nothing wrong found")


@app.command()
def sync(
    study: Annotated[str, typer.Argument(help="Name of the study, a folder below results.")] = "default",
    results: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("results"),
) -> None:
    """Send to MLflow what a study's jobs recorded and MLflow does not hold yet; nothing is sent twice."""
    from ecg_ccta.files import read_json, write_json
    from ecg_ccta.tracking.mlflow_runs import send_records

    folder = results / study
    report = folder / "records" / "build_report" / "report.json"
    records = sorted(set(folder.glob("records/*/*.json")) - {report})
    if not records:
        errors.print(f"{folder}: no records; run the study first", style="red", markup=False)
        raise typer.Exit(1)
    overlay = folder / "config.json"
    if not overlay.exists():
        errors.print(f"{overlay}: missing; run the study to its end first", style="red", markup=False)
        raise typer.Exit(1)
    parameters = read_json(overlay)
    foundation = results / "foundation" / parameters["foundation"]["name"] / "record.json"
    records += [path for path in (foundation, report) if path.exists() and report.exists()]
    sent = send_records(parameters, records, results)
    write_json(folder / "tracking.json", sent)
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
    console.print(pseudonyms.pseudonym(key, kind, identifier))
