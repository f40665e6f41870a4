"""A second CCTA of some simulated patients, later, with an ECG of its own that shows how the disease went on.

Who has one was alive, without an infarction and known to the hospital until then: the ECG says that of its patient. An
analysis that follows patients from the first CCTA by such an ECG gives the diseased a time in which nothing can happen
to them (Suissa, Am J Epidemiol 167:492, 2008).
"""

import numpy as np
import pandas as pd

from ecg_ccta.sources.event_model import EventModel, risk_matrix
from ecg_ccta.vessels import VESSELS

DAYS_LATER = (200, 700)
"""Between the two CCTAs: beyond the days that link an ECG to a CCTA."""

PROGRESSION = 0.6
"""Standard deviations of the expressions by which the second ECG shows more than the first."""

DAYS_BEFORE = 30
"""The ECG is recorded on one of these days up to the second CCTA."""


def second_examinations(
    patients: pd.DataFrame, model: EventModel, proportion: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Plan a second CCTA for a proportion of the patients; those who are no longer followed on its day have none.

    Parameters
    ----------
    patients : a row per patient: performed_at (of the first CCTA), end_date, event_date, age, male, expression_<vessel>
        and the risk factors
    proportion : of patients for whom it is planned

    Returns
    -------
    A row per second CCTA: patient (row of `patients`), performed_at and recorded_at (dates), expression_<vessel> and
    grade_<vessel> as they are by then. The age within the liability is that of the first CCTA.
    """
    n = len(patients)
    planned = rng.random(n) < proportion
    later = rng.integers(*DAYS_LATER, n, endpoint=True)
    before = rng.integers(0, DAYS_BEFORE, n, endpoint=True)
    noise = rng.logistic(size=(n, len(VESSELS)))
    performed = patients["performed_at"].to_numpy().astype("datetime64[D]") + later
    ended = pd.to_datetime(patients["event_date"]).fillna(pd.to_datetime(patients["end_date"]))
    owners = np.flatnonzero(planned & (performed < ended.to_numpy().astype("datetime64[D]")))
    them = patients.iloc[owners]
    expression = them[[f"expression_{vessel}" for vessel in VESSELS]].to_numpy() + PROGRESSION
    age, male = them["age"].to_numpy(), them["male"].to_numpy()
    grades = model.grades(model.liability(expression, age, male, risk_matrix(them), noise[owners]))
    return pd.DataFrame(
        {
            "patient": owners,
            "performed_at": performed[owners],
            "recorded_at": performed[owners] - before[owners],
            **{f"expression_{vessel}": expression[:, column] for column, vessel in enumerate(VESSELS)},
            **{f"grade_{vessel}": grades[:, column] for column, vessel in enumerate(VESSELS)},
        }
    )
