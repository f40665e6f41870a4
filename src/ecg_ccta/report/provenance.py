"""Where every number comes from: code, configuration, seed, versions, time and hashes."""

import pandas as pd

from ecg_ccta.files import sha256_json
from ecg_ccta.report.blocks import Folded, Section, Table
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder


def provenance(results: ResultsFolder) -> Section:
    """Facts from the jobs' records. Paths outside the study's folder are a hospital's own and are left out."""
    study, records = results.study, results.records()
    commits = sorted({str(record.get("git_commit") or "not under version control") for record in records})
    facts = [
        ["Study", study.study],
        ["Code (git commit)", listed(commits) or "no job has left a record"],
        ["Configuration (SHA-256)", sha256_json(study.model_dump(mode="json"))],
        ["Seed", str(study.seed)],
    ]
    blocks: list = [Table("Code, configuration and seed", ["What", "Value"], [("", facts)])]
    if records:
        blocks += [_times(records), Folded("Library versions", [_versions(records)])]
        hashes = _hashes(records, f"results/{study.study}/")
        if hashes:
            table = Table("Results by SHA-256", ["File", "SHA-256"], [("", hashes)])
            blocks.append(Folded(f"Hashes of {count(len(hashes))} result files", [table]))
    return Section("provenance", "Provenance", blocks)


def _times(records: list[dict]) -> Table:
    jobs = pd.DataFrame([{"rule": str(record["rule"]), "seconds": float(record["seconds"])} for record in records])
    by_rule = jobs.groupby("rule", sort=False)["seconds"].agg(["size", "sum", "max"])
    rows = [
        [rule, count(row["size"]), number(row["sum"], 1), number(row["max"], 1)] for rule, row in by_rule.iterrows()
    ]
    return Table(
        "Time per stage",
        ["Stage", "Jobs", "Seconds, all jobs", "Longest job"],
        [("", rows)],
        says=f"{count(len(jobs))} jobs took {number(jobs['seconds'].sum() / 60, 1)} minutes of job time in all.",
    )


def _versions(records: list[dict]) -> Table:
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in (record.get("versions") or {}).items():
            found.setdefault(package, set()).add(str(version))
    # Two versions of one library in one study are a finding of their own, so both are shown.
    rows = [[package, listed(sorted(versions))] for package, versions in sorted(found.items())]
    return Table("Versions", ["Library", "Version"], [("", rows)])


def _hashes(records: list[dict], folder: str) -> list[list[str]]:
    hashes = {
        path.removeprefix(folder): str(digest)
        for record in records
        for path, digest in (record.get("outputs") or {}).items()
        if path.startswith(folder) and digest
    }
    return [[path, digest] for path, digest in sorted(hashes.items())]
