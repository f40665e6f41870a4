"""Keyed hashes instead of identifiers: one patient has one pseudonym, and nobody without the key can tell whose it is.

HMAC-SHA256 (RFC 2104), not a plain hash: patient numbers are so few that a plain hash is undone by trying them all.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

import pandas as pd

from ecg_ccta.config import Export
from ecg_ccta.errors import StudyError

HEX_DIGITS = 20
SHORTEST_KEY = 16
"""Bytes of the shortest key that is accepted (128 bits as text or bytes)."""


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """The first 20 hex digits of HMAC-SHA256 over `kind` ("patient" or "ecg"), a zero byte and `value`."""
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()[:HEX_DIGITS]


def pseudonyms(key: bytes, kind: str, values: pd.Series) -> pd.Series:
    """Pseudonyms of a column of identifiers; StudyError where two different ones share a pseudonym."""
    known = {value: pseudonym(key, kind, value) for value in values.unique()}
    if len(set(known.values())) < len(known):
        raise StudyError(
            f"two different {kind} identifiers have the same pseudonym; use another pseudonym key and run again"
        )
    return values.map(known).astype("object")


def site_key(site_name: str, site: Export, study_seed: int) -> bytes:
    """The site's secret.

    A simulated site has nothing to protect and must be reproducible: its key follows from the study's seed. A real
    export's key is the content of `sites.<site>.pseudonym_key`, or of private/<site>.key, which is made (random,
    readable by its owner alone) when missing. Raises StudyError where the named key is missing, unreadable or short.
    """
    if site.simulation is not None:
        return hashlib.sha256(f"simulated\0{study_seed}\0{site_name}".encode()).digest()
    path = site.pseudonym_key
    if path is None:
        path = Path("private") / f"{site_name}.key"
        _make_key(path)
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise StudyError(
            f"{path}: the pseudonym key cannot be read ({error.strerror}). Fix: correct "
            f"sites.{site_name}.pseudonym_key, or remove that line and private/{site_name}.key is made"
        ) from None
    if len(key) < SHORTEST_KEY:
        raise StudyError(
            f"{path}: the pseudonym key has {len(key)} bytes, {SHORTEST_KEY} or more are needed; "
            "make one with: python -c 'import secrets; print(secrets.token_hex())'"
        )
    return key


def _make_key(path: Path) -> None:
    """Make the key file unless it exists; of parallel jobs exactly one makes it and all read that one."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A hard link appears whole and, unlike a rename, never replaces another job's key.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
