"""Which ECGs are explained one by one: clear examples, or those that the configuration names."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logit

from ecg_ccta.vessels import VESSELS

log = logging.getLogger(__name__)

OUTCOMES = ("true positive", "false positive", "false negative", "true negative")
"""High risk with and without an event, low risk with and without one, by the guideline's threshold."""
CHOSEN_BY_HAND = "chosen in the configuration"


def choose_ecgs(scored: pd.DataFrame, per_outcome: int) -> pd.DataFrame:
    """Clear examples: of high-risk ECGs those of highest, of low-risk ECGs those of lowest probability.

    Parameters
    ----------
    scored : from `scored_ecgs`, with the risk group; an ECG without a finding of a vessel is no example of it
    per_outcome : ECGs per vessel and outcome; fewer where there are not as many

    Returns
    -------
    ecg_id, patient_id, vessel, chosen_as (one of OUTCOMES); each patient once, in the order of VESSELS and OUTCOMES
    """
    rows = scored[scored["y_true"].notna()]
    event = rows["y_true"].to_numpy(dtype=int) == 1
    high = (rows["group"] == "high").to_numpy(dtype=bool)
    rows = rows.assign(chosen_as=np.select([high & event, high & ~event, event], OUTCOMES[:3], OUTCOMES[3]))
    rows["order"] = np.where(high, -rows["probability"], rows["probability"])
    rows = rows.sort_values(["order", "ecg_id"])
    chosen: list[pd.DataFrame] = []
    taken: set[str] = set()
    for vessel in VESSELS:
        for outcome in OUTCOMES:
            found = rows[(rows["vessel"] == vessel) & (rows["chosen_as"] == outcome) & ~rows["patient_id"].isin(taken)]
            found = found.drop_duplicates("patient_id").head(per_outcome)
            taken |= set(found["patient_id"])
            chosen.append(found)
    return pd.concat(chosen)[["ecg_id", "patient_id", "vessel", "chosen_as"]].reset_index(drop=True)


def named_ecgs(scored: pd.DataFrame, risk_thresholds: dict[str, float], ecg_ids: Sequence[str]) -> pd.DataFrame:
    """As `choose_ecgs`, for those of `ecg_ids` that are here; a warning names the others, which may be another site's.

    Each has the vessel whose probability is highest relative to its threshold, in log odds.
    """
    elsewhere = sorted(set(ecg_ids) - set(scored["ecg_id"]))
    if elsewhere:
        log.warning(
            "explanation.explained_ecgs: no ECG of this site: %s; another site's, mistyped or excluded",
            ", ".join(elsewhere),
        )
    rows = scored[scored["ecg_id"].isin(ecg_ids)]
    excess = rows["logit"] - logit(rows["vessel"].map(risk_thresholds).astype(float))
    rows = rows.loc[excess.groupby(rows["ecg_id"]).idxmax()].sort_values("ecg_id")
    return rows[["ecg_id", "patient_id", "vessel"]].assign(chosen_as=CHOSEN_BY_HAND).reset_index(drop=True)
