"""Sections on follow-up: rates, AUC by day, and the planted hazards beside the estimated ones."""

import pandas as pd
import pytest

from ecg_ccta.report.blocks import Folded
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.events import events, group_sentence, landmark_sentence
from ecg_ccta.report.sections.planted_hazards import hazard_sentence, planted_hazards, separation_sentence
from ecg_ccta.statistics.incidence import KAPLAN_MEIER


@pytest.fixture
def folder(study, results) -> ResultsFolder:
    return ResultsFolder(study, results)


def blocks(section, caption: str) -> list:
    return [block for block in section.blocks if caption in getattr(block, "caption", "")]


def test_rates_and_auc_by_day(folder) -> None:
    section = events(folder)
    bars = blocks(section, "Event rates at the reading days")
    assert len(bars) == 2
    assert bars[0].downloads
    assert "death competing" in bars[0].says
    assert "by day 300: high 6.0 (0.5 to 9.0), low 2.0 (0.5 to 9.0)" in bars[0].says
    table = blocks(section, "Area under the ROC curve by day")[0]
    assert table.header == ["", "Day 30 (3 events)", "Day 300 (30 events)", "Day 700 (70 events)"]
    assert table.groups[0][1][0] == ["Any vessel", "too few events (3)", "0.63 (0.56 to 0.70)", "0.63 (0.56 to 0.70)"]


def test_events_are_told_with_death_competing_from_the_landmark(folder) -> None:
    readings = folder.table("cumulative_events", "internal")
    assert group_sentence(readings).startswith("Cumulative incidence by day 300 in per cent (death competing): 6.0 (")
    alone = readings[readings["method"] == KAPLAN_MEIER]
    assert "(one minus Kaplan-Meier)" in group_sentence(alone)
    (folded,) = (block for block in events(folder).blocks[:8] if isinstance(block, Folded))
    assert folded.blocks[0].says == landmark_sentence(folder, "internal")
    assert ["event by day 28", "8"] in folded.blocks[0].groups[0][1]


def test_planted_beside_estimated(folder) -> None:
    section = planted_hazards(folder)
    assert section.anchor == "planted-hazards"
    table = blocks(section, "Hazard ratios of true findings")[0]
    (together, rows), (_, alone) = table.groups
    assert together == "All findings at once (160 events, 1\u202f700 patients)"
    assert rows[0] == ["Any vessel", "2.5", "2.20 (1.40 to 3.10)", "yes"]
    assert alone[2] == ["LM", "2.5", "too few events (3)", "–"]
    assert "4 of 4 intervals hold the ratio of the mean planted hazards" in table.says
    assert "5 of 5 intervals hold the planted hazard ratio" in blocks(section, "Planted and estimated")[0].says
    separated = blocks(section, "Events of high against low risk by the oracle")[0]
    assert [label for label, _ in separated.groups] == ["Oracle", "Model"]
    assert "oracle: hazard ratio 1.70 (1.20 to 2.40), log-rank p = 0.012" in separated.says


def test_an_interval_that_misses_is_said(folder) -> None:
    hazards = folder.table("planted_hazards", "internal")
    hazards["inside"] = hazards["inside"].astype(object)
    hazards.loc[1, "inside"] = False
    assert "4 of 5 intervals" in hazard_sentence(hazards)
    few = hazards.assign(estimate=None, note="too few events (3)")
    assert hazard_sentence(few) == "No estimate: too few events (3)."
    separated = folder.table("oracle_separation", "internal")
    separated.loc[separated["source"] == "oracle", ["log_rank_p", "hazard_ratio"]] = float("nan")
    separated.loc[separated["source"] == "oracle", "note"] = "no patients at low risk"
    assert "oracle: no patients at low risk; model: hazard ratio" in separation_sentence(separated)


def test_a_site_without_planted_hazards_has_no_section(folder, results) -> None:
    for path in results.glob("tables/planted_hazards/*"):
        path.unlink()
    assert planted_hazards(folder) is None
    path = results / "tables/oracle_separation/internal.csv"
    assert "source" in pd.read_csv(path)
