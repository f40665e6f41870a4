"""A page for each of a site's explained ECGs, and an index of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta import figures
from ecg_ccta.config import Evaluation, Explanation
from ecg_ccta.evaluation.choose_thresholds import thresholds_of
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.files import replacing
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.result_tables import write_csv
from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S
from ecg_ccta.single_ecg.choosing import CHOSEN_BY_HAND, choose_ecgs, named_ecgs
from ecg_ccta.single_ecg.ecg_page import THRESHOLD_MARKS, ExplainedEcg, draw_page
from ecg_ccta.single_ecg.individual import explained
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

INDEX = [
    "ecg_id", "file", "vessel", "chosen_as", "grade", "probability", "group", "stratum", "fold", "logit",
    "logit_over_mean_beat", "noisy_leads",
]  # fmt: skip
DISCLAIMER = "For research only, not for the care of patients: the colours tell what the network reacts to, no finding."


def risk_rows(scored: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    """`ExplainedEcg.risks` of the rows of one ECG.

    Parameters
    ----------
    scored : vessel, fold, probability, group, stratum and grade
    chosen : from `choose_thresholds`
    """
    thresholds = {kind: thresholds_of(scored, chosen, kind) for kind in THRESHOLD_MARKS}
    rows = scored[["vessel", "probability", "group", "stratum"]].assign(finding=scored["grade"], **thresholds)
    return rows.set_index("vessel").loc[list(VESSELS)].reset_index()


def explain_ecgs(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    risk: pd.DataFrame,
    chosen_thresholds: dict[str, Any],
    models: Sequence[FoldModel],
    read: Callable[[np.ndarray], np.ndarray],
    read_raw: Callable[[pd.Series], dict[str, np.ndarray]],
    evaluation: Evaluation,
    explanation: Explanation,
    site_title: str,
    folder: str | Path,
) -> pd.DataFrame:
    """Write `<ecg_id>.svg` for each explained ECG of a site and `index.csv` into `folder`, atomically.

    Parameters
    ----------
    cohort, predictions, risk : `tables.COHORT`, `tables.PREDICTIONS`, `tables.RISK_GROUPS` of the site
    chosen_thresholds : from `choose_thresholds`
    models : of all folds
    read : function of positions in `cohort` that gives cleaned int16 microvolts (k, 12, 5000)
    read_raw : function of ECG ids that gives the recordings as they are, (12, 5000) mV at 500 Hz
    site_title : named on the pages

    Returns
    -------
    the index, with columns INDEX
    """
    groups = risk[["ecg_id", "vessel", "group", "stratum"]]
    scored = scored_ecgs(cohort, predictions).merge(groups, on=["ecg_id", "vessel"], validate="one_to_one")
    if explanation.explained_ecgs:
        chosen = named_ecgs(scored, evaluation.high_risk_thresholds.model_dump(), explanation.explained_ecgs)
    else:
        chosen = choose_ecgs(scored, explanation.explained_per_outcome)
    raw = read_raw(chosen["ecg_id"])
    rows = []
    with replacing(folder) as temporary:
        temporary.mkdir()
        attributions = explained(chosen, cohort, predictions, models, read, BEFORE_R_S, AFTER_R_S)
        for choice, attribution in zip(chosen.itertuples(), attributions, strict=True):
            of_ecg = scored[scored["ecg_id"] == choice.ecg_id]
            patient = cohort[cohort["ecg_id"] == choice.ecg_id].iloc[0]
            facts = _facts(patient, site_title, choice.vessel, choice.chosen_as, of_ecg["fold"].iloc[0], len(models))
            page = ExplainedEcg(
                f"ECG {choice.ecg_id}", facts, choice.vessel, raw[choice.ecg_id], attribution,
                risk_rows(of_ecg, chosen_thresholds), notes(patient["noisy_leads"], patient["source_rate"]),
            )  # fmt: skip
            name = f"{choice.ecg_id}.svg"
            figures.save_page(draw_page(page), temporary / name)
            row = of_ecg[of_ecg["vessel"] == choice.vessel].iloc[0].to_dict()
            row |= {"file": name, "chosen_as": choice.chosen_as, "noisy_leads": patient["noisy_leads"]}
            rows.append(row | {"logit_over_mean_beat": attribution.sum() if attribution.any() else np.nan})
        index = pd.DataFrame(rows, columns=INDEX)
        write_csv(index, temporary / "index.csv")
    return index


def notes(noisy_leads: str, source_rate: float) -> list[str]:
    """The lines at a page's foot."""
    quality = f"Leads marked as noisy, saturated or flat: {noisy_leads}. " if noisy_leads else ""
    return [
        f"{quality}Tracing as recorded at {source_rate:g} Hz; the network sees it filtered (0.67 to 40 Hz, without "
        "base line wander), and the colours are of what it sees.",
        DISCLAIMER,
    ]


def _facts(patient: pd.Series, site: str, vessel: str, chosen_as: str, fold: int, folds: int) -> list[str]:
    age = "age unknown" if pd.isna(patient["age"]) else f"{patient['age']:.0f} years"
    sex = "sex unknown" if pd.isna(patient["sex"]) else patient["sex"]
    why = f"{CHOSEN_BY_HAND[0].upper()}{CHOSEN_BY_HAND[1:]}" if chosen_as == CHOSEN_BY_HAND else (
        f"An example of a {chosen_as} for {vessel}"
    )  # fmt: skip
    by = f"the mean of {folds} networks" if fold == ENSEMBLE else f"the network of fold {fold}"
    return [f"{site}; {age}, {sex}", f"{why}. Scored by {by}, which never saw this patient."]
