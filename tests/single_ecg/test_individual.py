import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ecg_ccta.errors import StudyError
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.segments import beat_times
from ecg_ccta.single_ecg.ecg_page import THRESHOLD_MARKS, ExplainedEcg, draw_page, shade_of
from ecg_ccta.single_ecg.individual import (
    attribution_of,
    explained,
    reference_beats,
)
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import LEADS, VESSELS

TIMES = beat_times(0.25, 0.65)
LAD, V2 = VESSELS.index("LAD"), LEADS.index("V2")


class ReadsV2(nn.Module):
    """The LAD logit is `factor` times the mean of lead V2; the others are 0."""

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        logits = torch.zeros(len(x), 4)
        logits[:, LAD] = self.factor * x[:, V2].mean(dim=1)
        return logits


def model(fold: int, factor: float = 1.0, temperature: float = 1.0) -> FoldModel:
    return FoldModel(fold, ReadsV2(factor), temperature, None, {})


def cohort_of(signals: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"ecg_id": [f"e{i}" for i in range(len(signals))], "patient_id": range(len(signals))})


def test_a_mean_beat_is_of_other_folds_patients(make_ecg):
    signals = np.stack([make_ecg(st_v2=0.4 * (i >= 3), seed=i) for i in range(6)])
    folds = np.array([0, 0, 0, 1, 1, 1])
    means = reference_beats(cohort_of(signals), folds, lambda rows: signals[rows], TIMES)
    st = (TIMES > 0.07) & (TIMES < 0.15)
    v2 = {fold: beat[V2, st].mean() - beat[V2, (TIMES > 0.5)].mean() for fold, beat in means.items()}
    assert v2[0] - v2[1] > 1  # fold 0 is compared with fold 1's raised ST
    assert v2[ENSEMBLE] == pytest.approx((v2[0] + v2[1]) / 2, abs=1e-4)


def test_attributions_add_up_to_the_calibrated_logit_over_the_mean_beats(make_ecg):
    signals = np.stack([make_ecg(seed=i) for i in range(4)])
    mean = reference_beats(cohort_of(signals), np.zeros(4, dtype=int) - 1, lambda rows: signals[rows], TIMES)[ENSEMBLE]
    raised = make_ecg(st_v2=0.5, seed=9)
    found, logits = attribution_of([model(0, 2.0, 4.0), model(1, 1.0, 1.0)], raised, "LAD", mean, TIMES)
    plain = standardise(torch.from_numpy(raised[None]))[0, V2].mean().item()
    assert logits[LAD] == pytest.approx(0.75 * plain, abs=1e-5)  # the mean of 2/4 and 1/1
    assert np.abs(np.delete(found, V2, axis=0)).max() == 0
    assert found[V2].sum() > 0.01
    shade = shade_of(found)
    assert shade.max() == 1
    beats = [round(500 * second) for second in np.arange(0.5, 9, 0.8)]
    st = np.mean([shade[V2, beat + 40 : beat + 70].mean() for beat in beats[1:-1]])
    before = np.mean([np.abs(shade[V2, beat - 40 : beat - 30]).mean() for beat in beats[1:-1]])
    assert st > 0.7
    assert before < 0.4 * st


def test_an_ecg_without_beats_has_no_attribution_and_says_so():
    noise = (50 * np.random.default_rng(0).normal(0, 1, (12, 5000))).astype(np.int16)
    found, _ = attribution_of([model(0)], noise, "LAD", np.zeros((12, len(TIMES)), dtype=np.float32), TIMES)
    assert not found.any()
    words = [text.get_text() for text in draw_page(page(found)).axes[0].texts]
    assert "No colour: too few similar beats to compare." in words


def predictions_of(signals: np.ndarray, models: list[FoldModel], folds: list[int]) -> pd.DataFrame:
    rows = []
    for i, fold in enumerate(folds):
        inputs = standardise(torch.from_numpy(signals[i][None]))
        own = [m for m in models if fold in (ENSEMBLE, m.fold)]
        logits = np.mean([m.network(inputs).detach().numpy()[0] / m.temperature for m in own], axis=0)
        rows += [{"ecg_id": f"e{i}", "vessel": v, "fold": fold, "logit": logits[k]} for k, v in enumerate(VESSELS)]
    return pd.DataFrame(rows)


def test_only_the_network_that_never_saw_the_patient_explains_or_all_where_none_did(make_ecg):
    signals = np.stack([make_ecg(st_v2=0.5 * (i < 2), seed=i) for i in range(4)])
    models = [model(0, 1.0), model(1, -1.0)]
    cohort = cohort_of(signals)
    chosen = pd.DataFrame({"ecg_id": ["e0", "e1"], "vessel": "LAD"})

    def maps(folds):
        predictions = predictions_of(signals, models, folds)
        return list(explained(chosen, cohort, predictions, models, lambda rows: signals[rows], 0.25, 0.65))

    first, second = maps([0, 1, 0, 1])
    assert np.sign(first.sum()) == -np.sign(second.sum()) != 0
    ensemble, _ = maps([ENSEMBLE] * 4)
    assert ensemble == pytest.approx(0, abs=1e-6)  # the two networks disagree entirely


def test_models_of_another_run_are_an_error(make_ecg):
    signals = np.stack([make_ecg(seed=i) for i in range(4)])
    models = [model(0), model(1)]
    predictions = predictions_of(signals, models, [0, 1, 0, 1])
    chosen = pd.DataFrame({"ecg_id": ["e0"], "vessel": "LAD"})
    arguments = (chosen, cohort_of(signals))
    with pytest.raises(StudyError, match="other logits than the models of fold 0"):
        list(explained(*arguments, predictions.assign(logit=3.0), models, lambda rows: signals[rows], 0.25, 0.65))
    with pytest.raises(StudyError, match="no network for fold 1"):
        list(explained(*arguments, predictions, models[:1], lambda rows: signals[rows], 0.25, 0.65))


def page(attribution: np.ndarray) -> ExplainedEcg:
    risks = pd.DataFrame(
        {"vessel": VESSELS, "probability": [0.2, 0.004, 0.4, 0.1], "group": ["high", "low", "high", "low"],
         "stratum": ["high", None, "high", "low"], "finding": [None, "none", "severe", "mild"],
         **dict.fromkeys(THRESHOLD_MARKS, 0.15)}
    )  # fmt: skip
    signal = np.zeros((12, 5000))
    signal[LEADS.index("II"), 1000:1050] = 1.0
    return ExplainedEcg("ECG x", ["Site"], "LAD", signal, attribution, risks, ["a note"])


def test_a_page_is_a4_to_scale_with_probabilities_groups_and_findings():
    shaded = np.zeros((12, 5000))
    shaded[V2, 2600:2700] = 0.1
    figure = draw_page(page(shaded))
    assert figure.get_size_inches() * 25.4 == pytest.approx((297, 210))
    axes = figure.axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 297), (0, 210))
    strip = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert np.ptp(strip.get_xdata()) == pytest.approx(250, abs=0.1)
    assert np.ptp(strip.get_ydata()) == pytest.approx(10)
    words = [text.get_text() for text in axes.texts]
    for cell in ("20 %", "0.40 %", "high (≥ 15 %)", "severe", "lowers LAD", "25 mm/s   10 mm/mV", "a note"):
        assert cell in words
    assert words.count("–") == 2
