"""Every fault of a table stops with one message that names file, column, row and the fix, and nobody's identifiers."""

import pytest

from ecg_ccta.config import Columns, Tables
from ecg_ccta.errors import StudyError


def fault(export, *expected: str, **options) -> str:
    """The message of the StudyError, after checking that it holds `expected` and no identifier."""
    export.write(**options)
    with pytest.raises(StudyError) as error:
        export.build()
    message = str(error.value)
    for part in ("site hospital", "Fix:", *expected):
        assert part in message, message
    assert "ECG-77" not in message
    assert "PAT-88" not in message
    return message


def test_whole_export_is_read(export):
    export.write()
    eligible, follow_up, _ = export.build()
    assert (len(eligible), len(follow_up)) == (6, 6)
    assert eligible["sex"].tolist() == ["female"] * 6
    assert eligible["hypertension"].tolist() == [True] * 6
    assert eligible["smoking"].isna().all()


def test_duplicate_ecg_id(export):
    export.tables["ecg_index"][4]["ecg_id"] = export.tables["ecg_index"][1]["ecg_id"]
    fault(export, "ecg_index.csv", "column ecg_id", "row 6", "row 3")


def test_duplicate_patient(export):
    export.tables["patients"].append(dict(export.tables["patients"][2]))
    fault(export, "patients.csv", "column patient_id", "row 8", "row 4")


def test_unknown_grade_word(export):
    export.tables["ccta"][3]["LAD"] = "sévère"
    fault(
        export, "ccta.csv", "column LAD", "row 5", '"sévère"', '"severe"', '"not assessable"',
        "sites.hospital.grade_words", "sites.hospital.missing_grade_words",
    )  # fmt: skip


def test_ecg_of_an_unknown_patient(export):
    del export.tables["patients"][3]
    fault(export, "ecg_index.csv", "column patient_id", "row 5", "unknown patient", "patients.csv")


def test_missing_column(export):
    message = fault(
        export, "ccta.csv", "row 1", "column LCX is missing", "did you mean LCx?", "sites.hospital.columns.ccta",
        renamed=("ccta", "LCX", "LCx"),
    )  # fmt: skip
    assert "found: patient_id, performed_at, RCA, LM, LAD, LCx" in message


def test_recording_time_is_needed_for_linking_alone(export):
    fault(export, "ecg_index.csv", "column recorded_at is missing", without=("ecg_index", "recorded_at"))
    export.site = export.site.model_copy(update={"tables": Tables(ccta=None)})
    eligible, _, _ = export.build()
    assert eligible["recorded_at"].isna().all()


def test_missing_file(export):
    export.write()
    (export.folder / "ccta.csv").unlink()
    with pytest.raises(StudyError, match=r"ccta\.csv: the file is missing.*sites\.hospital\.tables\.ccta"):
        export.build()


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("ecg_index", "ecg_id", " ", "the id is empty"),
        ("ecg_index", "patient_id", "", "the id is empty"),
        ("ccta", "patient_id", "", "the id is empty"),
        ("ecg_index", "recorded_at", "01.05.2022", '"01.05.2022". Fix: write YYYY-MM-DD'),
        ("ecg_index", "recorded_at", "2022-02-30", '"2022-02-30"'),
        ("ecg_index", "recorded_at", "2022-05-01T10:00:00+08:00", "without an offset"),
        ("ccta", "performed_at", "", "the date is empty"),
        ("ccta", "performed_at", "0001-01-01", "not a usable date"),
        ("patients", "birth_date", "1960", '"1960"'),
        ("patients", "birth_date", "2023-01-01", "the age at the ECG"),
        ("patients", "sex", "w", 'unknown word "w"; allowed are "", "female"'),
        ("patients", "chest_pain", "angina", '"nonanginal"'),
        ("patients", "diabetes", "maybe", 'unknown word "maybe"; allowed are "", "yes"'),
        ("patients", "age", "sixty", 'not an age: "sixty"'),
        ("ecg_index", "age", "-1", 'not an age: "-1"'),
        ("ecg_index", "age", "nan", 'not an age: "nan"'),
        ("ecg_index", "sex", "male", "another sex than in patients.csv, row 4"),
        ("follow_up", "event", "stroke", '"myocardial infarction", "death"'),
        ("follow_up", "event", "death", "an event without its date"),
        ("ecg_index", "path", "/etc/passwd", "the path is absolute"),
        ("ecg_index", "path", "C:\\ecg\\1", "the path is absolute"),
        ("ecg_index", "path", "../export/records/1", "leaves the export folder"),
        ("ecg_index", "path", "records/../../1", "leaves the export folder"),
    ],
)
def test_a_wrong_cell_is_named(export, table, column, value, expected):
    export.tables[table][2][column] = value
    fault(export, f"{table}.csv", f"column {column}", "row 4", expected)


