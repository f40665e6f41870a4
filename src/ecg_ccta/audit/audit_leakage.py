"""The leakage audit: was a patient evaluated who was used for training, calibration or a threshold?

A study whose patients leak from training into scoring looks better than it is, and nothing else in its results shows
it (Kapoor and Narayanan, Patterns 4:100804, 2023). Every check here starts from what the study left on disk, not from
how it was meant to run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta import tables
from ecg_ccta.audit.checks import BLIND, AuditedSite, Check
from ecg_ccta.audit.foundation_checks import foundation_checks
from ecg_ccta.audit.near_duplicates import (
    DUPLICATE_CORRELATION,
    LONGEST_SHIFT,
    NEIGHBOURS,
    condensed,
    near_duplicates,
)
from ecg_ccta.audit.recalibration_checks import recalibration_check
from ecg_ccta.cohort.pseudonyms import site_key
from ecg_ccta.config import Evaluation, Site
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.any_vessel import ANY
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.files import read_json
from ecg_ccta.result_tables import read_csv
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.training.intermediate import SAME_PATIENT, SAME_RECORDING
from ecg_ccta.training.splits import patients_fingerprint, roles
from ecg_ccta.vessels import VESSELS

COMPARED = {"probe_": "of the linear probe", "random_": "from random weights"}
"""What the network is compared with, by the beginning of its folders."""

NAMED_FINDINGS = 5
"""Findings of one check that the message names."""
CHECK_COLUMNS = ("check", "compared", "n", "unit", "findings", "method", "note")


@dataclass(frozen=True)
class IntermediateTraining:
    """Training data of the intermediate task: its site, the labels (`tables.label_schema`), and what the task wrote."""

    site: AuditedSite
    labels: pd.DataFrame
    flow: Mapping[str, Any]
    contract: Mapping[str, Any]


def audit_study(
    folder: str | Path,
    sites: Mapping[str, Site],
    labels: Sequence[str],
    folds: int,
    evaluation: Evaluation,
    seed: int,
    starts: Sequence[str],
    foundation: str | Path,
    recalibrated: Sequence[str],
) -> pd.DataFrame:
    """Audit what lies in `folder`, results/<study>. Takes 14 kB of memory per ECG.

    Parameters
    ----------
    sites : role of each site, and how its export is read
    labels : of the intermediate task, empty where the study has none
    folds, evaluation, seed : the study's
    starts : beginnings of the folders of models and predictions, of `COMPARED` or "" for the network itself
    foundation : contract.json of the foundation
    recalibrated : the external sites whose predictions were recalibrated
    """
    folder = Path(folder)

    def read(name: str) -> AuditedSite:
        cohort = tables.read(tables.COHORT, folder / f"cohort/{name}.parquet")
        scored = sites[name].role != "intermediate"
        return AuditedSite(
            name,
            cohort,
            tables.read(tables.PREDICTIONS, folder / f"predictions/{name}.parquet") if scored else pd.DataFrame(),
            condensed(SignalStore(folder / "signals" / name, cohort), len(cohort)),
            site_key(name, sites[name], seed),
        )

    of_role: dict[str, list[str]] = {"development": [], "external": [], "intermediate": []}
    for name, site in sites.items():
        of_role[site.role].append(name)
    intermediate = None
    for name in of_role["intermediate"]:
        intermediate = IntermediateTraining(
            read(name),
            tables.read(tables.label_schema(labels), folder / f"cohort/{name}.labels.parquet"),
            read_json(folder / "intermediate/flow.json"),
            read_json(folder / "intermediate/contract.json"),
        )
    models = [f"{start}models/fold{fold}" for start in starts for fold in range(folds)]
    (development,) = of_role["development"]
    return audit(
        read(development),
        tables.read(tables.SPLITS, folder / f"splits/{development}.parquet"),
        {model: read_json(folder / model / "model.json") for model in models},
        read_json(folder / "thresholds.json"),
        evaluation,
        read_json(foundation),
        [read(name) for name in of_role["external"]],
        intermediate,
        {
            COMPARED[start]: tables.read(tables.PREDICTIONS, folder / f"{start}predictions/{development}.parquet")
            for start in starts
            if start
        },
        {
            name: (
                tables.read(tables.RECALIBRATION, folder / f"recalibration/{name}.parquet"),
                read_csv(folder / f"tables/recalibration/{name}.csv"),
            )
            for name in recalibrated
        },
    )


def audit(
    development: AuditedSite,
    splits: pd.DataFrame,
    models: Mapping[str, Mapping[str, Any]],
    thresholds: Mapping[str, Any],
    evaluation: Evaluation,
    foundation: Mapping[str, Any],
    external: Sequence[AuditedSite] = (),
    intermediate: IntermediateTraining | None = None,
    compared: Mapping[str, pd.DataFrame] | None = None,
    recalibrated: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]] | None = None,
) -> pd.DataFrame:
    """Every check of a study; columns `CHECK_COLUMNS`, one row per check.

    Parameters
    ----------
    splits : `tables.SPLITS`
    models : folder -> content of model.json, of every fold's model
    thresholds : from `choose_thresholds`
    evaluation : the settings by which they were chosen
    foundation : contract of the foundation
    compared : out-of-fold predictions of the models that the network is compared with, by what they are
    recalibrated : external site -> assignment and parameters of `recalibrate`

    Raises
    ------
    StudyError
        Where a check found something: each with its count, the first pseudonyms or folds, and the fix.
    """
    cohort, predictions = development.cohort, development.predictions
    trained_on = _training_site(intermediate, [development, *external]) if intermediate else None
    checks = [
        *fold_checks(cohort, splits),
        *model_checks(cohort, splits, models),
        *foundation_checks(
            models, foundation, intermediate.contract if intermediate else None, [development, *external]
        ),
        out_of_fold_check(cohort, splits, predictions, f"predictions of {development.name}"),
        threshold_check(development, thresholds, evaluation),
        *[pseudonym_check(development, site) for site in external],
        *[ensemble_check(site) for site in external],
        *recording_checks(development, splits, external),
        *near_duplicate_checks(development, splits, external, trained_on),
    ]
    checks += [
        out_of_fold_check(cohort, splits, found, f"predictions {name}") for name, found in (compared or {}).items()
    ]
    of_site = {site.name: site for site in external}
    checks += [recalibration_check(of_site[name], *made) for name, made in (recalibrated or {}).items()]
    if intermediate is not None:
        checks += intermediate_checks(intermediate, [development, *external])
    return table_or_error(checks)


def table_or_error(checks: Sequence[Check]) -> pd.DataFrame:
    """The checks as a table, or a StudyError that lists all findings."""
    failed = [check for check in checks if check.findings]
    if failed:
        lines = "\n".join(f"  - {_message(check)}" for check in failed)
        raise StudyError(
            f"leakage: {len(failed)} of {len(checks)} checks found something, so the results of this study are not "
            f"those of unseen patients:\n{lines}"
        )
    rows = [(c.check, c.compared, c.n, c.unit, len(c.findings), c.method, c.note) for c in checks]
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS))


def fold_checks(cohort: pd.DataFrame, splits: pd.DataFrame) -> list[Check]:
    """Each patient has one fold, and no two roles in any of them."""
    patients = cohort["patient_id"].nunique()
    of_patient = splits.groupby("patient_id")["fold"].unique()
    several = [
        f"{patient} (folds {', '.join(map(str, sorted(found)))})"
        for patient, found in of_patient.items()
        if len(found) > 1
    ]
    absent = [f"{patient} (no fold)" for patient in sorted(set(cohort["patient_id"]) - set(of_patient.index))]
    again = "delete the splits and run split_patients again"
    checks = [
        Check(
            "patient in two folds",
            "patients of the development site",
            patients,
            "patients",
            several + absent,
            "folds of each pseudonym",
            again,
        )
    ]
    once = splits.drop_duplicates("patient_id")
    known = cohort[cohort["patient_id"].isin(once["patient_id"])]
    mixed = []
    for fold in _folds(splits):
        count = roles(known, once, fold).groupby(known["patient_id"].to_numpy()).nunique()
        mixed += [f"{patient} (fold {fold})" for patient in count.index[count > 1]]
    checks.append(
        Check(
            "patient in two roles of a fold",
            f"training, inner validation and test of {len(_folds(splits))} folds",
            patients,
            "patients",
            mixed,
            "roles of each pseudonym's ECGs",
            again,
        )
    )
    return checks


def model_checks(cohort: pd.DataFrame, splits: pd.DataFrame, models: Mapping[str, Mapping[str, Any]]) -> list[Check]:
    """Check that each model names the training, validation and calibration patients of the splits, and no other."""
    once = splits.drop_duplicates("patient_id")
    known = cohort.loc[
        cohort[[f"target_{vessel}" for vessel in VESSELS]].notna().any(axis=1)
        & cohort["patient_id"].isin(once["patient_id"])
    ]
    other, scored = [], []
    for folder, model in models.items():
        fold = model.get("fold")
        if fold not in _folds(splits):
            other.append(f"{folder} (fold {fold}, which the splits lack)")
            continue
        role = roles(known, once, fold)
        patients = {name: set(known["patient_id"][role == name]) for name in ("train", "inner", "test")}
        said = model.get("patients_sha256") or {}
        for name, meant in (("train", "train"), ("inner_validation", "inner")):
            if name not in said:
                other.append(f"{folder} (does not say its {name.replace('_', ' ')} patients)")
            elif said[name] != patients_fingerprint(patients[meant]):
                other.append(f"{folder} (other {name.replace('_', ' ')} patients)")
        scored += [
            f"{patient} ({folder})" for patient in sorted(patients["test"] & (patients["train"] | patients["inner"]))
        ]
    again = "delete these models and run finetune again"
    compared = f"{len(models)} models with the splits"
    return [
        Check(
            "model of another split",
            compared,
            len(models),
            "models",
            other,
            "SHA-256 of the training patients, and of those who chose epoch and temperature",
            again,
        ),
        Check(
            "evaluated patient used for training or calibration",
            compared,
            known["patient_id"].nunique(),
            "patients",
            scored,
            "training and inner-validation patients of each model against those it scores",
            again,
        ),
    ]


def out_of_fold_check(cohort: pd.DataFrame, splits: pd.DataFrame, predictions: pd.DataFrame, compared: str) -> Check:
    """Each prediction is by the model of the fold that its patient belongs to."""
    fold_of = splits.drop_duplicates("patient_id").set_index("patient_id")["fold"]
    patient = predictions["ecg_id"].map(cohort.set_index("ecg_id")["patient_id"])
    expected = patient.map(fold_of)
    wrong = predictions.assign(expected=expected)[predictions["fold"] != expected].drop_duplicates("ecg_id")
    findings = [f"ECG {row.ecg_id} (by {_fold(row.fold)}, of {_fold(row.expected)})" for row in wrong.itertuples()]
    return Check(
        "prediction by another fold",
        compared,
        predictions["ecg_id"].nunique(),
        "ECGs",
        findings,
        "fold of each prediction against its patient's",
        "run predict (from random weights: compare_initialisations) again",
    )


def ensemble_check(site: AuditedSite) -> Check:
    """An external site is predicted by the ensemble alone."""
    wrong = site.predictions[site.predictions["fold"] != ENSEMBLE].drop_duplicates("ecg_id")
    return Check(
        "external site not predicted by the ensemble",
        f"predictions of {site.name}",
        site.predictions["ecg_id"].nunique(),
        "ECGs",
        [f"ECG {row.ecg_id} (by fold {row.fold})" for row in wrong.itertuples()],
        "fold of each prediction",
        "run predict again",
    )


def threshold_check(development: AuditedSite, thresholds: Mapping[str, Any], evaluation: Evaluation) -> Check:
    """The thresholds are those that the development site gives, and each fold's those that the other folds give."""
    # Thresholds are never chosen on predictions of the ensemble; that some are such is another check's finding.
    out_of_fold = development.predictions[development.predictions["fold"] != ENSEMBLE]
    scored = development.cohort[development.cohort["ecg_id"].isin(out_of_fold["ecg_id"])]
    again = choose_thresholds(scored_ecgs(scored, out_of_fold), development.name, evaluation)
    findings = []
    if thresholds.get("site") != development.name:
        findings.append(f"chosen at site {thresholds.get('site')}")
    folds = thresholds.get("cross_fitted") or {}
    pairs = [("frozen", thresholds.get("frozen"), again["frozen"])]
    pairs += [
        (f"fold {fold}", folds.get(fold), again["cross_fitted"].get(fold))
        for fold in sorted(set(folds) | set(again["cross_fitted"]))
    ]
    for name, found, expected in pairs:
        found, expected = found or {}, expected or {}
        findings += [
            f"{name} {vessel} (chosen on {_counted(found.get(vessel))}; the development site gives others, on "
            f"{_counted(expected.get(vessel))})"
            for vessel in (*VESSELS, ANY)
            if found.get(vessel) != expected.get(vessel)
        ]
    return Check(
        "threshold chosen on scored patients",
        f"frozen at {development.name}, and of each of its folds",
        len(pairs) * (len(VESSELS) + 1),
        "sets of thresholds",
        findings,
        "chosen once more on the out-of-fold predictions, a fold's without that fold",
        "run choose_thresholds again",
    )


