"""The sample analysis of CONTRIBUTING.md, added as it says: five files, and the workflow and the report know it."""

import os
import re
import shutil
import textwrap
from pathlib import Path

import pandas as pd

BLOCK = re.compile(r"^   ```python\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
APPENDED = ("workflow/rules/validation.smk",)
SCHEMAS = "src/ecg_ccta/result_tables.py"


def follow(root: Path, project: Path) -> list[str]:
    """Do what each of the five steps says; return the files that it names."""
    steps = (root / "CONTRIBUTING.md").read_text().split("## Add an analysis in five steps")[1].split("\n## ")[0]
    codes = [textwrap.dedent(code) for code in BLOCK.findall(steps)]
    files = re.findall(r"`((?:workflow|src)/[\w/]+\.(?:py|smk))`", re.sub(r"<stage>", "validation", steps))
    assert len(codes) == len(files) == 5
    for file, code in zip(files, codes, strict=True):
        path = project / file
        if file in APPENDED:
            path.write_text(f"{path.read_text()}\n\n{code}")
        elif file == SCHEMAS:
            path.write_text(path.read_text().replace("\nSCHEMAS = {\n", f"\nSCHEMAS = {{\n{code}"))
        else:
            assert not path.exists()
            path.write_text(code)
    return files


def test_five_files_add_an_analysis(root, small_study, make_workflow, tmp_path):
    project = tmp_path / "project"
    for name in ("src", "workflow", "studies", "envs"):
        shutil.copytree(root / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(root / name, project)
    files = follow(root, project)
    assert len(set(files)) == 5

    workflow = make_workflow(small_study.folder, root / "tests/workflow/small.yaml")
    workflow.root = project
    workflow.run(environment={**os.environ, "PYTHONPATH": str(project / "src")})
    results = small_study.folder / "results/small"
    found = pd.read_csv(results / "tables/findings/internal.csv")
    assert found["ecgs"].sum() > 100
    assert (results / "records/count_findings/internal.json").exists()
    page = (results / "report/index.html").read_text()
    assert ">Findings<" in page
    assert page.index(">Findings<") > page.index(">Who was included<")
