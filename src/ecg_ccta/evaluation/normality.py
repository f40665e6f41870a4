"""Which ECGs are clinically normal: by the words of the reader, by SNOMED CT codes, or by measurement.

Limits of the measured definition, adults: Surawicz et al., Circulation 119:e235, 2009 (AHA/ACCF/HRS part III: QRS,
axis); Rautaharju et al., Circulation 119:e241, 2009 (part IV: T, QT); Thygesen et al., Circulation 138:e618, 2018
(fourth universal definition of myocardial infarction: ST); Kusumoto et al., Circulation 140:e382, 2019 (long PR); Page
et al., Circulation 133:e506, 2016 (short PR); Dash et al., Ann Biomed Eng 37:1701, 2009 (irregular RR).
"""

import re

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import LEADS

NORMAL_RATE = (60.0, 100.0)
"""Beats per minute, both included."""
LARGEST_RR_IRREGULARITY = 0.1
"""Root mean square of successive differences of RR over the mean RR; more is taken for atrial fibrillation."""
PR = (120.0, 200.0)
"""Milliseconds, both included."""
LONGEST_QRS = 110.0
"""Milliseconds; included."""
AXIS = (-30.0, 90.0)
"""Degrees, both included."""
LONG_QTC = {"male": 450.0, "female": 460.0}
"""Milliseconds; from here on QTc is long. There is no lower limit: published ones would exclude many healthy people."""
ST_ELEVATION = 0.1
"""mV at the J point, from here on abnormal, but for V2 and V3:"""
ST_ELEVATION_V2_V3 = {"female": 0.15, "male from 40 years": 0.2, "male under 40 years": 0.25}
ST_DEPRESSION = -0.05
"""mV at the J point and 60 ms after it; from here down at both abnormal: an ST that recovers at once is upsloping."""
LOW_T = 0.1
"""mV; a T wave below it is flat or inverted, where it ought to be upright."""

AXIS_NEIGHBOURS = (
    ("aVL", "I"), ("I", "-aVR"), ("-aVR", "II"), ("II", "aVF"), ("aVF", "III"),
    ("V1", "V2"), ("V2", "V3"), ("V3", "V4"), ("V4", "V5"), ("V5", "V6"),
)  # fmt: skip
"""Contiguous leads; a deviation of ST or T counts in two of them."""
_UPRIGHT_T = {"I", "-aVR", "II", "V4", "V5", "V6"}

_NORMAL = re.compile(r"\bnormal\s+(?:ecg|ekg|electrocardiogram)\b")
_NOT_NORMAL = re.compile(r"abnormal|otherwise\s+normal|borderline|\bnot\s+(?:an?\s+)?normal|\bno\s+normal")
_CODES = re.compile(r"[\d\s,;|]+")


def clinically_normal(ecgs: pd.DataFrame, settings: Evaluation, measurements: pd.DataFrame | None = None) -> pd.Series:
    """Whether each ECG is normal by the definition that `settings.normal_ecg` names.

    Parameters
    ----------
    ecgs : ecg_id, statement, age, sex; an ECG may have several rows
    settings : normal_ecg and normal_codes
    measurements : `tables.MEASUREMENTS` of these ECGs; for the definition "measured"

    Returns
    -------
    (n,) boolean of the same index; missing where the definition cannot tell

    Raises
    ------
    StudyError
        Where ECGs are to be measured and an ECG has no measurements.
    """
    if settings.normal_ecg == "statement":
        return by_statement(ecgs["statement"])
    if settings.normal_ecg == "snomed":
        return by_codes(ecgs["statement"], settings.normal_codes)
    if measurements is None or not ecgs["ecg_id"].isin(measurements["ecg_id"]).all():
        raise StudyError("measurements: ECGs of the cohort are missing there; run measure_ecgs again")
    of_ecg = measurements.set_index("ecg_id").loc[ecgs["ecg_id"]].reset_index(drop=True)
    found = by_measurement(of_ecg, ecgs["age"].reset_index(drop=True), ecgs["sex"].reset_index(drop=True))
    return found.set_axis(ecgs.index)


def by_statement(statement: pd.Series) -> pd.Series:
    """Whether the reader called the ECG normal, in words.

    It says "normal ECG" (or EKG, electrocardiogram; any case) and nowhere "abnormal", "otherwise normal", "borderline",
    "not normal" or "no normal". Missing where there is no statement, or one of codes only.
    """
    return statement.map(_words_say_normal, na_action="ignore").astype("boolean")


def by_codes(statement: pd.Series, normal_codes: list[str]) -> pd.Series:
    """Whether SNOMED CT codes, as in the headers of the PhysioNet challenges, are all among `normal_codes`.

    Codes are separated by commas, semicolons, bars or blanks. Missing where there is no statement, or one in words.
    """
    return statement.map(lambda text: _codes_say_normal(text, set(normal_codes)), na_action="ignore").astype("boolean")


