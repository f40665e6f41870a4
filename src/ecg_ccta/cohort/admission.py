"""Admission: eligible ECGs joined with what became of their recordings."""

from typing import Any

import pandas as pd

from ecg_ccta import tables
from ecg_ccta.cohort.building import check_flow, exclusions
from ecg_ccta.errors import StudyError

TWO_PATIENTS = "same recording under two patients"
DUPLICATE = "duplicate recording"


def admit(
    eligible: pd.DataFrame, shard_tables: list[pd.DataFrame], flow: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The included ECGs (`tables.COHORT`) and the flow with the exclusions of this stage.

    `eligible` is `tables.ELIGIBLE`, `shard_tables` all of the site's `tables.SHARD`, `flow` that of build_cohort.
    Leaves out, in this order: unusable recordings, each for its reason; recordings that stand under two patients,
    all of them, because nobody knows whose they are; and of identical recordings of one patient all but the earliest
    (by recording time, then by pseudonym). Raises StudyError where shards and eligible ECGs are not the same.
    """
    shards = pd.concat(shard_tables, ignore_index=True)
    if len(shards) != len(eligible) or set(shards["ecg_id"]) != set(eligible["ecg_id"]):
        raise StudyError(
            f"site {flow['site']}: the shards hold {len(shards)} ECGs, not the {len(eligible)} eligible ones. "
            "Fix: run clean_signals again for every shard"
        )
    joined = eligible.merge(shards, on="ecg_id", how="left", validate="1:1")
    usable = joined.loc[joined["reason"].isna()]
    shared = usable.groupby("signal_sha256")["patient_id"].transform("nunique") > 1
    ordered = usable.loc[~shared].sort_values(["recorded_at", "ecg_id"], na_position="last")
    copies = ordered.index[ordered.duplicated(["signal_sha256"])]
    reasons = joined["reason"].copy()
    reasons.loc[usable.index[shared]] = TWO_PATIENTS
    reasons.loc[copies] = DUPLICATE
    included = joined.loc[reasons.isna()]
    steps = [
        *flow["steps"],
        *exclusions(reasons),
        {"label": "ECGs included", "ecgs": len(included), "patients": int(included["patient_id"].nunique())},
    ]
    check_flow(steps)
    if included.empty:
        counts = "; ".join(f"{reason}: {count}" for reason, count in reasons.value_counts().items())
        raise StudyError(
            f"site {flow['site']}: none of {len(eligible)} eligible ECGs has a usable recording ({counts}). "
            "Fix: check the recordings"
        )
    cohort = included[[name for name in tables.COHORT.columns if name in included]].reset_index(drop=True)
    return tables.check(cohort, tables.COHORT, f"site {flow['site']}"), {**flow, "steps": steps}
