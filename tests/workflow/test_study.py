"""The workflow end to end: the report is there, nothing is left to do, nobody is named, everything is tracked.

One file, because every test looks at the one small study that takes minutes to run.
"""

import re
import shutil

import neurokit2
import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
import yaml
from safetensors.torch import load_file

from ecg_ccta import tables
from ecg_ccta.config import Training, load
from ecg_ccta.files import read_json, sha256
from ecg_ccta.model.checkpoints import build_network, save_checkpoint
from ecg_ccta.model.contracts import write_contract
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.training.fine_tuning import fine_tune
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSELS


def test_the_report_stands_and_nothing_is_left_to_do(small_study):
    page = (small_study.results / "small/report/index.html").read_text()
    assert "Small study" in page
    # A missing number shows its note; "NaN samples" is a reason of exclusion and no number.
    assert not re.search(r">\s*(nan|nat|inf)\b\s*[(<%]", page, flags=re.IGNORECASE)
    assert "Nothing to be done" in small_study.run(options=["-n"]).stdout


def test_every_ecg_is_included_or_excluded_with_a_reason(small_study):
    for site, exported in (("internal", 180), ("external", 66)):
        steps = read_json(small_study.results / f"small/cohort/{site}.flow.json")["steps"]
        assert steps[0]["ecgs"] == exported
        excluded = [step for step in steps if "excluded" in step]
        assert steps[-1]["ecgs"] == exported - sum(step["ecgs"] for step in excluded)
        if site == "internal":
            assert {"unreadable file", "flat lead", "missing lead", "NaN samples", "too short"} <= {
                step["excluded"] for step in excluded
            }


def test_every_included_ecg_is_scored_once(small_study):
    for site in ("internal", "external"):
        cohort = pd.read_parquet(small_study.results / f"small/cohort/{site}.parquet")
        predictions = pd.read_parquet(small_study.results / f"small/predictions/{site}.parquet")
        assert len(predictions) == len(VESSELS) * len(cohort)
        assert set(predictions["ecg_id"]) == set(cohort["ecg_id"])
        assert predictions[["logit", "probability"]].notna().all(axis=None)


def test_labels_of_the_external_site_change_no_byte_of_the_thresholds(make_workflow, small_study, tmp_path):
    """They are frozen: other findings elsewhere change what the thresholds are worth there, and nothing else."""
    again = make_workflow(tmp_path)
    for part in ("cohort", "predictions"):
        shutil.copytree(small_study.results / "small" / part, again.results / "small" / part)
    path = again.results / "small/cohort/external.parquet"
    cohort = tables.read(tables.COHORT, path)
    flipped = {f"target_{vessel}": 1 - cohort[f"target_{vessel}"] for vessel in VESSELS}
    tables.write(cohort.assign(**flipped), tables.COHORT, path)
    worth = "results/small/tables/thresholds/external.csv"
    alone = ["--rerun-triggers", "mtime", "--allowed-rules", "choose_thresholds", "evaluate_thresholds"]
    again.run("results/small/thresholds.json", worth, options=alone)
    chosen = [workflow.results / "small/thresholds.json" for workflow in (again, small_study)]
    assert chosen[0].read_bytes() == chosen[1].read_bytes()
    assert (again.folder / worth).read_bytes() != (small_study.folder / worth).read_bytes()


def test_no_hospital_identifier_leaves_the_export(small_study):
    """Neither patient nor ECG identifiers, nor recordings' paths, in any result, log, figure or tracked file."""
    export = small_study.results / "small/sites/internal"
    index = pd.read_csv(export / "ecg_index.csv", dtype=str)
    raw = {value.encode() for column in ("patient_id", "ecg_id") for value in index[column]}
    searched = 0
    for file in small_study.results.rglob("*"):
        folders = file.relative_to(small_study.results).parts
        if not file.is_file() or "sites" in folders or "truth" in folders or file.suffix == ".npy":
            continue
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content = pd.read_parquet(file).to_csv().encode()
        # Numbers of figures may contain an identifier's digits by chance, so only whole words count.
        words = set(re.findall(rb"[A-Za-z0-9_-]+", content))
        assert not raw & words, f"{file} holds {len(raw & words)} identifiers"
        searched += 1
    assert searched > 100


