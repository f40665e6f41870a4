"""Any vessel: what the ECG is worth for the decision that a patient faces."""

import numpy as np
import pandas as pd

from ecg_ccta.evaluation.analyse_any_vessel import (
    ADVANTAGE,
    ALL,
    AVOIDED,
    BASES,
    CLINICAL,
    ECG,
    GAIN,
    GROUP,
    NET_BENEFIT,
    PUBLISHED,
    RANGE,
    RECALIBRATED,
    WITH,
    WITHOUT,
)
from ecg_ccta.evaluation.choose_thresholds import STRATA
from ecg_ccta.evaluation.pretest_probability import CUTS
from ecg_ccta.report.blocks import Heading, Section, Table, Text
from ecg_ccta.report.columns import Cell, measured, value, where, words
from ecg_ccta.report.formatting import count, estimate, is_missing, number, percent
from ecg_ccta.report.outcome import outcome
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.thresholds import accuracy_columns
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

ORDER = 85

SHOWN = (*CUTS, 0.3, 0.5)
"""Threshold probabilities that the page's table shows; the download has all."""

RULE_NAMES = {
    GROUP: "Guideline's, in any vessel",
    "rule-out": "Rule-out",
    "rule-in": "Rule-in",
    **{f"{100 * cut:g} %": f"Probability of {100 * cut:g} %" for cut in CUTS},
}

_ACCURACY = accuracy_columns(patients=True)


def _from(rows: pd.DataFrame) -> str:
    return "each vessel's" if rows["rule"].iloc[0] == GROUP else _ACCURACY["From"](rows)


CALIBRATION = {
    "Probability": words("probability", lambda name: f"{name[0].upper()}{name[1:]}"),
    "AUC": measured("AUC"),
    "Intercept": measured("intercept", 2),
    "Slope": measured("slope", 2),
    "ICI": measured("ICI"),
    "Brier": measured("Brier"),
}


def _at(strategy: str, measure: str, digits: int) -> Cell:
    return where("strategy", strategy, measured(measure, digits))


DECISIONS = {
    "Threshold": value("threshold", percent),
    "ECG": _at(ECG, NET_BENEFIT, 3),
    "Competitor": _at(WITHOUT, NET_BENEFIT, 3),
    "Both": _at(WITH, NET_BENEFIT, 3),
    "RF-CL as published": _at(PUBLISHED, NET_BENEFIT, 3),
    "CCTA for all": _at(ALL, NET_BENEFIT, 3),
    "ECG above competitor": _at(ECG, GAIN, 3),
    "Both above competitor": _at(WITH, GAIN, 3),
    "CCTAs avoided per 100, ECG": _at(ECG, AVOIDED, 1),
    "CCTAs avoided per 100, both": _at(WITH, AVOIDED, 1),
}


def any_vessel(results: ResultsFolder) -> Section | None:
    """Operating points, calibration and decision curves of every site with findings."""
    blocks: list = []
    for site, title in results.judged_sites_with("any_vessel_thresholds"):
        blocks += [Heading(title), *_site(results, site, title)]
    if not blocks:
        return None
    introduction = Text(
        f"A patient, not an artery, is sent to CCTA. The outcome here is a {outcome(results.study.cohort.event_from)} "
        "of any vessel; each patient counts once, by the ECG nearest to the CCTA, if all four vessels were judged. "
        "The probability is 1 − ∏(1 − p) of the vessels', recalibrated at the development site, because the vessels "
        "need not be independent given the ECG. Thresholds that are right for each vessel are not right for any: four "
        f"at a specificity of {percent(results.study.evaluation.rule_in_specificity)} each leave less together."
    )
    return Section("any-vessel", "Any vessel: the decision for a patient", [introduction, *blocks])


def _site(results: ResultsFolder, site: str, title: str) -> list:
    rules, strata = results.table("any_vessel_thresholds", site), results.table("any_vessel_strata", site)
    calibration = results.table("any_vessel_calibration", site)
    decisions = results.table("any_vessel_decisions", site)
    operating = results.tabulated(
        "any_vessel_thresholds",
        site,
        "Any vessel: operating points",
        rules,
        {"Rule": words("rule", RULE_NAMES.__getitem__), **_ACCURACY, "From": _from},
        "any_vessel_strata",
        row="rule",
        says=f"{rule_sentence(rules)} {stratum_sentence(strata)}",
        notes=[_note(results, site)],
    )
    calibrated = results.tabulated(
        "any_vessel_calibration",
        site,
        "Any vessel: discrimination and calibration",
        calibration,
        CALIBRATION,
        row="probability",
        says=calibration_sentence(calibration),
        notes=["The recalibration is fitted on other patients; where it changes nothing, the two rows agree."],
    )
    return [
        operating,
        calibrated,
        *results.drawn(
            "any_vessel",
            site,
            "Any vessel: decision curves",
            f"Net benefit and net CCTAs avoided against threshold probability, by ECG and competitor, {title}.",
            " ".join(decision_sentence(decisions, basis) for basis in BASES),
            "any_vessel_decisions",
        ),
        _decisions(results, site, decisions),
    ]


def _note(results: ResultsFolder, site: str) -> str:
    development = results.study.development_site
    how = (
        "each fold by thresholds and a recalibration of the other folds, hence their range"
        if site == development
        else f"thresholds and recalibration of {results.title(development)}, frozen"
    )
    return (
        f"One ECG per patient; {how}. “Guideline's, in any vessel” is the rule of the risk groups: high where one "
        "vessel reaches its own guideline threshold. Intervals over patients, at the threshold given; where every "
        "draw gives the same, Wilson's."
    )


