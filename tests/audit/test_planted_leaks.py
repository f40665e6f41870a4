"""Leaks planted into the steps of a small study, and the guard that fires; docs/statistics.md has them as a table.

Nothing is planted in the ECGs: the study is a negative control, so that an AUC above chance is a leak too.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import StratifiedGroupKFold

from ecg_ccta.audit.audit_leakage import audit
from ecg_ccta.audit.checks import BLIND, AuditedSite
from ecg_ccta.audit.near_duplicates import condensed
from ecg_ccta.config import Architecture, Evaluation, Training, load
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation import recalibrate as recalibration
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.files import read_json
from ecg_ccta.model.checkpoints import build_network, save_checkpoint
from ecg_ccta.model.contracts import write_contract
from ecg_ccta.prediction.predicting import predict_ensemble, predict_out_of_fold
from ecg_ccta.report.negative_control import control_sentence
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.result_tables import write_csv
from ecg_ccta.signals.cleaning import clean_microvolts
from ecg_ccta.training import fine_tuning
from ecg_ccta.training.pretraining import MemoryStore
from ecg_ccta.training.splits import roles, split_patients
from ecg_ccta.vessels import LEADS, VESSELS

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 2
EVALUATION = Evaluation(minimum_events=5, bootstrap_replicates=50)
TRAINING = Training(
    folds=FOLDS, epochs=1, patience=1, batch_size=64, learning_rate=1e-3, weight_decay=1e-3, monitor="loss",
    crop_fraction=0.1, minimum_events=2
)  # fmt: skip
TINY = Architecture(
    base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
)
MICROVOLTS = 20
"""Size of the label in the signal: a tenth of the noise, far too little to be seen."""


@dataclass
class Hospital:
    """ECGs of patients whose findings are independent of them."""

    cohort: pd.DataFrame
    signals: np.ndarray


def make_hospital(tables: tuple[pd.DataFrame, pd.DataFrame], patients: int, seed: int) -> Hospital:
    """The first patients of a simulated cohort, with frequent findings and noise for ECGs."""
    rng = np.random.default_rng(seed)
    cohort = tables[0]
    kept = cohort["patient_id"].drop_duplicates().iloc[:patients]
    cohort = cohort[cohort["patient_id"].isin(kept)].reset_index(drop=True)
    for prefix, column in (("e", "ecg_id"), ("a", "patient_id")):
        cohort[column] = f"{seed}{prefix}" + cohort[column].str[2:]
    codes = cohort["patient_id"].factorize()[0]
    for vessel in VESSELS:
        event = rng.random(len(kept))[codes] < 0.35
        cohort[f"target_{vessel}"] = pd.array(event.astype(int), dtype="Int8")
        cohort[f"grade_{vessel}"] = pd.array(np.where(event, "severe", "mild"), dtype="string")
    signals = rng.normal(0, 200, (len(cohort), 12, 5000)).astype(np.int16)
    return with_signals(Hospital(cohort, signals), signals)


def with_signals(hospital: Hospital, signals: np.ndarray) -> Hospital:
    hashes = [hashlib.sha256(signal.tobytes()).hexdigest() for signal in signals]
    return Hospital(hospital.cohort.assign(signal_sha256=hashes), signals)


class SmallStudy:
    """Splits, models, predictions and thresholds of two hospitals, as the workflow makes them, and their audit."""

    def __init__(self, foundation: Path, own: Hospital, other: Hospital):
        store = MemoryStore(own.signals)
        self.splits = split_patients(own.cohort, FOLDS, 1)
        models = [
            fine_tuning.fine_tune(foundation, TINY, store, own.cohort, self.splits, fold, TRAINING, seed=3)
            for fold in range(FOLDS)
        ]
        self.models = {f"models/fold{m.fold}": {"fold": m.fold, **m.provenance} for m in models}
        self.predictions = predict_out_of_fold(models, store, own.cohort, self.splits)
        self.scored = scored_ecgs(own.cohort, self.predictions)
        self.thresholds = choose_thresholds(self.scored, "internal", EVALUATION)
        self.foundation = read_json(foundation.with_name("contract.json"))
        self.own = audited("internal", own, self.predictions)
        elsewhere = predict_ensemble(models, MemoryStore(other.signals), other.cohort)
        self.other = audited("external", other, elsewhere)
        self.recalibrated = recalibration.recalibrate(scored_ecgs(other.cohort, elsewhere), EVALUATION, seed=1)

    def audit(self) -> pd.DataFrame:
        made = self.recalibrated["assignment"], self.recalibrated["parameters"]
        return audit(
            self.own, self.splits, self.models, self.thresholds, EVALUATION, self.foundation, [self.other],
            recalibrated={"external": made},
        )  # fmt: skip

    def complaint(self) -> str:
        with pytest.raises(StudyError, match="leakage: 1 of 15 checks found something") as raised:
            self.audit()
        return str(raised.value)

    def control(self, folder: Path) -> str:
        """What the report of a study says of this one as its negative control."""
        study = load(ROOT / "studies/negative-control.yaml", ROOT / "config.yaml")
        path = folder / "tables/discrimination/internal.csv"
        path.parent.mkdir(parents=True)
        write_csv(validate(self.scored, EVALUATION, seed=1)["discrimination"], path)
        return control_sentence(ResultsFolder(study, folder))


def audited(name: str, hospital: Hospital, predictions: pd.DataFrame) -> AuditedSite:
    waves = condensed(MemoryStore(hospital.signals), len(hospital.cohort))
    return AuditedSite(name, hospital.cohort, predictions, waves, name.encode())


@pytest.fixture(scope="module")
def foundation(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    checkpoint = tmp_path_factory.mktemp("foundation") / "checkpoint.pth"
    save_checkpoint(build_network(TINY, 7), checkpoint)
    write_contract(checkpoint, TINY, {"statements": ["sinus rhythm"]})
    return checkpoint


@pytest.fixture(scope="module")
def hospitals(cohort_and_predictions) -> tuple[Hospital, Hospital]:
    return make_hospital(cohort_and_predictions, 120, 1), make_hospital(cohort_and_predictions, 60, 2)


@pytest.fixture(scope="module")
def clean(foundation, hospitals) -> SmallStudy:
    return SmallStudy(foundation, *hospitals)


@pytest.fixture
def study(clean) -> SmallStudy:
    """The clean study, to be changed."""
    copy = SmallStudy.__new__(SmallStudy)
    copy.__dict__.update(clean.__dict__)
    return copy


def test_without_a_leak_neither_guard_fires(study, tmp_path):
    assert (study.audit()["findings"] == 0).all()
    assert "0.5 lies within the interval" in study.control(tmp_path)


def test_an_epoch_and_a_temperature_chosen_on_evaluated_patients_are_found_by_hash(
    foundation, hospitals, monkeypatch, tmp_path
):
    swapped = {"test": "inner", "inner": "test"}
    monkeypatch.setattr(fine_tuning, "roles", lambda *given: roles(*given).replace(swapped))
    leaking = SmallStudy(foundation, *hospitals)
    message = leaking.complaint()
    assert "model of another split (2 models with the splits), 2 findings" in message
    assert "models/fold0 (other inner validation patients)" in message
    # The choice among few candidates is far too weak for the negative control: only the hashes show it.
    assert "0.5 lies within the interval" in leaking.control(tmp_path)


def test_a_patient_in_two_folds_is_found_and_no_auc_is_computed(study):
    first = study.splits.iloc[[0]]
    study.splits = pd.concat([study.splits, first.assign(fold=1 - first["fold"])], ignore_index=True)
    assert (
        f"patient in two folds (patients of the development site), 1 finding in 120 patients: {first.iloc[0, 0]}"
        in (study.complaint())
    )
    several = study.scored["patient_id"].value_counts().index[0]
    ecg = study.scored.loc[study.scored["patient_id"] == several, "ecg_id"].iloc[0]
    fold = study.scored["fold"].mask(study.scored["ecg_id"] == ecg, 1 - study.scored["fold"])
    with pytest.raises(ValueError, match="fold"):
        validate(study.scored.assign(fold=fold), EVALUATION, seed=1)


def test_a_label_in_the_signal_is_found_by_the_negative_control_alone(foundation, hospitals, tmp_path):
    own, other = hospitals
    signals = own.signals.copy()
    for vessel, lead in zip(VESSELS, ("V1", "V2", "V3", "V4"), strict=True):
        has_event = (own.cohort[f"target_{vessel}"] == 1).to_numpy(dtype=bool)
        signals[has_event, LEADS.index(lead)] += MICROVOLTS
    leaking = SmallStudy(foundation, with_signals(own, signals), other)
    assert "0.5 lies OUTSIDE the interval: find out why" in leaking.control(tmp_path)
    assert (leaking.audit()["findings"] == 0).all()


def test_an_offset_of_the_export_does_not_survive_cleaning(make_ecg):
    raw = make_ecg() / 1000
    shifted = raw.copy()
    shifted[LEADS.index("V2")] += MICROVOLTS / 1000
    assert np.abs(clean_microvolts(shifted, 500) - clean_microvolts(raw, 500)).max() <= 1


def test_thresholds_of_evaluated_patients_are_found(study):
    frozen = study.thresholds["frozen"]
    study.thresholds = {**study.thresholds, "cross_fitted": dict.fromkeys(study.thresholds["cross_fitted"], frozen)}
    assert "threshold chosen on scored patients" in study.complaint()


def test_a_recalibration_fitted_on_evaluated_patients_is_found(study, monkeypatch):
    class OnAll(StratifiedGroupKFold):
        def split(self, logit, y, groups):
            for _, held_out in super().split(logit, y, groups):
                yield np.arange(len(y)), held_out

    monkeypatch.setattr(recalibration, "StratifiedGroupKFold", OnAll)
    scored = scored_ecgs(study.other.cohort, study.other.predictions)
    study.recalibrated = recalibration.recalibrate(scored, EVALUATION, seed=1)
    message = study.complaint()
    assert "recalibration fitted on evaluated patients (folds of patients at external)" in message
    assert "RCA, fold 0 (not what the other folds' patients give)" in message


def test_a_patient_in_two_folds_of_the_recalibration_is_found(study):
    assignment = study.recalibrated["assignment"].copy()
    several = assignment[assignment["vessel"] == "RCA"]
    patient = several["patient_id"].value_counts().index[0]
    row = several.index[several["patient_id"] == patient][0]
    assignment.loc[row, "fold"] = (assignment.loc[row, "fold"] + 1) % recalibration.UPDATE_FOLDS
    study.recalibrated = {**study.recalibrated, "assignment": assignment}
    assert f"{patient} (RCA: 2 folds)" in study.complaint()


def test_a_recording_of_two_patient_ids_is_found_also_with_another_gain_and_start(foundation, hospitals, clean):
    own, other = hospitals
    fold = own.cohort["patient_id"].map(clean.splits.set_index("patient_id")["fold"])
    here, there = int((fold == 0).argmax()), int((fold == 1).argmax())
    signals = own.signals.copy()
    signals[there] = np.rint(1.1 * np.roll(signals[here], -200, axis=-1))
    leaking = SmallStudy(foundation, with_signals(own, signals), other)
    message = leaking.complaint()
    assert "near-duplicate in two folds (folds of internal), 1 finding" in message
    assert own.cohort["ecg_id"][here] in message


def test_one_recording_under_two_patient_ids_is_found(study):
    cohort = study.own.cohort.copy()
    fold = cohort["patient_id"].map(study.splits.set_index("patient_id")["fold"])
    here, there = int((fold == 0).argmax()), int((fold == 1).argmax())
    cohort.loc[there, "signal_sha256"] = cohort["signal_sha256"][here]
    study.own = replace(study.own, cohort=cohort)
    assert "same recording in two folds (folds of internal), 1 finding" in study.complaint()


def test_weights_that_are_not_the_foundations_are_found(study):
    study.models = {**study.models, "models/fold1": {**study.models["models/fold1"], "foundation_sha256": "9" * 64}}
    message = study.complaint()
    assert "training that started from other weights (2 models with the contract of their start), 1 finding" in message
    assert "models/fold1 (weights 999999999999)" in message


def test_a_foundation_of_unknown_origin_is_found_and_of_a_published_one_nothing_is_known(study):
    known = {name: value for name, value in study.foundation.items() if name != "statements"}
    study.foundation = known
    assert "names neither a published source nor a simulated corpus" in study.complaint()
    study.foundation = {**known, "source": {"repository": "PKUDigitalHealth/ECGFounder"}}
    note = study.audit().set_index("check").loc["analysed recording in the foundation's training", "note"]
    assert note == f"{BLIND}published weights do not name the recordings that they were trained on"
