"""A simulated cohort beside its predictions, as the analyses take them."""

import pandas as pd
import pytest

from ecg_ccta.evaluation.scored import scored_ecgs


@pytest.fixture(scope="module")
def scored(cohort_and_predictions) -> pd.DataFrame:
    return scored_ecgs(*cohort_and_predictions)
