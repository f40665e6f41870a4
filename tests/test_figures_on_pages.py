"""README and tour give the default study's figures as its tables have them."""

import shutil

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def check(load_script):
    return load_script("docs/check_figures.py")


@pytest.fixture
def pages(check, root, tmp_path):
    """The pages, to be changed."""
    for page in check.WATCHED:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(root / page, tmp_path / page)
    return tmp_path


@pytest.fixture
def extract(check, tmp_path):
    """The extract, to be changed; SHA256SUMS lies beside it."""
    folder = tmp_path / "data" / check.EXTRACT.name
    shutil.copytree(check.EXTRACT, folder)
    shutil.copy(check.EXTRACT.parent / "SHA256SUMS", folder.parent)
    return folder


def replaced(path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_every_figure_of_the_pages_is_that_of_the_extract(check):
    assert check.problems(check.Tables(check.EXTRACT, of_run=False)) == [], "see docs/check_figures.py"


def test_a_figure_that_drifted_is_named_with_its_table(check, pages, extract):
    path = extract / "default" / "ladder.csv"
    table = pd.read_csv(path)
    table.loc[(table["rung"] == "linear probe") & (table["measure"] == "AUC"), "estimate"] = 0.801
    table.to_csv(path, index=False)
    (found,) = check.problems(check.Tables(extract, of_run=False), pages)
    assert "a linear probe of the foundation's features" in found
    assert "0.801" in found
    assert found.endswith("(default/ladder)")


def test_words_that_the_table_does_not_carry_are_named(check, pages, extract):
    path = extract / "default" / "ladder.csv"
    table = pd.read_csv(path)
    is_gain = (table["rung"] == "linear probe") & (table["measure"] == "AUC difference")
    table.loc[is_gain, "lower"] = -table.loc[is_gain, "lower"]
    table.to_csv(path, index=False)
    found = check.problems(check.Tables(extract, of_run=False), pages)
    assert "README.md: “Fine-tuning adds” does not hold (default/ladder)" in found


def test_a_number_without_a_table_is_named(check, pages):
    replaced(pages / "README.md", "All of it is in the report's section", "It found 97.5 % of all. All of it is in the")
    assert check.problems(check.Tables(check.EXTRACT, of_run=False), pages) == ["README.md: 97.5 is in no table"]


def test_a_new_run_updates_pages_and_extract(check, pages, extract, root):
    run = extract.parent / "results"
    for study in (check.MAIN, check.CONTROL):
        shutil.copytree(check.EXTRACT / study, run / study / "tables")
        (run / study / "records" / "any").mkdir(parents=True)
        made = [f"results/{study}/tables/{path.relative_to(check.EXTRACT / study)}"
                for path in (check.EXTRACT / study).rglob("*.csv")]  # fmt: skip
        record = {"rule": "any", "git_commit": "a", "outputs": dict.fromkeys(made, "0"),
                  "versions": {"python": "3", "torch": "2"}}  # fmt: skip
        check.write_json(run / study / "records" / "any" / "one.json", record)
    path = run / check.CONTROL / "tables" / "discrimination" / "internal.csv"
    pd.read_csv(path).assign(estimate=0.5071).to_csv(path, index=False)
    tables = check.Tables(run, of_run=True)
    assert any("0.507" in problem for problem in check.problems(tables, pages))
    check.update(tables, extract, pages)
    assert check.problems(tables, pages) == check.problems(check.Tables(extract, of_run=False), pages) == []
    text = (pages / "README.md").read_text("utf-8")
    assert "control's mean AUC was 0.507 (" in text
    assert len(text.splitlines()) == len((root / "README.md").read_text("utf-8").splitlines())
