import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ecg_ccta.attribution.attribute_waveforms import METHODS, attribute_fold, load_attribution, save_attribution
from ecg_ccta.attribution.figures import (
    draw_attribution,
    draw_faithfulness,
    draw_randomisation,
    draw_regions,
)
from ecg_ccta.attribution.summarise_attribution import (
    faithfulness_table,
    map_table,
    over_folds,
    randomisation_table,
    region_table,
    removal_curves_table,
)
from ecg_ccta.errors import StudyError
from ecg_ccta.signals.beats import usable_peaks
from ecg_ccta.vessels import LEADS, VESSELS

V2 = LEADS.index("V2")
SAMPLES = 2000
"""Four seconds are enough for the beats that are needed."""
STEP = 5
"""Samples per step of the networks' only stage."""


class Weighted(nn.Module):
    """Weighs every sample of every lead for every vessel and averages over five samples: (n, 48, samples / 5)."""

    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weights)

    def forward(self, x):
        return nn.functional.avg_pool1d((x[:, None] * self.weights).flatten(1, 2), STEP)


class ReadOut(nn.Module):
    """A logit per vessel that is a fixed weighted sum of the standardised ECG; `weights` (4, 12, samples)."""

    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.stage_list = nn.ModuleList([Weighted(weights)])

    def forward(self, x):
        by_vessel = self.stage_list[0](x).unflatten(1, (len(VESSELS), len(LEADS)))
        return STEP * by_vessel.sum(dim=(2, 3))


def predictions_of(ids: pd.Series, folds: list[int], probability: np.ndarray, patients=None) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"ecg_id": ids, "patient_id": ids if patients is None else patients, "vessel": vessel, "fold": folds,
             "logit": 0.0, "probability": probability}
        )
        for vessel in VESSELS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def weights_at(peaks: np.ndarray, regions: dict[str, dict[str, tuple[float, float]]]) -> np.ndarray:
    """(4, 12, 5000) weights of 1 in windows (seconds from R) of vessels' leads."""
    weights = np.zeros((len(VESSELS), len(LEADS), SAMPLES))
    for vessel, leads in regions.items():
        for lead, (start, end) in leads.items():
            for peak in peaks:
                weights[
                    VESSELS.index(vessel), LEADS.index(lead), peak + round(500 * start) : peak + round(500 * end)
                ] = 1
    return weights


@pytest.fixture(scope="module")
def reading(make_ecgs):
    """LAD reads the ST segment of V2, LCX minus the T wave of V6."""
    signals, _ = make_ecgs
    peaks = usable_peaks(signals[0] / 1000, 125, 325)
    weights = weights_at(peaks, {"LAD": {"V2": (0.08, 0.14)}, "LCX": {"V6": (0.2, 0.4)}})
    weights[VESSELS.index("LCX")] *= -1
    return ReadOut(weights / 100)


@pytest.fixture(scope="module")
def make_ecgs(request):
    """Eight ECGs: half with an elevated ST segment in V2, and a smaller T wave everywhere."""
    rng = np.random.default_rng(0)
    time = np.arange(SAMPLES) / 500
    signals = np.zeros((8, 12, SAMPLES))
    for i, first in enumerate([0.5] * 8):
        for peak in np.arange(first, 4, 0.8):
            signals[i] += 900 * np.exp(-((time - peak) ** 2) / (2 * 0.01**2))
            signals[i] += (250 - 60 * (i % 2)) * np.exp(-((time - peak - 0.30) ** 2) / (2 * 0.03**2))
            signals[i, V2] += 120 * (i % 2) * np.exp(-((time - peak - 0.11) ** 2) / (2 * 0.02**2))
    signals += rng.normal(0, 4, signals.shape)
    return signals.astype(np.int16), pd.Series([f"e{i}" for i in range(8)])


FOLDS = [0, 0, 0, 0, 1, 1, 1, 1]
RISK = np.array([0.1, 0.8, 0.2, 0.9, 0.2, 0.9, 0.1, 0.8])


def attributed(network, ecgs, fold=0, folds=FOLDS, risk=RISK, count=2, patients=None, vessels=VESSELS):
    signals, ids = ecgs
    predictions = predictions_of(ids, folds, risk, patients)
    predictions = predictions[predictions["vessel"].isin(vessels)]
    return attribute_fold(network, fold, signals.__getitem__, ids, predictions, count, batch_size=32, seed=1)


