"""Pre-test probability of obstructive coronary artery disease by the guidelines, from age, sex, symptoms, risk factors.

Sources: the ESC 2019 table (Knuuti et al., Eur Heart J 2020;41:407-477, table 5); the risk-factor-weighted clinical
likelihood, RF-CL, that the ESC 2024 guidelines show as a chart (Vrints et al., Eur Heart J 2024;45:3415-3537,
figure 4), with the coefficients of Winther et al., J Am Coll Cardiol 2020;76:2421-2432, as their authors publish them
(github.com/CardioLab/cadptp).

Both are for patients with symptoms and from 30 years on, and both predict a stenosis of 50 % or more. Who lacks what a
guideline asks for has no probability: nothing is filled in.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from ecg_ccta.tables import RISK_FACTORS

GUIDELINES: Final = {"esc_2019": "ESC 2019", "rf_cl": "RF-CL (ESC 2024)"}
"""Column of `guideline_probabilities` and how the guideline is called in tables and figures."""

CATEGORIES: Final = ("<5 %", "5-15 %", ">15 %")
"""No test, gray zone, test: the ESC's categories of pre-test probability."""

CUTS: Final = (0.05, 0.15)
"""Probabilities between the categories."""

YOUNGEST: Final = 30
"""Years; the guidelines say nothing of younger patients."""

# Per cent by age 30-39, 40-49, 50-59, 60-69 and from 70 on.
ESC_2019: Final = {
    ("typical", "male"): (3, 22, 32, 44, 52),
    ("typical", "female"): (5, 10, 13, 16, 27),
    ("atypical", "male"): (4, 10, 17, 26, 34),
    ("atypical", "female"): (3, 6, 6, 11, 19),
    ("nonanginal", "male"): (1, 3, 11, 22, 24),
    ("nonanginal", "female"): (1, 2, 3, 6, 10),
    ("dyspnoea", "male"): (0, 12, 20, 27, 32),
    ("dyspnoea", "female"): (3, 3, 9, 14, 12),
}


