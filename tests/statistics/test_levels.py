"""Every test and interval of the result tables has a row in docs/statistics.md that says whether it holds its level."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from ecg_ccta.result_tables import SCHEMAS

P_VALUES = {"p_value", "q_value", "p_corrected", "log_rank_p", "p_planted"}
SEED = 3


@pytest.fixture(scope="module")
def levels(root, load_script):
    sys.path.insert(0, str(root / "benchmarks"))
    try:
        yield load_script("benchmarks/levels.py")
    finally:
        sys.path.remove(str(root / "benchmarks"))


def documented(root: Path) -> set[tuple[str, str]]:
    """Test or interval, and the data, of every row of the table."""
    page = (root / "docs" / "statistics.md").read_text("utf-8")
    section = page.split("## Do they hold their level?")[1].split("\n## ")[0]
    return set(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [\d,]+ \| [\d.]+ % ± ", section, re.MULTILINE))


def test_every_result_table_with_an_interval_or_a_p_value_is_looked_at(levels, root) -> None:
    with_any = {
        name
        for name, schema in SCHEMAS.items()
        if any(column == "lower" or column.endswith("_lower") or column in P_VALUES for column in schema.columns)
    }
    named = [*levels.RESULTS.values(), *levels.ELSEWHERE.values()]
    looked_at = {name for names in named for name in names.split()}
    assert set(levels.SAME_FUNCTIONS.values()) <= looked_at
    assert all((root / benchmark).is_file() for benchmark in levels.ELSEWHERE)
    assert with_any == looked_at | set(levels.SAME_FUNCTIONS) | set(levels.WITHOUT), (
        "add the table to RESULTS in benchmarks/levels.py, and a block that makes its intervals"
    )


@pytest.fixture(scope="module")
def made(levels) -> dict:
    return {
        key: value
        for blocks in levels.BLOCKS.values()
        for block in blocks
        for key, value in block(np.random.default_rng(SEED)).items()
    }


def test_every_measure_has_a_row(made, root) -> None:
    lacking = made.keys() - documented(root)
    assert not lacking, f"run benchmarks/levels.py and add to docs/statistics.md: {sorted(lacking)}"


def test_every_row_is_of_a_measure(made, root) -> None:
    assert not {name for name, _ in documented(root)} - {name for name, _ in made}


def test_verdicts(levels) -> None:
    def verdict(share: float) -> str:
        return levels.Level("", "", 500, share, 0.01).verdict

    assert [verdict(share) for share in (0.0, 0.02, 0.035, 0.05, 0.065, 0.08, 0.09)] == [
        "conservative", "holds within error", "holds", "holds", "holds", "holds within error", "too often"
    ]  # fmt: skip
