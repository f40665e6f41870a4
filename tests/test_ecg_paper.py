"""Paper speed and gain are the true ones."""

import numpy as np
import pytest

from ecg_ccta.ecg_paper import draw_ecg
from ecg_ccta.vessels import LEADS


def test_one_second_is_25_mm_and_one_millivolt_10_mm():
    signal = np.zeros((12, 5000))
    signal[LEADS.index("II"), 1000:1050] = 1.0
    figure = draw_ecg(signal, 500, "test")
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * 25.4
    assert axes.get_xlim() == pytest.approx((0, width))
    assert axes.get_ylim() == pytest.approx((0, height))
    strip = max((line for line in axes.lines), key=lambda line: len(line.get_xdata()))
    assert np.ptp(strip.get_xdata()) == pytest.approx(250, abs=0.1)
    assert np.ptp(strip.get_ydata()) == pytest.approx(10)
    assert [text.get_text() for text in axes.texts].count("II") == 2
