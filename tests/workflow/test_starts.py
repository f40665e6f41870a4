"""Other starts of fine-tuning, end to end: an intermediate task from a hospital's labelled export, and random weights.

One study has both, so that they cost one run.
"""

import re

import pandas as pd
import pytest
import yaml

from ecg_ccta.cohort.pseudonyms import pseudonym, site_key
from ecg_ccta.config import Simulation, load
from ecg_ccta.files import read_json, sha256
from ecg_ccta.sources.simulated_site import simulate_site
from ecg_ccta.training.intermediate import SAME_PATIENT

SEED = 3
SHARED = 12
"""Patients of the internal site who also appear in the labelled export."""


@pytest.fixture(scope="module")
def overlay(root, small_study, tmp_path_factory):
    """The small study without its external site, and with a labelled export and a random start."""
    folder = tmp_path_factory.mktemp("labelled")
    values = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    simulation = values["sites"]["external"]["simulation"] | {
        "oracle_auc": dict.fromkeys(("RCA", "LM", "LAD", "LCX"), 0.7)
    }
    simulate_site(folder / "export", folder / "truth.parquet", folder / "truth.json", Simulation(**simulation), SEED)
    index = pd.read_csv(folder / "export/ecg_index.csv", dtype=str)
    # What a reader found, as the hospital exports it; for every tenth ECG nobody knows.
    abnormal = (~index["statement"].str.endswith("Normal ECG.")).astype(int).astype(str)
    index["reader found something"] = abnormal.mask(index.index % 10 == 0)
    internal = pd.read_csv(small_study.results / "small/sites/internal/ecg_index.csv", dtype=str)
    same = dict(zip(index["patient_id"].unique(), internal["patient_id"].unique()[:SHARED], strict=False))
    index["patient_id"] = index["patient_id"].replace(same)
    index.to_csv(folder / "export/ecg_index.csv", index=False)
    for name in ("ccta.csv", "patients.csv", "follow_up.csv"):
        (folder / "export" / name).unlink()
    site = load(small_study.overlay, root / "config.yaml").sites["internal"]
    key = site_key("internal", site, values.get("seed", load(base=root / "config.yaml").seed))
    (folder / "shared.key").write_bytes(key)
    values |= {
        "study": "starts",
        "title": "Starts",
        "intermediate": {
            "labels": ["abnormal"],
            "training": {"epochs": 1, "patience": 1, "batch_size": 16, "learning_rate": 1e-3, "weight_decay": 1e-3},
        },
        "random_start": {"epochs": 2, "learning_rate": 2.0e-3},
    }
    values["sites"]["external"] = None
    values["sites"]["registry"] = {
        "role": "intermediate",
        "title": "Registry",
        "export": str(folder / "export"),
        "pseudonym_key": str(folder / "shared.key"),
        "tables": {"ccta": None, "patients": None, "follow_up": None},
        "columns": {"ecg_index": {"abnormal": "reader found something"}},
        "shards": 1,
    }
    (folder / "starts.yaml").write_text(yaml.safe_dump(values))
    return folder / "starts.yaml"


@pytest.fixture(scope="module")
def study(make_workflow, small_study, overlay):
    """The finished study; the foundation is that of the small study."""
    workflow = make_workflow(small_study.folder, overlay)
    workflow.run()
    return workflow


def test_nothing_is_left_to_do_and_the_intermediate_site_is_not_analysed(study):
    assert "Nothing to be done" in study.run(options=["-n"]).stdout
    for folder in ("predictions", "risk", "tables", "figures"):
        left = [path.parent.name for path in (study.results / "starts" / folder).rglob("*registry*")]
        assert left == (["table1"] if folder == "tables" else [])


def test_labels_are_those_of_the_export(study, overlay):
    labels = pd.read_parquet(study.results / "starts/cohort/registry.labels.parquet")
    assert list(labels.columns) == ["ecg_id", "abnormal"]
    index = pd.read_csv(overlay.parent / "export/ecg_index.csv", dtype=str)
    key = (overlay.parent / "shared.key").read_bytes()
    expected = {pseudonym(key, "ecg", row["ecg_id"]): row["reader found something"] for _, row in index.iterrows()}
    found = labels.set_index("ecg_id")["abnormal"]
    assert set(found.index) == set(expected)
    for ecg_id, value in expected.items():
        assert pd.isna(found[ecg_id]) if pd.isna(value) else found[ecg_id] == float(value)
    assert found.notna().any()
    assert list(pd.read_parquet(study.results / "starts/cohort/internal.labels.parquet").columns) == ["ecg_id"]


