"""NRI and IDI against Hmisc::improveProb and a published reclassification table."""

import numpy as np
import pytest

from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.reclassification import (
    improvement_replicates,
    integrated_discrimination,
    net_reclassification,
)

# Risks of 60 people by formula, so that R and Python have the same ones:
#   i <- 1:60; y <- as.integer((i*7) %% 5 < 2); x1 <- ((i*13) %% 61 + 1)/64
#   x2 <- pmin(((i*29) %% 59 + 1 + 12*y)/76, 1); Hmisc::improveProb(x1, x2, y)     [Hmisc 4.8-0]
# The categorical NRI as PredictABEL's reclassification() has it, improveProb on category numbers, cut at 0.25 and 0.6.
I = np.arange(1, 61)  # noqa: E741
Y = ((I * 7) % 5 < 2).astype(int)
OLD = ((I * 13) % 61 + 1) / 64
NEW = np.minimum(((I * 29) % 59 + 1 + 12 * Y) / 76, 1)


def test_continuous_nri_as_hmisc():
    total, events, others = net_reclassification(Y, OLD, NEW)
    assert total[0] == pytest.approx(0.4444444444)
    assert (events[0], others[0]) == (pytest.approx(0.1666666667), pytest.approx(0.2777777778))


def test_idi_as_hmisc():
    total, events, others = integrated_discrimination(Y, OLD, NEW)
    assert total[0] == pytest.approx(0.2055235746)
    assert (events[0], others[0]) == (pytest.approx(0.08902138158), pytest.approx(0.116502193))


def test_categorical_nri_as_predictabel():
    cuts = [0.25, 0.6]
    total, events, others = net_reclassification(Y, np.digitize(OLD, cuts), np.digitize(NEW, cuts))
    assert total[0] == pytest.approx(0.3333333333)
    assert (events[0], others[0]) == (pytest.approx(0.1666666667), pytest.approx(0.1666666667))


# Tillmann et al., Eur Heart J 2020;41:3325-3333, table 2: (low to low, low to high, high to low, high to high) of who
# died and who did not; net correctly reclassified in per cent and categorical NRI with its interval as printed.
HAPIEE = {
    "recalibrated SCORE to HAPIEE SCORE": ((90, 24, 16, 208), (10671, 591, 654, 2344), 2.4, 0.4, 0.03, (-0.01, 0.07)),
    "original SCORE to HAPIEE SCORE": ((60, 17, 46, 215), (8774, 399, 2551, 2536), -8.6, 15, 0.07, (0.02, 0.11)),
}


@pytest.mark.parametrize("models", HAPIEE)
def test_published_reclassification_table(models):
    died, lived, events, others, total, interval = HAPIEE[models]
    old = np.concatenate([np.repeat([0, 0, 1, 1], counts) for counts in (died, lived)])
    new = np.concatenate([np.repeat([0, 1, 0, 1], counts) for counts in (died, lived)])
    y_true = np.repeat([1, 0], [sum(died), sum(lived)])
    found = net_reclassification(y_true, old, new)
    assert 100 * found.events[0] == pytest.approx(events, abs=0.06)
    assert 100 * found.others[0] == pytest.approx(others, abs=0.5 if others == 15 else 0.06)
    assert found.total[0] == pytest.approx(total, abs=0.0051)
    drawn = improvement_replicates(net_reclassification, y_true, old, new, Bootstrap(len(y_true), 400, 0.95, 1)).total
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx(interval, abs=0.0125)


def test_bootstrap_has_the_spread_of_hmisc_standard_errors():
    """improveProb's standard errors on the same data: NRI 0.2572, IDI 0.0880, categorical NRI 0.2106."""
    for measure, old, new, error in (
        (net_reclassification, OLD, NEW, 0.2571841558),
        (integrated_discrimination, OLD, NEW, 0.08796766974),
        (net_reclassification, np.digitize(OLD, [0.25, 0.6]), np.digitize(NEW, [0.25, 0.6]), 0.210635429),
    ):
        drawn = improvement_replicates(measure, Y, old, new, Bootstrap(len(Y), 4000, 0.95, 2)).total
        assert np.nanstd(drawn) == pytest.approx(error, rel=0.06)


def test_a_draw_without_events_has_no_number():
    weights = np.array([[1] * 60, np.where(Y == 1, 0, 1)])
    found = net_reclassification(Y, OLD, NEW, weights)
    assert found.total[0] == pytest.approx(0.4444444444)
    assert np.isnan([found.total[1], found.events[1]]).all()
    assert found.others[1] == found.others[0]
