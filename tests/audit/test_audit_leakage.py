"""A clean study passes the audit; every kind of leak, planted into it, stops it with a message that names the leak."""

import copy
import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.audit.audit_leakage import CHECK_COLUMNS, AuditedSite, IntermediateTraining, audit
from ecg_ccta.audit.near_duplicates import INDEPENDENT, condensed
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.sources.heart_beats import SEGMENTS, simulate_hearts, tracings
from ecg_ccta.training.intermediate import training_ecgs
from ecg_ccta.vessels import VESSELS

FOLDS = 5
EVALUATION = Evaluation()
START = "5" * 64
"""Hash of the weights that every training started from."""


def waves(ecgs: int, seed: int) -> np.ndarray:
    """Simulated ECGs as `condensed` gives them, but not cleaned: int16 microvolts (ECGs, 8, 900) at 100 Hz."""
    rng = np.random.default_rng(seed)
    hearts = simulate_hearts(rng.uniform(40, 80, ecgs), rng.random(ecgs) < 0.5, rng)
    found = tracings(hearts, np.zeros((ecgs, 8, len(SEGMENTS))), rng, seconds=9, sampling_rate=100)[:, INDEPENDENT]
    found -= np.median(found, axis=-1, keepdims=True)
    return np.rint(1000 * found).astype(np.int16)


def site(name: str, tables: tuple[pd.DataFrame, pd.DataFrame], number: int) -> AuditedSite:
    """A site whose ECGs, patients and recordings are like those of no other number."""
    cohort, predictions = tables
    mark = {"ecg_id": f"{number}e", "patient_id": f"{number}a"}
    cohort, predictions = (
        table.assign(**{column: prefix + table[column].str[2:] for column, prefix in mark.items()})
        for table in (cohort, predictions)
    )
    recordings = [hashlib.sha256(f"{number} {row}".encode()).hexdigest() for row in range(len(cohort))]
    cohort = cohort.assign(signal_sha256=recordings)
    return AuditedSite(name, cohort, predictions, waves(len(cohort), number), f"key {number}".encode())


def sha256(patients: set[str]) -> str:
    return hashlib.sha256("".join(sorted(f"{patient}\n" for patient in patients)).encode()).hexdigest()


def models_of(cohort: pd.DataFrame, splits: pd.DataFrame) -> dict[str, dict]:
    """What each fold's model.json says: learnt outside fold k, chosen on the inner half of fold k + 1."""
    with_findings = set(cohort["patient_id"][cohort[[f"target_{v}" for v in VESSELS]].notna().any(axis=1)])
    found = {}
    for fold in range(FOLDS):
        is_inner = splits["inner"] & (splits["fold"] == (fold + 1) % FOLDS)
        inner = set(splits["patient_id"][is_inner]) & with_findings
        train = set(splits["patient_id"][~is_inner & (splits["fold"] != fold)]) & with_findings
        hashes = {"train": sha256(train), "inner_validation": sha256(inner)}
        found[f"models/fold{fold}"] = {"fold": fold, "patients_sha256": hashes, "foundation_sha256": START}
    return found