def by_measurement(measurements: pd.DataFrame, age: pd.Series, sex: pd.Series) -> pd.Series:
    """Whether rate, rhythm, PR, QRS, axis, QTc, ST and T all lie within the limits above.

    Sinus rhythm is taken from a P wave that is upright in I and II before each QRS and a regular RR. Where the sex is
    unknown the stricter limit holds, and that from 40 years where the age is.

    Parameters
    ----------
    measurements : columns of `tables.MEASUREMENTS`, (n,)
    age, sex : (n,) years and "female" or "male", rows as in `measurements`

    Returns
    -------
    (n,) boolean; False where anything lies outside, missing where nothing does but something was not measured
    """
    checks = normality_checks(measurements, age, sex)
    within = checks.all(axis=1, skipna=True)
    return within.astype("boolean").mask(within & checks.isna().any(axis=1))


def normality_checks(measurements: pd.DataFrame, age: pd.Series, sex: pd.Series) -> pd.DataFrame:
    """Each part of `by_measurement`: rate, rhythm, PR, QRS, axis, QTc, ST, T; boolean, missing where not measured."""
    found = measurements.reset_index(drop=True)
    age, sex = age.reset_index(drop=True).astype(float), sex.reset_index(drop=True).astype("string")
    male, female = ((sex == word).fillna(False).to_numpy(dtype=bool) for word in ("male", "female"))
    p_wave = found["p_wave"].astype("boolean")
    upright = (found["p_mv_I"] > 0) & (found["p_mv_II"] > 0)
    regular = _known(found["rr_irregularity"] <= LARGEST_RR_IRREGULARITY, found["rr_irregularity"])
    v2_v3 = np.where(
        male,
        np.where(age < 40, ST_ELEVATION_V2_V3["male under 40 years"], ST_ELEVATION_V2_V3["male from 40 years"]),
        ST_ELEVATION_V2_V3["female"],
    )
    st = {lead: found[f"st_mv_{lead}"] for lead in LEADS} | {"-aVR": -found["st_mv_aVR"]}
    elevated = {lead: value >= (v2_v3 if lead in ("V2", "V3") else ST_ELEVATION) for lead, value in st.items()}
    later = {lead: found[f"st60_mv_{lead}"] for lead in LEADS} | {"-aVR": -found["st60_mv_aVR"]}
    depressed = {lead: (value <= ST_DEPRESSION) & (later[lead] <= ST_DEPRESSION) for lead, value in st.items()}
    t = {lead: found[f"t_mv_{lead}"] for lead in LEADS} | {"-aVR": -found["t_mv_aVR"]}
    low_t = {lead: t[lead] < LOW_T for lead in _UPRIGHT_T}
    return pd.DataFrame(
        {
            "rate": _known(found["heart_rate"].between(*NORMAL_RATE), found["heart_rate"]),
            "rhythm": regular & p_wave & (upright | p_wave.isna()),
            # Without a P wave there is no PR interval to be out of its limits; the rhythm says no.
            "PR": _known(found["pr_ms"].between(*PR), found["pr_ms"]) | (~p_wave).fillna(False),
            "QRS": _known(found["qrs_ms"] <= LONGEST_QRS, found["qrs_ms"]),
            "axis": _known(found["axis_deg"].between(*AXIS), found["axis_deg"]),
            "QTc": _known(found["qtc_ms"] < np.where(female, LONG_QTC["female"], LONG_QTC["male"]), found["qtc_ms"]),
            "ST": _known(~(_in_neighbours(elevated) | _in_neighbours(depressed)), found["st_mv_I"]),
            "T": _known(~_in_neighbours(low_t), found["t_mv_I"]),
        }
    )


def _known(check: pd.Series, measured: pd.Series) -> pd.Series:
    return check.astype("boolean").mask(measured.isna())


def _in_neighbours(deviates: dict[str, pd.Series]) -> pd.Series:
    pairs = [deviates[one] & deviates[two] for one, two in AXIS_NEIGHBOURS if one in deviates and two in deviates]
    return pd.concat(pairs, axis=1).any(axis=1)


def _words_say_normal(statement: str) -> bool | None:
    text = statement.strip().lower()
    if not text or _CODES.fullmatch(text):
        return None
    return bool(_NORMAL.search(text)) and not _NOT_NORMAL.search(text)


def _codes_say_normal(statement: str, normal_codes: set[str]) -> bool | None:
    text = statement.strip()
    if not text or not _CODES.fullmatch(text):
        return None
    return set(re.findall(r"\d+", text)) <= normal_codes
