import numpy as np
import pytest

from ecg_ccta.signals.progression import AFTER_V6, BEFORE_V1, r_and_s, transition
from ecg_ccta.vessels import LEADS


@pytest.mark.parametrize(
    ("r", "s", "place"),
    [
        ([0.2, 0.4, 0.8, 1.5, 1.6, 1.2], [1.0, 1.6, 1.0, 0.5, 0.2, 0.0], 3 + 0.2 / 1.2),
        ([0.2, 0.4, 1.0, 1.5, 1.6, 1.2], [1.0, 1.6, 1.0, 0.5, 0.2, 0.0], 3.0),
        ([0.9, 1.0, 1.0, 1.5, 1.6, 1.2], [0.3, 0.2, 0.1, 0.1, 0.1, 0.1], BEFORE_V1),
        ([0.1, 0.1, 0.1, 0.2, 0.3, 0.4], [1.0, 1.5, 1.5, 1.2, 0.9, 0.6], AFTER_V6),
        # A dominant R in V1 alone is not the transition: from V5 on R stays ahead.
        ([0.9, 0.2, 0.2, 0.2, 1.0, 1.0], [0.3, 0.8, 0.8, 0.6, 0.2, 0.1], 4 + 0.4 / 1.2),
    ],
)
def test_transition_is_where_r_overtakes_s_for_good(r, s, place):
    assert transition(np.array(r), np.array(s)) == pytest.approx(place)


def test_a_lead_without_r_has_an_r_of_zero_millivolts():
    qrs = np.zeros((12, 30))
    qrs[LEADS.index("V1"), 10] = -1.2
    qrs[LEADS.index("V2"), [8, 12]] = 0.3, -1.5
    qrs[LEADS.index("II"), 10] = 5.0
    r, s = r_and_s(qrs)
    assert r.tolist() == [0, 0.3, 0, 0, 0, 0]
    assert s.tolist() == [1.2, 1.5, 0, 0, 0, 0]