def pseudonym_check(development: AuditedSite, site: AuditedSite) -> Check:
    """No patient of the development site is also in an external one, as far as pseudonyms can tell."""
    shared = sorted(set(development.cohort["patient_id"]) & set(site.cohort["patient_id"]))
    blind = f"{BLIND}the sites have different pseudonym keys, so a patient of both has two pseudonyms"
    return Check(
        "patient in development and external",
        f"{development.name} and {site.name}",
        site.cohort["patient_id"].nunique(),
        "patients",
        shared,
        "the same pseudonym",
        f"take these patients out of the export of {site.name}",
        "" if development.key == site.key else blind,
    )


def recording_checks(development: AuditedSite, splits: pd.DataFrame, external: Sequence[AuditedSite]) -> list[Check]:
    """No recording, sample for sample, in two folds or in development and external."""
    cohort = development.cohort
    fold = cohort["patient_id"].map(splits.drop_duplicates("patient_id").set_index("patient_id")["fold"])
    of_recording = pd.DataFrame({"sha": cohort["signal_sha256"], "ecg": cohort["ecg_id"], "fold": fold})
    groups = of_recording[of_recording.groupby("sha")["fold"].transform("nunique") > 1].groupby("sha")
    across = [
        f"ECGs {' and '.join(f'{row.ecg} ({_fold(row.fold)})' for row in group.itertuples())}" for _, group in groups
    ]
    method = "SHA-256 of the raw 10 s at 500 Hz"
    checks = [
        Check(
            "same recording in two folds",
            f"folds of {development.name}",
            len(cohort),
            "ECGs",
            across,
            method,
            f"take these recordings out of the export of {development.name}: it is not known whose they are",
        )
    ]
    for site in external:
        both = site.cohort.merge(cohort, on="signal_sha256", suffixes=("", "_development"))
        checks.append(
            Check(
                "same recording in development and external",
                f"{development.name} and {site.name}",
                len(site.cohort),
                "ECGs",
                [f"ECG {row.ecg_id} (there {row.ecg_id_development})" for row in both.itertuples()],
                method,
                f"take these recordings out of the export of {site.name}",
            )
        )
    return checks


