"""The example notebook runs, and shows what it prints."""

import json

import pytest


@pytest.fixture(scope="module")
def example(load_script):
    """The module docs/make_example.py."""
    return load_script("docs/make_example.py")


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: dict) -> str:
    return "".join(line for output in cell["outputs"] for line in output.get("text", []))


def test_the_notebook_runs_and_prints_what_it_shows(example):
    example.plt.switch_backend("agg")
    shown = json.loads(example.NOTEBOOK.read_text("utf-8"))
    executed = example.execute(shown)
    assert len(code_cells(shown)) >= 4
    for before, after in zip(code_cells(shown), code_cells(executed), strict=True):
        assert printed(before) == printed(after), "run: python docs/make_example.py"
        assert before["execution_count"] == after["execution_count"]
        assert [output["output_type"] for output in before["outputs"]] == [
            output["output_type"] for output in after["outputs"]
        ]


def test_the_notebook_is_small_and_valid(example):
    import nbformat

    assert example.NOTEBOOK.stat().st_size < 100_000
    nbformat.validate(nbformat.read(example.NOTEBOOK, as_version=4))
