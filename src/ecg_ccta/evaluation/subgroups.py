"""AUC of each vessel in subgroups: who the patient is, when the ECG was taken, and the clinical picture."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.discrimination import auc_bootstrap, auc_delong
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.tables import RISK_FACTORS
from ecg_ccta.vessels import VESSELS

COLUMNS = [
    "vessel", "subgroup", "level", "n", "events", "patients", "missing", "auc", "delong_lower", "delong_upper",
    "bootstrap_lower", "bootstrap_upper", "note",
]  # fmt: skip


def subgroup_auc(scored: pd.DataFrame, settings: Evaluation, seed: int) -> pd.DataFrame:
    """AUC of each vessel in each level of each subgroup, and in all ECGs.

    Parameters
    ----------
    scored : from `scored_ecgs`
    settings : level, replicates, minimum number of events, cuts of age and of the ECG-to-CCTA interval
    seed : of the bootstrap

    Returns
    -------
    A row per vessel, subgroup and level. `missing` counts the ECGs with a finding whose covariate is missing: they
    are in no level. Levels with too few events or non-events have empty numbers and a note, as in `validate`.
    """
    rows = []
    for vessel in VESSELS:
        findings = with_finding(scored, vessel)
        for subgroup, levels in _subgroups(findings, settings):
            missing = int(levels.isna().sum())
            for level in levels.cat.categories:
                members = findings[(levels == level).to_numpy(dtype=bool, na_value=False)]
                y = members["y_true"].to_numpy(dtype=np.int64)
                row = {
                    "vessel": vessel,
                    "subgroup": subgroup,
                    "level": level,
                    "n": len(members),
                    "events": int(y.sum()),
                    "patients": members["patient_id"].nunique(),
                    "missing": missing,
                    "note": shortage(members, settings.minimum_events),
                }
                if not row["note"]:
                    score = members["logit"].to_numpy(dtype=float)
                    delong = auc_delong(y, score, settings.level)
                    drawn = auc_bootstrap(
                        y, score, members["patient_id"], settings.bootstrap_replicates, settings.level, seed
                    )
                    row |= {
                        "auc": delong.auc,
                        "delong_lower": delong.lower,
                        "delong_upper": delong.upper,
                        "bootstrap_lower": drawn.lower,
                        "bootstrap_upper": drawn.upper,
                    }
                rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = [column for column in COLUMNS if column.endswith(("auc", "lower", "upper"))]
    return table.astype(dict.fromkeys(numbers, float))


def _subgroups(rows: pd.DataFrame, settings: Evaluation) -> Iterator[tuple[str, pd.Series]]:
    """Name of each subgroup and the level of every row: a categorical, missing where the covariate is."""
    yield "all ECGs", _levels(rows, {"all": pd.Series(True, index=rows.index)})
    age, days = rows["age"], rows["days_to_ccta"]
    cut = settings.age_cut
    yield "age", _levels(rows, {f"< {cut:g} years": age < cut, f"≥ {cut:g} years": age >= cut})
    yield "sex", _levels(rows, {word: (rows["sex"] == word).fillna(False) for word in ("female", "male")})
    cut = settings.interval_cut_days
    yield "ECG to CCTA", _levels(rows, {f"≤ {cut:g} days": days.abs() <= cut, f"> {cut:g} days": days.abs() > cut})
    yield "order", _levels(rows, {"ECG before or same day": days >= 0, "ECG after CCTA": days < 0})
    yield "time of day", _time_of_day(rows)
    for name in RISK_FACTORS:
        factor = rows[name].astype("boolean")
        yield name, _levels(rows, {"yes": factor.fillna(False), "no": (~factor).fillna(False)})
    pain = rows["chest_pain"]
    typical = (pain == "typical").fillna(False)
    yield "chest pain", _levels(rows, {"typical": typical, "other or none": pain.notna() & ~typical})


def _time_of_day(rows: pd.DataFrame) -> pd.Series:
    """Quarter of the day of the recording; missing throughout where the export has dates without times."""
    at = rows["recorded_at"]
    has_times = (at.dropna() != at.dropna().dt.normalize()).any()
    hour = at.dt.hour if has_times else pd.Series(np.nan, index=rows.index)
    quarters = {"0 to 6 h": 0, "6 to 12 h": 6, "12 to 18 h": 12, "18 to 24 h": 18}
    return _levels(rows, {label: hour.between(start, start + 6, inclusive="left") for label, start in quarters.items()})


def _levels(rows: pd.DataFrame, members: dict[str, pd.Series]) -> pd.Series:
    levels = pd.Series(pd.Categorical([None] * len(rows), categories=list(members)), index=rows.index)
    for label, mask in members.items():
        levels[mask.to_numpy(dtype=bool)] = label
    return levels
