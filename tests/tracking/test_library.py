"""Which edits of the code redo which jobs."""

import shutil

import pytest

from ecg_ccta.tracking.library import library_hash, library_modules

SCRIPT = '''"""Count."""
from ecg_ccta import tables
from ecg_ccta.cohort.building import build
'''
FILES = {
    "__init__.py": "",
    "config.py": "DEFAULT = 1\n",
    "tables.py": "import pandas\nimport ecg_ccta.errors\n",
    "errors.py": '"""Faults."""\nclass Fault(Exception):\n    """One."""\n',
    "unrelated.py": "VALUE = 1\n",
    "cohort/__init__.py": "",
    "cohort/building.py": (
        "from ecg_ccta.config import DEFAULT\nDAYS = 365.25\n\n"
        'def build():\n    """Build."""\n    from ecg_ccta.page import draw\n    return draw()\n'
    ),
    "page/__init__.py": "from ecg_ccta.tracking.records import record\ndef draw(): ...\n",
    "page/templates/page.html": "<p>",
    "tracking/__init__.py": "",
    "tracking/records.py": "def record(): ...\n",
}


@pytest.fixture
def source(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "src/ecg_ccta" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "count.py").write_text(SCRIPT)
    return tmp_path / "src"


@pytest.fixture
def edited(source, tmp_path):
    """Function (file, old, new) -> whether the hash of the script is another one after the edit."""

    def edit(name, old, new):
        # Each version lies in a folder of its own, because a file is read once.
        folders = [tmp_path / f"{name.replace('/', '-')}-{version}" for version in ("before", "after")]
        for folder in folders:
            shutil.copytree(source, folder / "src")
            shutil.copy(tmp_path / "count.py", folder)
        path = folders[1] / ("count.py" if name == "count.py" else f"src/ecg_ccta/{name}")
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        before, after = (library_hash(folder / "count.py", folder / "src") for folder in folders)
        return before != after

    return edit


def test_modules_are_those_imported_directly_or_through_others(source, tmp_path):
    assert list(library_modules(tmp_path / "count.py", source)) == [
        "ecg_ccta",
        "ecg_ccta.cohort",
        "ecg_ccta.cohort.building",
        "ecg_ccta.errors",
        "ecg_ccta.page",
        "ecg_ccta.tables",
        "ecg_ccta/page/templates/page.html",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cohort/building.py", "365.25", "300"),
        ("errors.py", "Exception", "ValueError"),
        ("page/templates/page.html", "<p>", "<b>"),
        ("count.py", "import build", "import build as made"),
    ],
)
def test_what_the_script_runs_changes_its_hash(edited, name, old, new):
    assert edited(name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("unrelated.py", "1", "2"),
        ("config.py", "1", "2"),
        ("tracking/records.py", "...", "return 1"),
        ("cohort/building.py", "Build.", "Build it."),
        ("cohort/building.py", "DAYS = 365.25\n", "# A year.\nDAYS = 365.25\n\n"),
        ("errors.py", "One.", "Another."),
        ("count.py", "Count.", "Count them."),
    ],
)
def test_words_settings_and_other_modules_do_not(edited, name, old, new):
    assert not edited(name, old, new)
