"""The workflow as a module of another one, which lies and runs elsewhere."""

import subprocess
import sys

import pytest

SNAKEFILE = """
configfile: "config.yaml"


module ecg:
    snakefile: "{snakefile}"
    config: config


use rule * from ecg


rule mine:
    default_target: True
    input:
        "results/default/report/index.html",
"""


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_another_workflow_takes_this_one_in(root, tmp_path, snakefile):
    """With its negative control, whose overlay lies in the folder of this workflow."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(snakefile=root / snakefile))
    (tmp_path / "config.yaml").write_text((root / "config.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    for rule in ("simulate_site", "finetune", "build_report", "mine", "negative-control"):
        assert rule in said
