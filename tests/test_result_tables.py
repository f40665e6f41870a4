import numpy as np
import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.result_tables import SCHEMAS, read_csv, schema_of, write_csv
from ecg_ccta.statistics.estimates import estimate_table

AUC = {"vessel": "LM", "measure": "AUC", "estimate": 0.6, "lower": 0.5, "upper": 0.7, "n": 20, "events": 5}


def test_missing_values_are_empty_fields_and_come_back_missing(tmp_path):
    path = tmp_path / "tables/discrimination/a.csv"
    rows = [AUC, {"vessel": "LAD", "measure": "AUC", "n": 9, "note": "too few events (1)"}]
    path.parent.mkdir(parents=True)
    write_csv(estimate_table(rows, ["vessel"]), path)
    assert path.read_text().splitlines()[2] == "LAD,AUC,,,,,9,,,,too few events (1)"
    found = read_csv(path)
    assert np.isnan(found["estimate"][1])
    assert found["note"].tolist() == ["", "too few events (1)"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lower": 0.75}, "row 0 breaks the table's contract .lower above upper.; 1 fault"),
        ({"estimate": None, "lower": None, "upper": None}, "row 0 breaks .* .no estimate and no note."),
        ({"n": "many"}, "column n"),
    ],
)
def test_a_row_that_breaks_the_contract_is_named_and_nothing_is_written(tmp_path, change, words):
    path = tmp_path / "tables/discrimination/a.csv"
    table = estimate_table([AUC], ["vessel"]).astype(object).assign(**change)
    with pytest.raises(StudyError, match=rf"discrimination/a.csv: {words}"):
        write_csv(table, path)
    assert not path.parent.exists()


def test_columns_that_are_missing_or_unknown_are_named(tmp_path):
    table = estimate_table([AUC], ["vessel"])
    with pytest.raises(StudyError, match=r"no column events. Fix: make the table again"):
        write_csv(table.drop(columns="events"), tmp_path / "tables/discrimination/a.csv")
    with pytest.raises(StudyError, match="column colour"):
        write_csv(table.assign(colour="red"), tmp_path / "tables/discrimination/a.csv")


def test_a_table_is_known_by_its_name():
    assert schema_of("results/s/tables/roc/internal.csv", []) is SCHEMAS["roc"]
    assert schema_of("results/tables/tables/leakage.csv", []) is SCHEMAS["leakage"]


def test_a_table_without_a_schema_is_one_of_estimates(tmp_path):
    path = tmp_path / "tables/findings/a.csv"
    path.parent.mkdir(parents=True)
    write_csv(estimate_table([AUC | {"scanner": "A"}], ["vessel", "scanner"]), path)
    assert read_csv(path)["scanner"].tolist() == ["A"]
    with pytest.raises(StudyError, match="no column measure"):
        write_csv(pd.DataFrame({"vessel": ["LM"], "auc": [0.5]}), path)


@pytest.mark.parametrize("content", ["", "a,b\n1,2,3\n4,5,6,7\n", None])
def test_a_file_that_is_no_table_is_named(tmp_path, content):
    path = tmp_path / "tables/roc/a.csv"
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_text(content)
    with pytest.raises(StudyError, match=r"(?s)roc/a\.csv: .*Fix: "):
        read_csv(path)
