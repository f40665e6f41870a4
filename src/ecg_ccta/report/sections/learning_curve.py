"""Learning curve: whether more patients would help, and how many are needed for most of what can be found."""

import pandas as pd

from ecg_ccta.evaluation.build_ladder import FINE_TUNED
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import capital, measured, value, words
from ecg_ccta.report.formatting import count, listed, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of

ORDER = 36

CURVE = {
    "Patients trained on": value("training_patients", count),
    "Trainings": value("trainings", count),
    "Mean AUC": measured("AUC"),
    "Fine-tuned minus this": measured("AUC difference", absent=""),
}

RECOVERED = {
    "Patients trained on": value("training_patients", count),
    "Trainings": value("trainings", count),
    "Recovered proportion": measured("recovered proportion"),
}

NEEDED = {
    "Start": words("start", capital),
    "Target": value("target", percent),
    "Patients needed": value("patients", count),
    "From": value("lower", count),
    "To": value("upper", count),
    "Note": words("note"),
}


def learning_curve(results: ResultsFolder) -> Section | None:
    if not results.has("learning_curve"):
        return None
    curve = results.table("learning_curve")
    macro = curve[curve["vessel"] == "macro"]
    blocks = [
        *results.drawn(
            "learning_curve",
            None,
            "Mean AUC over vessels by patients trained on",
            "A line with intervals for each start, over the logarithm of the patients trained on.",
            sentence(macro),
            "learning_curve",
        ),
        results.tabulated(
            "learning_curve",
            None,
            "Learning curve",
            macro,
            CURVE,
            row="training_patients",
            group="start",
            label=lambda start, rows: capital(start),
            notes=[
                "Every training is evaluated on the patients of the first fold, whom none of them saw, and follows "
                "the study's schedule of epochs. The trainings of one number learnt from different patients; with two "
                "or more the interval holds that chance as well, with one it is conditional on the one training."
            ],
        ),
    ]
    if results.has("learning_curve_recovered"):
        recovered, needed = results.table("learning_curve_recovered"), results.table("patients_needed")
        blocks += [
            *results.drawn(
                "learning_curve_recovered",
                None,
                "Proportion of the planted effect recovered, by patients trained on",
                "A line with intervals for each start; the target is dotted.",
                needed_sentence(needed),
                "learning_curve_recovered",
                "patients_needed",
            ),
            results.tabulated(
                "learning_curve_recovered",
                None,
                "Proportion of the planted effect recovered",
                recovered[recovered["vessel"] == "macro"],
                RECOVERED,
                row="training_patients",
                group="start",
                label=lambda start, rows: capital(start),
                notes=["(Mean AUC - 0.5) over the mean AUC of the true probabilities - 0.5, on the same ECGs."],
            ),
            results.tabulated(
                "patients_needed",
                None,
                "Patients to train on for the target",
                needed,
                NEEDED,
                notes=["Read off between the numbers that were trained on, never beyond them."],
            ),
        ]
    return Section("learning-curve", "Learning curve", blocks)


def sentence(macro: pd.DataFrame) -> str:
    aucs = rows_of(macro[macro["start"] == FINE_TUNED], "AUC").dropna(subset=["estimate"])
    if aucs.empty:
        return "No vessel has enough events among the held-out patients."
    ordered = aucs.sort_values("training_patients")
    first, last = ordered.iloc[0], ordered.iloc[-1]
    return (
        f"Fine-tuned on {count(first['training_patients'])} patients the mean AUC over vessels is "
        f"{number(first['estimate'])}, on {count(last['training_patients'])} it is {number(last['estimate'])}."
    )


def needed_sentence(needed: pd.DataFrame) -> str:
    parts = [
        f"{row['start']} {count(row['patients'])} patients"
        if pd.notna(row["patients"])
        else f"{row['start']} {row['note'].split(';')[0]}"
        for _, row in needed.iterrows()
    ]
    if not parts:
        return ""
    return f"{percent(needed['target'].iloc[0])} of the planted effect: {listed(parts)}."
