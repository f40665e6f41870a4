"""Labels of an intermediate task: columns of the ECG index, yes, no or unknown, and nothing else."""

import math

import pytest

from ecg_ccta import tables
from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Columns, Quality, Tables
from ecg_ccta.errors import StudyError
from ecg_ccta.signals.shards import clean_shard

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def labelled(export):
    """The tiny export with two labels and no CCTA."""
    export.site = export.site.model_copy(update={"tables": Tables(ccta=None, follow_up=None)})
    for number, row in enumerate(export.tables["ecg_index"]):
        row |= {"mi": ("1", "0", " ")[number % 3], "smoking": "0"}
    return export


def refusal(export, *labels: str) -> str:
    export.write()
    with pytest.raises(StudyError) as caught:
        export.build_labelled(*labels)
    assert "PAT-88" not in str(caught.value)
    return str(caught.value)


def test_labels_are_read_under_pseudonyms(labelled):
    labelled.write()
    eligible, _, labels, _ = labelled.build_labelled("mi", "smoking")
    assert labels["ecg_id"].tolist() == [pseudonym(KEY, "ecg", f"ECG-77{number:03d}") for number in range(6)]
    assert set(labels["ecg_id"]) == set(eligible["ecg_id"])
    assert labels["mi"].tolist()[:2] == [1, 0]
    assert math.isnan(labels["mi"].iloc[2])
    # A label may have the name of a risk factor of patients.csv, which stays what that table says.
    assert labels["smoking"].tolist() == [0.0] * 6
    assert eligible["smoking"].isna().all()


def test_labels_survive_their_table(labelled, tmp_path):
    labelled.write()
    labels = labelled.build_labelled("mi")[2]
    tables.write(labels, tables.label_schema(["mi"]), tmp_path / "labels.parquet")
    assert tables.read(tables.label_schema(["mi"]), tmp_path / "labels.parquet").equals(labels)
    with pytest.raises(StudyError, match="column mi, row 1 breaks"):
        tables.check(labels.assign(mi=[1, 2, 0, 0, 0, 0]), tables.label_schema(["mi"]), "labels")


def test_a_site_that_is_not_the_intermediate_one_has_an_empty_table(export):
    export.write()
    labels = export.build_labelled()[2]
    assert list(labels.columns) == ["ecg_id"]
    assert labels.empty


@pytest.mark.parametrize("word", ["yes", "2", "1.0", "TRUE"])
def test_another_word_names_file_column_row_and_fix(labelled, word):
    labelled.tables["ecg_index"][4]["mi"] = word
    message = refusal(labelled, "mi")
    for part in ("site hospital: ecg_index.csv, column mi, row 6", f'"{word}"', '"", "1", "0"', "Fix: write 1 (yes)"):
        assert part in message


def test_the_hospitals_own_column_name(labelled):
    labelled.site = labelled.site.model_copy(update={"columns": Columns(ecg_index={"infarction": "mi"})})
    labelled.write()
    assert labelled.build_labelled("infarction")[2]["infarction"].iloc[0] == 1
    labelled.tables["ecg_index"][0]["mi"] = "x"
    assert "column mi, row 2" in refusal(labelled, "infarction")
    assert "columns.ecg_index.infarction: unknown column; known are" in refusal(labelled)


def test_the_mapping_of_a_label_does_not_trouble_cleaning(recorded_export):
    for row in recorded_export.tables["ecg_index"]:
        row["mi"] = "1"
    recorded_export.site = recorded_export.site.model_copy(update={"columns": Columns(ecg_index={"infarction": "mi"})})
    recorded_export.write()
    eligible = recorded_export.build_labelled("infarction")[0]
    table = clean_shard(eligible, recorded_export.folder, recorded_export.site, "hospital", 1, Quality(), 0, 1)[1]
    assert table["reason"].isna().all()


def test_a_missing_column_is_named(labelled):
    message = refusal(labelled, "stemi")
    assert "ecg_index.csv, row 1: column stemi is missing" in message
    assert "sites.hospital.columns.ecg_index (stemi: its name)" in message


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("age",), "intermediate.labels: age has another meaning in the ECG index. Fix: give the label another name"),
        (("ecg_id",), "intermediate.labels: ecg_id has another meaning"),
        (("row",), "intermediate.labels: row has another meaning"),
        (("mi", "mi"), "intermediate.labels: mi stands there twice"),
    ],
)
def test_names_that_cannot_be_labels(labelled, labels, expected):
    assert expected in refusal(labelled, *labels)