def test_contradictions_in_the_follow_up(export):
    export.tables["follow_up"][2] |= {"event": "death", "event_date": "2024-05-12"}
    fault(export, "follow_up.csv", "column event_date", "row 4", "after end_date")
    export.tables["follow_up"][2]["event"] = ""
    fault(export, "follow_up.csv", "column event,", "row 4", "a date of an event without the event")
    export.tables["follow_up"][2] = dict(export.tables["follow_up"][0])
    fault(export, "follow_up.csv", "column patient_id", "row 4", "row 2")


@pytest.mark.parametrize("link", ["records/away", "records/link.hea"])
def test_links_out_of_the_export(export, tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.hea").write_text("x 0 500 0\n")
    (export.folder / link).symlink_to(outside if link.endswith("away") else outside / "x.hea")
    export.tables["ecg_index"][2]["path"] = "records/away/x" if link.endswith("away") else "records/link"
    fault(export, "ecg_index.csv", "column path", "row 4", "leaves the export folder")


def test_contradicting_findings_of_one_examination(export):
    export.tables["ccta"].append({**export.tables["ccta"][1], "LAD": "mild"})
    fault(export, "ccta.csv", "column performed_at", "row 8", "row 3")
    export.tables["ccta"][-1]["LAD"] = "none"
    export.write()
    assert len(export.build()[0]) == 6


def test_the_hospitals_own_names_and_words(export):
    export.site = export.site.model_copy(
        update={
            "columns": Columns(ccta={"RCA": "右冠状动脉"}, ecg_index={"path": "file"}),
            "grade_words": {"重度狭窄": "severe", "none": "none", "complete": "complete"},
        }
    )
    for row in export.tables["ccta"]:
        row["右冠状动脉"] = "重度狭窄"
        del row["RCA"]
    for row in export.tables["ecg_index"]:
        row["file"] = row.pop("path")
    export.write()
    eligible, _, _ = export.build()
    assert eligible["grade_RCA"].tolist() == ["severe"] * 6
    del export.tables["ecg_index"][0]["file"]
    export.tables["ecg_index"][1]["file"] = "/absolute"
    fault(export, "ecg_index.csv", "column file", "row 3")


def test_unknown_project_name_and_named_but_absent_column(export):
    export.site = export.site.model_copy(update={"columns": Columns(patients={"hypertensoin": "HTN"})})
    export.write()
    with pytest.raises(StudyError, match="did you mean hypertension"):
        export.build()
    export.site = export.site.model_copy(update={"columns": Columns(patients={"diabetes": "DM"})})
    fault(export, "patients.csv", "column DM is missing")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no header"),
        (b"patient_id\n", "no rows"),
        (b"patient_id;sex\nA;f\n", "not separated by commas"),
        (b"patient_id,sex\nA\n", "row 2: 1 cells under 2 columns"),
        (b"patient_id,sex,sex\nA,f,f\n", "column sex stands there twice"),
        ("patient_id,sex\nA,männlich\n".encode("latin-1"), "not UTF-8"),
        (b'patient_id,sex\n"A,f\n', "cannot be read as CSV"),
    ],
)
def test_not_a_table(export, content, expected):
    export.write()
    (export.folder / "patients.csv").write_bytes(content)
    with pytest.raises(StudyError, match=expected) as error:
        export.build()
    assert "patients.csv" in str(error.value)


def test_byte_order_mark_and_blank_lines(export):
    export.write()
    path = export.folder / "patients.csv"
    lines = path.read_text().splitlines()
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([lines[0], "", *lines[1:], ",,,,", ""]).encode())
    assert len(export.build()[0]) == 6
    path.write_text(path.read_text("utf-8-sig").replace("Female", "w", 1))
    with pytest.raises(StudyError, match="row 3"):
        export.build()
