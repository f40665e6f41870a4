"""Each centre is predicted by a probe that saw none of its patients, as scikit-learn fits it."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ecg_ccta import tables
from ecg_ccta.config import Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.inputs import standardise
from ecg_ccta.training.leave_centre_out import extract_features, predict_left_out_centres
from ecg_ccta.vessels import VESSELS

RECIPE = Recipe(epochs=1, patience=1, batch_size=8, learning_rate=1e-3, weight_decay=0, minimum_events=2)


@pytest.fixture
def placed(cohort: pd.DataFrame) -> pd.DataFrame:
    """Three centres, by patient, but for one patient of two and three ECGs of unknown centre."""
    names = np.array(["north", "south", "west"])[[int(patient, 16) % 3 for patient in cohort["patient_id"]]]
    placed = cohort.assign(centre=pd.array(names, dtype="string"))
    twice = placed["patient_id"].duplicated(keep="first")
    placed.loc[placed.index[twice][0], "centre"] = "north"
    placed.loc[placed.index[-3:], "centre"] = pd.NA
    return placed


@pytest.fixture
def features(placed: pd.DataFrame) -> pd.DataFrame:
    """Sixteen features, of which the first four are the findings with noise."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(len(placed), 16)).astype(np.float32)
    for column, vessel in enumerate(VESSELS):
        values[:, column] += 2 * placed[f"target_{vessel}"].fillna(0).to_numpy(dtype=np.float32)
    table = pd.DataFrame(values, columns=[f"feature_{number}" for number in range(16)])
    table.insert(0, "ecg_id", placed["ecg_id"])
    return table[placed["centre"].notna().to_numpy()].reset_index(drop=True)


def test_every_centre_is_predicted_well_from_the_others(placed, features) -> None:
    found = predict_left_out_centres(features, placed, RECIPE, seed=1)
    found = tables.check(found, tables.CENTRE_PREDICTIONS, "predictions")
    assert len(found) == len(features) * len(VESSELS)
    lad = found[found["vessel"] == "LAD"].merge(placed[["ecg_id", "target_LAD"]], on="ecg_id").dropna()
    for centre, rows in lad.groupby("centre"):
        assert roc_auc_score(rows["target_LAD"].astype(int), rows["logit"]) > 0.8, centre
    assert set(lad["centre"]) == {"north", "south", "west"}


def test_no_patient_of_a_centre_has_a_say_in_its_predictions(placed, features) -> None:
    """Findings of all patients with an ECG at the centre, wherever it was taken, change nothing in its predictions."""
    before = predict_left_out_centres(features, placed, RECIPE, seed=1)
    patients = placed["patient_id"].isin(placed["patient_id"][(placed["centre"] == "north").fillna(False)])
    assert (patients & (placed["centre"] != "north").fillna(False)).any()
    changed = placed.copy()
    for vessel in VESSELS:
        changed.loc[patients, f"target_{vessel}"] = 1 - changed.loc[patients, f"target_{vessel}"]
    after = predict_left_out_centres(features, changed, RECIPE, seed=1)
    same = (before["centre"] == "north").to_numpy(dtype=bool)
    np.testing.assert_array_equal(before["logit"][same], after["logit"][same])
    assert not np.allclose(before["logit"][~same], after["logit"][~same])


def test_ordinal_grades_are_learnt_too(placed, features) -> None:
    found = predict_left_out_centres(features, placed, RECIPE.model_copy(update={"labels": "ordinal"}), seed=1)
    assert np.isfinite(found["logit"]).all()
    assert len(found) == len(features) * len(VESSELS)


def test_without_centres_there_is_nothing(placed, tiny, store, tmp_path) -> None:
    for bare in (placed.drop(columns="centre"), placed.assign(centre="north")):
        features = extract_features(tmp_path / "not needed.pth", tiny, store, bare)
        assert features.empty
        tables.check(features, tables.feature_schema(16), "features")
        found = predict_left_out_centres(features, bare, RECIPE, seed=1)
        assert tables.check(found, tables.CENTRE_PREDICTIONS, "predictions").empty


def test_a_centre_without_which_nothing_can_be_learnt_has_no_predictions(placed, features) -> None:
    few = placed.assign(centre=placed["centre"].where(placed["centre"].isna(), "north"))
    few.loc[few.index[:5], "centre"] = "south"
    found = predict_left_out_centres(features, few, RECIPE, seed=1)
    assert set(found["centre"]) == {"south"}


def test_features_of_other_ecgs_are_refused(placed, features) -> None:
    with pytest.raises(StudyError, match="run extract_features again"):
        predict_left_out_centres(features.iloc[1:], placed, RECIPE, seed=1)


def test_features_are_the_foundations(placed, tiny, store, foundation) -> None:
    found = extract_features(foundation, tiny, store, placed)
    assert found["ecg_id"].tolist() == placed["ecg_id"][placed["centre"].notna()].tolist()
    network = load_foundation(foundation, tiny, len(VESSELS)).eval()
    by_hand = network.features(standardise(torch.from_numpy(store.batch(np.arange(4))))).detach().numpy()
    np.testing.assert_allclose(found.drop(columns="ecg_id").to_numpy()[:4], by_hand, rtol=1e-4, atol=1e-5)
