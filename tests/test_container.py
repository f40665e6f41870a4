"""The image's recipe, as far as it can be tried without a container engine: what it copies is there and suffices."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def instructions(root: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, lines joined."""
    text = re.sub(r"\\\n\s*", "", (root / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


@pytest.fixture(scope="module")
def image(root, tmp_path_factory) -> Path:
    """The folder that the Dockerfile's COPY lines fill, from what .dockerignore lets through."""
    patterns = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    admitted = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    refused = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    folder = tmp_path_factory.mktemp("image")
    for name, arguments in instructions(root):
        if name == "COPY":
            *sources, target = arguments.split()
            for source in sources:
                assert source in admitted, f".dockerignore keeps {source} from Docker"
                if (root / source).is_dir():
                    assert target == source
                    shutil.copytree(root / source, folder / target, ignore=shutil.ignore_patterns(*refused))
                else:
                    assert target == "./"
                    shutil.copy2(root / source, folder)
    return folder


def test_every_source_exists_and_no_rubbish_is_copied(image, root):
    copied = {file.relative_to(image).as_posix() for file in image.rglob("*") if file.is_file()}
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert {"Snakefile", "config.yaml", "src/ecg_ccta/config.py", "workflow/scripts/finetune.py"} <= copied
    assert not [file for file in copied if fnmatch.fnmatch(file, "*.pyc")]
    assert copied <= set(listed.splitlines()), copied - set(listed.splitlines())


def test_what_the_package_names_is_copied(image, root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for file in (project["readme"], *project["license-files"]):
        assert (image / file).is_file()


def test_versions_are_those_of_the_constraints(root):
    commands = " ".join(arguments for name, arguments in instructions(root) if name == "RUN")
    installed = re.findall(r"pip install ([^&]+)", commands)
    assert [command.split() for command in installed] == [
        ["--no-cache-dir", "--constraint", "envs/constraints.txt", "."]
    ]
    version = (root / "envs/study.yaml").read_text().split("python=")[1].split()[0]
    assert [arguments for name, arguments in instructions(root) if name == "FROM"] == [f"python:{version}-slim"]


def test_the_image_runs_as_nobody_in_particular(root):
    found = dict(instructions(root))
    assert found["USER"].split(":")[0] not in ("0", "root")
    assert found["WORKDIR"] == "/study"
    assert "/opt/ecg-ccta/Snakefile" in found["ENTRYPOINT"]


def test_the_copied_files_plan_a_study_elsewhere_and_are_only_read(image, tmp_path):
    before = sorted((file, file.stat().st_mtime_ns) for file in image.rglob("*"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", image / "Snakefile", "--cores", "1", "-n"],
        cwd=tmp_path,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "build_report" in done.stdout
    assert sorted((file, file.stat().st_mtime_ns) for file in image.rglob("*")) == before
