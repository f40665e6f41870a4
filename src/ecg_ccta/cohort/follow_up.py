"""Follow-up from day 0: each patient's first CCTA that has an included ECG."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta import tables

DAY = pd.Timedelta(days=1)


def index_date(ecgs: pd.DataFrame) -> pd.Series:
    """Find each patient's day 0: the date of the first CCTA that one of these ECGs is linked to.

    Parameters
    ----------
    ecgs : patient_id and ccta_date, as in `tables.COHORT`

    Returns
    -------
    Dates by patient_id, without patients whose ECGs have no CCTA.
    """
    return ecgs.groupby("patient_id", sort=False)["ccta_date"].min().dropna().rename("index_date")


def follow_up_from_index(cohort: pd.DataFrame, last_known: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Count the days from each patient's day 0 (`index_date`) to the event, death or the end.

    Day 0 is found among the included ECGs, not the eligible ones: were it a CCTA whose ECGs are all unusable, the
    patient's risk would come from an ECG of a later one, recorded after follow-up began, and to have that ECG the
    patient had to live until then without an event (immortal time; Suissa, Am J Epidemiol 167:492, 2008).

    A patient whose recorded event lies before day 0 is left out, because the table holds one event and says nothing of
    later ones; an event on that day counts as day 0. Who died before the CCTA is an error in the export.

    Parameters
    ----------
    cohort : `tables.COHORT`
    last_known : `tables.LAST_KNOWN`

    Returns
    -------
    follow_up : `tables.FOLLOW_UP`
    lost : {"excluded": reason, "patients"} for each reason to leave patients out, of which the first counts
    """
    followed = index_date(cohort).reset_index().merge(last_known, on="patient_id", how="left", validate="1:1")
    days = (followed["last_date"] - followed["index_date"]) / DAY
    rules = {
        "no follow-up": followed["last_date"].isna(),
        "death before the CCTA: an error in the export": (days < 0) & (followed["event"] == "death"),
        "event before the CCTA": (days < 0) & (followed["event"] == "event"),
        "follow-up ends before the CCTA": days < 0,
    }
    conditions = [rule.fillna(False).to_numpy(dtype=bool) for rule in rules.values()]
    reasons = pd.Series(np.select(conditions, list(rules), default=""), index=followed.index)
    lost = [
        {"excluded": reason, "patients": int((reasons == reason).sum())}
        for reason in rules
        if (reasons == reason).any()
    ]
    kept = followed.assign(days=days).loc[reasons == "", ["patient_id", "days", "event"]]
    kept = kept.astype({"days": float, "event": "string"}).reset_index(drop=True)
    return tables.check(kept, tables.FOLLOW_UP, "follow-up"), lost
