import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.analyse_robustness import ANY_REASON, CHANGE, NOISY, RATIO, REFUSED, analyse_robustness
from ecg_ccta.evaluation.robustness_figures import robustness_figure
from ecg_ccta.result_tables import write_csv
from ecg_ccta.truth.compare_robustness_with_truth import compare_robustness_with_truth
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=100)
KEY = b"k" * 32
N = 500
NAMES = ("none", "V1 lost", "white noise 0.2 mV", "all leads × 2")


@pytest.fixture(scope="module")
def site():
    """Perturbed ECGs of a site with a known oracle: a lost lead leaves half of the score, noise nothing."""
    rng = np.random.default_rng(2)
    raw = [f"H{number}" for number in range(N)]
    ids = [pseudonym(KEY, "ecg", name) for name in raw]
    score = rng.normal(size=(N, 4))
    event = rng.random((N, 4)) < expit(-1 + 1.5 * score)
    event[:, 1] &= np.arange(N) < 15
    cohort = pd.DataFrame(
        {"ecg_id": ids, **{f"target_{v}": pd.array(event[:, k], "Int8") for k, v in enumerate(VESSELS)}}
    )
    cohort.loc[:4, "target_RCA"] = pd.NA
    truth = pd.DataFrame(
        {"ecg_id": raw, **{f"oracle_{v}": expit(-1 + 1.5 * score[:, k]) for k, v in enumerate(VESSELS)}}
    )
    flags = {"common": np.arange(N) < 400, **{f"analysed_{v}": np.arange(N) < 400 for v in VESSELS}}
    flags["analysed_LAD"] = flags["common"] | event[:, 2]
    parts = []
    for name in NAMES:
        logit = {
            "V1 lost": score + 1.5 * rng.normal(size=score.shape),
            "white noise 0.2 mV": rng.normal(size=score.shape),
        }
        shown = logit.get(name, score)
        refused = "flat lead" if name == "V1 lost" else pd.NA
        parts.append(
            pd.DataFrame({"ecg_id": ids, "patient_id": ids, "fold": np.arange(N) % 5, "perturbation": name, **flags,
                          "signal_to_noise_db": 3.0 if "noise" in name else np.nan, "reason": refused,
                          "noisy_leads": "V1 V2" if "noise" in name else "",
                          **{f"logit_{v}": shown[:, k] for k, v in enumerate(VESSELS)}})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True), cohort, truth


@pytest.fixture(scope="module")
def analysed(site):
    return analyse_robustness(site[0].sample(frac=1, random_state=3), site[1], SETTINGS)


