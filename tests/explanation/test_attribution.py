import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ecg_ccta.errors import StudyError
from ecg_ccta.explanation.attribution import attribute, draw_attribution, map_table, region_table
from ecg_ccta.explanation.segments import SEGMENTS
from ecg_ccta.signals.beats import usable_peaks
from ecg_ccta.vessels import LEADS, SAMPLES, VESSELS

V2 = LEADS.index("V2")


class ReadOut(nn.Module):
    """A logit per vessel that is a fixed weighted sum of the standardised ECG."""

    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def forward(self, x):
        return torch.einsum("ncs,vcs->nv", x, self.weights)


class Squared(nn.Module):
    """Not linear: the LAD logit is the mean square of lead V2."""

    def forward(self, x):
        logits = torch.zeros(len(x), 4)
        logits[:, VESSELS.index("LAD")] = (x[:, V2] ** 2).mean(dim=1)
        return logits


@pytest.fixture
def ecgs(make_ecg):
    signals = np.stack([make_ecg(st_v2=0.1, seed=seed) for seed in range(8)])
    return signals, pd.Series([f"e{i}" for i in range(8)])


def reading_v2_st(ecg: np.ndarray) -> np.ndarray:
    """(4, 12, 5000) weights: LAD reads V2 in the ST segments of this ECG, which all test ECGs share; LCX reads V6."""
    weights = np.zeros((4, 12, SAMPLES))
    start, end = (round(500 * second) for second in SEGMENTS["ST"])
    for peak in usable_peaks(ecg / 1000, 125, 325):
        weights[VESSELS.index("LAD"), V2, peak + start : peak + end] = 1
        weights[VESSELS.index("LCX"), LEADS.index("V6"), peak + 80 : peak + 200] = -1
    return weights


def predictions_of(ids: pd.Series, folds: list[int], probability: np.ndarray, patients=None) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"ecg_id": ids, "patient_id": ids if patients is None else patients, "vessel": vessel, "fold": folds,
             "logit": 0.0, "probability": probability}
        )
        for vessel in VESSELS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_linear_read_out_of_v2_st_is_attributed_there_and_nowhere_else(ecgs):
    signals, ids = ecgs
    network = ReadOut(reading_v2_st(signals[0]))
    predictions = predictions_of(ids, [0, 1] * 4, np.linspace(0.1, 0.8, 8))
    found = attribute({0: network, 1: network}, signals, ids, predictions, ecgs_per_fold=3)
    table = region_table(found)
    lad = table[table["vessel"] == "LAD"].set_index(["lead", "segment"])
    assert lad["share"].idxmax() == ("V2", "ST")
    assert lad.loc[("V2", "ST"), "share"] == pytest.approx(1, abs=0.01)  # R jitters by a sample
    assert lad["share"].sum() == pytest.approx(1, abs=1e-4)
    # All of the attribution in 50 of 12 x 450 samples.
    assert lad.loc[("V2", "ST"), "density"] == pytest.approx(12 * 450 / 50, rel=0.01)
    assert lad.loc[("V2", "ST"), "signed"] > 0.9
    lcx = table[table["vessel"] == "LCX"].set_index(["lead", "segment"])
    assert lcx["share"].idxmax() == ("V6", "T")
    assert lcx.loc[("V6", "T"), "signed"] < 0
    assert found.completeness_error < 1e-3
    assert found.ecgs.tolist() == [[3] * 4] * 2
    assert lad["density_sd"].notna().all()


def test_a_network_that_reads_nothing_has_no_attribution(ecgs):
    signals, ids = ecgs
    network = ReadOut(np.zeros((4, 12, SAMPLES)))
    found = attribute({0: network}, signals, ids, predictions_of(ids, [0] * 8, np.linspace(0.1, 0.8, 8)), 2)
    assert (region_table(found)["share"] == 0).all()


def test_a_curved_logit_is_complete(ecgs):
    """The square's path integral is exact in few steps: attributions add up to the logit's rise."""
    signals, ids = ecgs
    found = attribute({0: Squared()}, signals, ids, predictions_of(ids, [0] * 8, np.linspace(0.1, 0.8, 8)), 4)
    assert found.completeness_error < 1e-4
    table = region_table(found)
    lad = table[table["vessel"] == "LAD"]
    assert lad.loc[lad["lead"] != "V2", "share"].max() == 0


