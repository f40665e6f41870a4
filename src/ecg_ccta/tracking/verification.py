"""Are a study's files still those that its jobs recorded?

Against accident and carelessness: whoever may change a file may also change its record and tracking.json. MLflow's own
copy of the records (`record.json` of each run, and its hash as tag) is the witness against intent.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, sha256
from ecg_ccta.tracking.records import input_hash, is_export
from ecg_ccta.tracking.sent import read_tracking

NOT_ARTEFACTS = {"logs", "benchmarks", "interrupted", "records"}
"""Folders of a study that hold no results."""
TRACKING = "tracking.json"
REPORT_TRACKING = "report_tracking.json"


@dataclass(frozen=True)
class Difference:
    """
    kind : "changed", "missing", "stale" (a job read another version than the one recorded by its maker) or "unrecorded"
    file : as the record names it
    expected, found : SHA-256, or None
    rule : whose record names the file
    """

    kind: str
    file: str
    expected: str | None
    found: str | None
    rule: str


@dataclass(frozen=True)
class Verified:
    files: int
    differences: list[Difference]


def verify(study: str, results: Path, progress: Callable[[list[str]], Iterator[str]] = iter) -> Verified:
    """Compare every recorded input and output of a study, and the records themselves, with what lies on disk.

    Parameters
    ----------
    study : a folder below `results`
    results : the folder of all results
    progress : passes the files on, one by one, while they are hashed

    Raises
    ------
    StudyError
        Where the study has not run to its end, or what it noted of itself is damaged.
    """
    folder = results / study
    expected, contents = _records(folder, results)
    outputs = {path: (digest, content["rule"]) for content in contents for path, digest in content["outputs"].items()}
    differences = []
    for path, (digest, rule) in outputs.items():
        expected.setdefault((path, sha256), (digest, rule))
    for content in contents:
        for path, digest in content["inputs"].items():
            # Of a raw export a job notes the tables alone.
            if is_export(_here(results, path)):
                expected.setdefault((path, input_hash), (digest, content["rule"]))
            elif path not in outputs:
                expected.setdefault((path, sha256), (digest, content["rule"]))
            elif outputs[path][0] != digest:
                differences.append(Difference("stale", path, outputs[path][0], digest, content["rule"]))
    names = [path for path, _ in expected]
    for (path, hashed), _ in zip(expected, progress(names), strict=True):
        digest, rule = expected[path, hashed]
        here = _here(results, path)
        found = hashed(here) if here.exists() else None
        if found != digest:
            kind = "missing" if found is None else "changed"
            differences.append(Difference(kind, path, digest, found, rule))
    recorded = {_here(results, path) for path in names}
    for file in _artefacts(folder):
        if not recorded & {file, *file.parents}:
            name = f"results/{file.relative_to(results).as_posix()}"
            differences.append(Difference("unrecorded", name, None, sha256(file), ""))
    return Verified(len(expected), differences)


def _records(folder: Path, results: Path) -> tuple[dict, list[Mapping[str, Any]]]:
    """What tracking.json expects of the records and the configuration, and the content of the records."""
    tracking, control = folder / TRACKING, folder / REPORT_TRACKING
    if not tracking.exists():
        raise StudyError(f"{tracking}: missing; run the study to its end first")
    noted = read_tracking(tracking)
    found = noted["records"]
    if control.exists():
        found = {**found, **read_tracking(control)["records"]}
    config = folder / "config.json"
    expected = {(f"results/{config.relative_to(results).as_posix()}", sha256): (noted["config_sha256"], "log_study")}
    contents = []
    for name, digest in found.items():
        path = results / name
        rule = path.parent.name if path.name != "record.json" else "foundation"
        expected[f"results/{name}", sha256] = (digest, rule)
        # One that is missing or damaged is named as such; what it said of its files is lost.
        with contextlib.suppress(OSError, ValueError):
            content = read_json(path)
            if _is_record(content):
                contents.append(content)
    return expected, contents


def _is_record(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(key), kind) for key, kind in (("rule", str), ("inputs", dict), ("outputs", dict))
    )


def _here(results: Path, path: str) -> Path:
    """Where a recorded file lies, also where the folder of results has another name or place."""
    first, _, rest = path.partition("/")
    return results / rest if first == "results" else results.parent / path


def _artefacts(folder: Path) -> Iterator[Path]:
    """Files that some record should name."""
    for part in sorted(folder.iterdir()):
        if part.is_dir() and part.name not in NOT_ARTEFACTS and not part.name.startswith("."):
            for file in sorted(part.rglob("*")):
                inner = file.relative_to(folder)
                hidden = any(name.startswith(".") or name == "__pycache__" for name in inner.parts)
                if file.is_file() and not hidden:
                    yield file
