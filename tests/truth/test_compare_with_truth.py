import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.signals.segments import beat_times
from ecg_ccta.sources.alterations import planted_truth
from ecg_ccta.statistics.auc import auc_delong
from ecg_ccta.tables import RISK_FACTORS
from ecg_ccta.truth.compare_with_truth import compare_with_truth, draw_planted, planted_regions, region_agreement
from ecg_ccta.vessels import LEADS, VESSELS

KEY = b"k" * 32
SETTINGS = Evaluation(bootstrap_replicates=200)
TIMES = beat_times(0.25, 0.65)


@pytest.fixture
def site():
    """1,200 ECGs of 1,000 patients whose oracle is known, and a model that is the oracle with noise."""
    rng = np.random.default_rng(0)
    n = 1200
    patient = np.concatenate([np.arange(1000), rng.integers(0, 1000, 200)])
    score = rng.normal(size=(1000, 4))
    share = np.array([-1.0, -6.5, -1.0, -1.0])
    event = rng.random((1000, 4)) < expit(share + 1.2 * score)
    raw = [f"HOSP-{number:05d}" for number in range(n)]
    truth = pd.DataFrame(
        {"ecg_id": raw, **{f"oracle_{v}": expit(share + 1.2 * score)[patient, k] for k, v in enumerate(VESSELS)}}
    )
    ids = [pseudonym(KEY, "ecg", value) for value in raw]
    patients = [pseudonym(KEY, "patient", str(value)) for value in patient]
    cohort = pd.DataFrame({"ecg_id": ids, "patient_id": patients})
    for column in ("age", "sex", "days_to_ccta", "ccta_date", "recorded_at", *RISK_FACTORS, "chest_pain", "statement"):
        cohort[column] = pd.NA
    for k, vessel in enumerate(VESSELS):
        cohort[f"target_{vessel}"] = pd.array(event[patient, k].astype(int), dtype="Int8")
        cohort[f"grade_{vessel}"] = pd.array(np.where(event[patient, k], "severe", "none"), dtype="string")
    logit = (score + rng.normal(0, 1.0, score.shape))[patient]
    predictions = pd.DataFrame(
        {"ecg_id": np.repeat(ids, 4), "patient_id": np.repeat(patients, 4), "vessel": np.tile(VESSELS, n), "fold": 0,
         "logit": logit.ravel(), "probability": expit(logit.ravel())}
    )  # fmt: skip
    return cohort, predictions, truth.sample(frac=1, random_state=1)


def test_recovered_fraction_on_exactly_the_analysed_ecgs(site):
    cohort, predictions, truth = site
    cohort.loc[:99, "target_LAD"] = pd.NA  # no finding: out of both AUCs
    normal = pd.Series(np.arange(len(cohort)) % 2 == 0).astype("boolean")
    normal[:10] = pd.NA
    table = compare_with_truth(cohort, predictions, truth, KEY, normal, SETTINGS).set_index(["stratum", "vessel"])
    keep = np.arange(100, 1200)
    y = cohort["target_LAD"][100:].astype(int).to_numpy()
    oracle = truth.sort_values("ecg_id")["oracle_LAD"].to_numpy()[keep]
    model = predictions[predictions["vessel"] == "LAD"]["logit"].to_numpy()[keep]
    row = table.loc[("all", "LAD")]
    assert row["n"] == 1100
    assert row["oracle_auc"] == pytest.approx(auc_delong(y, oracle).auc)
    assert row["model_auc"] == pytest.approx(auc_delong(y, model).auc)
    expected = (auc_delong(y, model).auc - 0.5) / (auc_delong(y, oracle).auc - 0.5)
    assert row["recovered"] == pytest.approx(expected)
    assert row["recovered_lower"] < expected < row["recovered_upper"]
    inside = keep[(keep % 2 == 0)]
    row = table.loc[("normal ECG", "LAD")]
    assert row["n"] == len(inside)
    assert row["events"] == y[inside - 100].sum()


def test_a_rare_vessel_has_a_note_and_stays_out_of_the_mean(site):
    cohort, predictions, truth = site
    table = compare_with_truth(cohort, predictions, truth, KEY, pd.Series(True, index=cohort.index).astype("boolean"),
                               SETTINGS).set_index(["stratum", "vessel"])  # fmt: skip
    assert table.loc[("all", "LM"), "note"].startswith("too few events")
    assert np.isnan(table.loc[("all", "LM"), "recovered"])
    three = [table.loc[("all", vessel), "recovered"] for vessel in ("RCA", "LAD", "LCX")]
    assert table.loc[("all", "mean"), "recovered"] == pytest.approx(np.mean(three))
    assert "RCA, LAD, LCX" in table.loc[("all", "mean"), "note"]
    # All are normal: both strata are the same ECGs.
    assert table.loc[("normal ECG", "mean"), "recovered_lower"] == table.loc[("all", "mean"), "recovered_lower"]


