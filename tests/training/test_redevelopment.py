"""A model developed again: the first version is the study's own, draws are of patients, and no fold sees its own."""

import numpy as np
import pytest

from ecg_ccta.config import Training
from ecg_ccta.errors import StudyError
from ecg_ccta.prediction.predicting import predict_ensemble, predict_out_of_fold
from ecg_ccta.training.fine_tuning import fine_tune
from ecg_ccta.training.redevelopment import (
    RedevelopedProbes,
    copies_of,
    foundation_features,
    redevelop_probes,
    redeveloped_logits,
    require_drawn_patients,
    resampled_cohort,
)
from ecg_ccta.training.splits import roles, split_patients

PROBE = Training(
    folds=2, method="linear-probe", labels="ordinal", epochs=1, patience=1, batch_size=32, learning_rate=1e-3,
    weight_decay=1e-3,
)  # fmt: skip
SEED = 3


@pytest.fixture
def splits(cohort):
    return split_patients(cohort, PROBE.folds, 1)


@pytest.fixture
def features(cohort, store, foundation, tiny):
    return foundation_features(foundation, tiny, store, len(cohort))


@pytest.fixture
def probes(features, cohort, splits):
    return [redevelop_probes(features, cohort, splits, fold, PROBE, 1, SEED) for fold in range(PROBE.folds)]


def fold_of(cohort, splits):
    return splits.set_index("patient_id")["fold"].loc[cohort["patient_id"]].to_numpy()


def test_the_first_version_is_the_studys_linear_probe(probes, features, cohort, splits, store, foundation, tiny):
    models = [fine_tune(foundation, tiny, store, cohort, splits, fold, PROBE, SEED) for fold in range(PROBE.folds)]
    own = predict_out_of_fold(models, store, cohort, splits)["logit"].to_numpy().reshape(-1, 4)
    np.testing.assert_allclose(redeveloped_logits(probes, features, fold_of(cohort, splits))[0], own, atol=1e-4)
    elsewhere = predict_ensemble(models, store, cohort)["logit"].to_numpy().reshape(-1, 4)
    np.testing.assert_allclose(redeveloped_logits(probes, features, np.full(len(cohort), -1))[0], elsewhere, atol=1e-4)


def test_other_versions_differ_and_the_labels_of_a_fold_change_nothing_in_it(probes, features, cohort, splits):
    fold = fold_of(cohort, splits)
    found = redeveloped_logits(probes, features, fold)
    assert found.shape == (2, len(cohort), 4)
    assert np.abs(found[1] - found[0]).max() > 1e-2
    other = cohort.copy()
    tested = (roles(cohort, splits, 0) == "test").to_numpy()
    other.loc[tested, "grade_RCA"] = other.loc[tested, "grade_LAD"].mask(lambda of: of.notna(), "severe")
    other.loc[tested, "target_RCA"] = 1 - other.loc[tested, "target_RCA"]
    again = redevelop_probes(features, other, splits, 0, PROBE, 1, SEED).logits(features)
    np.testing.assert_array_equal(again[:, fold == 0], found[:, fold == 0])
    with_other = redevelop_probes(features, other, splits, 1, PROBE, 0, SEED).logits(features)
    assert (with_other[0, fold == 1] != found[0, fold == 1]).any()


def test_a_patient_is_drawn_with_all_ecgs(cohort):
    copies = copies_of(cohort, 1, SEED)
    assert (cohort.assign(copies=copies).groupby("patient_id")["copies"].nunique() == 1).all()
    drawn = resampled_cohort(cohort, 1, SEED)
    counts = drawn["ecg_id"].value_counts().reindex(cohort["ecg_id"], fill_value=0)
    np.testing.assert_array_equal(counts, copies)
    assert cohort.groupby("patient_id").size().max() > 1
    per_patient = cohort.assign(copies=copies).drop_duplicates("patient_id")["copies"]
    assert per_patient.sum() == cohort["patient_id"].nunique()
    assert 0.3 < (per_patient == 0).mean() < 0.45
    assert resampled_cohort(cohort, 0, SEED).equals(cohort.reset_index(drop=True))


def test_a_network_of_another_draw_is_refused(cohort, splits, store, foundation, tiny):
    drawn = resampled_cohort(cohort, 1, SEED)
    told = fine_tune(foundation, tiny, _Repeated(store, copies_of(cohort, 1, SEED)), drawn, splits, 0, PROBE, SEED)
    model = {"fold": 0, "patients_sha256": told.provenance["patients_sha256"]}
    require_drawn_patients([model], cohort, splits, 1, SEED)
    with pytest.raises(StudyError, match=r"re-development 2, fold 0: its train patients .* Fix: run finetune"):
        require_drawn_patients([model], cohort, splits, 2, SEED)


class _Repeated:
    """The store of a re-development in memory; on disk a cohort's rows say where its signals lie."""

    def __init__(self, store, copies):
        self.store, self.rows = store, np.repeat(np.arange(len(copies)), copies)

    def batch(self, rows):
        return self.store.batch(self.rows[rows])


def test_they_are_read_as_they_were_written(tmp_path):
    rng = np.random.default_rng(0)
    probes = RedevelopedProbes(rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4)))
    probes.save(tmp_path / "probes.npz")
    read = RedevelopedProbes.load(tmp_path / "probes.npz")
    np.testing.assert_array_equal(read.weight, probes.weight)
    np.testing.assert_array_equal(read.bias, probes.bias)
