"""The contracts between stages: one pandera schema per table, checked on write and on read.

Every Parquet table of a study goes through `write` and `read`; a table that breaks its contract is a `StudyError`
naming file, column and the first offending row.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from pyarrow import ArrowInvalid

from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.vessels import GRADES, LEADS, VESSELS

SEXES = ("female", "male")
CHEST_PAIN = ("none", "nonanginal", "atypical", "typical")
RISK_FACTORS = ("hypertension", "diabetes", "dyslipidaemia", "smoking")
EXCLUSIONS = {
    "prior_infarction": "prior myocardial infarction",
    "prior_pci": "prior percutaneous coronary intervention",
    "prior_bypass": "prior coronary bypass",
    "pacemaker": "pacemaker",
}
"""Columns that may exclude a patient, and the reason as the flow says it."""
PLACES = ("scanner", "centre", "device")
"""Where and with what the CCTA was done and the ECG taken: columns that a site may have, for subgroups."""
PSEUDONYM = r"^[0-9a-f]{20}$"


def _columns(**columns: pa.Column) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, ordered=False, coerce=True)


def _pseudonym(unique: bool = False) -> pa.Column:
    return pa.Column(str, pa.Check.str_matches(PSEUDONYM), unique=unique)


def _words(words: tuple[str, ...]) -> pa.Column:
    return pa.Column("string", pa.Check.isin(words), nullable=True)


_ELIGIBLE = {
    "ecg_id": _pseudonym(unique=True),
    "patient_id": _pseudonym(),
    "recorded_at": pa.Column("datetime64[ns]", nullable=True),
    "days_to_ccta": pa.Column(float, nullable=True),
    "ccta_date": pa.Column("datetime64[ns]", nullable=True),
    "age": pa.Column(float, pa.Check.in_range(0, 120), nullable=True),
    "sex": _words(SEXES),
    **{name: pa.Column("boolean", nullable=True) for name in RISK_FACTORS},
    "chest_pain": _words(CHEST_PAIN),
    "statement": pa.Column("string", nullable=True),
    **{name: pa.Column("string", nullable=True, required=False) for name in PLACES},
    **{f"grade_{vessel}": _words(GRADES) for vessel in VESSELS},
    **{f"target_{vessel}": pa.Column("Int8", pa.Check.isin([0, 1]), nullable=True) for vessel in VESSELS},
}

ELIGIBLE = _columns(**_ELIGIBLE)
"""One row per ECG that the site's tables allow. days_to_ccta is positive where the ECG came first; ccta_date is the day
of the linked CCTA, by which the ECGs of a patient's several CCTAs are told apart."""

SHARD = _columns(
    ecg_id=_pseudonym(unique=True),
    reason=pa.Column("string", nullable=True),
    shard=pa.Column(int),
    row=pa.Column("Int64", nullable=True),
    signal_sha256=pa.Column("string", nullable=True),
    noisy_leads=pa.Column("string", nullable=True),
    source_rate=pa.Column(float, nullable=True),
)
"""One row per ECG that clean_signals was given: where its signal lies, or (row missing) the reason it does not."""

COHORT = _columns(
    **_ELIGIBLE,
    shard=pa.Column(int),
    row=pa.Column(int),
    signal_sha256=pa.Column("string"),
    noisy_leads=pa.Column("string"),
    source_rate=pa.Column(float),
)
"""One row per included ECG: ELIGIBLE, and the shard and row where its signal lies."""

MEASUREMENTS = _columns(
    ecg_id=_pseudonym(unique=True),
    beats=pa.Column(int, pa.Check.ge(0)),
    p_wave=pa.Column("boolean", nullable=True),
    **{
        name: pa.Column(float, nullable=True)
        for name in (
            "heart_rate", "rr_irregularity", "p_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "axis_deg", "t_axis_deg",
            "qrs_t_angle_deg", "r_transition", "p_mv_I", "p_mv_II",
            *(f"r_mv_V{place}" for place in range(1, 7)),
            *(f"st_mv_{lead}" for lead in LEADS), *(f"st60_mv_{lead}" for lead in LEADS),
            *(f"st80_mv_{lead}" for lead in LEADS), *(f"t_mv_{lead}" for lead in LEADS),
        )
    },
)  # fmt: skip
"""One row per included ECG: what a reader would measure, see `signals.measuring.measure`."""