def near_duplicate_checks(
    development: AuditedSite,
    splits: pd.DataFrame,
    external: Sequence[AuditedSite],
    intermediate: AuditedSite | None = None,
) -> list[Check]:
    """No recording twice that differs in gain, start or noise: in two folds, or in development and another site.

    Those of the intermediate task's training patients are compared with all that the network then evaluates.
    """
    sites = [development, *external, *([intermediate] if intermediate else [])]
    ends = np.cumsum([len(site.cohort) for site in sites])
    rows = {site.name: np.arange(end - len(site.cohort), end) for site, end in zip(sites, ends, strict=True)}
    waves = np.concatenate([site.waves for site in sites])
    ids = np.concatenate([site.cohort["ecg_id"].to_numpy() for site in sites])
    fold_of = splits.drop_duplicates("patient_id").set_index("patient_id")["fold"]
    fold = development.cohort["patient_id"].map(fold_of).to_numpy()
    own = rows[development.name]
    comparisons = [
        (
            "near-duplicate in two folds",
            f"folds of {development.name}",
            development.name,
            [(own[fold == k], own[fold != k]) for k in _folds(splits)],
        )
    ]
    comparisons += [
        (
            "near-duplicate in development and external",
            f"{development.name} and {site.name}",
            site.name,
            [(rows[site.name], own)],
        )
        for site in external
    ]
    if intermediate:
        analysed = np.concatenate([rows[site.name] for site in (development, *external)])
        comparisons.append(
            (
                "near-duplicate of an analysed recording in training",
                f"{intermediate.name} and all analysed sites",
                intermediate.name,
                [(rows[intermediate.name], analysed)],
            )
        )
    checks = []
    for check, compared, site, pairs in comparisons:
        found = near_duplicates(waves, pairs)
        copies = found[found["correlation"] >= DUPLICATE_CORRELATION]
        largest = "" if found.empty else f"; largest correlation {found['correlation'].iloc[0]:.2f}"
        checks.append(
            Check(
                check,
                compared,
                len(rows[site]),
                "ECGs",
                [
                    f"ECGs {ids[row.first]} and {ids[row.second]} (correlation {row.correlation:.3f}, "
                    f"{row.shift:+.2f} s)"
                    for row in copies.itertuples()
                ],
                f"correlation from {DUPLICATE_CORRELATION:g} over 5 s or more of 8 leads, at any gain and a shift up "
                f"to {LONGEST_SHIFT} s",
                f"look at these pairs; take copies out of the export of {site}",
                f"{len(found)} pairs compared: the {NEIGHBOURS} nearest covariances of each ECG{largest}",
            )
        )
    return checks


