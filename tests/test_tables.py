"""The contracts between stages: missing stays missing, and every breach is named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_ccta import tables
from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import GRADES, VESSELS

SCHEMAS = {
    name: getattr(tables, name)
    for name in ("ELIGIBLE", "SHARD", "COHORT", "LAST_KNOWN", "FOLLOW_UP", "SPLITS", "PREDICTIONS", "RISK_GROUPS")
}


def eligible(rows: int = 3) -> pd.DataFrame:
    """A good table in which every value that may be missing is present."""
    table = {
        "ecg_id": [f"{i:020x}" for i in range(rows)],
        "patient_id": [f"{i + 100:020x}" for i in range(rows)],
        "recorded_at": pd.to_datetime(["2022-05-01T10:00:00"] * rows),
        "days_to_ccta": [10.0] * rows,
        "ccta_date": pd.to_datetime(["2022-05-11"] * rows),
        "age": [61.5] * rows,
        "sex": ["female"] * rows,
        **{name: [True] * rows for name in tables.RISK_FACTORS},
        "chest_pain": ["typical"] * rows,
        "statement": ["Sinus rhythm"] * rows,
        **{name: ["A"] * rows for name in tables.PLACES},
        **{f"grade_{vessel}": ["severe"] * rows for vessel in VESSELS},
        **{f"target_{vessel}": [1] * rows for vessel in VESSELS},
    }
    return pd.DataFrame(table)


def splits(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": ["0" * 20, "1" * 20], "fold": [0, 1], "inner": [True, False], **columns})


def breach(table: pd.DataFrame, schema: object) -> str:
    with pytest.raises(StudyError) as caught:
        tables.check(table, schema, "cohort/internal.parquet")
    assert str(caught.value).startswith(("cohort/internal.parquet: column ", "cohort/internal.parquet: no column "))
    return str(caught.value)


def test_a_site_may_have_no_scanner_and_no_centre() -> None:
    table = eligible().drop(columns=list(tables.PLACES))
    assert list(tables.check(table, tables.ELIGIBLE, "cohort")) == list(table)


NULLABLE = [name for name, column in tables.ELIGIBLE.columns.items() if column.nullable]


@pytest.mark.parametrize("column", NULLABLE)
def test_missing_stays_missing(tmp_path, column):
    table = eligible().astype({column: "object"})
    table.loc[1, column] = None
    tables.write(table, tables.ELIGIBLE, tmp_path / "a.parquet")
    for found in (
        tables.read(tables.ELIGIBLE, tmp_path / "a.parquet"),
        tables.check(table, tables.ELIGIBLE, "a"),
    ):
        assert found[column].isna().tolist() == [False, True, False]
        assert found.drop(columns=column).notna().all(axis=None)


values = st.fixed_dictionaries(
    {
        "age": st.none() | st.floats(0, 120),
        "smoking": st.none() | st.booleans(),
        "sex": st.none() | st.sampled_from(tables.SEXES),
        "statement": st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
        "grade_LM": st.none() | st.sampled_from(GRADES),
        "target_LM": st.none() | st.sampled_from([0, 1]),
    }
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(values, min_size=1, max_size=6))
def test_a_round_trip_changes_no_value(tmp_path, rows):
    table = eligible(len(rows))
    for name in rows[0]:
        table[name] = pd.Series([row[name] for row in rows], dtype="object")
    tables.write(table, tables.ELIGIBLE, tmp_path / "a.parquet")
    found = tables.read(tables.ELIGIBLE, tmp_path / "a.parquet")
    for name in rows[0]:
        assert [None if pd.isna(value) else value for value in found[name]] == [row[name] for row in rows]
    pd.testing.assert_frame_equal(found, tables.check(table, tables.ELIGIBLE, "a"))


def test_an_empty_text_is_not_missing_and_missing_is_no_empty_text(tmp_path):
    table = eligible().assign(statement=["", None, "x"])
    tables.write(table, tables.ELIGIBLE, tmp_path / "a.parquet")
    assert tables.read(tables.ELIGIBLE, tmp_path / "a.parquet")["statement"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_table_keeps_its_types(tmp_path, name):
    schema = SCHEMAS[name]
    tables.write(pd.DataFrame({column: [] for column in schema.columns}), schema, tmp_path / "a.parquet")
    found = tables.read(schema, tmp_path / "a.parquet")
    assert len(found) == 0
    assert list(found) == list(schema.columns)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ecg_id", "PAT-0815"),
        ("age", -1.0),
        ("age", 121.0),
        ("sex", "F"),
        ("smoking", "perhaps"),
        ("chest_pain", "yes"),
        ("grade_LAD", "70 %"),
        ("target_LAD", 2),
        ("target_LAD", 0.5),
        ("recorded_at", "yesterday"),
    ],
)
def test_a_wrong_value_names_column_and_row_and_not_the_value(column, value):
    table = eligible().astype({column: "object"})
    table.loc[2, column] = value
    message = breach(table, tables.ELIGIBLE)
    assert f"column {column}" in message
    # pandas cannot say in which row 0.5 would not fit an integer.
    assert "row 2" in message or value == 0.5
    assert "PAT-0815" not in message


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"inner": [True, np.nan]}, "column inner, row 1"),
        ({"inner": [True, None]}, "column inner, row 1"),
        ({"inner": pd.array([True, pd.NA], dtype="boolean")}, "column inner, row 1"),
        ({"inner": ["yes", "no"]}, "column inner, row 0"),
        ({"inner": [True, 2]}, "column inner, row 1"),
        ({"fold": [0, 1.5]}, "column fold, row 1"),
        ({"fold": [0, np.nan]}, "column fold, row 1"),
        ({"fold": [0, -1]}, "column fold, row 1"),
        ({"patient_id": ["0" * 20, None]}, "column patient_id, row 1"),
        ({"patient_id": ["0" * 20] * 2}, "column patient_id, row 0"),
    ],
)
def test_no_value_is_bent_to_its_type(columns, named):
    assert named in breach(splits(**columns), tables.SPLITS)


def test_whole_numbers_of_any_type_are_numbers():
    found = tables.check(splits(fold=[0.0, 1.0]), tables.SPLITS, "a")
    assert found["fold"].tolist() == [0, 1]
    assert found["fold"].dtype == np.int64


def test_extra_and_missing_columns_are_named():
    assert "column name" in breach(splits(name=["Ann", "Bob"]), tables.SPLITS)
    assert "no column inner" in breach(splits().drop(columns="inner"), tables.SPLITS)


def test_columns_come_in_the_order_of_the_contract():
    assert list(tables.check(splits()[["inner", "patient_id", "fold"]], tables.SPLITS, "a")) == list(splits())


def test_a_breach_leaves_the_old_table(tmp_path):
    path = tmp_path / "a.parquet"
    tables.write(splits(), tables.SPLITS, path)
    before = path.read_bytes()
    with pytest.raises(StudyError):
        tables.write(splits(fold=[0, -1]), tables.SPLITS, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_the_index_is_not_data(tmp_path):
    tables.write(splits().set_index(pd.Index([7, 9])), tables.SPLITS, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(tables.read(tables.SPLITS, tmp_path / "a.parquet"), splits())


def test_equal_tables_are_equal_files(tmp_path):
    for name in "ab":
        tables.write(eligible(), tables.ELIGIBLE, tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_damaged_or_missing_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(StudyError, match=r"a\.parquet: no such table"):
        tables.read(tables.SPLITS, path)
    tables.write(splits(), tables.SPLITS, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StudyError, match=r"a\.parquet: not a readable Parquet table"):
        tables.read(tables.SPLITS, path)


def test_a_table_written_elsewhere_is_checked_on_reading(tmp_path):
    path = tmp_path / "a.parquet"
    splits(fold=[0, -1]).to_parquet(path)
    with pytest.raises(StudyError, match=r"a\.parquet: column fold, row 1"):
        tables.read(tables.SPLITS, path)
