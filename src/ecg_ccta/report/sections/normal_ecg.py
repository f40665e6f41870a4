"""The section on clinically normal ECGs: the validation panel there, and the comparison with all other ECGs."""

import pandas as pd

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import equal_p, measured, p_of, part_of, where, words
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import HONEST, PATIENTS, rows_of
from ecg_ccta.vessels import VESSELS

ORDER = 60

DEFINITIONS = {
    "statement": "Normal: the words of the reader's statement say so.",
    "snomed": "Normal: the SNOMED CT codes of the statement are all among {codes}.",
    "measured": "Normal: rate, rhythm, PR, QRS, axis, QTc, ST and T, measured on the recording, lie within published "
    "limits (docs/statistics.md).",
}


COLUMNS = {
    "Vessel": words("vessel"),
    "Normal: events / ECGs": where("ecgs", "normal", where("measure", "AUC", part_of("events", "n"))),
    "Normal: AUC": where("ecgs", "normal", measured("AUC", method=HONEST)),
    "Not normal: events / ECGs": where("ecgs", "not normal", where("measure", "AUC", part_of("events", "n"))),
    "Not normal: AUC": where("ecgs", "not normal", measured("AUC", method=HONEST)),
    "Difference": measured("AUC difference", method=PATIENTS),
    "p": p_of("AUC difference p", PATIENTS),
}


def normal_ecg(results: ResultsFolder) -> Section | None:
    settings = results.study.evaluation
    definition = DEFINITIONS[settings.normal_ecg].format(codes=listed(settings.normal_codes))
    blocks: list = []
    for site, title in results.judged_sites_with("normal_ecg"):
        aucs = rows_of(results.table("normal_ecg", site), "AUC", HONEST)
        compared = results.table("normal_ecg_comparison", site)
        calibration = results.table("normal_ecg_calibration_summary", site)
        blocks += results.drawn(
            "normal_ecg_comparison",
            site,
            "AUC in clinically normal and in all other ECGs",
            f"AUC of each vessel in clinically normal ECGs beside that in all others, {title}.",
            comparison_sentence(compared),
            "normal_ecg_comparison",
        )
        blocks += results.drawn(
            "normal_ecg_roc",
            site,
            "ROC curves in clinically normal ECGs",
            f"ROC curve of each vessel in clinically normal ECGs, {title}.",
            sentences.auc_range(aucs),
            "normal_ecg_roc",
        )
        blocks += results.drawn(
            "normal_ecg_calibration",
            site,
            "Calibration in clinically normal ECGs",
            f"Observed proportion of events against predicted probability in clinically normal ECGs, {title}.",
            sentences.calibration(rows_of(calibration, "slope")),
            "normal_ecg_calibration",
            "normal_ecg_calibration_curve",
        )
        blocks.append(
            results.tabulated(
                "normal_ecg_comparison",
                site,
                "Clinically normal ECGs",
                compared[compared["vessel"].isin(VESSELS)],
                COLUMNS,
                "normal_ecg",
                "normal_ecg_calibration_summary",
                "normal_ecg_thresholds",
                "normal_ecg_strata",
                row="vessel",
                says=counts_sentence(compared),
                notes=[
                    f"{definition} ECGs of which this is not known are on neither side.",
                    "Difference: normal minus not normal; interval and p allow for patients who have ECGs of both.",
                ],
            )
        )
    return Section("normal-ecg", "Clinically normal ECGs", blocks) if blocks else None


def comparison_sentence(compared: pd.DataFrame) -> str:
    """Which vessels' AUCs differ between normal and other ECGs."""
    tests = rows_of(compared, "AUC difference p", PATIENTS).dropna(subset=["estimate"])
    if tests.empty:
        return "No vessel has enough events on both sides for a comparison."
    difference = rows_of(compared, "AUC difference", PATIENTS).set_index("vessel")["estimate"]
    differing = tests[tests["estimate"] < 0.05]
    if differing.empty:
        tested = listed(list(tests["vessel"]))
        return f"No AUC in normal ECGs is shown to differ from that in all others (p under 0.05) for {tested}."
    said = [
        f"{row['vessel']} (by {number(difference[row['vessel']])}, p {equal_p(row['estimate'])})"
        for _, row in differing.iterrows()
    ]
    return f"AUCs in normal ECGs differ from those in all others (p under 0.05) for {listed(said)}."


def counts_sentence(compared: pd.DataFrame) -> str:
    found = rows_of(compared, "ECGs").set_index("ecgs")["estimate"]
    said = f"{count(found['normal'])} ECGs are normal, {count(found['not normal'])} are not"
    return f"{said}; of {count(found['unknown'])} it is not known." if found["unknown"] else f"{said}."
