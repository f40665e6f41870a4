"""The TRIPOD+AI checklist: complete, filled only by what the report has, the rest left to the author."""

import re

import pytest

from ecg_ccta.report.blocks import Link
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.checklist import AUTHOR, NO_PATIENTS, checklist

SECTIONS = {
    anchor: anchor.capitalize()
    for anchor in ("abstract", "inclusion", "results", "calibration", "subgroups", "thresholds", "decisions",
                   "added-value", "cumulative-events", "sample-size", "methods", "leakage", "limits", "provenance")
}  # fmt: skip
# Collins et al., BMJ 385:e078378, table 2: items with their parts.
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}


@pytest.fixture
def real(changed):
    site = {"simulation": None, "export": "exports/x"}
    return changed({"sites": {"internal": site, "external": site}})


def rows(study, folder, sections=SECTIONS) -> dict[str, list]:
    (table,) = checklist(ResultsFolder(study, folder), sections).blocks
    return {row[0].split()[0]: row[1:] for _, group in table.groups for row in group}


def test_it_has_every_item_and_part_once_in_order(study, results):
    wanted = [f"{number}{part}" for number in range(1, 28) for part in PARTS.get(number, [""])]
    assert list(rows(study, results)) == wanted
    assert len(wanted) == 52


def test_every_item_is_filled_with_a_link_or_left_to_the_author(study, real, results):
    for chosen in (study, real):
        for number, (says, where, left) in rows(chosen, results).items():
            if says not in ("–", NO_PATIENTS):
                assert where != "–", number
                assert all(isinstance(link, Link) and link.anchor in SECTIONS for link in where)
            else:
                assert says == NO_PATIENTS or left.startswith(AUTHOR), number


def test_what_only_an_author_knows_is_not_filled(study, real, results):
    for chosen in (study, real):
        found = rows(chosen, results)
        for number in ("3a", "3b", "3c", "18a", "18b", "18c", "18d", "19", "27b", "27c"):
            assert found[number][0] == "–"
            assert found[number][2].startswith(AUTHOR)
    assert rows(study, results)["17"][0] == NO_PATIENTS
    assert rows(real, results)["17"][2] == f"{AUTHOR}committee, approval and consent."
    assert NO_PATIENTS not in [says for says, _, _ in rows(real, results).values()]


def test_what_the_page_does_not_have_is_not_claimed(study, changed, results):
    lacking = rows(study, results, {anchor: title for anchor, title in SECTIONS.items() if anchor != "subgroups"})
    assert lacking["14"][:2] == ["–", "–"]
    assert [link.anchor for link in lacking["23a"][1]] == ["results", "calibration", "decisions"]
    for path in results.glob("tables/recalibrated_*/*"):
        path.unlink()
    assert rows(study, results)["24"] == ["–", "–", f"{AUTHOR}no model was updated."]
    alone = changed({"sites": {"external": None}})
    assert rows(alone, results)["23b"][0] == "–"
    assert "no external validation" in rows(alone, results)["4"][0]


def test_its_sentence_counts_its_rows(study, results):
    (table,) = checklist(ResultsFolder(study, results), SECTIONS).blocks
    whole, partly, none, author = map(int, re.findall(r"\d+", table.says)[1:])
    found = rows(study, results).values()
    assert none == sum(says == NO_PATIENTS for says, _, _ in found) > 0
    assert whole == sum(left == "–" for _, _, left in found) - none
    assert author == sum(says == "–" for says, _, _ in found)
    assert whole + partly + none + author == 52
