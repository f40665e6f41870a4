import pytest

from ecg_ccta.p_values import p_equation, p_text


@pytest.mark.parametrize(
    ("value", "text", "equation"),
    [
        (0.0009, "< 0.001", "p < 0.001"),
        (0.001, "0.001", "p = 0.001"),
        (0.0123, "0.012", "p = 0.012"),
        (0.5, "0.50", "p = 0.50"),
        (1.0, "1.00", "p = 1.00"),
    ],
)
def test_a_p_value_as_printed(value, text, equation):
    assert (p_text(value), p_equation(value)) == (text, equation)