LAST_KNOWN = _columns(
    patient_id=_pseudonym(unique=True),
    last_date=pa.Column("datetime64[ns]"),
    event=pa.Column("string", pa.Check.isin(["censored", "event", "death"])),
)
"""One row per patient with follow-up: the date of the first event, of death, or of the end of follow-up."""

FOLLOW_UP = _columns(
    patient_id=_pseudonym(unique=True),
    days=pa.Column(float, pa.Check.ge(0)),
    event=pa.Column("string", pa.Check.isin(["censored", "event", "death"])),
)
"""One row per patient with follow-up: days from the patient's first CCTA with an included ECG to the first event, to
death, or to the end of follow-up."""

SPLITS = _columns(
    patient_id=_pseudonym(unique=True),
    fold=pa.Column(int, pa.Check.ge(0)),
    inner=pa.Column(bool),
)
"""One row per patient of the development site. Fold k is predicted by model k, which stops early on the inner patients
of fold k + 1 (cyclic) and learns from all others outside fold k."""

ENSEMBLE = -1
"""`fold` of a prediction that averages all folds, at a site that took no part in training."""

PREDICTIONS = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    vessel=pa.Column("string", pa.Check.isin(VESSELS)),
    fold=pa.Column(int, pa.Check.ge(ENSEMBLE)),
    logit=pa.Column(float),
    probability=pa.Column(float, pa.Check.in_range(0, 1)),
)
"""One row per ECG and vessel; `fold` is that of the patient, or `ENSEMBLE`. `logit` is the calibrated logit."""

CENTRE_PREDICTIONS = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    vessel=pa.Column("string", pa.Check.isin(VESSELS)),
    centre=pa.Column("string"),
    logit=pa.Column(float),
    probability=pa.Column(float, pa.Check.in_range(0, 1)),
)
"""One row per ECG of known centre and vessel, by a linear probe that saw no patient of that centre."""
PERTURBED = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    fold=pa.Column(int, pa.Check.ge(ENSEMBLE)),
    perturbation=pa.Column("string"),
    signal_to_noise_db=pa.Column(float, nullable=True),
    reason=pa.Column("string", nullable=True),
    noisy_leads=pa.Column("string"),
    common=pa.Column(bool),
    **{f"analysed_{vessel}": pa.Column(bool) for vessel in VESSELS},
    **{f"logit_{vessel}": pa.Column(float) for vessel in VESSELS},
)
"""One row per sampled ECG and perturbation: the calibrated logits of what was left, why clean_signals would have
refused it (missing: it would not), the leads that it would have named, and for which vessels the ECG was sampled."""

RECALIBRATION = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    vessel=pa.Column("string", pa.Check.isin(VESSELS)),
    fold=pa.Column(int, pa.Check.ge(0)),
)
"""One row per recalibrated ECG and vessel: its fold; it is evaluated with what the other folds' patients gave."""

RISK_GROUPS = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    vessel=pa.Column("string", pa.Check.isin(VESSELS)),
    probability=pa.Column(float, pa.Check.in_range(0, 1)),
    group=pa.Column("string", pa.Check.isin(["low", "high"])),
    stratum=pa.Column("string", pa.Check.isin(["low", "intermediate", "high"]), nullable=True),
)
"""One row per ECG and vessel: the risk group by the guideline's threshold, and the stratum between the rule-out and
the rule-in threshold (missing where there were too few events to choose them), chosen on other patients."""

PATIENT_RISK = _columns(
    ecg_id=_pseudonym(unique=True),
    patient_id=_pseudonym(unique=True),
    fold=pa.Column(int, pa.Check.ge(ENSEMBLE)),
    score=pa.Column(float),
    probability=pa.Column(float, pa.Check.in_range(0, 1)),
    group=pa.Column("string", pa.Check.isin(["low", "high"])),
    stratum=pa.Column("string", pa.Check.isin(["low", "intermediate", "high"]), nullable=True),
)
"""One row per patient, by the ECG nearest to the CCTA, for any vessel: score (log-odds of 1 - prod(1 - p)),
recalibrated probability, risk group (high where one vessel's is), stratum (by thresholds chosen on the probability)."""