@pytest.fixture(scope="module")
def clean(cohort_and_predictions, unjudged) -> dict:
    """The arguments of an audit that finds nothing."""
    development = site("internal", cohort_and_predictions, 1)
    fold = development.predictions.drop_duplicates("patient_id")[["patient_id", "fold"]]
    splits = fold.assign(inner=np.arange(len(fold)) // FOLDS % 2 == 0).sort_values("patient_id", ignore_index=True)
    scored = scored_ecgs(development.cohort, development.predictions)
    external = site("external", unjudged, 2)
    external = replace(external, predictions=external.predictions.assign(fold=-1))
    return {
        "development": development,
        "splits": splits,
        "models": models_of(development.cohort, splits),
        # As the study has it: written and read again.
        "thresholds": json.loads(json.dumps(choose_thresholds(scored, "internal", EVALUATION))),
        "evaluation": EVALUATION,
        "foundation": {"sha256": START, "statements": ["sinus rhythm"]},
        "external": [external],
    }


@pytest.fixture(scope="module")
def with_intermediate(clean, unjudged) -> dict:
    """The same with an intermediate task, whose first two patients were left out: also in external, by pseudonym and
    by recording."""
    archive = replace(site("archive", unjudged, 3), predictions=pd.DataFrame())
    cohort = archive.cohort.copy()
    patients = cohort["patient_id"].unique()
    external = clean["external"][0]
    cohort.loc[cohort["patient_id"] == patients[0], "patient_id"] = external.cohort["patient_id"].iloc[0]
    cohort.loc[(cohort["patient_id"] == patients[1]).idxmax(), "signal_sha256"] = external.cohort["signal_sha256"][3]
    labels = pd.DataFrame({"ecg_id": cohort["ecg_id"], "mi": np.resize([0, 1, np.nan], len(cohort))})
    flow = {"site": "archive", "steps": [{"label": "ECGs", "ecgs": len(cohort), "patients": len(patients)}]}
    analysed = [clean["development"].cohort, external.cohort]
    intermediate, _, flow = training_ecgs(cohort, labels, analysed, flow)
    contract = {
        "patients_sha256": sha256(set(intermediate["patient_id"])),
        "sha256": START,
        "foundation_sha256": "4" * 64,
    }
    foundation = {"sha256": "4" * 64, "statements": ["sinus rhythm"]}
    task = IntermediateTraining(replace(archive, cohort=cohort), labels, flow, contract)
    return {**clean, "foundation": foundation, "intermediate": task}


def changed(clean: dict, **changes) -> dict:
    """The arguments with other ones, and the development site or first external one with other tables."""
    for role in ("development", "external"):
        if role in changes and isinstance(changes[role], dict):
            before = clean[role] if role == "development" else clean[role][0]
            after = replace(before, **changes[role])
            changes[role] = after if role == "development" else [after]
    return {**clean, **changes}


def complaint(arguments: dict) -> str:
    with pytest.raises(StudyError) as raised:
        audit(**arguments)
    return str(raised.value)


def strangers(development: AuditedSite) -> tuple[int, int]:
    """Rows of two ECGs of different patients in different folds."""
    fold = development.cohort["ecg_id"].map(
        development.predictions.drop_duplicates("ecg_id").set_index("ecg_id")["fold"]
    )
    return 0, int((fold != fold[0]).idxmax())


def test_a_clean_study_passes_with_a_row_for_every_check(clean):
    table = audit(**clean)
    assert list(table.columns) == list(CHECK_COLUMNS)
    assert (table["findings"] == 0).all()
    assert (table["n"] > 0).all()
    assert list(table["check"]) == [
        "patient in two folds",
        "patient in two roles of a fold",
        "model of another split",
        "evaluated patient used for training or calibration",
        "training that started from other weights",
        "analysed recording in the foundation's training",
        "prediction by another fold",
        "threshold chosen on scored patients",
        "patient in development and external",
        "external site not predicted by the ensemble",
        "same recording in two folds",
        "same recording in development and external",
        "near-duplicate in two folds",
        "near-duplicate in development and external",
    ]
    table = table.set_index("check")
    assert table.loc["patient in two folds", "n"] == clean["development"].cohort["patient_id"].nunique()
    assert "blind" in table.loc["patient in development and external", "note"]


def test_a_study_with_one_site_is_audited_too(clean):
    table = audit(**changed(clean, external=[]))
    assert len(table) == 10


def test_sites_with_one_key_are_not_called_blind(clean):
    table = audit(**changed(clean, external={"key": clean["development"].key})).set_index("check")
    assert table.loc["patient in development and external", "note"] == ""


def test_a_patient_in_two_folds_is_found(clean):
    moved = clean["splits"].iloc[[0]].assign(fold=(clean["splits"]["fold"].iloc[0] + 1) % FOLDS)
    message = complaint(changed(clean, splits=pd.concat([clean["splits"], moved])))
    assert "patient in two folds (patients of the development site), 1 finding" in message
    assert f"{moved['patient_id'].iloc[0]} (folds " in message
    assert "Fix: delete the splits and run split_patients again" in message


def test_a_patient_without_a_fold_is_found(clean):
    message = complaint(changed(clean, splits=clean["splits"].iloc[1:]))
    assert f"{clean['splits']['patient_id'].iloc[0]} (no fold)" in message


@pytest.mark.parametrize(("part", "words"), [("train", "train"), ("inner_validation", "inner validation")])
def test_a_model_that_saw_one_patient_more_is_found(clean, part, words):
    models = copy.deepcopy(clean["models"])
    models["models/fold3"]["patients_sha256"][part] = sha256(set(clean["splits"]["patient_id"]))
    message = complaint(changed(clean, models=models))
    assert "model of another split (5 models with the splits), 1 finding in 5 models" in message
    assert f"models/fold3 (other {words} patients)" in message


def test_models_of_another_split_are_found(clean):
    other = clean["splits"].assign(fold=np.roll(clean["splits"]["fold"], 1))
    message = complaint(changed(clean, models=models_of(clean["development"].cohort, other)))
    assert "model of another split (5 models with the splits), 10 findings" in message
    assert "; and 5 more. Fix:" in message


def test_a_model_that_does_not_say_who_trained_it_is_found(clean):
    models = copy.deepcopy(clean["models"])
    del models["models/fold1"]["patients_sha256"]
    models["models/fold2"]["fold"] = 7
    message = complaint(changed(clean, models=models))
    assert "models/fold1 (does not say its train patients)" in message
    assert "models/fold1 (does not say its inner validation patients)" in message
    assert "models/fold2 (fold 7, which the splits lack)" in message


def test_predictions_with_swapped_folds_are_found(clean):
    before = clean["development"].predictions
    fold = before["fold"].replace({0: 1, 1: 0})
    message = complaint(changed(clean, development={"predictions": before.assign(fold=fold)}))
    swapped = before["ecg_id"][before["fold"] < 2].nunique()
    assert f"prediction by another fold (predictions of internal), {swapped} findings" in message
    assert "(by fold 1, of fold 0)" in message


def test_one_ensemble_prediction_at_the_development_site_is_found(clean):
    before = clean["development"].predictions
    one = before["ecg_id"] == before["ecg_id"].iloc[0]
    message = complaint(changed(clean, development={"predictions": before.assign(fold=before["fold"].mask(one, -1))}))
    assert "prediction by another fold (predictions of internal), 1 finding" in message


def test_swapped_folds_of_the_random_start_are_found(clean):
    predictions = clean["development"].predictions
    assert len(audit(**clean, compared={"from random weights": predictions})) == 15
    swapped = predictions.assign(fold=(predictions["fold"] + 1) % FOLDS)
    assert "prediction by another fold (predictions from random weights)" in complaint(
        {**clean, "compared": {"from random weights": swapped}}
    )


def test_an_external_site_scored_by_one_fold_is_found(clean):
    predictions = clean["external"][0].predictions.assign(fold=2)
    message = complaint(changed(clean, external={"predictions": predictions}))
    assert "external site not predicted by the ensemble (predictions of external)" in message


def test_a_threshold_chosen_at_the_external_site_is_found(clean, cohort_and_predictions):
    chosen = site("external", cohort_and_predictions, 4)
    chosen = replace(chosen, cohort=chosen.cohort.iloc[:-50])
    predictions = chosen.predictions[chosen.predictions["ecg_id"].isin(chosen.cohort["ecg_id"])]
    there = choose_thresholds(scored_ecgs(chosen.cohort, predictions), "external", EVALUATION)
    message = complaint(changed(clean, thresholds=there))
    assert "threshold chosen on scored patients" in message
    assert "chosen at site external" in message
    assert "frozen RCA (chosen on " in message
    # Also where the site's name was changed, or one threshold alone.
    assert "frozen RCA" in complaint(changed(clean, thresholds={**there, "site": "internal"}))
    one = copy.deepcopy(clean["thresholds"])
    one["frozen"]["LAD"]["thresholds"]["rule-in"]["threshold"] += 0.01
    assert "1 finding" in complaint(changed(clean, thresholds=one))


def test_a_fold_judged_by_thresholds_of_its_own_patients_is_found(clean):
    thresholds = copy.deepcopy(clean["thresholds"])
    thresholds["cross_fitted"]["2"] = thresholds["frozen"]
    assert "fold 2 RCA" in complaint(changed(clean, thresholds=thresholds))
    del thresholds["cross_fitted"]["2"]
    assert "fold 2 RCA (chosen on nothing" in complaint(changed(clean, thresholds=thresholds))


def test_a_patient_of_both_sites_is_found(clean):
    mine = clean["development"].cohort["patient_id"].iloc[5]
    cohort, predictions = clean["external"][0].cohort, clean["external"][0].predictions
    theirs = cohort["patient_id"].iloc[0]
    message = complaint(
        changed(
            clean,
            external={table: before.replace({"patient_id": {theirs: mine}}) for table, before in
                      (("cohort", cohort), ("predictions", predictions))},
        )
    )  # fmt: skip
    assert f"patient in development and external (internal and external), 1 finding in 60 patients: {mine}." in message


def test_the_same_recording_in_two_folds_is_found(clean):
    cohort = clean["development"].cohort.copy()
    first, second = strangers(clean["development"])
    cohort.loc[second, "signal_sha256"] = cohort["signal_sha256"][first]
    message = complaint(changed(clean, development={"cohort": cohort}))
    assert "same recording in two folds (folds of internal), 1 finding" in message
    assert cohort["ecg_id"][first] in message
    assert cohort["ecg_id"][second] in message


def test_the_same_recording_in_two_sites_is_found(clean):
    cohort = clean["external"][0].cohort.copy()
    cohort.loc[4, "signal_sha256"] = clean["development"].cohort["signal_sha256"][9]
    message = complaint(changed(clean, external={"cohort": cohort}))
    assert "same recording in development and external (internal and external), 1 finding" in message


def disguised(wave: np.ndarray) -> np.ndarray:
    """A recording (8, 900) exported again: a tenth larger, 0.4 s later, with noise."""
    noise = np.random.default_rng(9).normal(0, 15, wave.shape)
    return np.rint(1.1 * np.roll(wave, -40, axis=-1) + noise).astype(np.int16)


def test_a_copied_recording_with_gain_shift_and_noise_is_found_in_another_fold(clean):
    first, second = strangers(clean["development"])
    planted = clean["development"].waves.copy()
    planted[second] = disguised(planted[first])
    message = complaint(changed(clean, development={"waves": planted}))
    ids = clean["development"].cohort["ecg_id"]
    assert "1 of 14 checks" in message
    assert "near-duplicate in two folds (folds of internal), 1 finding" in message
    assert f"ECGs {ids[first]} and {ids[second]} (correlation 0.9" in message
    assert "+0.40 s)" in message


def test_a_copied_recording_within_a_fold_is_no_leak(clean):
    fold = clean["development"].cohort["ecg_id"].map(
        clean["development"].predictions.drop_duplicates("ecg_id").set_index("ecg_id")["fold"]
    )  # fmt: skip
    same = np.flatnonzero(fold == fold[0])[1]
    planted = clean["development"].waves.copy()
    planted[same] = disguised(planted[0])
    assert (audit(**changed(clean, development={"waves": planted}))["findings"] == 0).all()


def test_a_copied_recording_is_found_in_another_site(clean):
    planted = clean["external"][0].waves.copy()
    planted[7] = disguised(clean["development"].waves[30])
    message = complaint(changed(clean, external={"waves": planted}))
    assert "near-duplicate in development and external (internal and external), 1 finding" in message


def test_an_intermediate_task_that_left_out_shared_patients_passes(with_intermediate):
    table = audit(**with_intermediate).set_index("check")
    assert len(table) == 16
    assert table.loc["analysed patient in the training of the intermediate task", "findings"] == 0
    assert (
        "blind to internal, external" in table.loc["analysed patient in the training of the intermediate task", "note"]
    )


def test_a_training_patient_of_an_analysed_site_is_found(with_intermediate):
    intermediate = with_intermediate["intermediate"]
    labelled = intermediate.labels["ecg_id"][intermediate.labels["mi"].notna()]
    everybody = intermediate.site.cohort["patient_id"][intermediate.site.cohort["ecg_id"].isin(labelled)]
    contract = {**intermediate.contract, "patients_sha256": sha256(set(everybody))}
    message = complaint({**with_intermediate, "intermediate": replace(intermediate, contract=contract)})
    assert (
        "analysed patient in the training of the intermediate task (archive and all analysed sites), 1 finding"
        in message
    )
    assert "Fix: delete the intermediate checkpoint" in message


@pytest.mark.parametrize("step", [0, 1])
def test_an_intermediate_task_that_left_out_too_few_is_found(with_intermediate, step):
    flow = copy.deepcopy(with_intermediate["intermediate"].flow)
    flow["overlap"][step]["patients"] = 0
    message = complaint({**with_intermediate, "intermediate": replace(with_intermediate["intermediate"], flow=flow)})
    assert "0 patients left out, not 1, among them" in message


def test_a_patient_added_to_an_analysed_site_afterwards_is_found(with_intermediate):
    intermediate = with_intermediate["intermediate"].site.cohort["patient_id"].iloc[-1]
    external = with_intermediate["external"][0]
    theirs = external.cohort["patient_id"].iloc[-1]
    tables = {
        name: getattr(external, name).replace({"patient_id": {theirs: intermediate}})
        for name in ("cohort", "predictions")
    }
    message = complaint(changed(with_intermediate, external=tables))
    assert "analysed patient in the training of the intermediate task" in message
    assert intermediate in message


def test_a_near_duplicate_of_an_analysed_recording_among_the_training_ones_is_found(with_intermediate):
    intermediate = with_intermediate["intermediate"]
    planted = intermediate.site.waves.copy()
    planted[11] = disguised(with_intermediate["development"].waves[2])
    site = replace(intermediate.site, waves=planted)
    message = complaint({**with_intermediate, "intermediate": replace(intermediate, site=site)})
    assert "near-duplicate of an analysed recording in training (archive and all analysed sites), 1 finding" in message


def test_a_copy_of_a_patient_who_was_left_out_is_no_leak(with_intermediate):
    intermediate, external = with_intermediate["intermediate"], with_intermediate["external"][0]
    planted = intermediate.site.waves.copy()
    recordings = list(intermediate.site.cohort["signal_sha256"])
    left_out = recordings.index(external.cohort["signal_sha256"][3])
    planted[left_out] = external.waves[3]
    table = audit(
        **{**with_intermediate, "intermediate": replace(intermediate, site=replace(intermediate.site, waves=planted))}
    )
    assert (table["findings"] == 0).all()


def test_several_leaks_are_all_told(clean):
    message = complaint(
        changed(
            clean,
            external={"predictions": clean["external"][0].predictions.assign(fold=0)},
            thresholds={**clean["thresholds"], "site": "external"},
        )
    )
    assert message.startswith("leakage: 2 of 14 checks found something")
    assert message.count("Fix:") == 2


def test_the_waves_of_the_audit_are_what_a_store_gives(clean):
    assert condensed(Zeros(), 3).shape[1:] == clean["development"].waves.shape[1:]


class Zeros:
    def batch(self, rows: np.ndarray) -> np.ndarray:
        return np.zeros((len(rows), 12, 5000), dtype=np.int16)
