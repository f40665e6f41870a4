"""What may explain a logit: age, sex and every measurement of the ECG, as columns of a regression."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ecg_ccta.errors import StudyError

DEMOGRAPHY = "age and sex"
OTHER = "other"
PREFIXES = {
    "heart_rate": "rate and rhythm", "rr_": "rate and rhythm", "p_": "P", "pr_": "PR", "qrs_": "QRS duration",
    "axis_": "QRS axis", "st_": "ST", "st60_": "ST", "st80_": "ST", "t_": "T", "qrs_t_": "T", "qt_": "QT and QTc",
    "qtc_": "QT and QTc", "r_": "R progression",
}  # fmt: skip
"""Group of the columns of `tables.MEASUREMENTS` that begin so; the longest beginning counts."""

NAMES = {
    "age": "age", "male": "male sex", "heart_rate": "heart rate", "rr_irregularity": "RR irregularity",
    "p_wave": "P wave present", "p_ms": "P duration", "pr_ms": "PR", "qrs_ms": "QRS duration", "qt_ms": "QT",
    "qtc_ms": "QTc (Fridericia)", "r_transition": "R transition", "qrs_t_angle_deg": "QRS-T angle",
    "axis_deg_sin": "QRS axis, sine (inferior)", "axis_deg_cos": "QRS axis, cosine (left)",
    "t_axis_deg_sin": "T axis, sine (inferior)", "t_axis_deg_cos": "T axis, cosine (left)",
}  # fmt: skip
_BY_LEAD = {"st_mv_": "ST at J", "st60_mv_": "ST at J+60 ms", "st80_mv_": "ST at J+80 ms", "t_mv_": "T",
            "p_mv_": "P", "r_mv_": "R", "s_mv_": "S"}  # fmt: skip
_MISSING = "missingindicator_"


@dataclass(frozen=True)
class Design:
    """Columns of a regression; NaN where a value is missing."""

    matrix: np.ndarray
    """(n, columns)"""
    names: list[str]

    def at(self, rows: np.ndarray) -> np.ndarray:
        return self.matrix[rows]


def design_of(cohort: pd.DataFrame, measurements: pd.DataFrame) -> Design:
    """Age, sex and all measurements of the cohort's ECGs, in its order.

    An axis, which has no beginning, becomes its sine and cosine; the count of beats is left out, because it says how
    well an ECG could be measured.

    Parameters
    ----------
    cohort : `tables.COHORT`
    measurements : `tables.MEASUREMENTS`

    Raises
    ------
    StudyError
        Where an ECG of the cohort has no row of measurements.
    """
    known = measurements.set_index("ecg_id")
    unmeasured = int((~cohort["ecg_id"].isin(known.index)).sum())
    if unmeasured:
        raise StudyError(f"measurements: {unmeasured} ECG(s) of the cohort are missing there; run measure_ecgs again")
    known = known.loc[cohort["ecg_id"]].drop(columns="beats").astype("Float64").astype(float)
    male = cohort["sex"].map({"male": 1.0, "female": 0.0})
    columns = {"age": cohort["age"].to_numpy(dtype=float), "male": male.to_numpy(dtype=float)}
    for name in known:
        values = known[name].to_numpy(dtype=float)
        if name.endswith("axis_deg"):
            columns[f"{name}_sin"], columns[f"{name}_cos"] = np.sin(np.radians(values)), np.cos(np.radians(values))
        else:
            columns[name] = values
    return Design(np.column_stack(list(columns.values())), list(columns))


def group_of(name: str) -> str:
    """The group of a column of a design, or of the flag that says where it is missing.

    Examples
    --------
    >>> [group_of(name) for name in ("age", "st60_mv_V3", "missingindicator_pr_ms", "qrs_t_angle_deg")]
    ['age and sex', 'ST', 'PR', 'T']
    """
    name = name.removeprefix(_MISSING)
    if name in ("age", "male"):
        return DEMOGRAPHY
    fitting = [prefix for prefix in PREFIXES if name.startswith(prefix)]
    return PREFIXES[max(fitting, key=len)] if fitting else OTHER


def label_of(name: str) -> str:
    """Name of a column for tables and figures.

    Examples
    --------
    >>> [label_of(name) for name in ("st60_mv_V3", "pr_ms", "missingindicator_pr_ms")]
    ['ST at J+60 ms, V3', 'PR', 'PR missing']
    """
    if name.startswith(_MISSING):
        return f"{label_of(name.removeprefix(_MISSING))} missing"
    for prefix, word in _BY_LEAD.items():
        if name.startswith(prefix):
            return f"{word}, {name.removeprefix(prefix)}"
    return NAMES.get(name, name.replace("_", " "))


def preparation(design: Design, rows: np.ndarray) -> tuple[Pipeline, list[str]]:
    """What makes columns of mean 0 and standard deviation 1 of a design, fitted on `rows` alone, and their names.

    A missing value becomes the median, and one more column, named missingindicator_<column>, says where; it stands
    only for columns that have gaps among `rows`.
    """
    # A column that nobody has becomes constant, and so without influence, rather than an error.
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    fitted = make_pipeline(imputer, StandardScaler()).fit(design.at(rows))
    return fitted, list(fitted.named_steps["simpleimputer"].get_feature_names_out(design.names))
