import pandas as pd
import pytest

from ecg_ccta.report.formatting import count, interval, listed, number, p_value, percent, percent_interval


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_what_is_missing_shows_its_note(missing):
    for shown in (number(missing, note="n"), count(missing, "n"), p_value(missing, "n"), percent(missing, note="n")):
        assert shown == "n"
    assert interval(missing, 0.1, 0.2, note="too few events (7)") == "too few events (7)"
    assert percent_interval(missing, missing, missing, note="n") == "n"
    assert number(missing) == "not available"


def test_numbers():
    assert interval(-0.0214, -0.1, 0.2, 2) == "−0.02 (−0.10 to 0.20)"
    assert interval(0.5, float("nan"), 0.6) == "0.500"
    assert count(1234567.0) == "1\u202f234\u202f567"
    assert percent(0.0151, 1) == "1.5 %"
    assert percent_interval(0.663, 0.58, 0.741) == "66 % (58 to 74)"
    assert [p_value(p) for p in (0.0004, 0.0213, 0.34)] == ["< 0.001", "0.021", "0.34"]
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