def _decisions(results: ResultsFolder, site: str, found: pd.DataFrame) -> Table:
    at = found["threshold"].to_numpy(dtype=float)
    shown = np.isnan(at) | (np.abs(at[:, None] - SHOWN) < 1e-9).any(axis=1)
    return results.tabulated(
        "any_vessel_decisions",
        site,
        "Any vessel: net benefit at some threshold probabilities",
        found[shown],
        DECISIONS,
        row="threshold",
        group="basis",
        needs="estimate",
        notes=[
            "Net benefit per patient: true positives less false positives at the odds of the threshold probability; "
            "CCTA for none has 0. CCTAs avoided: against CCTA for all, at the same number of patients found. All "
            "strategies of a block are of the same patients, who have all predictors of the competitor. The "
            "competitor is fitted at the development site, as the ECG's recalibration is; RF-CL as published is not "
            f"fitted to any patient here. The range of {percent(RANGE[0])} to {percent(RANGE[-1])} was fixed "
            "beforehand: 5 and 15 % are the guidelines'. Pointwise intervals over patients; out of fold they are "
            "conditional on the models at hand."
        ],
    )


def rule_sentence(rules: pd.DataFrame) -> str:
    """Sensitivity and specificity of ruling out and in, and NPV and PPV."""
    cells = rules[rules["method"] == CLUSTERED].set_index(["rule", "measure"])
    said = []
    for rule, measures in (("rule-out", ("sensitivity", "NPV")), ("rule-in", ("specificity", "PPV"))):
        if not all((rule, measure) in cells.index for measure in measures):
            continue
        parts = [f"{measure} {_percents(cells.loc[(rule, measure)])}" for measure in measures]
        said.append(f"{RULE_NAMES[rule]}: {', '.join(parts)}")
    if not said:
        notes = [note for note in dict.fromkeys(rules["note"]) if note]
        return f"Any vessel is not judged: {notes[0] if notes else 'no estimate'}."
    return f"{'; '.join(said)}."


def stratum_sentence(strata: pd.DataFrame) -> str:
    """How many patients are in each stratum, and how many of them have the outcome."""
    cells = strata[strata["method"] == CLUSTERED].set_index(["measure", "stratum"])["estimate"]
    if any(is_missing(cells.get(("event rate", stratum))) for stratum in STRATA):
        return ""
    parts = [
        f"{stratum} {percent(cells['proportion of ECGs', stratum])} of the patients, of whom "
        f"{percent(cells['event rate', stratum])} have it"
        for stratum in STRATA
    ]
    return f"Strata: {'; '.join(parts)}."


def calibration_sentence(found: pd.DataFrame) -> str:
    """Say whether the recalibrated probability is right on average and as spread as it should be."""
    own = found[found["probability"] == RECALIBRATED]
    intercept, slope = rows_of(own, "intercept"), rows_of(own, "slope")
    if intercept.empty or is_missing(slope["estimate"].iloc[0]):
        notes = [note for note in own["note"] if note]
        return f"Calibration is not judged: {notes[0] if notes else 'no estimate'}."
    return (
        f"Recalibrated, the probability of any vessel has calibration intercept {estimate(intercept.iloc[0], 2)} and "
        f"slope {estimate(slope.iloc[0], 2)}; 0 and 1 are right."
    )


def decision_sentence(found: pd.DataFrame, basis: str) -> str:
    """Give what the ECG adds to the competitor's net benefit at the guidelines' thresholds, and how often it does."""
    rows = found[found["basis"] == basis]
    name = f"the {basis}" if basis == CLINICAL else basis
    lack = [note for note in rows["note"] if note]
    gains = rows[(rows["measure"] == GAIN) & (rows["strategy"] == ECG)].sort_values("threshold")
    if gains.empty:
        return f"Against {name}: not compared ({lack[0] if lack else 'no estimate'})."
    both = rows[(rows["measure"] == GAIN) & (rows["strategy"] == WITH)].set_index("threshold")
    above = rows[(rows["measure"] == ADVANTAGE) & (rows["strategy"] == ECG)]
    parts = []
    for cut in CUTS:
        own = gains.loc[(gains["threshold"] - cut).abs().idxmin()]
        added = both.loc[own["threshold"]]
        parts.append(f"at {percent(cut)} by {estimate(own, 3)} (with the ECG added, {estimate(added, 3)})")
    sure, total = int((gains["lower"] > 0).sum()), len(gains)
    better = int((above["lower"] > 0).sum())
    return (
        f"Against {name}, {count(rows['n'].iloc[0])} patients: the ECG changes net benefit {' and '.join(parts)}. Of "
        f"the {total} threshold probabilities from {number(100 * RANGE[0], 0)} to {percent(RANGE[-1])}, the interval "
        f"lies above 0 at {sure}; at {better} the ECG's lies above the better of CCTA for all and none."
    )


def _percents(row: pd.Series) -> str:
    bounds = (
        "" if is_missing(row["lower"]) else f" ({number(100 * row['lower'], 0)} to {number(100 * row['upper'], 0)})"
    )
    return f"{percent(row['estimate'])}{bounds}" if not is_missing(row["estimate"]) else str(row["note"])