def test_mlflow_holds_one_parent_and_one_child_per_job(small_study):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{small_study.results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ecg-ccta")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert [run.data.tags["mlflow.runName"] for run in parents] == ["small"]
    records = [*small_study.results.glob("small/records/*/*.json"), small_study.results / "foundation/tiny/record.json"]
    assert sorted(run.data.tags["mlflow.runName"] for run in children) == sorted(
        read_json(path)["job"] for path in records
    )
    assert all(run.data.metrics["seconds"] > 0 for run in children)
    by_name = {run.data.tags["mlflow.runName"]: run for run in children}
    finetune = by_name["finetune 0"]
    assert finetune.data.params["recipe.epochs"] == "1"
    assert "validation_loss" in finetune.data.metrics
    artifacts = {item.path for item in client.list_artifacts(by_name["validate internal"].info.run_id)}
    assert {"roc_internal.svg", "roc_internal.png", "discrimination", "roc", "record.json"} <= artifacts
    # Each table of the site is there, although all have its name.
    tables = [item.path for item in client.list_artifacts(by_name["validate internal"].info.run_id, "discrimination")]
    assert tables == ["discrimination/internal.csv"]


def test_every_fold_is_fine_tuned_and_every_probe_is_not(small_study):
    """A fold whose weights equal the foundation's would be a linear probe under another name."""
    results = small_study.results
    foundation = torch.load(results / "foundation/tiny/checkpoint.pth", weights_only=True)["state_dict"]
    for fold in (0, 1):
        for kind, is_tuned in (("models", True), ("probe_models", False)):
            weights = load_file(results / f"small/{kind}/fold{fold}/model.safetensors")
            compared = [name for name in weights if name in foundation and not name.startswith("dense")]
            assert len(compared) > 20
            changed = [name for name in compared if not torch.equal(weights[name], foundation[name])]
            assert bool(changed) == is_tuned, f"{kind} of fold {fold}"
    kept = pd.read_csv(results / "small/tables/training.csv")
    assert kept["kept_as"].tolist() == ["fine-tuned"] * 2
    assert kept["reason"].str.contains("the last: the schedule is fixed").all()


def test_the_time_of_every_job_is_divided_into_work_and_overhead(small_study):
    table = pd.read_csv(small_study.results / "small/tables/time_used.csv").set_index("rule")
    records = [*small_study.results.glob("small/records/*/*.json"), small_study.results / "foundation/tiny/record.json"]
    expected = pd.Series([read_json(path)["rule"] for path in records]).value_counts()
    # The report is being written while it counts.
    assert table["jobs"].drop("all").to_dict() == expected.drop("build_report").to_dict()
    assert (table["work_seconds"] > 0).all()
    assert table["overhead"].between(0, 1, inclusive="neither").all()


@pytest.mark.parametrize("rule", ["simulate_site", "clean_signals", "finetune", "validate", "build_report"])
def test_no_job_takes_more_than_3_gb(small_study, rule):
    measured = list(small_study.results.glob(f"small/benchmarks/{rule}/*.tsv"))
    assert measured, f"no benchmark of {rule}"
    for path in measured:
        assert pd.read_csv(path, sep="\t")["max_rss"].max() < 3000


def test_an_unknown_key_stops_before_any_work(make_workflow, tmp_path, root):
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["training"]["epoch"] = 3
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(overlay))
    done = make_workflow(tmp_path, tmp_path / "wrong.yaml").run(check=False)
    assert done.returncode
    assert "training.epoch: unknown key; did you mean epochs?" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "results").exists()


def test_one_seed_gives_the_same_predictions_and_another_others(make_workflow, small_study, tmp_path, root):
    target = "results/small/predictions/external.parquet"
    again = make_workflow(tmp_path / "again")
    again.run(target)
    assert sha256(again.folder / target) == sha256(small_study.folder / target)
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["seed"] = 1
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(overlay))
    other = make_workflow(tmp_path / "other", tmp_path / "other.yaml")
    other.run(target)
    assert sha256(other.folder / target) != sha256(small_study.folder / target)


def test_a_network_of_ecgfounders_size_fine_tunes_on_the_simulated_site(small_study, root, tmp_path):
    architecture = load(root / "studies/paper.yaml", root / "config.yaml").foundation.architecture
    torch.manual_seed(0)
    published = build_network(architecture, 150)
    assert sum(parameter.numel() for parameter in published.parameters()) == 30_669_364 + 146 * 1025
    save_checkpoint(published, tmp_path / "checkpoint.pth")
    write_contract(tmp_path / "checkpoint.pth", architecture, {})
    results = small_study.results / "small"
    cohort = tables.read(tables.COHORT, results / "cohort/internal.parquet")
    splits = tables.read(tables.SPLITS, results / "splits/internal.parquet")
    settings = Training(
        folds=2,
        epochs=1,
        patience=1,
        batch_size=16,
        learning_rate=1e-4,
        weight_decay=5e-4,
        probe_start=False,
        gradient_surgery="pcgrad-features",
        task_weighting="uncertainty",
        threads=2,
    )
    steps = []
    model = fine_tune(
        tmp_path / "checkpoint.pth",
        architecture,
        SignalStore(results / "signals/internal", cohort),
        cohort,
        splits,
        0,
        settings,
        seed=1,
        on_step=steps.append,
    )
    assert len(steps) >= 3
    losses = model.provenance["epochs"][0]["step_losses"]
    assert np.isfinite(losses).all()
    # A last layer at random is far from the prevalences: a few steps are enough to be better than the start.
    assert model.provenance["best_epoch"] == 0
    before, after = published.state_dict()["first_conv.conv.weight"], model.network.state_dict()
    assert not torch.equal(before, after["first_conv.conv.weight"])


