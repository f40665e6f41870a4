"""The sections on subgroups and on clinically normal ECGs."""

import pandas as pd
import pytest

from ecg_ccta.report.blocks import Figure, Table
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.normal_ecg import comparison_sentence, counts_sentence, normal_ecg
from ecg_ccta.report.sections.subgroups import after_ccta_sentence, interaction_sentence, subgroups
from ecg_ccta.statistics.estimates import PATIENTS
from ecg_ccta.vessels import VESSELS


@pytest.fixture
def folder(study, results) -> ResultsFolder:
    return ResultsFolder(study, results)


def test_subgroups_have_a_forest_plot_per_vessel_and_a_table_of_tests(folder) -> None:
    blocks = subgroups(folder).blocks
    figures, tables = ([block for block in blocks if isinstance(block, kind)] for kind in (Figure, Table))
    assert len(figures) == 2 * len(VESSELS)
    assert figures[0].says.startswith("RCA: 4 of 4 categories have enough events; AUCs from 0.710 (age < 65 years")
    assert figures[1].says == "LM: no category has enough events."
    (_, rows), *_ = tables[0].groups
    assert rows[0] == ["Age", "0.21 (0.42)", "too few events", "0.21 (0.42)", "0.21 (0.42)"]
    assert tables[0].says == "Of 6 tests of interaction none has q under 0.05 (smallest 0.42)."
    assert tables[1].says == "1 of 6 tests of interaction have q under 0.05: LAD by sex (q 0.003)."


def test_ecgs_after_the_ccta_are_shown_apart() -> None:
    rows = [
        {"vessel": vessel, "subgroup": subgroup, "category": category, "measure": "AUC", "method": PATIENTS, "n": n,
         "estimate": auc}
        for vessel, aucs in (("RCA", (0.74, 0.73, 0.8)), ("LM", (None, None, None)))
        for (subgroup, category, n), auc in zip(
            (("all ECGs", "all", 200), ("order", "ECG before or same day", 180), ("order", "ECG after CCTA", 20)), aucs,
            strict=True,
        )
    ]  # fmt: skip
    found = pd.DataFrame(rows)
    said = "10.0 % of the ECGs with a finding were recorded after the CCTA"
    assert after_ccta_sentence(found) == f"{said}; AUC without them: RCA 0.730 (0.740 with all)."
    assert after_ccta_sentence(found[found["vessel"] == "LM"]) == f"{said}."
    assert after_ccta_sentence(found.assign(n=found["n"].where(found["category"] != "ECG after CCTA", 0))) == ""
    assert after_ccta_sentence(found[found["subgroup"] != "order"]) == ""


def test_nothing_tested(folder) -> None:
    found = folder.table("subgroups", "internal")
    assert interaction_sentence(found[found["vessel"] == "LM"]) == "No subgroup has two categories with enough events."


def test_normal_ecgs_are_compared_with_the_rest(folder) -> None:
    blocks = normal_ecg(folder).blocks
    figures, tables = ([block for block in blocks if isinstance(block, kind)] for kind in (Figure, Table))
    assert len(figures) == 6
    assert (
        figures[0].says
        == "AUCs in normal ECGs differ from those in all others (p under 0.05) for LAD (by −0.060, p = 0.020)."
    )
    assert tables[0].says == "800 ECGs are normal, 1\u202f300 are not; of 200 it is not known."
    (_, rows), *_ = tables[0].groups
    thousand = "100 / 1\u202f000"
    assert rows[0] == [
        "RCA", thousand, "0.660 (0.620 to 0.700)", thousand, "0.720 (0.680 to 0.760)", "−0.060 (−0.110 to −0.010)",
        "0.30",
    ]  # fmt: skip
    few = "too few events (3)"
    assert rows[1][2:] == [few, "100 / 1\u202f000", few, few, few]
    assert tables[0].notes[0].startswith("Normal: the words of the reader's statement say so.")


def test_the_definition_is_named(changed, results) -> None:
    for overlay, words in (
        ({"normal_ecg": "measured"}, "measured on the recording"),
        ({"normal_ecg": "snomed", "normal_codes": ["426783006", "426177001"]}, "among 426783006 and 426177001."),
    ):
        section = normal_ecg(ResultsFolder(changed({"evaluation": overlay}), results))
        table = next(block for block in section.blocks if isinstance(block, Table))
        assert words in table.notes[0]


def test_sentences_without_a_comparison(folder) -> None:
    compared = folder.table("normal_ecg_comparison", "internal")
    only = compared[compared["vessel"].isin(["any", "LM"])]
    assert comparison_sentence(only) == "No vessel has enough events on both sides for a comparison."
    calm = compared[compared["vessel"] != "LAD"]
    assert comparison_sentence(calm) == (
        "No AUC in normal ECGs is shown to differ from that in all others (p under 0.05) for RCA and LCX."
    )
    none = compared.assign(estimate=compared["estimate"].where(compared["ecgs"] != "unknown", 0))
    assert counts_sentence(pd.DataFrame(none)) == "800 ECGs are normal, 1\u202f300 are not."
