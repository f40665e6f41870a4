"""The configuration: what loads, what is refused and how the refusal helps."""

import copy
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from snakemake.utils import update_config

from ecg_ccta.config import Study, load, load_overlaid, merge, read_yaml, studies_or_exit, validated
from ecg_ccta.errors import StudyError

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = {"repository": "owner/name", "revision": "0" * 40, "file": "x.pth", "sha256": "0" * 64}
OVERLAYS = sorted((ROOT / "studies").glob("*.yaml"))


@pytest.fixture
def values() -> dict:
    return read_yaml(ROOT / "config.yaml")


def put(values: dict, path: str, value: object) -> None:
    """Set a value at a dotted path."""
    *parents, last = path.split(".")
    for part in parents:
        values = values.setdefault(part, {})
    values[last] = value


def refusal(values: dict) -> str:
    with pytest.raises(StudyError) as caught:
        validated(values, "hospital.yaml")
    message = str(caught.value)
    assert message.startswith("hospital.yaml is not a valid study:\n  - ")
    return message


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "default")
def test_every_study_of_the_project_loads(overlay):
    study = load(overlay, ROOT / "config.yaml")
    assert study.sites[study.development_site].role == "development"
    assert study.development_site not in study.external_sites


def test_the_negative_control_plants_nothing(values):
    control = load_overlaid(values, ROOT / values["negative_control"])
    assert {name: site.simulation.effect for name, site in control.sites.items()} == {"internal": 0, "external": 0}
    assert control.negative_control is None
    assert control.foundation == load(None, ROOT / "config.yaml").foundation, "both share one pre-training"


def test_studies_that_share_a_foundation_agree_on_it(values, tmp_path):
    (tmp_path / "control.yaml").write_text(
        "study: control\nsites: {internal: {}}\nfoundation: {pretraining: {epochs: 2}}\n"
    )
    with pytest.raises(StudyError, match=r"foundation\.name is simulated-small.*give it another name"):
        load_overlaid(values, tmp_path / "control.yaml")
    (tmp_path / "control.yaml").write_text(
        "study: control\nsites: {internal: {}}\nfoundation: {name: other, pretraining: {epochs: 2}}\n"
    )
    assert load_overlaid(values, tmp_path / "control.yaml").foundation.pretraining.epochs == 2


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("trainig", "did you mean training?"),  # codespell:ignore
        ("training.epoch", "did you mean epochs?"),
        ("sites.internal.simulation.patient", "did you mean patients?"),
        ("sites.internal.simulation.oracle_auc.LDA", "did you mean LAD?"),
        ("sites.internal.tables.ecgindex", "did you mean ecg_index?"),
        ("foundation.architecture.kernelsize", "did you mean kernel_size?"),
        ("cohort.xyzzy", "known keys: days_before_ccta, days_after_ccta, minimum_age"),
    ],
)
def test_an_unknown_key_names_its_place_and_the_nearest(values, path, hint):
    put(values, path, 1)
    assert f"  - {path}: unknown key; {hint}" in refusal(values)


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("sites.internal.role", "dev", ("'development', 'external' or 'intermediate'", "found 'dev'")),
        ("training.folds", 1, ("greater than or equal to 2", "found 1")),
        ("training.folds", "five", ("valid integer", "found 'five'")),
        ("training.mask_fraction", 1.5, ("less than or equal to 1", "found 1.5")),
        ("seed", -1, ("greater than or equal to 0", "found -1")),
        ("study", "My Study", ("^[a-z0-9][a-z0-9-]*$", "found 'My Study'")),
        ("sites.internal.simulation.prevalence.LAD", 16, ("less than or equal to 1", "found 16")),
        ("evaluation.high_risk_thresholds", {"RCA": 15, "LM": 0.1, "LAD": 0.1, "LCX": 0.1}, ("RCA", "found 15")),
        ("foundation", {"name": "x"}, ("foundation.architecture: Field required",)),
        ("foundation.weights", {**WEIGHTS, "revision": "main"}, ("foundation.weights.revision", "found 'main'")),
        ("foundation.weights", {**WEIGHTS, "sha256": "EE19"}, ("foundation.weights.sha256", "found 'EE19'")),
        ("foundation.weights", {**WEIGHTS, "file": "../x.pth"}, ("foundation.weights.file", "found '../x.pth'")),
    ],
)
def test_a_wrong_value_names_its_place_and_what_is_allowed(values, path, value, parts):
    put(values, path, value)
    message = refusal(values)
    for part in (path, *parts):
        assert part in message