def row(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_aucs_are_of_the_ecgs_sampled_for_the_vessel_and_within_folds(site, analysed):
    perturbed, cohort, _ = site
    lost = perturbed[perturbed["perturbation"] == "V1 lost"].reset_index(drop=True)
    y = cohort["target_LAD"].astype(int)
    right = pairs = 0.0
    for fold in range(5):
        here = lost["analysed_LAD"] & (lost["fold"] == fold)
        weight = y[here].sum() * (1 - y[here]).sum()
        right += weight * roc_auc_score(y[here], lost.loc[here, "logit_LAD"])
        pairs += weight
    found = row(analysed[0], perturbation="V1 lost", vessel="LAD", measure="AUC")
    assert found["estimate"] == pytest.approx(right / pairs)
    assert found["n"] == lost["analysed_LAD"].sum()
    assert row(analysed[0], perturbation="V1 lost", vessel="RCA", measure="AUC")["n"] == 395


def test_differences_are_paired_and_nothing_is_lost_by_what_changes_nothing(analysed):
    macro = analysed[0][analysed[0]["vessel"] == "macro"]
    same = row(macro, perturbation="all leads × 2", measure="AUC difference")
    assert (same["estimate"], same["lower"], same["upper"]) == (0, 0, 0)
    lost = row(macro, perturbation="white noise 0.2 mV", measure="AUC difference")
    assert lost["upper"] < -0.1
    aucs = [row(macro, perturbation=name, measure="AUC")["estimate"] for name in ("white noise 0.2 mV", "none")]
    assert lost["estimate"] == pytest.approx(aucs[0] - aucs[1])
    assert "none" not in set(macro.loc[macro["measure"] != "AUC", "perturbation"])


def test_change_of_probability_is_that_of_the_common_sample(site, analysed):
    perturbed = site[0].set_index(["perturbation", "ecg_id"])
    before, after = (perturbed.loc[name] for name in ("none", "V1 lost"))
    change = (expit(after["logit_RCA"]) - expit(before["logit_RCA"])).abs()[before["common"]]
    found = row(analysed[0], perturbation="V1 lost", vessel="RCA", measure=CHANGE)
    assert found["estimate"] == pytest.approx(change.mean())
    assert found["upper"] - found["lower"] == pytest.approx(2 * 1.966 * change.std() / 400**0.5, rel=0.001)
    assert found["n"] == 400


def test_refusals_by_reason_and_what_is_only_named(analysed):
    quality = analysed[1]
    for reason in (ANY_REASON, "flat lead"):
        assert row(quality, perturbation="V1 lost", measure=REFUSED, reason=reason)["estimate"] == 1
    noise = quality[quality["perturbation"] == "white noise 0.2 mV"]
    assert row(noise, measure=REFUSED)["estimate"] == 0
    assert row(noise, measure=NOISY)["estimate"] == 1
    assert row(noise, measure=RATIO)["estimate"] == 3


def test_few_events_have_a_note_and_tables_hold_their_contract(site, analysed, tmp_path):
    few = analysed[0][(analysed[0]["vessel"] == "LM") & (analysed[0]["measure"] == "AUC")]
    assert few["note"].str.startswith("too few events").all()
    assert len(few) == len(NAMES)
    for name, table in zip(("robustness", "robustness_quality"), analysed, strict=True):
        write_csv(table, tmp_path / f"{name}.csv")
    assert len(robustness_figure(*analysed).axes) == 3
    nothing, quality = analyse_robustness(site[0], site[1].assign(**{f"target_{v}": pd.NA for v in VESSELS}), SETTINGS)
    robustness_figure(nothing, quality)


def test_tables_of_another_run_are_refused(site):
    perturbed, cohort, truth = site
    with pytest.raises(StudyError, match="another cohort"):
        analyse_robustness(perturbed, cohort[1:], SETTINGS)
    with pytest.raises(StudyError, match="none is unperturbed"):
        analyse_robustness(perturbed[perturbed["perturbation"] != "none"], cohort, SETTINGS)
    with pytest.raises(StudyError, match="lack a perturbation"):
        analyse_robustness(perturbed[:-1], cohort, SETTINGS)
    with pytest.raises(StudyError, match="no planted truth"):
        compare_robustness_with_truth(perturbed, cohort, truth[1:], KEY, SETTINGS, 1)


def test_what_is_recovered_of_the_planted_effect(site):
    perturbed, cohort, truth = site
    found = compare_robustness_with_truth(perturbed, cohort, truth, KEY, SETTINGS, 1)
    # The unperturbed score is the oracle itself.
    assert row(found, perturbation="none", vessel="all", measure="recovered")["estimate"] == pytest.approx(1)
    assert "lost" not in set(found.loc[found["perturbation"] == "none", "measure"])
    noise = row(found, perturbation="white noise 0.2 mV", vessel="all", measure="recovered")
    assert noise["lower"] < 0.1
    assert noise["upper"] > -0.1
    part = row(found, perturbation="V1 lost", vessel="LAD", measure="recovered")
    lost = perturbed[perturbed["perturbation"] == "V1 lost"].reset_index(drop=True)
    here = lost["analysed_LAD"]
    y = cohort["target_LAD"].astype(int)[here]
    oracle = truth["oracle_LAD"][here]
    expected = (roc_auc_score(y, lost.loc[here, "logit_LAD"]) - 0.5) / (roc_auc_score(y, oracle) - 0.5)
    assert part["estimate"] == pytest.approx(expected)
    assert row(found, perturbation="V1 lost", vessel="LAD", measure="lost")["estimate"] == pytest.approx(1 - expected)
    assert found[found["vessel"] == "LM"]["note"].str.startswith("too few").all()