@pytest.fixture(scope="module")
def folds(reading, make_ecgs):
    return [attributed(reading, make_ecgs, fold) for fold in (0, 1)]


def test_all_methods_find_what_a_network_reads_and_nothing_else(folds):
    table = region_table(folds)
    for method, tolerance in (("integrated gradients", 0.01), ("occlusion", 0.01)):
        lad = table[(table["method"] == method) & (table["vessel"] == "LAD")].set_index(["lead", "segment"])
        rise = lad["rise"].iloc[0]
        assert rise > 0.1
        assert lad["attribution"].idxmax() == ("V2", "ST")
        # A linear network: one region holds the whole rise, but for the ramps at its borders.
        assert lad.loc[("V2", "ST"), "attribution"] == pytest.approx(rise, rel=0.05)
        assert lad.drop(("V2", "ST"))["attribution"].abs().max() < tolerance + 0.05 * rise
        lcx = table[(table["method"] == method) & (table["vessel"] == "LCX")].set_index(["lead", "segment"])
        # Smaller T waves, which a negative weight makes a higher logit.
        assert lcx["attribution"].idxmax() == ("V6", "T")
        assert (lad["lower"] <= lad["attribution"]).all()
    cam = table[(table["method"] == "Grad-CAM") & (table["vessel"] == "LAD")].set_index("segment")
    assert set(cam["lead"]) == {"all"}
    assert cam["attribution"].idxmax() == "ST"
    assert set(table["ecgs"]) == {4}
    assert all(np.nanmax(fold.completeness_error[2:]) < 1e-3 for fold in folds)


def test_integrated_gradients_add_up_to_the_rise_in_regions_and_over_the_beat(folds):
    for fold in folds:
        assert fold.regions[0].sum(axis=(1, 2)) == pytest.approx(fold.rise, abs=1e-3)
        assert fold.gradients.sum(axis=(1, 2)) == pytest.approx(fold.rise, abs=1e-3)


def test_deletion_falls_and_insertion_rises_at_once(folds):
    table = faithfulness_table(folds, dict.fromkeys(VESSELS, 60)).set_index(["method", "vessel", "curve"])
    for method in METHODS[:2]:
        row = table.loc[(method, "LAD", "deletion")]
        assert row["folds_better"] == row["folds"] == 2
        assert row["difference"] < 0 < table.loc[(method, "LAD", "insertion"), "difference"]
        assert table.loc[(method, "LAD", "insertion"), "folds_better"] == 2
    curves = removal_curves_table(folds)
    lad = curves[(curves["vessel"] == "LAD") & (curves["curve"] == "deletion") & (curves["order"] == METHODS[0])]
    # One region holds everything: after the first three nothing is left.
    assert lad.loc[lad["regions"] == 3, "rise"].abs().max() < 0.05 * lad["rise"].max()
    random = curves[(curves["vessel"] == "LAD") & (curves["curve"] == "deletion") & (curves["order"] == "random")]
    assert random.loc[random["regions"] == 3, "rise"].min() > 0.3 * random["rise"].max()


def test_random_weights_leave_nothing(folds):
    table = randomisation_table(folds)
    assert set(table["layer"]) == {"stage_list.0"}
    whole = table[(table["reinitialised"] == table["of_layers"]) & (table["vessel"] == "LAD")].set_index("method")
    assert whole.loc[list(METHODS[:2]), "correlation"].abs().max() < 0.3


def test_the_tables_and_figures_are_of_the_same_numbers(folds):
    table = map_table(folds)
    assert len(table) == 4 * 12 * 450
    lad = table[(table["vessel"] == "LAD") & (table["lead"] == "V2")]
    at = lad.loc[lad["gradients"].idxmax(), "time"]
    assert 0.08 <= at <= 0.14
    assert lad["gradients"].sum() / 500 == pytest.approx(np.mean([fold.rise[2] for fold in folds]), rel=0.05)
    assert lad.loc[lad["beat_mv"].idxmax(), "time"] == pytest.approx(0, abs=0.005)
    titles = [axis.get_title(loc="left")[:3].strip(", ") for axis in draw_attribution(folds).axes]
    assert [title for title in titles if title] == ["RCA", "LM", "LAD", "LCX"]
    assert len(draw_regions(folds).axes) == 16
    assert len(draw_faithfulness(folds).axes[0].lines) == 5
    assert draw_randomisation(folds).axes[0].get_xticklabels()[0].get_text() == "none"


