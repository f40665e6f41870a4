"""Where every number comes from: code, configuration, seed, versions, time and hashes."""

from typing import Any

import yaml

from ecg_ccta.config import Study
from ecg_ccta.files import sha256_json
from ecg_ccta.report.blocks import Code, Folded, Section, Table
from ecg_ccta.report.formatting import count, listed
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.time_used import time_used
from ecg_ccta.tracking.store import page_of_run

ORDER = 220


def provenance(results: ResultsFolder) -> Section:
    """Facts from the jobs' records. Paths outside the project's results are a hospital's own and are left out."""
    study, records = results.study, results.records()
    commits = sorted({str(record.get("git_commit") or "not under version control") for record in records})
    facts = [
        ["Study", study.study],
        ["Code (git commit)", listed(commits) or "no job has left a record"],
        ["Configuration (SHA-256)", sha256_json(study.model_dump(mode="json"))],
        ["Runs in MLflow", _runs(results.tracking)],
        *([f"Seed of {what}", str(seed)] for what, seed in _seeds(study).items()),
    ]
    blocks: list = [
        Table("Code, configuration and seeds", ["What", "Value"], [("", facts)]),
        Folded("The whole configuration", [Code(_configuration(study), "Configuration")]),
    ]
    if records:
        blocks += [time_used(results)] if results.has("time_used") else []
        blocks += [Folded("Library versions", [_versions(records)])]
        inputs, outputs = _inputs(records), _outputs(records, f"results/{study.study}/")
        for title, rows in (("inputs from outside the study", inputs), ("result files", outputs)):
            if rows:
                table = Table(f"SHA-256 of {title}", ["File", "SHA-256"], [("", rows)])
                blocks.append(Folded(f"Hashes of {count(len(rows))} {title}", [table]))
    return Section("provenance", "Provenance", blocks)


def _runs(tracking: dict[str, Any]) -> str:
    if tracking.get("status") != "sent":
        return "not sent yet: ecg-ccta sync"
    return page_of_run(tracking, tracking["parent_run_id"]) or tracking["parent_run_id"]


def _seeds(study: Study) -> dict[str, int]:
    seeds = {"the study": study.seed}
    if study.foundation.pretraining is not None:
        seeds["the foundation's pre-training"] = study.foundation.pretraining.seed
    return seeds


def _configuration(study: Study) -> str:
    """The configuration as YAML, without the names of folders and files outside the project."""
    settings = study.model_dump(mode="json")
    for site in settings["sites"].values():
        for key in ("export", "pseudonym_key"):
            site[key] = site[key] and "(left out)"
    if settings["foundation"].get("weights"):
        settings["foundation"]["weights"]["local"] = "(left out)"
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100)


def _versions(records: list[dict[str, Any]]) -> Table:
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in (record.get("versions") or {}).items():
            found.setdefault(package, set()).add(str(version))
    # Two versions of one library in one study are a finding of their own, so both are shown.
    rows = [[package, listed(sorted(versions))] for package, versions in sorted(found.items())]
    return Table("Versions", ["Library", "Version"], [("", rows)])


def _inputs(records: list[dict[str, Any]]) -> list[list[str]]:
    """What jobs read that no job of the study made: exports, the foundation, another study's results."""
    made = {path for record in records for path in record.get("outputs") or {}}
    rows = {
        (path if path.startswith("results/") else f"outside the project, read by {record['job']}", str(digest))
        for record in records
        for path, digest in (record.get("inputs") or {}).items()
        if path not in made and digest
    }
    return [list(row) for row in sorted(rows)]


def _outputs(records: list[dict[str, Any]], folder: str) -> list[list[str]]:
    hashes = {
        path.removeprefix(folder): str(digest)
        for record in records
        for path, digest in (record.get("outputs") or {}).items()
        if path.startswith(folder) and digest
    }
    return [[path, digest] for path, digest in sorted(hashes.items())]
