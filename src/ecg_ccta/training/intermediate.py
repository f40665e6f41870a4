"""Who may be trained on in an intermediate task: labelled ECGs whose patients are in no analysed site."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.cohort.building import check_flow, exclusions
from ecg_ccta.errors import StudyError

UNKNOWN = "no known label"
SAME_PATIENT = "patient of an analysed site"
SAME_RECORDING = "patient with a recording of an analysed site"


def training_ecgs(
    cohort: pd.DataFrame, labels: pd.DataFrame, analysed: Sequence[pd.DataFrame], flow: dict[str, Any]
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """Select the ECGs that the intermediate task may be trained on, with their labels.

    A network that learnt from a patient would be evaluated on that patient's other ECGs as if it had never seen them.
    So patients leave who are in an analysed site: under the same pseudonym, which only sites with the same key share,
    or with one and the same recording. Between sites with different keys no other overlap can be seen.

    Parameters
    ----------
    cohort : `tables.COHORT` of the intermediate site
    labels : `tables.label_schema(...)` of its eligible ECGs
    analysed : `tables.COHORT` of every other site
    flow : of admit_ecgs

    Returns
    -------
    The rows of `cohort` that stay; their labels (ECGs, labels) float32, NaN where unknown; and the flow with the
    exclusions of this stage and with "overlap", which lists {"excluded": reason, "patients"}.

    Raises
    ------
    StudyError
        Where the labels lack an ECG of the cohort, or no ECG that stays has a label's 1, or none its 0.
    """
    names = list(labels.columns.drop("ecg_id"))
    lacking = int((~cohort["ecg_id"].isin(labels["ecg_id"])).sum())
    if lacking:
        raise StudyError(
            f"site {flow['site']}: {lacking} of {len(cohort)} ECGs are not in the table of labels. Fix: run "
            "build_cohort again"
        )
    known = labels.set_index("ecg_id").loc[cohort["ecg_id"]].reset_index(drop=True)
    others = pd.concat([other[["patient_id", "signal_sha256"]] for other in analysed], ignore_index=True)
    recorded_there = cohort["signal_sha256"].isin(others["signal_sha256"])
    rules = {
        SAME_PATIENT: cohort["patient_id"].isin(others["patient_id"]).to_numpy(),
        SAME_RECORDING: cohort["patient_id"].isin(cohort.loc[recorded_there, "patient_id"]).to_numpy(),
        UNKNOWN: known.isna().all(axis=1).to_numpy(),
    }
    found = np.select(list(rules.values()), list(rules), default="")
    reasons = pd.Series(pd.Categorical(found, categories=list(rules)), index=cohort.index)
    stays = reasons.isna()
    kept, values = cohort.loc[stays], known.loc[stays.to_numpy()]
    for name in names:
        for value in (1, 0):
            if not (values[name] == value).any():
                raise StudyError(
                    f"site {flow['site']}: label {name} is {value} for none of the {len(kept)} ECGs of the "
                    "intermediate task, so it cannot be learnt. Fix: take it out of intermediate.labels"
                )
    steps = [
        *flow["steps"],
        *exclusions(reasons),
        {
            "label": "ECGs of the intermediate task",
            "ecgs": len(kept),
            "patients": int(kept["patient_id"].nunique()),
        },
    ]
    check_flow(steps)
    overlap = [
        {"excluded": reason, "patients": int(cohort.loc[reasons == reason, "patient_id"].nunique())}
        for reason in (SAME_PATIENT, SAME_RECORDING)
    ]
    return kept.reset_index(drop=True), values.to_numpy(np.float32), {**flow, "steps": steps, "overlap": overlap}