def test_a_wrong_combination_names_its_section_and_what_is_allowed(values):
    put(values, "sites.internal.simulation.patients", 3000)
    assert "sites.internal.simulation: ecgs must be at least patients" in refusal(values)
    put(values, "sites.internal.simulation.patients", 300)
    put(values, "sites.internal.grade_words", {"leicht": "light"})
    message = refusal(values)
    assert "sites.internal: grade_words maps to light; allowed grades are none, mild, moderate, severe" in message


@pytest.mark.parametrize(("path", "value"), [("foundation.pretraining", None), ("foundation.weights", WEIGHTS)])
def test_a_foundation_has_one_source(values, path, value):
    put(values, path, value)
    assert "  - foundation: give either pretraining or weights, not both and not neither" in refusal(values)


@pytest.mark.parametrize(
    ("path", "value", "fix"),
    [
        ("training.patience", 1, "set patience to at least epochs"),
        ("training.keep_originals", True, "set crop_fraction: 1"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(values, path, value, fix):
    put(values, path, value)
    assert fix in refusal(values)


def test_every_fault_is_told_at_once(values):
    put(values, "seed", -1)
    put(values, "training.folds", 0)
    put(values, "cohrt", {})
    assert refusal(values).count("\n  - ") == 3


def test_exactly_one_development_site(values):
    put(values, "sites.external.role", "development")
    assert "exactly one site must have role: development, found 2 (internal, external)" in refusal(values)
    put(values, "sites.internal.role", "external")
    put(values, "sites.external.role", "external")
    assert "found 0" in refusal(values)


def test_a_development_site_needs_findings(values):
    put(values, "sites.internal.tables", {"ccta": None})
    assert "development site internal has no ccta table" in refusal(values)
    put(values, "sites.internal.tables", {})
    put(values, "sites.external.tables", {"ccta": None})
    assert validated(values).sites["external"].tables.ccta is None


def test_an_intermediate_task_has_one_site_without_findings(values):
    training = {"epochs": 1, "patience": 1, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0}
    put(values, "intermediate", {"labels": ["infarction"], "training": training})
    assert "found 0 such sites and an intermediate section" in refusal(values)
    put(values, "sites.registry", {"role": "intermediate", "export": "data/registry"})
    assert "intermediate site registry has a ccta table" in refusal(values)
    put(values, "sites.registry.tables", {"ccta": None})
    study = validated(values)
    assert (study.intermediate_site, study.external_sites) == ("registry", ["external"])
    put(values, "intermediate.training.gpus", 2)
    assert "  - intermediate: the intermediate task is trained by one process" in refusal(values)
    put(values, "intermediate.training", {**training, "labels": "ordinal"})
    assert "  - intermediate: the labels of an intermediate task are yes or no" in refusal(values)
    put(values, "intermediate", None)
    assert "found 1 such sites and no intermediate section" in refusal(values)


def test_a_site_has_an_export_or_a_simulation(values):
    put(values, "sites.internal.export", "data/ours")
    assert "sites.internal: give either export (a folder) or simulation" in refusal(values)
    assert "simulation: null" in refusal(values), "the message says how an overlay is meant to do it"
    put(values, "sites.internal.simulation", None)
    assert validated(values).sites["internal"].export == Path("data/ours")
    put(values, "sites.internal.export", None)
    assert "give either export" in refusal(values)


def test_a_study_cannot_be_changed():
    study = load(None, ROOT / "config.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        study.seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        study.training.folds = 2


def test_values_survive_a_round_trip():
    study = load(None, ROOT / "config.yaml")
    assert Study(**study.model_dump(mode="json")) == study


def test_the_schema_is_made_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = Study.model_json_schema()
    assert {"Site", "Training", "PerVessel"} <= schema["$defs"].keys()
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())


def test_mappings_are_merged_and_lists_replaced():
    base = {"a": {"b": 1, "c": [1, 2, 3]}, "sites": {"x": {"role": "external"}, "y": {}}, "d": {"e": 1}}
    before = copy.deepcopy(base)
    found = merge(base, {"a": {"c": [9]}, "sites": {"y": None}, "d": 5})
    assert found == {"a": {"b": 1, "c": [9]}, "sites": {"x": {"role": "external"}}, "d": 5}
    assert base == before, "the base is not changed"


leaves = st.integers() | st.lists(st.integers(), max_size=2)
# Snakemake drops an empty mapping where the base has a value; nobody writes one.
branches = st.dictionaries(
    st.sampled_from("abc"), leaves | st.dictionaries(st.sampled_from("abc"), leaves, min_size=1, max_size=3), min_size=1
)
mappings = st.dictionaries(st.sampled_from("abc"), leaves | branches, max_size=3)


@settings(deadline=None, max_examples=50)
@given(base=mappings, overlay=mappings)
def test_merging_follows_the_rules_of_snakemake(base, overlay):
    expected = copy.deepcopy(base)
    update_config(expected, copy.deepcopy(overlay))
    found = merge(base, overlay)
    assert found == expected
    assert merge(found, overlay) == found
    assert merge(base, {}) == base


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_means_the_same_to_snakemake(values, overlay):
    expected = load(overlay, ROOT / "config.yaml")
    update_config(values, read_yaml(overlay))
    assert studies_or_exit(values, ROOT)[0] == expected


def test_a_faulty_config_ends_a_snakefile_with_its_message_alone(values, capsys):
    put(values, "trainig", {})  # codespell:ignore
    with pytest.raises(SystemExit) as caught:
        studies_or_exit(values, ROOT)
    assert caught.value.code == 1
    shown = capsys.readouterr().err
    assert "trainig: unknown key; did you mean training?" in shown  # codespell:ignore
    assert "Traceback" not in shown


def test_a_control_needs_a_name_of_its_own(tmp_path, values):
    overlay = tmp_path / "control.yaml"
    overlay.write_text("negative_control: null\nsites: {internal: {}}\n")
    with pytest.raises(StudyError, match=r"control\.yaml: study is default, .* name it differently"):
        load_overlaid(values, overlay)


def test_a_control_has_only_the_sites_it_names(tmp_path, values):
    put(values, "sites.added", {"role": "external", "export": "data/added"})
    overlay = tmp_path / "control.yaml"
    overlay.write_text("study: control\nsites: {internal: {}}\n")
    assert list(load_overlaid(values, overlay).sites) == ["internal"]
    for none in ("study: control\n", "study: control\nsites: null\n"):
        overlay.write_text(none)
        with pytest.raises(StudyError, match=r"control\.yaml is not a valid study"):
            load_overlaid(values, overlay)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2\n", "not valid YAML"),
        (b"- 1\n", "a config is a mapping"),
        (b"", "a config is a mapping"),
        ("title: Städtisch\n".encode("latin-1"), "not valid YAML"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path, content, message):
    path = tmp_path / "hospital.yaml"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=rf"hospital\.yaml: {message}"):
        read_yaml(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.yaml: no such config file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(StudyError, match="cannot be read"):
        read_yaml(tmp_path)


def test_numbers_in_any_spelling(values):
    # YAML reads 1e-3 without a dot as a word; a user need not know.
    put(values, "training.learning_rate", yaml.safe_load("1e-3"))
    assert validated(values).training.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"follow_up": {"landmark_days": 700}}, "horizon_days .700. must be later than landmark_days"),
        ({"follow_up": {"reading_days": [30, 800]}}, "reading_days 800 is beyond horizon_days"),
        ({"follow_up": {"reading_days": [-3]}}, "greater than 0"),
        ({"cohort": {"days_after_ccta": 30}}, "landmark_days .28. must be at least cohort.days_after_ccta .30."),
    ],
)
def test_days_of_follow_up_are_in_order(overlay, words):
    with pytest.raises(StudyError, match=words):
        validated(merge(read_yaml(ROOT / "config.yaml"), overlay))
