"""Files as part of the page: figures and tables as data URIs, so that the report is one file."""

import base64
import gzip
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ecg_ccta.errors import StudyError

LARGEST_SVG = 1_000_000
"""Bytes above which a figure goes in as PNG."""

LARGEST_PLAIN_CSV = 100_000
"""Bytes above which a table goes in as gzip."""

LARGEST_CSV, LARGEST_GZIP = 2_000_000, 200_000
"""Bytes, plain or as gzip, above which a table is named rather than embedded."""

_KEPT = " !$&()*+,-./:;=?@[]^_`{|}~"
"""Characters that a data URI needs no code for. Text is a quarter shorter this way than as base64."""


@dataclass(frozen=True)
class Source:
    """Where a table or figure comes from: `page` is its run's page in MLflow, None where it is not sent yet."""

    rule: str
    job: str
    record: str
    page: str | None


@dataclass(frozen=True)
class Download:
    """A table's file: `uri` is None where the file is too large to embed, `source` where no job recorded it."""

    name: str
    uri: str | None
    source: Source | None = None


def image_uri(svg: Path) -> str:
    """A figure as a data URI: its SVG, or the PNG beside it where the SVG is large.

    An image that the browser loads as a document of its own cannot run scripts, and its ids cannot meet those of
    other figures.

    Raises
    ------
    StudyError
        Where the figure has not been drawn.
    """
    file = svg if not svg.exists() or svg.stat().st_size <= LARGEST_SVG else svg.with_suffix(".png")
    if not file.exists():
        raise StudyError(f"{file}: the report needs this figure; run the rule that draws it")
    return file_uri(file)


def file_uri(image: Path) -> str:
    """An SVG or PNG, whatever its size, as a data URI."""
    if image.suffix == ".svg":
        return text_uri("image/svg+xml", image.read_bytes())
    return base64_uri("image/png", image.read_bytes())


def download(csv: Path, name: str) -> Download:
    """Embed a result table for the reader to keep as `name`, byte for byte; a large one as .csv.gz."""
    content = csv.read_bytes()
    if len(content) <= LARGEST_PLAIN_CSV:
        return Download(name, text_uri("text/csv;charset=utf-8", content))
    # Without a date, so that the same results give the same page.
    packed = gzip.compress(content, compresslevel=6, mtime=0) if len(content) <= LARGEST_CSV else None
    if packed is None or len(packed) > LARGEST_GZIP:
        return Download(name, None)
    return Download(f"{name}.gz", base64_uri("application/gzip", packed))


def text_uri(kind: str, content: bytes) -> str:
    return f"data:{kind},{quote(content, safe=_KEPT)}"


def base64_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
