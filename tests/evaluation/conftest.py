"""A small scored cohort with repeated patients, missing findings and missing covariates."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.vessels import GRADES, VESSELS


def simulate_cohort(patients: int = 400, seed: int = 3, findings: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A cohort (without the signal columns) and its predictions; LM is rare."""
    rng = np.random.default_rng(seed)
    ecgs_of = rng.choice([1, 1, 1, 2, 3], patients)
    patient = np.repeat(np.arange(patients), ecgs_of)
    n = patient.size
    cohort = pd.DataFrame(
        {
            "ecg_id": [f"{i:020x}" for i in range(n)],
            "patient_id": [f"{i + 10**6:020x}" for i in patient],
            "recorded_at": pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="min"),
            "days_to_ccta": rng.integers(-5, 60, n).astype(float),
            "age": rng.normal(62, 10, patients)[patient].clip(20, 95),
            "sex": pd.array(rng.choice(["female", "male"], patients)[patient], dtype="string"),
            "chest_pain": pd.array(rng.choice(["none", "typical", "atypical"], patients)[patient], dtype="string"),
            "statement": pd.array(
                rng.choice(["Sinus rhythm. Normal ECG", "Abnormal ECG", "Otherwise normal ECG"], n), dtype="string"
            ),
        }
    )
    for factor in ("hypertension", "diabetes", "dyslipidaemia", "smoking"):
        cohort[factor] = pd.array(rng.random(patients)[patient] < 0.4, dtype="boolean")
    cohort.loc[rng.random(n) < 0.1, "age"] = np.nan
    cohort.loc[rng.random(n) < 0.1, "hypertension"] = pd.NA
    cohort.loc[rng.random(n) < 0.1, "statement"] = pd.NA
    predictions = []
    for vessel, prevalence in zip(VESSELS, (0.2, 0.008, 0.25, 0.15), strict=True):
        risk = rng.normal(0, 1, patients)
        logit = np.log(prevalence / (1 - prevalence)) - 0.3 + risk
        event = rng.random(patients) < 1 / (1 + np.exp(-logit))
        word = np.where(event, rng.choice(GRADES[3:], patients), rng.choice(GRADES[:3], patients))[patient]
        seen = (rng.random(n) > 0.05) & findings
        cohort[f"grade_{vessel}"] = pd.array(np.where(seen, word, None), dtype="string")
        cohort[f"target_{vessel}"] = pd.array(event[patient].astype(int), dtype="Int8")
        cohort.loc[~seen, f"target_{vessel}"] = pd.NA
        shown = logit[patient] + rng.normal(0, 0.3, n)
        predictions.append(
            pd.DataFrame(
                {
                    "ecg_id": cohort["ecg_id"],
                    "patient_id": cohort["patient_id"],
                    "vessel": pd.array([vessel] * n, dtype="string"),
                    "fold": patient % 5,
                    "logit": shown,
                    "probability": 1 / (1 + np.exp(-shown)),
                }
            )
        )
    return cohort, pd.concat(predictions, ignore_index=True)


@pytest.fixture(scope="session")
def cohort_and_predictions() -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulate_cohort()


@pytest.fixture(scope="session")
def unjudged() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A site that is scored but has no CCTA findings."""
    return simulate_cohort(patients=60, findings=False)
