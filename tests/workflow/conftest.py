"""One finished small study, made by the workflow itself, for all tests of this folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock


class Workflow:
    """Snakemake on the project's Snakefile in a folder of its own."""

    def __init__(self, root: Path, folder: Path, overlay: Path):
        self.root, self.folder, self.overlay = root, folder, overlay

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def run(
        self, *targets: str, options: Sequence[str] = (), check: bool = True, tracking_uri: str = ""
    ) -> subprocess.CompletedProcess:
        environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking_uri}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--cores", "2"),
                *("--snakefile", self.root / "Snakefile", "--directory", self.folder),
                # Targets stand before options that take any number of values, which would swallow them.
                *targets,
                *options,
                *("--configfile", self.root / "config.yaml", self.overlay),
            ],
            # Snakemake plans on one of the two streams and works on the other.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=900,
        )
        if check and done.returncode:
            raise AssertionError(f"snakemake failed:\n{done.stdout[-8000:]}")
        return done


@pytest.fixture(scope="session")
def make_workflow(root):
    """Function (folder, overlay) -> Workflow."""
    return lambda folder, overlay=root / "tests" / "workflow" / "small.yaml": Workflow(root, folder, overlay)


@pytest.fixture(scope="session")
def small_study(make_workflow, tmp_path_factory, worker_id) -> Workflow:
    """The finished small study, in a folder of this process's own: made once, and copied by each test process."""
    base = tmp_path_factory.getbasetemp()
    pristine = (base if worker_id == "master" else base.parent) / "pristine"
    finished = pristine.with_name("finished")
    # MLflow notes where its artefacts lie by absolute path, so the study stays where it was made.
    with FileLock(f"{pristine}.lock"):
        if not finished.exists():
            pristine.mkdir(exist_ok=True)
            make_workflow(pristine).run()
            finished.touch()
    folder = tmp_path_factory.mktemp("small") / "study"
    shutil.copytree(pristine, folder, symlinks=True)
    return make_workflow(folder)
