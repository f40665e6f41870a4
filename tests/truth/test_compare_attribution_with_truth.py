"""How well attribution finds planted regions: the area under the ROC curve, its jackknife, and what has no number."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecg_ccta.truth.compare_attribution_with_truth import ATTRIBUTION_MEASURES, attribution_agreement
from ecg_ccta.vessels import LEADS, VESSELS

SEGMENTS = ("QRS", "ST", "T")
FOLDS = 5


def regions(seed: int = 0) -> pd.DataFrame:
    """Planted regions of RCA, LM and LAD score higher by one standard deviation; nothing is planted for LCX."""
    rng = np.random.default_rng(seed)
    rows = []
    for fold, vessel, (lead, segment) in itertools.product(range(FOLDS), VESSELS, itertools.product(LEADS, SEGMENTS)):
        planted = vessel != "LCX" and segment == "ST" and lead.startswith("V")
        scores = dict.fromkeys(ATTRIBUTION_MEASURES, rng.normal(float(planted)))
        rows.append({"fold": fold, "vessel": vessel, "lead": lead, "segment": segment, "planted": planted} | scores)
    return pd.DataFrame(rows)


def pairs_won(cells: pd.DataFrame) -> float:
    """Proportion of pairs of a planted and another region in which the planted one is higher, over means of folds."""
    mean = cells.groupby(["lead", "segment"])[["planted", "occlusion"]].mean()
    hit, other = (mean.loc[mean["planted"] == value, "occlusion"].to_numpy() for value in (1, 0))
    return float((hit[:, None] > other).mean())


def test_the_area_and_its_jackknife_written_out():
    table = regions()
    found = attribution_agreement(table).set_index(["measure", "vessel"]).loc["occlusion"]
    cells = table[table["vessel"] == "LAD"]
    assert found.loc["LAD", "auroc"] == pytest.approx(pairs_won(cells))
    left_out = np.array([pairs_won(cells[cells["fold"] != fold]) for fold in range(FOLDS)])
    error = np.sqrt((FOLDS - 1) / FOLDS * ((left_out - left_out.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, FOLDS - 1) * error
    assert found.loc["LAD", "lower"] == pytest.approx(found.loc["LAD", "auroc"] - half)
    assert found.loc["mean", "auroc"] == pytest.approx(found.loc[["RCA", "LM", "LAD"], "auroc"].mean())
    assert (found.loc[["RCA", "LM", "LAD"], "planted"] == 6).all()


def test_an_area_that_no_fold_changes_has_no_interval():
    table = regions()
    table["Grad-CAM"] = table["planted"].astype(float) + np.tile(np.arange(len(table) // FOLDS), FOLDS) / len(table)
    found = attribution_agreement(table).set_index(["measure", "vessel"]).loc[("Grad-CAM", "LAD")]
    assert found["auroc"] > 0.5
    assert found[["lower", "upper"]].isna().all()


def test_random_weights_are_ranked_within_each_fold():
    table = regions()
    shifted = table["fold"] * 100.0
    table = table.assign(**{measure: table[measure] + shifted for measure in ATTRIBUTION_MEASURES})
    found = attribution_agreement(table).set_index(["measure", "vessel"])["auroc"]
    by_fold = []
    for _, cells in table[table["vessel"] == "RCA"].groupby("fold"):
        by_fold.append(pairs_won(cells))
    assert found["occlusion, random weights", "RCA"] == pytest.approx(np.mean(by_fold))
    assert found["occlusion", "RCA"] != pytest.approx(np.mean(by_fold))


def test_what_was_not_planted_or_not_attributed_has_no_number():
    table = regions()
    table.loc[table["vessel"] == "LM", list(ATTRIBUTION_MEASURES)] = np.nan
    found = attribution_agreement(table).set_index(["measure", "vessel"]).loc["integrated gradients"]
    assert found.loc[["LM", "LCX"], "auroc"].isna().all()
    assert found.loc["LCX", "note"] == "nothing planted"
    assert found.loc["LM", "note"] != ""
    assert found.loc["mean", "note"] == "mean of RCA, LAD"
