"""Names, messages, report and documentation use the terms of the field, as CONTRIBUTING.md lists them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("src", "workflow", "docs", "studies", "Snakefile", "config.yaml", "README.md", "results/README.md")
SUFFIXES = ("", ".html", ".ipynb", ".js", ".md", ".py", ".rst", ".smk", ".svg", ".yaml")

WORDS = {
    r"aloud": "reported",
    r"compare starts": "initialisation",
    r"(beat|attributed) cells?": "region",
    r"who (taught|teach(es)?)|teachers?": "training patients",
    r"taught|teach(es|ing)?": "trained",
    r"anew": "rebuilt, refitted, again",
    r"mend(s|ed|ing|able)?": "fix",
    r"(draws?|drawn|drew) anew": "re-initialised, resampled",
    r"found again": "recovered",
    r"heavier|heaviest|heavy clusters?": "larger or largest cluster mass",
    r"whole or not at all": "atomically",
    r"(go|goes|going|gone|went) along with": "is associated with",
    r"(stands?|stood|standing) beside": "is reported alongside",
    r"(tells?|told|telling) (severe )?stenos[ei]s": "discriminates",
    r"contact sheets?": "quality-control sheet",
    r"wish(es)? of": "task",
    r"unheard|mute": "does not respond",
    r"shares? of|(a|the|its|this|that|observed) shares?": "proportion",
    r"(is|are|was|were|be|been|being|not) scored|scored (once|on|out)": "evaluated, predicted",
    r"events? of (a|each|every|the) vessel|vessel's events?": "stenosis, outcome",
    r"shortage": "insufficient events",
    r"hitherto|therein|thereof|wherein|whereof": "so far, in which, of which",
}
"""Regular expression -> the term to use instead; a space stands for any break between two words."""


def pattern(words: str) -> re.Pattern:
    """Compile an entry of the table; identifiers are words joined by underscores, and lines may break in a phrase."""
    return re.compile(rf"\b(?:{words})\b".replace(" ", r"[\s#\"']+"), re.IGNORECASE)


def offences(words: str, text: str) -> list[int]:
    """Number the lines on which an expression begins."""
    spoken = text.replace("_", " ")
    return [spoken.count("\n", 0, found.start()) + 1 for found in pattern(words).finditer(spoken)]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Text of every file that is looked at, by its path."""
    files = [file for place in PLACES for file in [ROOT / place, *(ROOT / place).rglob("*")]]
    return {
        # Without the pictures of notebooks.
        file.relative_to(ROOT).as_posix(): re.sub(r"[A-Za-z0-9+/=]{200,}", "", file.read_text("utf-8"))
        for file in files
        if file.is_file() and file.suffix in SUFFIXES and not file.name.startswith(".") and ".egg-info" not in str(file)
    }


@pytest.mark.parametrize("words", WORDS)
def test_the_terms_of_the_field_are_used(texts, words):
    found = [f"{path}:{line}" for path, text in texts.items() for line in offences(words, text)]
    assert not found, f"write {WORDS[words]!r} instead of {words!r}:\n" + "\n".join(found)


def test_all_places_are_looked_at(texts):
    for place in PLACES:
        assert any(path == place or path.startswith(f"{place}/") for path in texts), f"nothing found in {place}"


@pytest.mark.parametrize(
    ("words", "text", "lines"),
    [
        (r"drawn anew", "layers,\n# drawn\n# anew; drawn_anew", [2, 3]),
        (r"found again", '"are found "\n"again"', [1]),
        (r"mend(s|ed)?", "amend, mendacious and recommend", []),
        (r"mend(s|ed)?", "It is\nMended.", [2]),
    ],
)
def test_expressions_are_found_across_lines_and_in_names(words, text, lines):
    assert offences(words, text) == lines


def test_contributing_lists_the_same_words():
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n## Words\n")[1].split("\n## ")[0]
    header, *listed = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", section, re.MULTILINE)
    assert header == ("write", "not")
    rows = dict(listed)
    table = {preferred: words for words, preferred in WORDS.items()}
    assert len(table) == len(WORDS), "a preferred term has one row"
    assert rows.keys() == table.keys()
    for preferred, words in table.items():
        for example in rows[preferred].split("; "):
            assert pattern(words).fullmatch(example), f"CONTRIBUTING.md: {example!r} is not matched by {words!r}"
