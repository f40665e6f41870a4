"""Table 1: who was studied."""

import pandas as pd
from tableone import TableOne

from ecg_ccta.tables import CHEST_PAIN, RISK_FACTORS, SEXES
from ecg_ccta.vessels import VESSELS

CONTINUOUS = {"age": "Age, years", "days_to_ccta": "Days from ECG to CCTA"}
YES_NO = {
    **{name: name.capitalize() for name in RISK_FACTORS},
    **{f"target_{vessel}": f"Stenosis of 70 % or more, {vessel}" for vessel in VESSELS},
}
CATEGORICAL = {
    "sex": ("Sex", SEXES),
    "chest_pain": ("Chest pain", CHEST_PAIN),
    **{name: (label, ("yes", "no")) for name, label in YES_NO.items()},
}
ORDER = ("age", "sex", *RISK_FACTORS, "chest_pain", "days_to_ccta", *(f"target_{vessel}" for vessel in VESSELS))


def table_one(cohorts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Characteristics of the patients, one column per cohort (title -> `tables.COHORT` or `tables.ELIGIBLE`).

    The unit is the patient, at the first ECG. Median [quartiles] of age and of the days from ECG to CCTA; number (per
    cent of the patients whose value is known) of every category; and for each characteristic the number of patients
    without a value. Columns of the result: characteristic, value, one per cohort; all text.
    """
    columns = {title: _characteristics(_first_ecgs(cohort)) for title, cohort in cohorts.items()}
    rows = [("Patients", "n"), ("ECGs", "n")]
    for name in ORDER:
        label, values = CATEGORICAL[name] if name in CATEGORICAL else (CONTINUOUS[name], ("median [quartiles]",))
        rows += [(label, value) for value in (*values, "missing, n")]
    table = pd.DataFrame(rows, columns=["characteristic", "value"])
    for title, cells in columns.items():
        cells["ECGs", "n"] = str(len(cohorts[title]))
        table[title] = [cells.get(row, "") for row in rows]
    return table


def _first_ecgs(cohort: pd.DataFrame) -> pd.DataFrame:
    patients = cohort.sort_values(["recorded_at", "ecg_id"], na_position="last").drop_duplicates("patient_id")
    for name in YES_NO:
        known = patients[name].astype("boolean")
        patients[name] = known.map({True: "yes", False: "no"}).astype("object").where(known.notna(), None)
    for name in ("sex", "chest_pain"):
        patients[name] = patients[name].astype("object").where(patients[name].notna(), None)
    return patients


def _characteristics(patients: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Text of every cell by (characteristic, value)."""
    cells = {("Patients", "n"): str(len(patients))}
    # tableone counts a category that no patient has, or a column without any value, in ways that differ between its
    # versions: it is given what is known only, and the missing are counted here.
    known = [name for name in ORDER if patients[name].notna().any()]
    for name in ORDER:
        label = CATEGORICAL[name][0] if name in CATEGORICAL else CONTINUOUS[name]
        cells[label, "missing, n"] = str(int(patients[name].isna().sum()))
        if name in known and name in CATEGORICAL:
            cells.update({(label, value): "0 (0.0)" for value in CATEGORICAL[name][1]})
    if not known:
        return cells
    described = TableOne(
        patients[known].reset_index(drop=True),
        columns=known,
        categorical=[name for name in known if name in CATEGORICAL],
        continuous=[name for name in known if name in CONTINUOUS],
        nonnormal=[name for name in known if name in CONTINUOUS],
        missing=False,
        include_null=False,
        label_suffix=False,
    ).tableone
    for (name, value), text in described.iloc[:, 0].items():
        if name in CATEGORICAL:
            cells[CATEGORICAL[name][0], value] = text
        elif name in CONTINUOUS:
            cells[CONTINUOUS[name], "median [quartiles]"] = text
    return cells
