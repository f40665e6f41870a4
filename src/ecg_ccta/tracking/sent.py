"""tracking.json: what of a study MLflow holds, and the records' hashes by which the study can be verified."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json, write_text


@dataclass(frozen=True)
class Tracking:
    """
    facts : status ("sent" or "pending"), tracking_uri; of what was sent experiment_id, parent_run_id and runs (job ->
        run id); otherwise the reason; and records: file relative to the folder of all results -> SHA-256
    sent : how many runs were sent now
    """

    facts: dict[str, Any]
    sent: int

    @classmethod
    def of(cls, records: Sequence[Path], results: Path, facts: dict[str, Any], sent: int) -> "Tracking":
        hashes = {Path(os.path.relpath(path, results)).as_posix(): sha256(path) for path in records}
        return cls({**facts, "records": hashes}, sent)

    @property
    def is_sent(self) -> bool:
        return self.facts["status"] == "sent"


def write_tracking(tracking: Tracking, path: str | Path) -> None:
    """Write tracking.json, with the hash of config.json beside it and one of its own content.

    A file that says the same already keeps its time, which decides whether the report, which shows the runs' addresses,
    is made again.
    """
    facts = {**tracking.facts, "config_sha256": sha256(Path(path).with_name("config.json"))}
    text = _sealed(facts)
    if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text:
        write_text(path, text)


def read_tracking(path: str | Path) -> dict[str, Any]:
    """The facts of a tracking.json.

    Raises
    ------
    StudyError
        Where the file is not, to the byte, what `write_tracking` wrote.
    """
    fix = "delete it and run snakemake again"
    try:
        text = Path(path).read_text(encoding="utf-8")
        facts = dict(json.loads(text))
        facts.pop("sha256", None)
    except (ValueError, TypeError) as error:
        raise StudyError(f"{path}: not a tracking.json ({error}); {fix}") from None
    if text != _sealed(facts):
        raise StudyError(f"{path}: was changed after it was written; {fix}")
    return facts


def _sealed(facts: dict[str, Any]) -> str:
    return json.dumps({**facts, "sha256": sha256_json(facts)}, indent=2, ensure_ascii=False) + "\n"