def test_each_fold_explains_only_its_own_ecgs_of_highest_risk(ecgs):
    signals, ids = ecgs
    seen: dict[int, set] = {0: set(), 1: set()}

    class Spy(ReadOut):
        def __init__(self, fold):
            super().__init__(reading_v2_st(signals[0]))
            self.fold = fold

        def forward(self, x):
            if torch.is_grad_enabled() and not x.requires_grad:
                return super().forward(x)
            seen[self.fold].update(np.round(x.detach()[:, 0, 300].numpy(), 5).tolist())
            return super().forward(x)

    predictions = predictions_of(ids, [0, 0, 0, 0, 1, 1, 1, 1], np.array([0.1, 0.9, 0.8, 0.2, 0.3, 0.4, 0.9, 0.1]))
    found = attribute({0: Spy(0), 1: Spy(1)}, signals, ids, predictions, ecgs_per_fold=2)
    mean = signals.astype(float).mean(axis=(1, 2))
    scaled = (signals[:, 0, 300] - mean) / signals.astype(float).std(axis=(1, 2))
    for fold, rows in ((0, [1, 2]), (1, [6, 5])):
        assert all(np.isclose(list(seen[fold]), scaled[row], atol=1e-3).any() for row in rows)
        others = set(range(8)) - set(rows)
        assert not any(np.isclose(list(seen[fold]), scaled[row], atol=1e-5).any() for row in others)
    assert found.ecgs.sum() == 2 * 4 * 2


def test_a_patient_is_attributed_once_and_an_ecg_without_beats_gives_way(ecgs):
    signals, ids = ecgs
    signals = signals.copy()
    signals[7] = 0
    signals[7, :, ::3] = 1
    patients = pd.Series(["a", "a", "a", "b", "c", "d", "e", "f"])
    predictions = predictions_of(ids, [0] * 8, np.linspace(0.1, 0.8, 8), patients)
    found = attribute({0: ReadOut(reading_v2_st(signals[0]))}, signals, ids, predictions, ecgs_per_fold=8)
    assert found.ecgs.tolist() == [[5] * 4]  # a, b, c, d, e
    assert region_table(found)["density_sd"].isna().all()


def test_ecgs_of_another_hospital_are_explained_by_every_fold(ecgs):
    signals, ids = ecgs
    network = ReadOut(reading_v2_st(signals[0]))
    found = attribute(
        {0: network, 1: network}, signals, ids, predictions_of(ids, [-1] * 8, np.linspace(0.1, 0.8, 8)), ecgs_per_fold=2
    )
    assert found.ecgs.tolist() == [[2] * 4] * 2
    assert np.allclose(found.share[0], found.share[1])


def test_a_vessel_without_predictions_says_so(ecgs):
    signals, ids = ecgs
    predictions = predictions_of(ids, [0] * 8, np.linspace(0.1, 0.8, 8))
    found = attribute(
        {0: ReadOut(reading_v2_st(signals[0]))},
        signals,
        ids,
        predictions[predictions["vessel"] != "LM"],
        ecgs_per_fold=2,
    )
    table = region_table(found)
    lm = table[table["vessel"] == "LM"]
    assert set(lm["note"]) == {"no ECG could be attributed"}
    assert lm["density"].isna().all()
    curves = map_table(found)
    assert curves.loc[curves["vessel"] == "LM", "density"].isna().all()
    assert curves.loc[curves["vessel"] == "LAD", "density"].mean() == pytest.approx(1, rel=1e-4)
    titles = [axis.get_title(loc="left") for axis in draw_attribution(found).axes]
    assert [title[:3].strip(",") for title in titles if title] == ["RCA", "LM", "LAD", "LCX"]


def test_predictions_of_another_run_are_errors(ecgs):
    signals, ids = ecgs
    network = ReadOut(reading_v2_st(signals[0]))
    with pytest.raises(StudyError, match="no network for fold 3"):
        attribute({0: network}, signals, ids, predictions_of(ids, [3] * 8, np.linspace(0.1, 0.8, 8)))
    with pytest.raises(StudyError, match="without a signal"):
        attribute({0: network}, signals, ids, predictions_of("x" + ids, [0] * 8, np.linspace(0.1, 0.8, 8)))
