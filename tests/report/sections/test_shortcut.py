import shutil

import pytest

from ecg_ccta.evaluation.analyse_shortcut import ALONE, MACRO, POOLED, WITHIN
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, DEMOGRAPHY, FEATURES, SAME_FINDINGS
from ecg_ccta.report.page import build_report
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table

from ..conftest import write_table

PROBE = ["column", "origin", "predictor", "pairs"]


def probe(auc):
    rows = [
        {"column": "device", "origin": "B", "predictor": predictor, "pairs": pairs, "measure": "AUC", "estimate": auc,
         "lower": auc - 0.04, "upper": auc + 0.04, "n": 900, "events": 300}
        for predictor, pairs in ((FEATURES, ALL_PAIRS), (FEATURES, SAME_FINDINGS), (DEMOGRAPHY, ALL_PAIRS))
    ]  # fmt: skip
    return estimate_table(rows, PROBE)


@pytest.fixture
def with_shortcut(results, put_table):
    rows = []
    for site, pooled, difference in (("internal", 0.8, 0.06), ("external", 0.7, -0.01)):
        at = {"site": site, "vessel": MACRO, "method": PATIENTS}
        for kind, value in ((POOLED, pooled), (WITHIN, pooled - difference), (ALONE, 0.5)):
            rows.append(at | {"compared": kind, "measure": "AUC", "estimate": value, "lower": 0.4, "upper": 0.9})
        rows.append(at | {"compared": POOLED, "measure": "AUC difference", "estimate": difference, "lower": -0.02,
                          "upper": 0.08})  # fmt: skip
        rows.append(at | {"compared": POOLED, "measure": "AUC difference p", "estimate": 0.02})
    for kind, fall in ((POOLED, -0.1), (WITHIN, -0.03)):
        rows.append({"site": "external", "vessel": MACRO, "compared": kind, "measure": "AUC difference to development",
                     "estimate": fall, "lower": -0.12, "upper": 0.0})  # fmt: skip
    write_table(estimate_table(rows, ["site", "vessel", "compared"]), results / "tables/shortcut.csv")
    for suffix in (".svg", ".png"):
        shutil.copy(results / f"figures/toy{suffix}", results / f"figures/shortcut{suffix}")
    put_table(probe(0.9), "origin_probe", "internal")
    put_table(probe(0.52), "origin_probe", "external")
    return results


def test_the_section_says_what_is_known_and_what_falls(changed, with_shortcut):
    page = build_report(changed({"shortcut": {}}), with_shortcut)
    for said in (
        "features tell B among patients of the same findings, AUC 0.900 (0.860 to 0.940).",
        "features do not tell B among patients of the same findings, AUC 0.520 (0.480 to 0.560).",
        "mean AUC 0.800 (0.400 to 0.900) over all pairs and 0.740 (0.400 to 0.900) over pairs of one origin, a "
        "difference of 0.060 (−0.020 to 0.080); the origin alone has 0.500 (0.400 to 0.900).",
        "Compared with the development site the difference is −0.100 (−0.120 to 0.000) over all pairs and −0.030",
    ):
        assert said in page
    assert 'download="shortcut.csv"' in page


def test_it_is_there_only_where_asked_for_and_says_where_nothing_is_known(study, changed, with_shortcut):
    assert "Where and with what ECGs were recorded" not in build_report(study, with_shortcut)
    rows = [
        {"site": site, "vessel": MACRO, "measure": "AUC", "note": "no device in the export"} for site in study.sites
    ]
    write_table(estimate_table(rows, ["site", "vessel", "compared"]), with_shortcut / "tables/shortcut.csv")
    for site in study.sites:
        nothing = estimate_table([{"column": "device", "measure": "AUC", "note": "no device in the export"}], PROBE)
        write_table(nothing, with_shortcut / f"tables/origin_probe/{site}.csv")
    page = build_report(changed({"shortcut": {"column": "device"}}), with_shortcut)
    assert "Internal (simulated): no device in the export." in page