INSTABILITY = _columns(
    ecg_id=_pseudonym(),
    patient_id=_pseudonym(),
    vessel=pa.Column("string", pa.Check.isin(VESSELS)),
    fold=pa.Column(int, pa.Check.ge(ENSEMBLE)),
    model=pa.Column("string"),
    probability=pa.Column(float, pa.Check.in_range(0, 1)),
    mape=pa.Column(float, pa.Check.ge(0)),
    sd=pa.Column(float, nullable=True),
    lower=pa.Column(float, pa.Check.in_range(0, 1), nullable=True),
    upper=pa.Column(float, pa.Check.in_range(0, 1), nullable=True),
    level=pa.Column(float, nullable=True),
)
"""One row per ECG, vessel and model: the probability, and over re-developments of the model the mean absolute
prediction error, the standard deviation and (missing where there are too few) the interval of this level."""


def label_schema(labels: Sequence[str]) -> pa.DataFrameSchema:
    """One row per eligible ECG of the intermediate site: each label 1 (yes), 0 (no) or missing (unknown)."""
    label = pa.Column(float, pa.Check.isin([0, 1]), nullable=True)
    return _columns(ecg_id=_pseudonym(unique=True), **dict.fromkeys(labels, label))


def feature_schema(channels: int) -> pa.DataFrameSchema:
    """One row per ECG: the pooled features of the foundation."""
    return _columns(
        ecg_id=_pseudonym(unique=True), **{f"feature_{number}": pa.Column("float32") for number in range(channels)}
    )


def check(table: pd.DataFrame, schema: pa.DataFrameSchema, origin: str | Path) -> pd.DataFrame:
    """`table` with the schema's types, or a StudyError naming `origin`, the column and the first offending row."""
    _refuse_lossy(table, schema, origin)
    try:
        validated = schema.validate(table, lazy=True)
        return validated[[name for name in schema.columns if name in validated]]
    except SchemaErrors as errors:
        first = errors.failure_cases.iloc[0]
        row = "" if pd.isna(first["index"]) else f", row {first['index']}"
        if first["check"] == "column_in_dataframe":
            raise StudyError(f"{origin}: no column {first['failure_case']}. Fix: make the table again") from None
        # A check of whole rows fails in every column of theirs.
        whole = first["schema_context"] == "DataFrameSchema" and not pd.isna(first["index"])
        where = row.removeprefix(", ") if whole else f"column {first['column'] or first['failure_case']}{row}"
        faults = errors.failure_cases["index"].nunique() if whole else len(errors.failure_cases)
        raise StudyError(
            f"{origin}: {where} breaks the table's contract ({first['check']}); {faults} fault(s) in all"
        ) from None


def _refuse_lossy(table: pd.DataFrame, schema: pa.DataFrameSchema, origin: str | Path) -> None:
    """A StudyError where casting would change a value without a word: missing to True, 1.5 to 1."""
    for name in [name for name in schema.columns if name in table]:
        dtype = str(schema.columns[name].dtype)
        if dtype == "bool":
            lossy = [not isinstance(value, bool | np.bool_) for value in table[name]]
        elif dtype == "int64":
            # Missing values and words are left to the schema, which refuses them.
            lossy = (pd.to_numeric(table[name], errors="coerce").dropna() % 1 != 0).reindex(
                table.index, fill_value=False
            )
        else:
            continue
        if any(lossy):
            row = table.index[np.argmax(lossy)]
            raise StudyError(
                f"{origin}: column {name}, row {row} breaks the table's contract (not a value of type {dtype})"
            )


def write(table: pd.DataFrame, schema: pa.DataFrameSchema, path: str | Path) -> None:
    """Check and write a Parquet table, atomically."""
    checked = check(table.reset_index(drop=True), schema, path)
    with replacing(path) as temporary:
        checked.to_parquet(temporary, index=False)


def read(schema: pa.DataFrameSchema, path: str | Path) -> pd.DataFrame:
    """Read and check a Parquet table; a StudyError also where the file is missing or damaged."""
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such table; run the stage that makes it") from None
    except (ArrowInvalid, OSError) as error:
        raise StudyError(f"{path}: not a readable Parquet table ({error}); make it again") from None
    return check(table, schema, path)
