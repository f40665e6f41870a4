"""The section on clinically normal ECGs: the validation panel there, and the comparison with all other ECGs."""

import pandas as pd

from ecg_ccta.evaluation.compare_sites import UNPAIRED_DELONG
from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, estimate, interval, listed, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, COLUMNS, rows_of
from ecg_ccta.statistics.heterogeneity import WALD
from ecg_ccta.vessels import VESSELS

DEFINITIONS = {
    "statement": "Normal: the words of the reader's statement say so.",
    "snomed": "Normal: the SNOMED CT codes of the statement are all among {codes}.",
    "measured": "Normal: rate, rhythm, PR, QRS, axis, QTc, ST and T, measured on the recording, lie within published "
    "limits (docs/statistics.md).",
}


def normal_ecg(results: ResultsFolder) -> Section | None:
    settings = results.study.evaluation
    definition = DEFINITIONS[settings.normal_ecg].format(codes=listed(settings.normal_codes))
    blocks: list = []
    for site, title in results.judged_sites_with("normal_ecg"):
        aucs = rows_of(results.table("normal_ecg", site, ("vessel", *COLUMNS)), "AUC", CLUSTERED)
        compared = results.table("normal_ecg_comparison", site, ("vessel", "ecgs", *COLUMNS))
        calibration = results.table("normal_ecg_calibration_summary", site, ("vessel", *COLUMNS))
        for name, caption, alternative, says, tables in (
            (
                "comparison",
                "AUC in clinically normal and in all other ECGs",
                "AUC of each vessel in clinically normal ECGs beside that in all others",
                comparison_sentence(compared),
                ("normal_ecg_comparison",),
            ),
            (
                "roc",
                "ROC curves in clinically normal ECGs",
                "ROC curve of each vessel in clinically normal ECGs",
                sentences.auc_range(aucs),
                ("normal_ecg_roc",),
            ),
            (
                "calibration",
                "Calibration in clinically normal ECGs",
                "Observed share of events against predicted probability in clinically normal ECGs",
                sentences.calibration(rows_of(calibration, "slope")),
                ("normal_ecg_calibration", "normal_ecg_calibration_curve"),
            ),
        ):
            blocks += results.drawn(
                f"normal_ecg_{name}_{site}",
                f"{caption}, {title}",
                f"{alternative}, {title}.",
                says,
                [results.download(table, site) for table in tables if results.has(table, site)],
            )
        panel = ("normal_ecg", "normal_ecg_calibration_summary", "normal_ecg_thresholds", "normal_ecg_strata")
        blocks.append(
            Table(
                f"Clinically normal ECGs, {title}",
                [
                    "Vessel",
                    "Normal: events / ECGs",
                    "AUC",
                    "Not normal: events / ECGs",
                    "AUC",
                    "Difference",
                    "p (DeLong)",
                    "p (patients)",
                ],
                [("", [_row(vessel, compared) for vessel in VESSELS])],
                says=counts_sentence(compared),
                downloads=[results.download("normal_ecg_comparison", site)]
                + [results.download(name, site) for name in panel if results.has(name, site)],
                notes=[
                    f"{definition} ECGs of which this is not known are on neither side.",
                    "Difference: normal minus not normal, interval over patients. p (DeLong) takes the two groups for "
                    "independent; p (patients), the Wald test from draws of patients, who may have both, does not.",
                ],
            )
        )
    return Section("normal-ecg", "Clinically normal ECGs", blocks) if blocks else None


def comparison_sentence(compared: pd.DataFrame) -> str:
    """Which vessels' AUCs differ between normal and other ECGs."""
    tests = rows_of(compared, "AUC difference p", WALD).dropna(subset=["estimate"])
    if tests.empty:
        return "No vessel has enough events on both sides for a comparison."
    difference = rows_of(compared, "AUC difference", CLUSTERED).set_index("vessel")["estimate"]
    differing = tests[tests["estimate"] < 0.05]
    if differing.empty:
        tested = listed(list(tests["vessel"]))
        return f"AUCs in normal ECGs do not differ from those in all others (p under 0.05) for {tested}."
    said = [
        f"{row['vessel']} (by {number(difference[row['vessel']])}, p {p_value(row['estimate'])})"
        for _, row in differing.iterrows()
    ]
    return f"AUCs in normal ECGs differ from those in all others (p under 0.05) for {listed(said)}."


def counts_sentence(compared: pd.DataFrame) -> str:
    found = rows_of(compared, "ECGs").set_index("ecgs")["estimate"]
    said = f"{count(found['normal'])} ECGs are normal, {count(found['not normal'])} are not"
    return f"{said}; of {count(found['unknown'])} it is not known." if found["unknown"] else f"{said}."


def _row(vessel: str, compared: pd.DataFrame) -> list[str]:
    of_vessel = compared[compared["vessel"] == vessel]
    cells = [vessel]
    for side in ("normal", "not normal"):
        row = rows_of(of_vessel[of_vessel["ecgs"] == side], "AUC", CLUSTERED).iloc[0]
        cells += [
            f"{count(row['events'])} / {count(row['n'])}",
            estimate(row),
        ]
    difference = rows_of(of_vessel, "AUC difference", CLUSTERED).iloc[0]
    cells.append(interval(difference["estimate"], difference["lower"], difference["upper"], note="none"))
    for method in (UNPAIRED_DELONG, WALD):
        cells.append(p_value(rows_of(of_vessel, "AUC difference p", method).iloc[0]["estimate"], "none"))
    return cells
