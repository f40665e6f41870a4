"""Which job made what another job read: the links between runs, by the SHA-256 of the files between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_ccta.files import sha256_json

LONGEST_NOTE = 7500
"""Characters; MLflow keeps 8,000 of a tag."""


def makers(contents: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """(file, SHA-256) of every output -> the job that made it."""
    return {(path, digest): content["job"] for content in contents for path, digest in content["outputs"].items()}


def upstream(content: Mapping[str, Any], made: Mapping[tuple[str, str], str]) -> list[str]:
    """Jobs that made the inputs of a job, in the order of its inputs; a file of another content was made by nobody."""
    found = [made[item] for item in content["inputs"].items() if item in made]
    return list(dict.fromkeys(found))


def lineage_tags(
    contents: Sequence[Mapping[str, Any]], runs: Mapping[str, str], experiment_id: str, parent_id: str
) -> dict[str, dict[str, str]]:
    """Tags of each job's run that name the runs before and after it.

    Parameters
    ----------
    contents : the records of a study's jobs
    runs : job -> run id
    experiment_id, parent_id : where the runs are, and the study's own run

    Returns
    -------
    job -> {"ecg_ccta.upstream": run ids, "ecg_ccta.downstream": run ids, "mlflow.note.content": the same as a text
    with links, which MLflow shows as the run's description}.
    """
    made = makers(contents)
    before = {content["job"]: upstream(content, made) for content in contents}
    after: dict[str, list[str]] = {job: [] for job in before}
    users: dict[tuple[str, str], list[str]] = {}
    for content in contents:
        for job in before[content["job"]]:
            after[job].append(content["job"])
        for item in content["inputs"].items():
            users.setdefault(item, []).append(content["job"])
    pages = {job: f"#/experiments/{experiment_id}/runs/{run_id}" for job, run_id in runs.items()}
    links = {job: f"[{job}]({page})" for job, page in pages.items()}
    study = f"[the study](#/experiments/{experiment_id}/runs/{parent_id})"
    tags = {}
    for content in contents:
        job = content["job"]
        tags[job] = {
            "ecg_ccta.upstream": _ids(before[job], runs),
            "ecg_ccta.downstream": _ids(after[job], runs),
            "mlflow.note.content": _note(content, pages[job], before[job], made, users, links, study),
        }
    return tags


def hash_tags(content: Mapping[str, Any]) -> dict[str, str]:
    """A tag per input and output file: its SHA-256."""
    kinds = (("input", content["inputs"]), ("output", content["outputs"]))
    return {f"{kind}/{path}"[:250]: digest for kind, files in kinds for path, digest in files.items() if digest}


def edited(tags: Mapping[str, str]) -> bool:
    """Whether a reader has written into the run's description, which is then theirs."""
    note = tags.get("mlflow.note.content")
    return note is not None and sha256_json(note) != tags.get("ecg_ccta.note")


def _ids(jobs: Sequence[str], runs: Mapping[str, str]) -> str:
    return " ".join(runs[job] for job in jobs if job in runs)


def _note(
    content: Mapping[str, Any],
    page: str,
    before: Sequence[str],
    made: Mapping[tuple[str, str], str],
    users: Mapping[tuple[str, str], list[str]],
    links: Mapping[str, str],
    study: str,
) -> str:
    # MLflow folds a long description, so what most readers look for comes first.
    script = f"{content['rule']}.py"
    sources = ", ".join(links[job] for job in before if job in links) or "no other job's results"
    text = (
        f"Made by [workflow/scripts/{script}]({page}/artifacts/{script}) from {sources}.\n\n"
        f"Job `{content['job']}` of {study}, at commit `{content['git_commit']}`. Full hashes are in the tags and in "
        "`record.json`.\n"
    )
    inputs = [(path, digest, [made[path, digest]] if (path, digest) in made else []) for path, digest in
              content["inputs"].items()]  # fmt: skip
    outputs = [(path, digest, users.get((path, digest), [])) for path, digest in content["outputs"].items()]
    for title, relation, rows in (("Input", "made by", inputs), ("Output", "used by", outputs)):
        if rows:
            text += f"\n| {title} | SHA-256 | {relation} |\n|---|---|---|\n"
        for done, (path, digest, jobs) in enumerate(rows):
            linked = ", ".join(links[job] for job in jobs if job in links)
            row = f"| `{path}` | `{(digest or 'missing')[:12]}` | {linked} |\n"
            if len(text) + len(row) > LONGEST_NOTE:
                text += f"\n{len(rows) - done} more in `record.json`.\n"
                break
            text += row
    return text