def test_nothing_planted_gives_no_fraction(site):
    cohort, predictions, truth = site
    rng = np.random.default_rng(4)
    chance = truth.assign(**{f"oracle_{vessel}": rng.random(len(truth)) for vessel in VESSELS})
    normal = pd.Series(False, index=cohort.index).astype("boolean")
    table = compare_with_truth(cohort, predictions, chance, KEY, normal, SETTINGS).set_index(["stratum", "vessel"])
    assert table.loc[("all", "RCA"), "note"] == "the oracle itself does not exceed chance"
    assert np.isnan(table.loc[("all", "RCA"), "recovered"])
    assert table.loc[("all", "mean"), "note"].startswith("no vessel")
    assert table.loc[("normal ECG", "RCA"), "note"] == "no findings"


def test_the_truth_of_another_export_or_key_is_an_error_without_identifiers(site):
    cohort, predictions, truth = site
    normal = pd.Series(False, index=cohort.index).astype("boolean")
    for other, key in ((truth.iloc[1:], KEY), (truth, b"x" * 32)):
        with pytest.raises(StudyError, match="have no planted truth") as error:
            compare_with_truth(cohort, predictions, other, key, normal, SETTINGS)
        assert "HOSP" not in str(error.value)
    with pytest.raises(StudyError, match="no column oracle_LM"):
        compare_with_truth(cohort, predictions, truth.drop(columns="oracle_LM"), KEY, normal, SETTINGS)


def curves_of(vessel: str, lead: str, start: float, end: float) -> pd.DataFrame:
    """A table of curves in which one vessel stands out in one lead and stretch, and T peaks at 0.3 s."""
    index = [(v, lead_, t) for v in VESSELS for lead_ in LEADS for t in TIMES]
    table = pd.DataFrame(index, columns=["vessel", "lead", "time"])
    table["low"] = np.exp(-((table["time"] - 0.30) ** 2) / (2 * 0.03**2))
    hit = (table["vessel"] == vessel) & (table["lead"] == lead) & table["time"].between(start, end)
    return table.assign(t=np.where(hit, -8.0, 0.3))


def test_regions_follow_the_simulators_own_mask_and_windows():
    truth = planted_truth(1.0)
    regions = planted_regions(truth, curves_of("LAD", "V3", 0.115, 0.155))
    assert len(regions) == 4 * 12 * len(truth["segments"])
    lad = regions[(regions["vessel"] == "LAD")].set_index(["lead", "segment"])
    assert set(lad[lad["planted"]].index) == {("V2", "late ST"), ("V3", "late ST"), ("V4", "late ST")}
    assert lad["waveform"].idxmax() == ("V3", "late ST")
    agreement = region_agreement(regions).set_index("vessel")
    assert agreement.loc["LAD", "planted"] == 3
    assert agreement.loc["LAD", "waveform"] > 0.6
    assert agreement.loc["RCA", "waveform"] == pytest.approx(0.5)


def test_the_t_peak_window_moves_with_the_t_peak():
    regions = planted_regions(planted_truth(1.0), curves_of("RCA", "II", 0.28, 0.32))
    rca = regions[regions["vessel"] == "RCA"].set_index(["lead", "segment"])
    assert rca["waveform"].idxmax() == ("II", "T peak")


def test_without_curves_or_without_a_planted_effect_there_is_no_agreement():
    regions = planted_regions(planted_truth(1.0), None)
    assert region_agreement(regions)["waveform"].isna().all()
    nothing = planted_regions(planted_truth(0.0), curves_of("LAD", "V3", 0.1, 0.15))
    assert not nothing["planted"].any()
    assert region_agreement(nothing)["waveform"].isna().all()


def test_the_figure_outlines_what_was_planted():
    truth = planted_truth(1.0)
    regions = planted_regions(truth, curves_of("LAD", "V3", 0.115, 0.155))
    figure = draw_planted(regions, truth)
    panel = next(axis for axis in figure.axes if axis.get_title(loc="left") == "LAD: waveform difference |t|")
    assert len(panel.patches) == 3
    empty = draw_planted(planted_regions(truth, None), truth)
    panel = next(axis for axis in empty.axes if axis.get_title(loc="left") == "LAD: waveform difference |t|")
    assert [text.get_text() for text in panel.texts] == ["not estimated"]
