"""The regions that attribution is ranked over, and the figure of planted beside recovered."""

import numpy as np
import pytest

from ecg_ccta.attribution.attribute_waveforms import METHODS, FoldAttribution
from ecg_ccta.attribution.faithfulness import COUNTS
from ecg_ccta.signals.segments import SEGMENTS, beat_times
from ecg_ccta.sources.alterations import planted_truth
from ecg_ccta.truth.compare_attribution_with_truth import (
    attributed_regions,
    draw_planted_attribution,
    windows_from_r,
)
from ecg_ccta.vessels import LEADS, VESSELS

TIMES = beat_times(0.25, 0.65)
SEGMENT_OF = {"early QRS": "QRS", "terminal QRS": "QRS", "early ST": "ST", "late ST": "ST", "T peak": "T"}


@pytest.fixture(scope="module")
def truth():
    return planted_truth(1.0)


@pytest.fixture(scope="module")
def folds(truth):
    """Three folds that find the planted windows in the gradients; occlusion knows nothing, random weights neither."""
    rng = np.random.default_rng(0)
    beat = np.tile(np.exp(-((TIMES - 0.30) ** 2) / (2 * 0.03**2)), (12, 1))
    windows = {"T peak": (0.244, 0.356)} | {
        name: (window["from"], window["to"])
        for name, window in truth["windows_seconds"].items()
        if window["relative_to"] == "R peak"
    }
    made = []
    for fold in range(3):
        gradients = rng.normal(0, 1e-4, (4, 12, len(TIMES)))
        for v, vessel in enumerate(VESSELS):
            for lead, segment in np.argwhere(truth["mask"][vessel]):
                start, end = windows[truth["segments"][segment]]
                gradients[v, lead, (start <= TIMES) & (end >= TIMES)] += 0.01
        made.append(
            FoldAttribution(
                fold=fold,
                times=TIMES,
                ecgs=np.full(4, 8),
                rise=np.ones(4),
                completeness_error=np.zeros(4),
                gradients=gradients,
                activation=np.ones((4, len(TIMES))),
                regions=rng.normal(size=(3, 4, 12, 5)),
                absolute=rng.random((3, 4, 12, 5)),
                randomised_gradients=rng.normal(size=gradients.shape),
                randomised_occlusion=rng.normal(size=(4, 12, 5)),
                curves=np.zeros((4, 4, 2, len(COUNTS))),
                layers=np.array(["dense"]),
                correlation=np.zeros((1, 3, 4, 2)),
                beat=np.tile(beat, (4, 1, 1)),
                mean_beat=beat,
            )
        )
    return made


def test_windows_follow_the_t_peak_of_the_mean_beat(truth, folds):
    windows = windows_from_r(truth, folds)
    assert windows["T peak"] == pytest.approx((0.244, 0.356), abs=1e-6)
    assert windows["early QRS"] == (truth["windows_seconds"]["early QRS"]["from"], -0.017)


def test_regions_hold_the_windows_gradients_and_their_segments_occlusion(truth, folds):
    table = attributed_regions(truth, folds)
    assert len(table) == 3 * 4 * 12 * 5
    cells = table[table["fold"] == 1].set_index(["vessel", "lead", "segment"])
    assert {key[1:] for key in cells[cells["planted"]].loc[["LAD"]].index} == {
        (lead, "late ST") for lead in ("V2", "V3", "V4")
    }
    for segment, (start, end) in windows_from_r(truth, folds).items():
        inside = (start <= TIMES) & (end >= TIMES)
        row = cells.loc[("LCX", "V6", segment)]
        assert row["integrated gradients"] == pytest.approx(folds[1].gradients[3, 11, inside].mean())
        column = list(SEGMENTS).index(SEGMENT_OF[segment])
        assert row["occlusion"] == folds[1].regions[METHODS.index("occlusion"), 3, 11, column]


def test_the_figure_has_three_panels_of_twelve_leads_and_marks_the_altered_ones(truth, folds):
    figure = draw_planted_attribution(truth, folds, "LAD")
    leads = [axis for axis in figure.axes if axis.texts and axis.texts[0].get_text() in LEADS]
    assert [axis.texts[0].get_text() for axis in leads] == [*LEADS] * 3
    marked = [axis.texts[0].get_text() for axis in leads[:12] if axis.patches]
    assert marked == ["V2", "V3", "V4"]
    assert not any(axis.patches for axis in leads[12:])
