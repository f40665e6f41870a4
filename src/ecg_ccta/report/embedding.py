"""Files as part of the page: figures and tables as data URIs, so that the report is one file."""

import base64
from dataclasses import dataclass
from pathlib import Path

from ecg_ccta.errors import StudyError

LARGEST_SVG = 1_000_000
"""Bytes above which a figure goes in as PNG."""

LARGEST_CSV = 250_000
"""Bytes above which a table is named rather than embedded."""


@dataclass(frozen=True)
class Download:
    """A table's file: `uri` is None where the file is too large to embed."""

    name: str
    uri: str | None


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
    kind = "image/svg+xml" if image.suffix == ".svg" else "image/png"
    return f"data:{kind};base64,{base64.b64encode(image.read_bytes()).decode('ascii')}"


def download(csv: Path) -> Download:
    """A result table for the reader to keep."""
    if csv.stat().st_size > LARGEST_CSV:
        return Download(f"{csv.parent.name}/{csv.name}", None)
    return Download(
        csv.name, f"data:text/csv;charset=utf-8;base64,{base64.b64encode(csv.read_bytes()).decode('ascii')}"
    )
