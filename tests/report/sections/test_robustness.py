import pandas as pd

from ecg_ccta.evaluation.analyse_robustness import ANY_REASON, CHANGE, NOISY, REFUSED
from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections.robustness import as_recorded, sentence
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table

ON = {"robustness": {}}
COST = {"V1 lost": -0.08, "V1 and V2": -0.05, "RA and LA": -0.03, "25 Hz low-pass": 0.0}


def predictions():
    at = {"vessel": "macro", "method": PATIENTS, "n": 300}
    rows = [
        at | {"kind": "none", "perturbation": "none", "measure": "AUC", "estimate": 0.7, "lower": 0.65, "upper": 0.75}
    ]
    for name, cost in COST.items():
        strata = at | {"kind": "kind of it", "perturbation": name}
        rows += [
            strata | {"measure": "AUC", "estimate": 0.7 + cost, "lower": 0.6, "upper": 0.75},
            strata | {"measure": "AUC difference", "estimate": cost, "lower": cost - 0.02, "upper": cost + 0.02},
            strata | {"measure": "AUC difference p", "estimate": 0.01},
            strata | {"measure": CHANGE, "estimate": 0.04, "lower": 0.03, "upper": 0.05},
        ]
    return estimate_table(rows, ["kind", "perturbation", "vessel"])


def quality():
    rows = []
    for name in ("none", *COST):
        strata = {"kind": "none" if name == "none" else "kind of it", "perturbation": name, "n": 300}
        refused = 1.0 if name == "V1 lost" else 0.0
        rows.append(strata | {"reason": ANY_REASON, "measure": REFUSED, "estimate": refused})
        rows.append(strata | {"reason": "", "measure": NOISY, "estimate": 0.25})
        if refused:
            rows.append(strata | {"reason": "flat lead", "measure": REFUSED, "estimate": 1.0})
    return estimate_table(rows, ["kind", "perturbation", "reason"])


def test_the_section_names_what_costs_and_is_let_pass(changed, results, put_table):
    put_table(predictions(), "robustness", "internal")
    put_table(quality(), "robustness_quality", "internal")
    recovery = [
        {"kind": "kind of it", "perturbation": name, "vessel": "all", "measure": "recovered", "estimate": 0.5}
        for name in COST
    ]
    put_table(estimate_table(recovery, ["kind", "perturbation", "vessel"]), "robustness_recovery", "internal")
    page = build_report(changed(ON), results)
    assert "Robustness to the recording" in page
    assert "Mean AUC of the 300 sampled ECGs as recorded: 0.700 (0.650 to 0.750)." in page
    assert 'download="robustness_recovery_internal.csv"' in page
    row = page[page.index("V1 lost</th>") :].split("</tr>")[0]
    for cell in ("−0.080 (−0.100 to −0.060)", "100 %", "flat lead", "25 %", "0.50"):
        assert cell in row
    assert "Robustness to the recording" not in build_report(changed({}), results)


def test_the_sentence_counts_and_names():
    assert sentence(predictions(), quality()) == (
        "3 of 4 perturbations lower the mean AUC by more than their interval; quality control refuses 1 of these in at "
        "least half of the ECGs. It lets 2 pass: V1 and V2 (kind of it) −0.050 (−0.070 to −0.030) and RA and LA (kind "
        "of it) −0.030 (−0.050 to −0.010)."
    )
    harmless = predictions().assign(upper=lambda table: table["upper"].abs() + 0.1)
    assert sentence(harmless, quality()) == "None of 4 perturbations lowers the mean AUC by more than its interval."


def test_too_few_events_are_said():
    nothing = pd.DataFrame(columns=predictions().columns)
    assert as_recorded(nothing) == "No vessel has enough events to compare AUCs."
    assert sentence(nothing, quality()) == "No vessel has enough events to say what a perturbation costs."
