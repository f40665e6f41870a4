"""What an edit of the library or a changed setting does again in a finished study: what it concerns, and no more."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

SENDING = {"log_study", "log_report", "all"}
REPORT = {"build_report", *SENDING}


@pytest.fixture
def project(root, tmp_path) -> Path:
    """A copy of the project, with its files' dates, that a test may edit."""
    folder = tmp_path / "project"
    for name in ("src", "workflow", "studies", "envs"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(root / name, folder)
    return folder


@pytest.fixture
def redone(project, small_study, make_workflow, root):
    """Function (settings) -> the rules that the finished small study would run again, with the settings laid over."""

    def rules(**settings) -> set[str]:
        overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
        for section, values in settings.items():
            overlay[section] = {**overlay.get(section, {}), **values}
        path = project / "overlay.yaml"
        path.write_text(yaml.safe_dump(overlay))
        workflow = make_workflow(small_study.folder, path)
        workflow.root = project
        said = workflow.run(options=["-n"]).stdout
        if "Nothing to be done" in said:
            return set()
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", said, re.MULTILINE | re.DOTALL)[1]
        return {line.split()[0] for line in table.splitlines()}

    return rules


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_words_redo_nothing(project, redone):
    assert redone() == set()
    edit(project / "src/ecg_ccta/cohort/building.py", "DAYS_PER_YEAR = 365.25\n", "# A year.\nDAYS_PER_YEAR = 365.25\n")
    module = project / "src/ecg_ccta/evaluation/analyse_subgroups.py"
    module.write_text(re.sub(r'^"""[^"]+"""', '"""Other words."""', module.read_text()))
    assert redone() == set()


def test_an_analysis_redoes_itself_and_the_report(project, redone):
    edit(
        project / "src/ecg_ccta/evaluation/analyse_subgroups.py",
        "import numpy as np\n",
        "import numpy as np\n\nX = 1\n",
    )
    assert redone() == {"analyse_subgroups"} | REPORT


def test_the_cohorts_code_redoes_what_follows_from_cohorts(project, redone):
    edit(project / "src/ecg_ccta/cohort/building.py", "DAYS_PER_YEAR = 365.25\n", "DAYS_PER_YEAR = 300\n")
    found = redone()
    assert {"build_cohort", "clean_signals", "finetune", "validate"} | REPORT <= found
    assert not {"simulate_site", "pretrain_foundation"} & found


def test_a_setting_redoes_the_analyses_that_read_it(redone):
    assert redone(evaluation={"age_cut": 60}) == {"analyse_subgroups"} | REPORT
    assert "finetune" in redone(training={"learning_rate": 1e-5})


def test_the_machine_of_a_training_redoes_no_training(redone):
    # The report shows the whole configuration, and MLflow keeps it.
    assert redone(training={"threads": 2}) == REPORT


def test_a_deleted_table_is_made_again(small_study, redone):
    (small_study.results / "small/tables/subgroups/internal.csv").unlink()
    assert redone() == {"analyse_subgroups"} | REPORT