def test_patients_of_the_analysed_site_are_not_trained_on(study):
    analysed = set(pd.read_parquet(study.results / "starts/cohort/internal.parquet")["patient_id"])
    cohort = pd.read_parquet(study.results / "starts/cohort/registry.parquet")
    overlap = cohort[cohort["patient_id"].isin(analysed)]
    assert 0 < overlap["patient_id"].nunique() <= SHARED
    record = read_json(study.results / "starts/records/finetune_intermediate/intermediate.json")
    assert record["metrics"]["patients_left_out"] == overlap["patient_id"].nunique()
    flow = read_json(study.results / "starts/intermediate/flow.json")
    excluded = {step["excluded"]: step["ecgs"] for step in flow["steps"] if "excluded" in step}
    assert excluded[SAME_PATIENT] == len(overlap)
    assert record["metrics"]["ecgs"] == flow["steps"][-1]["ecgs"]


def test_finetuning_starts_from_the_intermediate_checkpoint(study):
    folder = study.results / "starts/intermediate"
    contract = read_json(folder / "contract.json")
    assert contract["sha256"] == sha256(folder / "checkpoint.pth")
    assert contract["labels"] == ["abnormal"]
    foundation = study.results / "foundation/tiny"
    assert contract["preprocessing"] == read_json(foundation / "contract.json")["preprocessing"]
    assert contract["architecture"] == read_json(foundation / "contract.json")["architecture"]
    assert contract["foundation_sha256"] == sha256(foundation / "checkpoint.pth") != contract["sha256"]
    for fold in range(2):
        model = read_json(study.results / f"starts/models/fold{fold}/model.json")
        assert model["foundation_sha256"] == contract["sha256"]


def test_random_weights_are_trained_and_compared(study):
    for fold in range(2):
        model = read_json(study.results / f"starts/random_models/fold{fold}/model.json")
        assert model["foundation_sha256"] is None
        assert (model["training"]["epochs"], model["training"]["learning_rate"]) == (2, 2e-3)
    table = pd.read_csv(study.results / "starts/tables/initialisations.csv")
    assert table["fold"].tolist() == ["0", "1", "mean"]
    assert table["difference"].notna().all()
    assert table["note"].iloc[-1] == "cross-validated, patient-clustered"
    metrics = read_json(study.results / "starts/metrics/compare_initialisations.json")
    assert metrics["difference"] == pytest.approx(table["difference"].iloc[-1])
    random = pd.read_parquet(study.results / "starts/random_predictions/internal.parquet")
    foundation = pd.read_parquet(study.results / "starts/predictions/internal.parquet")
    assert random[["ecg_id", "vessel", "fold"]].equals(foundation[["ecg_id", "vessel", "fold"]])


def test_the_report_tells_both(study):
    page = (study.results / "starts/report/index.html").read_text()
    assert "Foundation against random weights" in page
    assert f"Excluded: {SAME_PATIENT}" in page
    assert not re.search(r">\s*(nan|nat|inf)\b\s*[(<%]", page, flags=re.IGNORECASE)


def test_no_identifier_of_the_labelled_export_is_in_the_results(study, overlay):
    index = pd.read_csv(overlay.parent / "export/ecg_index.csv", dtype=str)
    raw = {value.encode() for column in ("patient_id", "ecg_id") for value in index[column]}
    for file in (study.results / "starts").rglob("*"):
        folders = file.relative_to(study.results).parts
        if not file.is_file() or "sites" in folders or "truth" in folders or file.suffix == ".npy":
            continue
        content = pd.read_parquet(file).to_csv().encode() if file.suffix == ".parquet" else file.read_bytes()
        assert not raw & set(re.findall(rb"[A-Za-z0-9_-]+", content)), file


def test_a_random_start_of_a_finished_study_adds_only_its_own_jobs(make_workflow, small_study, root, tmp_path):
    values = yaml.safe_load((root / "tests/workflow/small.yaml").read_text()) | {"random_start": {}}
    (tmp_path / "random.yaml").write_text(yaml.safe_dump(values))
    planned = make_workflow(small_study.folder, tmp_path / "random.yaml").run(options=["-n"]).stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", planned, flags=re.MULTILINE))
    # The audit is one of its own: the models from random weights must not have seen whom they are evaluated on either.
    own = {"finetune": "2", "predict": "1", "compare_initialisations": "1", "audit_leakage": "1"}
    assert jobs == own | {"build_report": "1", "log_study": "1", "log_report": "1", "all": "1", "total": "9"}
