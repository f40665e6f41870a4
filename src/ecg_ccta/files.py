"""Whole files or none: atomic writing, and the hashes by which artefacts are audited."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its name when the block ends without an error.

    Works for files and for folders (the block may make the temporary path a directory). After an error the
    temporary is removed and whatever stood at `path` is untouched, also where the block wrote nothing. The suffix of
    `path` is kept, because many writers choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = scratch / path.name
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            # A folder cannot be replaced in one step: the old one steps aside, and comes back if the new one cannot.
            aside = scratch / f"{path.name}.old"
            path.replace(aside)
            try:
                temporary.replace(path)
            except OSError:
                aside.replace(path)
                raise
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with keys in the order given; NaN is refused (missing is null)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, or of a folder's sorted relative names and contents.

    Hidden files are left out: they are the notes of tools (Snakemake puts a timestamp into each folder that a job made,
    after the job), so that a folder has one hash as output of a job and as input of the next. So is what Python leaves
    beside code that it ran.
    """
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        names = sorted(p.relative_to(path) for p in path.rglob("*") if p.is_file())
        for name in names:
            if not any(part.startswith(".") or part == "__pycache__" for part in name.parts):
                digest.update(f"{name.as_posix()}\0{sha256(path / name)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: the fingerprint of a configuration."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
