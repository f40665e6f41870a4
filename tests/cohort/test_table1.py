import numpy as np
import pandas as pd

from ecg_ccta import tables
from ecg_ccta.cohort.table1 import table_one
from ecg_ccta.vessels import VESSELS


def cohort(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "ecg_id": [f"{number:020x}" for number in range(n)],
            "patient_id": [f"{number % (n - 5):020x}" for number in range(n)],
            "recorded_at": pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(n), unit="D"),
            "days_to_ccta": rng.integers(0, 30, n).astype(float),
            "ccta_date": pd.NaT,
            "age": rng.normal(60, 8, n),
            "sex": rng.choice(["female", "male"], n),
            **{name: rng.choice([True, False, None], n) for name in tables.RISK_FACTORS},
            "chest_pain": rng.choice(["none", "atypical", "typical"], n),
            "statement": None,
            **{f"grade_{vessel}": rng.choice(["none", "severe"], n) for vessel in VESSELS},
        }
    )
    for vessel in VESSELS:
        table[f"target_{vessel}"] = (table[f"grade_{vessel}"] == "severe").astype("Int8")
    table.loc[:4, "target_LM"] = pd.NA
    return tables.check(table, tables.ELIGIBLE, "test")


def cell(table: pd.DataFrame, characteristic: str, value: str, site: str) -> str:
    found = table.loc[(table["characteristic"] == characteristic) & (table["value"] == value), site]
    assert len(found) == 1
    return found.iloc[0]


def test_patients_not_ecgs_are_counted():
    whole = cohort(60, 1)
    table = table_one({"Here": whole})
    first = whole.drop_duplicates("patient_id")
    assert cell(table, "Patients", "n", "Here") == "55"
    assert cell(table, "ECGs", "n", "Here") == "60"
    women = int((first["sex"] == "female").sum())
    assert cell(table, "Sex", "female", "Here") == f"{women} ({100 * women / 55:.1f})"
    low, middle, high = first["age"].quantile([0.25, 0.5, 0.75])
    assert cell(table, "Age, years", "median [quartiles]", "Here") == f"{middle:.1f} [{low:.1f},{high:.1f}]"
    known = first["target_LM"].dropna()
    label = "Stenosis of 70 % or more, LM"
    assert cell(table, label, "yes", "Here") == f"{known.sum()} ({100 * known.mean():.1f})"
    assert cell(table, label, "missing, n", "Here") == "5"
    assert cell(table, "Chest pain", "nonanginal", "Here") == "0 (0.0)"


def test_a_site_without_findings_has_its_column():
    scored = cohort(40, 2)
    scored[["days_to_ccta", "age"]] = np.nan
    for name in (*tables.RISK_FACTORS, "sex", "chest_pain", *(f"target_{vessel}" for vessel in VESSELS)):
        scored[name] = pd.Series(pd.NA, index=scored.index, dtype=scored[name].dtype)
    table = table_one({"Here": cohort(60, 1), "There": scored})
    assert list(table.columns) == ["characteristic", "value", "Here", "There"]
    assert cell(table, "Age, years", "missing, n", "There") == "35"
    assert cell(table, "Stenosis of 70 % or more, LAD", "yes", "There") == ""
    assert cell(table, "Patients", "n", "There") == "35"
    assert not table.isna().any(axis=None)
