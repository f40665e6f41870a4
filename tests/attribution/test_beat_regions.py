import numpy as np
import pytest
import torch

from ecg_ccta.attribution.beat_regions import divided, segment_shares
from ecg_ccta.signals.segments import SEGMENTS, beat_times
from ecg_ccta.vessels import LEADS

TIMES = beat_times(0.25, 0.65)


@pytest.fixture
def regions():
    rng = np.random.default_rng(0)
    mean_beat = rng.normal(size=(12, len(TIMES)))
    inputs = torch.from_numpy(rng.normal(size=(2, 12, 2000)).astype(np.float32))
    # The second ECG is so fast that a P wave falls into the T wave before it.
    return mean_beat, divided(inputs, [np.array([300, 900]), np.array([300, 580, 900])], mean_beat, TIMES)


def test_segments_share_every_sample_of_the_beat_between_them():
    shares = segment_shares(TIMES)
    inside = (SEGMENTS["P"][0] + 0.01 < TIMES) & (SEGMENTS["T"][1] - 0.01 > TIMES)
    assert np.allclose(shares[:, inside].sum(axis=0), 1)
    assert (shares[:, (SEGMENTS["P"][0] - 0.011 > TIMES) | (SEGMENTS["T"][1] + 0.011 < TIMES)] == 0).all()
    # Half and half on a border, all of it 10 ms away.
    at = int(np.argmin(np.abs(TIMES - SEGMENTS["ST"][0])))
    names = list(SEGMENTS)
    assert shares[names.index("QRS"), at] == pytest.approx(0.5)
    assert shares[names.index("ST"), at + 5] == pytest.approx(1)


def test_the_baseline_is_the_mean_beat_within_beats_and_the_ecg_between_them(regions):
    mean_beat, regions = regions
    within = (TIMES > -0.2) & (TIMES < 0.4)
    assert np.allclose(
        regions.baselines[0, :, 300 - 125 : 300 + 325].numpy()[:, within], mean_beat[:, within], atol=1e-5
    )
    assert torch.equal(regions.baselines[0, :, 1200:], regions.inputs[0, :, 1200:])
    assert regions.shares[0, :, 1200:].sum() == 0


def test_replacing_one_region_changes_it_alone_and_all_regions_give_the_baseline(regions):
    _, regions = regions
    replaced = torch.zeros(2, 2, len(LEADS), len(SEGMENTS))
    replaced[:, 0, 7, 3] = 1
    replaced[:, 1] = 1
    found = regions.with_replaced(replaced)
    assert torch.allclose(found[:, 1], regions.baselines, atol=1e-5)
    changed = (found[0, 0] != regions.inputs[0]).numpy()
    assert not np.delete(changed, 7, axis=0).any()
    peak = 300
    assert changed[7, peak + 40 : peak + 75].all()  # 80 to 150 ms
    assert not changed[7, peak + 90 : peak + 400].any()
    assert not changed[7, peak - 100 : peak + 20].any()


def test_regions_add_up_also_where_beats_overlap(regions):
    _, regions = regions
    total = regions.shares.sum(dim=1)
    assert torch.allclose(total[total > 0], torch.ones(1), atol=1e-5)
    each = torch.eye(60).reshape(1, 60, 12, 5).expand(2, -1, -1, -1)
    parts = (regions.with_replaced(each) - regions.inputs[:, None]).sum(dim=1)
    assert torch.allclose(regions.inputs + parts, regions.baselines, atol=1e-4)
