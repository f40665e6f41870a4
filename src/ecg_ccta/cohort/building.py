"""From a hospital's tables to the eligible ECGs, each linked to its CCTA, and when their patients were last known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta import tables
from ecg_ccta.cohort.pseudonyms import pseudonyms, site_key
from ecg_ccta.cohort.site_tables import LARGEST_AGE, SiteTables, read_site_tables
from ecg_ccta.config import Cohort, Export
from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import VESSELS

DAY = pd.Timedelta(days=1)
DAYS_PER_YEAR = 365.25
_OF_CCTA = {name: f"{name}_at_ccta" for name in tables.EXCLUSIONS}
"""Exclusions of the CCTA table, beside those of the patients table."""


def build_cohort(
    site_name: str, site: Export, export: Path, settings: Cohort, study_seed: int, labels: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The eligible ECGs (`tables.ELIGIBLE`), when their patients were last known (`tables.LAST_KNOWN`), the labels for
    an intermediate task (`tables.label_schema(labels)`, empty where there are none), and the flow so far.

    Each ECG is linked to the same patient's CCTA nearest in time within the window of `settings` (of two equally
    near, the one after the ECG). ECGs leave for one reason each, the first that holds: "no recording time", "no CCTA
    in the window", "under minimum age", those that `settings.exclude` names, "no finding in any vessel". An ECG of
    unknown age stays, and so does one of whose patient an exclusion is not known to hold. A site without a CCTA table
    is only scored: every ECG is eligible, and grades and targets are missing.

    The flow is {"site", "steps"}: steps are {"label", "ecgs", "patients"} and, between them, {"excluded": reason,
    "ecgs"}.

    Raises StudyError for every fault of the tables, and where no ECG is eligible.
    """
    site_tables = read_site_tables(site_name, site, export, labels, settings.exclude)
    key = site_key(site_name, site, study_seed)
    ecgs = _with_covariates(site_name, site, site_tables)
    linked = _link(ecgs, site_tables.ccta, settings)
    reasons = _reasons(linked, site_tables.ccta is not None, settings)
    kept = linked.loc[reasons.isna()]
    steps = [_counts("ECGs in the export", linked), *exclusions(reasons), _counts("ECGs eligible", kept)]
    check_flow(steps)
    if kept.empty:
        counts = "; ".join(f"{step['excluded']}: {step['ecgs']}" for step in steps if "excluded" in step)
        raise StudyError(
            f"site {site_name}: none of {len(linked)} ECGs is eligible ({counts}). Fix: check the dates in "
            f"{site.tables.ecg_index} and {site.tables.ccta}, and the config section cohort"
        )
    last_known = _last_known(kept, site_tables.follow_up)
    eligible = kept.assign(ecg_id=pseudonyms(key, "ecg", kept["ecg_id"]))
    eligible["patient_id"] = pseudonyms(key, "patient", kept["patient_id"])
    last_known["patient_id"] = pseudonyms(key, "patient", last_known["patient_id"])
    labelled = site_tables.labels.loc[site_tables.labels["ecg_id"].isin(kept["ecg_id"] if labels else [])]
    labelled = labelled.assign(ecg_id=pseudonyms(key, "ecg", labelled["ecg_id"])).reset_index(drop=True)
    eligible = tables.check(
        eligible[list(tables.ELIGIBLE.columns)].reset_index(drop=True), tables.ELIGIBLE, f"site {site_name}"
    )
    last_known = tables.check(last_known, tables.LAST_KNOWN, f"site {site_name}, follow-up")
    labelled = tables.check(labelled, tables.label_schema(labels), f"site {site_name}, labels")
    return eligible, last_known, labelled, {"site": site_name, "steps": steps}


def exclusions(reasons: pd.Series) -> list[dict[str, Any]]:
    """Flow steps of the exclusions in `reasons` (one per ECG, missing: stays), in order of first appearance of
    a category, or of counts where the reasons are plain strings."""
    counts = reasons.dropna().value_counts(sort=not isinstance(reasons.dtype, pd.CategoricalDtype))
    return [{"excluded": reason, "ecgs": int(count)} for reason, count in counts.items() if count]


def check_flow(steps: list[dict[str, Any]]) -> None:
    """Every labelled step equals the one before less the exclusions between them; anything else is a defect."""
    remaining = steps[0]["ecgs"]
    for step in steps[1:]:
        if "excluded" in step:
            remaining -= step["ecgs"]
        elif step["ecgs"] != remaining:
            raise AssertionError(f"the flow does not add up at {step['label']}: {step['ecgs']}, expected {remaining}")


def _counts(label: str, ecgs: pd.DataFrame) -> dict[str, Any]:
    return {"label": label, "ecgs": len(ecgs), "patients": int(ecgs["patient_id"].nunique())}