def esc_2019(age: pd.Series, sex: pd.Series, symptom: pd.Series) -> pd.Series:
    """Pre-test probability of the ESC 2019 table.

    Parameters
    ----------
    age : years, (n,)
    sex : "female" or "male", (n,)
    symptom : "typical", "atypical" or "nonanginal" chest pain, or "dyspnoea" without chest pain; (n,)

    Returns
    -------
    (n,) probability, 0 to 1; missing where something is missing, below 30 years, and for other words: a patient
    without symptoms is not in the table

    Examples
    --------
    >>> esc_2019(pd.Series([55, 71, 64]), pd.Series(["male", "female", "male"]),
    ...          pd.Series(["typical", "nonanginal", "none"])).tolist()
    [0.32, 0.1, nan]
    """
    known = age.where(age >= YOUNGEST).astype(float)
    band = np.minimum((known // 10 - 3), 4)
    return pd.Series(
        [
            np.nan if np.isnan(row) else ESC_2019.get((pain, who), (np.nan,) * 5)[int(row)] / 100
            for row, pain, who in zip(band, symptom, sex, strict=True)
        ],
        index=age.index,
        dtype=float,
    )


def rf_cl(age: pd.Series, sex: pd.Series, symptom: pd.Series, group: pd.Series) -> pd.Series:
    """Risk-factor-weighted clinical likelihood.

    Parameters
    ----------
    age, sex, symptom : as `esc_2019`; the model has no term of its own for dyspnoea, which counts as atypical
    group : 1 for no or one risk factor, 2 for two or three, 3 for four or five; (n,)

    Returns
    -------
    (n,) probability, 0 to 1; missing as in `esc_2019`, and where the group is

    Examples
    --------
    >>> one = [pd.Series([value]) for value in (75.0, "male", "typical", 3)]
    >>> round(float(rf_cl(*one)[0]), 3)
    0.448
    """
    known = symptom.isin(["typical", "atypical", "nonanginal", "dyspnoea"]).to_numpy(dtype=bool)
    known &= sex.isin(["female", "male"]).to_numpy(dtype=bool) & (age >= YOUNGEST).to_numpy(dtype=bool)
    years, risk = age.to_numpy(dtype=float), group.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    male, typical, nonanginal = (
        part.to_numpy(dtype=float) for part in (sex.eq("male").fillna(False), symptom.eq("typical").fillna(False),
                                                symptom.eq("nonanginal").fillna(False))
    )  # fmt: skip
    logit = (
        -9.5260
        + 1.6128 * male
        + 0.0844 * years
        + 2.7112 * typical
        - 0.4675 * nonanginal
        + 1.4940 * risk
        - 0.0187 * years * typical
        - 0.0131 * years * risk
        - 0.2799 * typical * risk
        - 0.2091 * male * risk
    )
    return pd.Series(np.where(known, 1 / (1 + np.exp(-logit)), np.nan), index=age.index)


def risk_factor_group(factors: pd.DataFrame) -> pd.Series:
    """The RF-CL's group by number of risk factors: 1 for no or one, 2 for two or three, 3 for four or five.

    Where an answer is missing, the group is known only if either answer leads to it.

    Parameters
    ----------
    factors : (n, factors) boolean, may be missing. The fifth factor of the RF-CL, early coronary disease in the
        family, is not among `tables.RISK_FACTORS` and then counts as absent: with it one in some patients would be a
        group higher.

    Returns
    -------
    (n,) Int64

    Examples
    --------
    >>> answers = pd.DataFrame([[True, True, None], [True, False, None], [False, False, None]], dtype="boolean")
    >>> risk_factor_group(answers).tolist()
    [2, <NA>, 1]
    """
    least = factors.astype("boolean").fillna(False).sum(axis=1)
    most = least + factors.isna().sum(axis=1)
    group = (least // 2 + 1).clip(upper=3)
    return group.where(group == (most // 2 + 1).clip(upper=3)).astype("Int64")


def guideline_probabilities(patients: pd.DataFrame) -> pd.DataFrame:
    """Both guidelines' pre-test probability of every patient, and why one is missing.

    Parameters
    ----------
    patients : age, sex, chest_pain (`tables.CHEST_PAIN`) and `tables.RISK_FACTORS`; dyspnoea is not recorded, so a
        patient without chest pain counts as without symptoms and has no probability

    Returns
    -------
    Of the same index: per guideline of `GUIDELINES` its probability and, as <guideline>_missing, the reason that there
    is none (an empty string where there is one)
    """
    age, sex, pain = patients["age"], patients["sex"], patients["chest_pain"]
    group = risk_factor_group(patients[list(RISK_FACTORS)])
    reason = np.select(
        [
            age.isna().to_numpy(dtype=bool),
            sex.isna().to_numpy(dtype=bool),
            pain.isna().to_numpy(dtype=bool),
            (pain == "none").fillna(False).to_numpy(dtype=bool),
            (age < YOUNGEST).to_numpy(dtype=bool),
        ],
        ["no age", "no sex", "chest pain unknown", "no chest pain", f"younger than {YOUNGEST} years"],
        default="",
    )
    undecided = (reason == "") & group.isna().to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "esc_2019": esc_2019(age, sex, pain),
            "esc_2019_missing": reason,
            "rf_cl": rf_cl(age, sex, pain, group),
            "rf_cl_missing": np.where(undecided, "number of risk factors unknown", reason),
        },
        index=patients.index,
    )


def pretest_category(probability: pd.Series) -> pd.Series:
    """The category of each pre-test probability: an ordered categorical of `CATEGORIES`, missing where it is.

    Both 5 % and 15 % lie in the gray zone.

    Examples
    --------
    >>> pretest_category(pd.Series([0.04, 0.05, 0.15, 0.16])).tolist()
    ['<5 %', '5-15 %', '5-15 %', '>15 %']
    """
    codes = (probability >= CUTS[0]).astype(int) + (probability > CUTS[1])
    return _categorical(np.where(probability.isna(), -1, codes), probability.index)


def combined_category(pretest: pd.Series, stratum: Sequence[str] | pd.Series) -> pd.Series:
    """The category after the ECG: a low AI stratum moves a patient one category down, a high one up.

    The rule is fixed before any data are seen. It treats the ECG as the guidelines treat their modifiers of the
    likelihood: where both agree the patient leaves the gray zone, where they contradict each other the patient enters
    it.

    Parameters
    ----------
    pretest : from `pretest_category`
    stratum : "low", "intermediate" or "high", (n,)

    Examples
    --------
    >>> combined_category(pretest_category(pd.Series([0.1, 0.1, 0.3, 0.3])), ["low", "high", "low", "high"]).tolist()
    ['<5 %', '>15 %', '5-15 %', '>15 %']
    """
    step = pd.Series(stratum, index=pretest.index).map({"low": -1, "intermediate": 0, "high": 1}).to_numpy(dtype=int)
    codes = pretest.cat.codes.to_numpy()
    return _categorical(np.where(codes < 0, -1, np.clip(codes + step, 0, len(CATEGORIES) - 1)), pretest.index)


def _categorical(codes: np.ndarray, index: pd.Index) -> pd.Series:
    return pd.Series(
        pd.Categorical.from_codes(codes.astype(int), categories=list(CATEGORIES), ordered=True), index=index
    )
