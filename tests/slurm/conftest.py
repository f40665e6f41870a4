"""A Slurm of the tests' own, and the profile as a user would fit it to that Slurm."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from cluster import Cluster

PROGRAMS = {
    "munged": "munge",
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "srun": "slurm-wlm",
    "setpriv": "util-linux",
}


@pytest.fixture(scope="session")
def cluster(system_programs):
    """A running Slurm; after the tests nothing of it may be left."""
    made = Cluster({name: system_programs(name, package) for name, package in PROGRAMS.items()})
    try:
        made.start()
        yield made
    finally:
        made.stop()
    assert not made.processes()
    assert not made.folder.exists()


@pytest.fixture(scope="session")
def profile(root, tmp_path_factory) -> Path:
    """workflow/profiles/slurm after the edits that docs/cluster.md asks for, on a cluster without accounting."""
    folder = tmp_path_factory.mktemp("profile") / "slurm"
    shutil.copytree(root / "workflow/profiles/slurm", folder)
    values = yaml.safe_load((folder / "config.yaml").read_text())
    del values["default-resources"]["slurm_account"]
    # One small node, local disks, and no time to wait.
    values |= {"slurm-status-command": "squeue", "cores": 2, "latency-wait": 10}
    values["slurm-init-seconds-before-status-checks"] = 1
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    return folder