def _with_covariates(site_name: str, site: Export, site_tables: SiteTables) -> pd.DataFrame:
    """One row per ECG with the patient's covariates; what the ECG index says of age and sex comes first."""
    ecgs = site_tables.ecg_index
    if site_tables.patients is None:
        ecgs = ecgs.assign(chest_pain=None)
        for name in (*tables.RISK_FACTORS, *tables.EXCLUSIONS):
            ecgs[name] = pd.array([pd.NA] * len(ecgs), dtype="boolean")
        return ecgs
    ecgs = ecgs.merge(site_tables.patients, on="patient_id", how="left", suffixes=("", "_patient"), validate="m:1")
    contradicts = ecgs["sex"].notna() & ecgs["sex_patient"].notna() & (ecgs["sex"] != ecgs["sex_patient"])
    if contradicts.any():
        first = ecgs.loc[contradicts].iloc[0]
        raise StudyError(
            f"site {site_name}: {site.tables.ecg_index}, column {site.columns.ecg_index.get('sex', 'sex')}, row "
            f"{first['row']}: another sex than in {site.tables.patients}, row {first['row_patient']}. Fix: correct one"
        )
    at_ecg = (ecgs["recorded_at"] - ecgs["birth_date"]) / DAY / DAYS_PER_YEAR
    impossible = ~at_ecg.dropna().between(0, LARGEST_AGE)
    if impossible.any():
        first = ecgs.loc[impossible.index[impossible]].iloc[0]
        raise StudyError(
            f"site {site_name}: {site.tables.patients}, column "
            f"{site.columns.patients.get('birth_date', 'birth_date')}, row {first['row_patient']}: the age at the ECG "
            f"in {site.tables.ecg_index}, row {first['row']}, is not from 0 to {LARGEST_AGE} years. Fix: correct "
            "either date, or leave birth_date empty where unknown"
        )
    age = ecgs["age"].fillna(at_ecg).fillna(ecgs["age_patient"])
    return ecgs.assign(age=age, sex=ecgs["sex"].where(ecgs["sex"].notna(), ecgs["sex_patient"]))


def _link(ecgs: pd.DataFrame, ccta: pd.DataFrame | None, settings: Cohort) -> pd.DataFrame:
    """`ecgs` with days_to_ccta, ccta_date, grades and targets of the nearest CCTA in the window, or missing."""
    if ccta is None:
        none = dict.fromkeys((*VESSELS, *_OF_CCTA.values()))
        linked = ecgs.assign(days_to_ccta=np.nan, ccta_date=pd.NaT, scanner=None, **none)
    else:
        pairs = ecgs[["row", "patient_id", "recorded_at", "recorded_has_time"]].merge(
            ccta.drop(columns="row").rename(columns=_OF_CCTA), on="patient_id"
        )
        apart = (pairs["performed_at"] - pairs["recorded_at"]) / DAY
        # Where either has only a date, its midnight is no time of day: whole days are compared.
        by_date = (pairs["performed_at"].dt.normalize() - pairs["recorded_at"].dt.normalize()) / DAY
        pairs["days_to_ccta"] = apart.where(pairs["recorded_has_time"] & pairs["performed_has_time"], by_date)
        pairs = pairs.loc[pairs["days_to_ccta"].between(-settings.days_after_ccta, settings.days_before_ccta)]
        pairs = pairs.assign(distance=pairs["days_to_ccta"].abs(), before=pairs["days_to_ccta"] < 0)
        nearest = pairs.sort_values(["row", "distance", "before"], kind="stable").drop_duplicates("row")
        linked = ecgs.merge(
            nearest[["row", "days_to_ccta", "performed_at", "scanner", *VESSELS, *_OF_CCTA.values()]],
            on="row",
            how="left",
            validate="1:1",
        )
        linked["ccta_date"] = linked.pop("performed_at").dt.normalize()
    for vessel in VESSELS:
        grade = linked.pop(vessel).astype("string")
        linked[f"grade_{vessel}"] = grade
        linked[f"target_{vessel}"] = grade.isin(settings.event_from.grades(vessel)).astype("Int8").mask(grade.isna())
    return linked


def _reasons(linked: pd.DataFrame, has_ccta: bool, settings: Cohort) -> pd.Series:
    """The one reason to exclude each ECG, the first that holds; missing for the eligible."""
    if not has_ccta:
        return pd.Series(pd.NA, index=linked.index, dtype="string")
    rules = {
        "no recording time": linked["recorded_at"].isna(),
        "no CCTA in the window": linked["days_to_ccta"].isna(),
        "under minimum age": linked["age"] < settings.minimum_age,
        **{
            tables.EXCLUSIONS[name]: (linked[name].eq(True) | linked[_OF_CCTA[name]].eq(True)).fillna(False)
            for name in settings.exclude
        },
        "no finding in any vessel": linked[[f"grade_{vessel}" for vessel in VESSELS]].isna().all(axis=1),
    }
    reasons = np.select(list(rules.values()), list(rules), default="")
    return pd.Series(pd.Categorical(reasons, categories=list(rules)), index=linked.index)


def _last_known(eligible: pd.DataFrame, follow_up: pd.DataFrame | None) -> pd.DataFrame:
    """`tables.LAST_KNOWN` of the eligible ECGs' patients, under their raw identifiers."""
    if follow_up is None:
        return pd.DataFrame({"patient_id": [], "last_date": pd.to_datetime([]), "event": []}, dtype=object)
    known = follow_up.loc[follow_up["patient_id"].isin(eligible["patient_id"])]
    last = pd.to_datetime(known["event_date"].fillna(known["end_date"])).dt.normalize()
    return known.assign(last_date=last)[["patient_id", "last_date", "event"]].dropna(subset=["last_date"])