def test_a_leak_stops_the_study_and_names_what_leaked(make_workflow, small_study, tmp_path):
    leaking = make_workflow(tmp_path / "leaking")
    shutil.copytree(small_study.folder, leaking.folder, symlinks=True)
    results = leaking.results / "small"
    assert (pd.read_csv(results / "tables/leakage.csv")["findings"] == 0).all()
    # One recording under another patient of the other fold: a tenth larger, 0.4 s later, with noise.
    cohort = pd.read_parquet(results / "cohort/internal.parquet")
    fold = cohort["patient_id"].map(
        pd.read_parquet(results / "splits/internal.parquet").set_index("patient_id")["fold"]
    )
    here = cohort[(fold == 0) & (cohort["shard"] == 0)].iloc[0]
    there = cohort[(fold == 1) & (cohort["shard"] == 0)].iloc[0]
    signals = np.load(results / "signals/internal/0.npy")
    noise = np.random.default_rng(0).normal(0, 10, signals[0].shape)
    signals[there["row"]] = np.rint(1.1 * np.roll(signals[here["row"]], -200, axis=-1) + noise)
    np.save(results / "signals/internal/0.npy", signals)
    report = results / "report/index.html"
    report.unlink()
    done = leaking.run(
        "results/small/report/index.html", options=["--allowed-rules", "audit_leakage", "build_report"], check=False
    )
    assert done.returncode
    assert "leakage: 1 of 16 checks found something" in done.stdout
    assert "near-duplicate in two folds" in done.stdout
    assert here["ecg_id"] in done.stdout
    assert there["ecg_id"] in done.stdout
    assert not report.exists()


@pytest.fixture
def real_site(real_ecg, small_study, make_workflow, root, tmp_path):
    """The small study with the real recordings as site `challenge`, described by their headers."""
    folder = real_ecg / "cinc2021"
    rows = []
    for header in sorted(folder.glob("*.hea")):
        comments = dict(
            comment.split(": ", 1) for comment in wfdb.rdheader(str(header.with_suffix(""))).comments if ": " in comment
        )
        rows.append(
            {
                "ecg_id": header.stem,
                "patient_id": header.stem,
                "path": header.with_suffix("").name,
                "age": comments["Age"],
                "sex": comments["Sex"],
                "statement": comments["Dx"],
            }
        )
    export = tmp_path / "challenge"
    export.mkdir()
    pd.DataFrame(rows).to_csv(export / "ecg_index.csv", index=False)
    for file in folder.iterdir():
        (export / file.name).write_bytes(file.read_bytes())
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["sites"]["challenge"] = {
        "role": "external",
        "title": "PhysioNet Challenge 2021",
        "export": str(export),
        "pseudonym_key": str(tmp_path / "challenge.key"),
        "tables": {"ccta": None, "patients": None, "follow_up": None},
        # Two of the recordings hold zeros in V2, V4 and V6.
        "quality": {"flat_leads_allowed": 3},
        "shards": 1,
    }
    (tmp_path / "challenge.key").write_text("a key for this test alone\n")
    (tmp_path / "with_real.yaml").write_text(yaml.safe_dump(overlay))
    return make_workflow(small_study.folder, tmp_path / "with_real.yaml")


def test_real_recordings_are_scored_without_retraining(real_site):
    target = "results/small/predictions/challenge.parquet"
    planned = real_site.run(target, options=["-n"]).stdout
    assert "clean_signals" in planned
    for rule in ("simulate_site", "split_patients", "pretrain_foundation", "finetune"):
        assert f"\n{rule} " not in planned
    real_site.run(target)
    predictions = pd.read_parquet(real_site.folder / target)
    assert predictions["ecg_id"].nunique() == 30
    assert len(predictions) == 120
    assert predictions[["logit", "probability"]].notna().all(axis=None)
    flow = read_json(real_site.results / "small/cohort/challenge.flow.json")["steps"]
    assert flow[0]["ecgs"] == flow[-1]["ecgs"] == 30

    signals = np.load(real_site.results / "small/signals/challenge/0.npy")
    assert signals.shape == (30, 12, 5000)
    for ecg in signals:
        lead = ecg[LEADS.index("II")] / 1000.0
        peaks = neurokit2.ecg_peaks(lead, sampling_rate=SAMPLING_RATE)[1]["ECG_R_Peaks"]
        rate = 60 * SAMPLING_RATE / np.median(np.diff(peaks))
        assert 30 < rate < 200


def test_the_whole_study_with_the_real_site_ends_with_a_report_that_shows_it(real_site):
    planned = real_site.run(options=["-n"]).stdout
    assert "build_report" in planned
    assert "\nfinetune " not in planned
    real_site.run()
    assert "PhysioNet Challenge 2021" in (real_site.results / "small/report/index.html").read_text()