def intermediate_checks(intermediate: IntermediateTraining, analysed: Sequence[AuditedSite]) -> list[Check]:
    """Check that no training patient of the intermediate task is in an analysed site."""
    cohort = intermediate.site.cohort
    same_patient, same_recording, may_train = _overlap(intermediate, analysed)
    findings = []
    if intermediate.contract.get("patients_sha256") != patients_fingerprint(cohort["patient_id"][may_train]):
        findings.append("the network was trained on other patients than those whom no analysed site shares")
    left_out = {step["excluded"]: step["patients"] for step in intermediate.flow.get("overlap", [])}
    for reason, expected in ((SAME_PATIENT, same_patient), (SAME_RECORDING, same_recording - same_patient)):
        if left_out.get(reason) != len(expected):
            some = f", among them {_listed(sorted(expected))}" if expected else ""
            findings.append(f"{reason}: {left_out.get(reason)} patients left out, not {len(expected)}{some}")
    blind = [site.name for site in analysed if site.key != intermediate.site.key]
    return [
        Check(
            "analysed patient in the training of the intermediate task",
            f"{intermediate.site.name} and all analysed sites",
            cohort["patient_id"].nunique(),
            "patients",
            findings,
            "SHA-256 of the training patients; patients left out by pseudonym or recording, counted again",
            "delete the intermediate checkpoint and run finetune_intermediate again",
            f"by pseudonym blind to {', '.join(blind)}: other pseudonym keys" if blind else "",
        )
    ]


