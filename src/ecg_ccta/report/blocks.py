"""The few kinds of content that a section of the report is made of; the template draws them."""

from dataclasses import dataclass, field

from ecg_ccta.report.embedding import Download


@dataclass(frozen=True)
class Text:
    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """`groups` are (label or "", rows); a row's first cell is its heading."""

    caption: str
    header: list[str]
    groups: list[tuple[str, list[list[str]]]]
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


@dataclass(frozen=True)
class FlowStep:
    label: str
    ecgs: str
    patients: str
    excluded: list[tuple[str, str]]
    """(reason, ECGs) of the exclusions between this step and the next."""


@dataclass(frozen=True)
class Flow:
    title: str
    steps: list[FlowStep]
    kind: str = "flow"


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