def test_a_fold_is_the_same_after_saving(folds, tmp_path):
    save_attribution(folds[1], tmp_path / "fold1.npz")
    again = load_attribution(tmp_path / "fold1.npz")
    assert again.fold == 1
    assert np.array_equal(again.regions, folds[1].regions)
    assert again.layers.tolist() == folds[1].layers.tolist()


def test_each_fold_explains_only_its_own_ecgs_and_compares_them_with_those_of_others(reading, make_ecgs):
    signals, _ = make_ecgs
    peaks = usable_peaks(signals[0] / 1000, 125, 325)

    def beat(i):
        return np.median([signals[i][:, p - 125 : p + 325] / 1000 for p in peaks], axis=0)

    found = attributed(reading, make_ecgs, fold=1, count=2)
    assert np.allclose(found.beat[0], (beat(5) + beat(7)) / 2, atol=0.02)
    assert np.allclose(found.mean_beat, np.mean([beat(i) for i in range(4)], axis=0), atol=0.02)


def test_a_patient_is_attributed_once_and_an_ecg_without_beats_gives_way(reading, make_ecgs):
    signals, ids = make_ecgs
    signals = signals.copy()
    signals[3] = 0
    signals[3, :, ::3] = 1
    patients = pd.Series(["a", "a", "b", "c", "d", "e", "f", "g"])
    found = attributed(reading, (signals, ids), count=8, patients=patients)
    assert found.ecgs.tolist() == [2] * 4  # a and b


def test_ecgs_of_another_hospital_are_explained_by_every_fold(reading, make_ecgs):
    found = [attributed(reading, make_ecgs, fold, folds=[-1] * 8) for fold in (0, 1)]
    assert found[0].ecgs.tolist() == [2] * 4
    assert np.allclose(found[0].regions[:2], found[1].regions[:2])


def test_a_vessel_without_predictions_says_so(reading, make_ecgs):
    found = [attributed(reading, make_ecgs, vessels=("RCA", "LAD", "LCX"), count=1)]
    for table in (
        region_table(found),
        faithfulness_table(found, dict.fromkeys(VESSELS, 60)),
        randomisation_table(found),
    ):
        lm = table[table["vessel"] == "LM"]
        assert set(lm["note"]) == {"no ECG could be attributed"}
        assert lm.filter(regex="attribution|difference|correlation$").isna().all().all()
        assert set(table.loc[table["vessel"] == "LAD", "note"]) == {""}
    for draw in (draw_attribution, draw_regions, draw_faithfulness, draw_randomisation):
        draw(found)


def test_the_mean_and_interval_over_folds_are_students_and_skip_missing_folds():
    from scipy import stats

    values = np.array([[1.0, 2, np.nan], [2, np.nan, np.nan], [4, 5, np.nan], [3, 3, np.nan]])
    mean, lower, upper = over_folds(values)
    for column in (0, 1):
        known = values[np.isfinite(values[:, column]), column]
        expected = stats.t.interval(0.95, len(known) - 1, known.mean(), stats.sem(known))
        assert (lower[column], upper[column]) == pytest.approx(expected)
    assert np.isnan([mean[2], lower[2], upper[2]]).all()
    assert np.isnan(over_folds(values[:1])[1]).all()


def test_a_network_that_reads_nothing_has_no_attribution(make_ecgs):
    found = attributed(ReadOut(np.zeros((4, 12, SAMPLES))), make_ecgs)
    assert (found.regions == 0).all()
    assert (found.curves == 0).all()


def test_predictions_of_another_run_are_errors(reading, make_ecgs):
    signals, ids = make_ecgs
    with pytest.raises(StudyError, match="without a signal"):
        attribute_fold(reading, 0, signals.__getitem__, ids, predictions_of("x" + ids, FOLDS, RISK))
    with pytest.raises(StudyError, match="no ECG of another fold"):
        attributed(reading, make_ecgs, folds=[0] * 8)


def test_a_network_on_another_device_is_followed(reading, make_ecgs):
    """The ECGs go where the network's parameters lie; without a GPU, the meta device stands for one."""
    from ecg_ccta.attribution.integrated_gradients import device_of

    assert device_of(nn.Linear(2, 2, device="meta")) == torch.device("meta")
    assert device_of(nn.Identity()) == torch.device("cpu")