def _overlap(
    intermediate: IntermediateTraining, analysed: Sequence[AuditedSite]
) -> tuple[set[str], set[str], np.ndarray]:
    """Patients of analysed sites by pseudonym, those by recording, and which ECGs may be trained on, (ECGs,) bool."""
    cohort = intermediate.site.cohort
    patients, recordings = (
        set().union(*(site.cohort[column] for site in analysed)) for column in ("patient_id", "signal_sha256")
    )
    same_patient = set(cohort["patient_id"]) & patients
    same_recording = set(cohort["patient_id"][cohort["signal_sha256"].isin(recordings)])
    labelled = cohort["ecg_id"].isin(
        intermediate.labels["ecg_id"][intermediate.labels.drop(columns="ecg_id").notna().any(axis=1)]
    )
    return (
        same_patient,
        same_recording,
        (labelled & ~cohort["patient_id"].isin(same_patient | same_recording)).to_numpy(),
    )


def _training_site(intermediate: IntermediateTraining, analysed: Sequence[AuditedSite]) -> AuditedSite:
    """The intermediate site with all ECGs of its training patients: who was left out may well be known elsewhere."""
    cohort = intermediate.site.cohort
    _, _, may_train = _overlap(intermediate, analysed)
    kept = cohort["patient_id"].isin(cohort["patient_id"][may_train]).to_numpy()
    return replace(intermediate.site, cohort=cohort[kept], waves=intermediate.site.waves[kept])


def _folds(splits: pd.DataFrame) -> list[int]:
    return sorted(int(fold) for fold in splits["fold"].unique())


def _fold(number: float) -> str:
    return "no fold" if pd.isna(number) else f"fold {number:.0f}"


def _counted(choice: Mapping[str, Any] | None) -> str:
    return f"{choice.get('n')} ECGs with {choice.get('events')} events" if choice else "nothing"


def _listed(findings: Iterable[str]) -> str:
    findings = list(findings)
    more = f"; and {len(findings) - NAMED_FINDINGS} more" if len(findings) > NAMED_FINDINGS else ""
    return "; ".join(findings[:NAMED_FINDINGS]) + more


def _message(check: Check) -> str:
    count = "1 finding" if len(check.findings) == 1 else f"{len(check.findings)} findings"
    return (
        f"{check.check} ({check.compared}), {count} in {check.n} {check.unit}: {_listed(check.findings)}. "
        f"Fix: {check.fix}"
    )
