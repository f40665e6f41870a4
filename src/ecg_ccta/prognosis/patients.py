"""The patients whose follow-up is analysed: their risk groups, and their time from the landmark to the horizon."""

import numpy as np
import pandas as pd

from ecg_ccta.config import FollowUp
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.vessels import VESSELS

RISK_TARGETS = ("any", *VESSELS)
"""What the risk refers to: any vessel (that of the vessel at highest risk), or one vessel."""

RISK_GROUPS = ("low", "high")
RISK_GROUP, RISK_STRATUM, PROBABILITY = "risk group", "stratum", "probability"
GROUPINGS = {RISK_GROUP: RISK_GROUPS, RISK_STRATUM: ("low", "intermediate", "high")}
"""Two groups by the guideline's thresholds; three strata by the rule-out and rule-in thresholds."""


def column_of(stratum: str, grouping: str) -> str:
    """Column of `patient_risk` that holds the groups of a vessel or of any."""
    return stratum if grouping == RISK_GROUP else f"stratum_{stratum}"


def patient_risk(
    cohort: pd.DataFrame, risk_groups: pd.DataFrame, any_vessel: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Each patient's risk groups: those of the ECG nearest to the index CCTA (`nearest_to_ccta`), which is day 0.

    Parameters
    ----------
    cohort : `tables.COHORT`
    risk_groups : `tables.RISK_GROUPS` of the same ECGs
    any_vessel : `tables.PATIENT_RISK` of the same patients; without it the stratum of `any` is missing

    Returns
    -------
    A row per patient: patient_id, age, sex, and for `any` and each vessel its group (column RCA, ...), its stratum
    (stratum_RCA, ...) and its probability (probability_RCA, ...). The group of `any` is the highest of the vessels';
    its stratum is by the thresholds of any vessel. Its probability is 1 - the product of the vessels' 1 - p: it serves
    to rank patients, and the recalibrated one ranks those of a fold alike

    Raises
    ------
    StudyError
        Where an ECG of the cohort lacks a risk group: a patient would silently be judged by another ECG.
    """
    by_vessel = risk_groups.set_index("ecg_id")
    groups, strata, probability = (
        pd.DataFrame({vessel: by_vessel.loc[by_vessel["vessel"] == vessel, column] for vessel in VESSELS}).reindex(
            index=cohort["ecg_id"]
        )
        for column in ("group", "stratum", "probability")
    )
    lacking = groups.isna().any(axis=1)
    if lacking.any():
        raise StudyError(
            f"risk groups: {int(lacking.sum())} of the cohort's {len(cohort)} ECGs have no risk group for some vessel; "
            "the two tables are of different runs: run stratify_risk again"
        )
    nearest = nearest_to_ccta(cohort)[["patient_id", "ecg_id", "age", "sex"]]
    groups["any"] = np.where((groups == "high").any(axis=1), "high", "low")
    strata["any"] = pd.Series(pd.NA, index=strata.index, dtype="string")
    if any_vessel is not None:
        if not nearest["ecg_id"].isin(any_vessel["ecg_id"]).all():
            raise StudyError("risk of the patients: some of the cohort have none; run stratify_risk again")
        strata["any"] = any_vessel.set_index("ecg_id")["stratum"].reindex(strata.index)
    probability["any"] = 1 - (1 - probability).prod(axis=1, skipna=False)
    table = groups.join([strata.add_prefix("stratum_"), probability.add_prefix("probability_")])
    risk = nearest.merge(table, left_on="ecg_id", right_index=True, validate="one_to_one")
    return risk.drop(columns="ecg_id").reset_index(drop=True)


def follow(risk: pd.DataFrame, follow_up: pd.DataFrame, settings: FollowUp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The patients under observation after the landmark, and the flow to them.

    Follow-up starts at the landmark: patients whose event, death or end of follow-up came by then leave (Anderson, Cain
    and Gelber, J Clin Oncol 1:710-719, 1983). It ends at the horizon: who is event-free then is censored there.

    Parameters
    ----------
    risk : a row per patient with patient_id, as from `patient_risk`
    follow_up : `tables.FOLLOW_UP`; may be empty
    settings : landmark and horizon

    Returns
    -------
    patients : rows of `risk` with days and event as observed, and until the horizon: time, is_event, is_death, and
        reached (under observation until the horizon without either)
    flow : patients with predictions, without follow-up, who left before the landmark and why, and analysed
    """
    followed = risk.merge(follow_up, on="patient_id", how="inner", validate="one_to_one")
    patients = followed[followed["days"] > settings.landmark_days].copy()
    within = patients["days"] <= settings.horizon_days
    patients["time"] = patients["days"].clip(upper=settings.horizon_days)
    patients["is_event"] = (patients["event"] == "event") & within
    patients["is_death"] = (patients["event"] == "death") & within
    happened = patients["is_event"] | patients["is_death"]
    patients["reached"] = (patients["days"] >= settings.horizon_days) & ~happened
    return patients, _flow(risk, followed, patients, settings)


def _flow(risk: pd.DataFrame, followed: pd.DataFrame, patients: pd.DataFrame, settings: FollowUp) -> pd.DataFrame:
    left = followed[followed["days"] <= settings.landmark_days]["event"].value_counts()
    day = settings.landmark_days
    return pd.DataFrame(
        [
            {"step": "patients with a prediction", "patients": len(risk)},
            {"step": "no follow-up", "patients": len(risk) - len(followed)},
            {"step": f"event by day {day}", "patients": int(left.get("event", 0))},
            {"step": f"death by day {day}", "patients": int(left.get("death", 0))},
            {"step": f"follow-up ended by day {day}", "patients": int(left.get("censored", 0))},
            {"step": "analysed", "patients": len(patients)},
        ]
    )
