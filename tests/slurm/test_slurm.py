"""The small study through the Slurm profile, on a real Slurm: the same results as locally, and what was asked of Slurm.

One file, because every test looks at the one study that takes minutes to run.
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from cluster import Cluster

from ecg_ccta.files import read_json, sha256

TRAINING = "results/small/models/fold0"
WEIGHTS = f"{TRAINING}/model.safetensors"


def overlay(root: Path, folder: Path, **training: int) -> Path:
    """The small study with its internal hospital alone, whose predictions do not depend on the other."""
    values = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    values["sites"]["external"] = None
    values["training"] |= training
    (folder / "overlay.yaml").write_text(yaml.safe_dump(values))
    return folder / "overlay.yaml"


@pytest.fixture(scope="module")
def study(cluster, profile, make_workflow, root, tmp_path_factory):
    """The finished study, all of whose jobs Slurm ran."""
    folder = tmp_path_factory.mktemp("slurm")
    workflow = make_workflow(folder / "study", overlay(root, folder))
    workflow.folder.mkdir()
    workflow.run(options=["--workflow-profile", profile], environment=cluster.environment)
    return workflow


@pytest.fixture(scope="module")
def jobs(study, cluster) -> list[dict[str, str]]:
    """What Slurm says of each job of the study."""
    return cluster.jobs()


def of(jobs: list[dict[str, str]], comment: str) -> list[dict[str, str]]:
    return [job for job in jobs if job["Comment"].startswith(comment)]


def test_predictions_are_those_of_a_local_run(study, small_study):
    for file in (WEIGHTS, "results/small/predictions/internal.parquet"):
        assert sha256(study.folder / file) == sha256(small_study.folder / file)
    assert (study.results / "small/report/index.html").exists()
    assert read_json(study.results / "small/tracking.json")["status"] == "sent"
    assert "Nothing to be done" in study.run(options=["-n"]).stdout


def test_every_training_asks_for_one_gpu(jobs):
    trainings = of(jobs, "rule_finetune")
    # Two folds, each as a network and as a linear probe.
    assert len(trainings) == 4
    for job in trainings + of(jobs, "rule_predict"):
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Partition"] == "gpu"
    others = [job for job in jobs if "finetune" not in job["Comment"] and "predict" not in job["Comment"]]
    assert len(others) > 5
    assert {job["Partition"] for job in others} == {"cpu"}
    assert not any("TresPerJob" in job for job in others)


@pytest.mark.parametrize("rule", ["clean_signals", "measure_ecgs"])
def test_shards_are_tasks_of_an_array_job(jobs, rule):
    tasks = of(jobs, f"rule_{rule}")
    assert sorted(job["ArrayTaskId"] for job in tasks) == ["1", "2"]
    assert len({job["ArrayJobId"] for job in tasks}) == 1


def test_the_analyses_of_a_site_are_one_job(jobs):
    for group in ("export", "cohort", "analysis"):
        assert len(of(jobs, f"rule_{group}_small_internal_")) == 1
    for rule in ("validate", "analyse_", "build_cohort", "split_patients", "build_report"):
        assert not of(jobs, f"rule_{rule}")


def test_slurms_output_of_every_job_is_kept(study, jobs):
    logs = list((study.results / "slurm-logs").rglob("*.log"))
    assert len(logs) == len(jobs)
    assert all(log.stat().st_size for log in logs)


def test_a_profile_whose_arrays_would_wait_for_ever_is_refused(cluster, profile, make_workflow, root, tmp_path):
    """Two shards of two array rules are four tasks; with fewer jobs the executor would submit none, without a word."""
    workflow = make_workflow(tmp_path / "study", overlay(root, tmp_path))
    workflow.folder.mkdir()
    options = ["--workflow-profile", profile, "--jobs", "3"]
    refused = workflow.run(options=options, check=False, environment=cluster.environment)
    assert refused.returncode != 0
    assert "have 4 tasks in all" in refused.stdout
    assert "Fix: set jobs to at least 4" in refused.stdout
    assert not (workflow.results / "small/sites").exists(), "refused before the first job"


def test_a_cancelled_training_is_submitted_again_and_ends_with_the_same_weights(
    study, small_study, cluster: Cluster, profile, make_workflow, root, tmp_path
):
    longer = overlay(root, tmp_path, epochs=150, patience=150)
    alone = make_workflow(small_study.folder, longer)
    alone.run(TRAINING)

    before = {job["JobId"] for job in cluster.jobs()}
    log = study.results / "small/logs/finetune/fold0.log"
    log.unlink()
    with (tmp_path / "snakemake.log").open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "snakemake", TRAINING, "--workflow-profile", profile),
                *("--snakefile", root / "Snakefile", "--directory", study.folder),
                *("--configfile", root / "config.yaml", longer),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=cluster.environment,
        )
    try:
        deadline = time.monotonic() + 120
        # Its state is on disk for certain once the next epoch has ended too.
        while "epoch 3/150" not in (log.read_text() if log.exists() else ""):
            assert process.poll() is None, (tmp_path / "snakemake.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (running,) = [job for job in cluster.jobs() if job["JobId"] not in before]
        assert running["JobState"] == "RUNNING"
        cluster.ask("scancel", running["JobId"])
        assert process.wait(timeout=240) == 0, (tmp_path / "snakemake.log").read_text()
    finally:
        process.terminate()
        process.wait()

    first, second = sorted((job for job in cluster.jobs() if job["JobId"] not in before), key=lambda job: job["JobId"])
    assert [first["JobState"], second["JobState"]] == ["CANCELLED", "COMPLETED"]
    assert second["TresPerJob"] == "gres:gpu:1"
    assert megabytes(second) == 2 * megabytes(first), "memory grows on retry"
    assert "resuming after epoch" in log.read_text()
    assert sha256(study.folder / WEIGHTS) == sha256(alone.folder / WEIGHTS)
    assert len(read_json(study.folder / TRAINING / "model.json")["epochs"]) == 150
    assert not list((study.results / "small/interrupted").iterdir())


def megabytes(job: dict[str, str]) -> float:
    """Memory that a job asked for."""
    text = job["MinMemoryNode"]
    return float(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]
