"""The ladder: what each step from age and sex to the fine-tuned network is worth, and what each fold kept."""

import pandas as pd

from ecg_ccta.evaluation.build_ladder import FINE_TUNED, MEASURED, PROBE
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import bounded, capital, equal_p, measured, p_of, value, words
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.vessels import VESSELS

ORDER = 35

LADDER = {
    "Model": words("rung", capital),
    "AUC": measured("AUC"),
    "Fine-tuned minus this": measured("AUC difference", absent=""),
    "p": p_of("AUC difference p", absent=""),
}

TRAINING = {
    "Fold": value("fold", count),
    "Kept": words("kept_as", capital),
    "Probe: loss": value("probe_loss", number),
    "Probe: macro AUC": value("probe_auc", number),
    "Kept: loss": value("loss", number),
    "Kept: macro AUC": value("auc", number),
    "Why": words("reason"),
}


def ladder(results: ResultsFolder) -> Section | None:
    if not results.has("ladder"):
        return None
    found, training = results.table("ladder"), results.table("training")
    shown = pd.concat([found, _oracle(results)], ignore_index=True)
    order = ["macro", *VESSELS]
    return Section(
        "ladder",
        "From age and sex to the fine-tuned network",
        [
            *results.drawn(
                "ladder",
                None,
                "AUC of simpler models and of the fine-tuned network, out of fold",
                "For the mean over vessels and for each vessel four points with intervals: age and sex, measurements, "
                "linear probe, fine-tuned.",
                sentence(found),
                "ladder",
            ),
            results.tabulated(
                "ladder",
                None,
                "AUC of simpler models and of the fine-tuned network",
                shown.sort_values("vessel", key=lambda vessel: vessel.map(order.index), kind="stable"),
                LADDER,
                row="rung",
                group="vessel",
                label=lambda vessel, rows: "Mean over vessels" if vessel == "macro" else vessel,
                notes=[
                    "Same ECGs and folds. Age and sex, and the measurements, by penalised logistic regression in each "
                    "fold's training patients. Linear probe: the foundation's features, its weights untouched. "
                    "Differences are paired over patients and allow for the folds' common training patients; where "
                    "models share what they have learnt, as probe and network do, the interval is rather too wide."
                ],
            ),
            results.tabulated(
                "training",
                None,
                "What each fold kept",
                training,
                TRAINING,
                says=kept_sentence(training),
                notes=["Loss and macro AUC on the fold's inner-validation patients, who are not evaluated."],
            ),
        ],
    )


def _oracle(results: ResultsFolder) -> pd.DataFrame:
    """The oracle's AUC of each vessel as a further rung, where the truth is known."""
    site = results.study.development_site
    if not results.has("recovery", site):
        return pd.DataFrame()
    recovery = results.table("recovery", site).query("stratum == 'all' and vessel in @VESSELS")
    return pd.DataFrame(
        {
            "rung": "oracle (true probability)", "vessel": recovery["vessel"], "measure": "AUC",
            "estimate": recovery["oracle_auc"], "lower": recovery["oracle_lower"], "upper": recovery["oracle_upper"],
            "note": recovery["note"],
        }
    )  # fmt: skip


def sentence(found: pd.DataFrame) -> str:
    """By how much fine-tuning exceeds the probe, and what stands between age and sex and both."""
    macro = found[found["vessel"] == "macro"]
    if macro.empty:
        return "No vessel has enough events to compare the models."
    of = dict(list(macro.groupby("rung", sort=False)))
    gain = bounded("estimate")(rows_of(of[PROBE], "AUC difference"))
    p = equal_p(rows_of(of[PROBE], "AUC difference p")["estimate"].iloc[0])
    parts = [
        f"{rung} {number(rows_of(rows, 'AUC')['estimate'].iloc[0])}" for rung, rows in macro.groupby("rung", sort=False)
    ]
    over = bounded("estimate")(rows_of(of[MEASURED], "AUC difference"))
    return (
        f"Mean AUC over vessels: {', '.join(parts)}. {capital(FINE_TUNED)} minus linear probe: {gain}, p {p}; minus "
        f"measurements: {over}."
    )


def kept_sentence(training: pd.DataFrame) -> str:
    kept = training[training["kept_as"] != FINE_TUNED]
    if kept.empty:
        return f"All {len(training)} folds were fine-tuned."
    others = listed([f"fold {row['fold']} ({row['kept_as']})" for _, row in kept.iterrows()])
    return f"{len(training) - len(kept)} of {len(training)} folds were fine-tuned; {others} kept the start."
