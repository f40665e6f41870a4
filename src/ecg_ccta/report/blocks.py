"""The few kinds of content that a section of the report is made of; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ecg_ccta.report.embedding import Download, Source


@dataclass(frozen=True)
class Link:
    """Words that lead to a section of the page."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Text:
    """A paragraph, behind a word in bold where it has a `lead`, before links where it has some."""

    text: str
    kind: str = "text"
    lead: str = ""
    links: Sequence[Link] = ()


@dataclass(frozen=True)
class Table:
    """`groups` are (label or "", rows); a row's first cell is its heading. A cell is text or a list of links."""

    caption: str
    header: list[str]
    groups: Sequence[tuple[str, Sequence[Sequence[str | list[Link]]]]]
    says: str = ""
    downloads: list[Download] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    caption: str
    alt: str
    uri: str
    says: str
    downloads: list[Download] = field(default_factory=list)
    kind: str = "figure"
    file: str = ""
    """Name under which the reader keeps the figure; from the caption where there is none."""
    source: Source | None = None


@dataclass(frozen=True)
class Box:
    """A box of a flow diagram: corner and size in pixels, lines of text, and what stands at their right end."""

    x: float
    y: float
    width: float
    height: float
    lines: list[tuple[str, str]]


@dataclass(frozen=True)
class Flow:
    """A flow diagram: boxes, arrows as SVG paths, and the size of the whole."""

    caption: str
    file: str
    boxes: list[Box]
    arrows: list[str]
    width: float
    height: float
    says: str
    kind: str = "flow"
    source: Source | None = None


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    label: str
    kind: str = "code"


@dataclass(frozen=True)
class Folded:
    """Content behind a heading that the reader opens."""

    summary: str
    blocks: list
    kind: str = "folded"


@dataclass(frozen=True)
class Heading:
    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    blocks: list
