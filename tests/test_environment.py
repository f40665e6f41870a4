"""Versions stand in one place, and every rule says all that a reader or a cluster needs to know."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PER_RULE = ("output", "log", "benchmark", "message", "threads", "resources", "conda", "script")


def canonical(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    return {canonical(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}


def constraints() -> dict[str, str]:
    return pins((ROOT / "envs" / "constraints.txt").read_text().splitlines())


def direct_dependencies(extra: str | None = None) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {canonical(re.match(r"[\w.-]+", line)[0]) for line in lines}


def test_every_constraint_is_an_exact_version():
    lines = [line for line in (ROOT / "envs" / "constraints.txt").read_text().splitlines() if line[:1] not in ("", "#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert len(constraints()) == len(lines), "no package twice"


def test_every_direct_dependency_is_pinned():
    assert direct_dependencies() | direct_dependencies("test") <= constraints().keys()


def test_the_rules_environment_has_the_pinned_versions():
    environment = yaml.safe_load((ROOT / "envs" / "study.yaml").read_text())
    packages = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    found = pins(packages)
    assert len(found) == len(packages)
    assert found.keys() >= direct_dependencies(), "what the library imports is in the environment"
    pinned = constraints()
    assert found == {name: pinned[name] for name in found}


def rules() -> dict[str, dict[str, str]]:
    """Rule -> section -> text, of all rule files."""
    found = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for name, body in re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)+)", path.read_text(), flags=re.MULTILINE):
            sections = re.findall(r"^    (\w+):((?:.*\n(?:(?:     .*)?\n)*))", body, flags=re.MULTILINE)
            found[name] = {key: text.strip() for key, text in sections}
    return found


RULES = rules()


def test_every_rule_is_found():
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert len(RULES) == len(re.findall(r"^(?:rule|checkpoint)\b", text, flags=re.MULTILINE)) >= 18


@pytest.mark.parametrize("name", RULES)
def test_a_rule_spells_out_everything(name):
    rule = RULES[name]
    assert [section for section in PER_RULE if not rule.get(section)] == []
    assert {"mem_mb", "runtime"} <= set(re.findall(r"(\w+)=", rule["resources"]))
    assert "envs/study.yaml" in rule["conda"]
    assert name in rule["log"]
    assert name in rule["benchmark"]
    message = re.fullmatch(r'"(.+)"', rule["message"])[1]
    assert message[0].isupper()
    assert "wildcards." in message, "the message tells which of the jobs it is"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_small_script_of_its_name(name):
    script = re.fullmatch(r'"\.\./scripts/(\w+)\.py"', RULES[name]["script"])
    assert script is not None
    assert script[1] == name
    path = ROOT / "workflow" / "scripts" / f"{name}.py"
    assert path.is_file()
    assert path.stat().st_size < 4096, "the science belongs into the library"


def test_every_script_has_its_rule():
    assert {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")} == set(RULES)


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith("log_")])
def test_every_job_leaves_a_record(name):
    assert "record=" in RULES[name]["output"]


@pytest.mark.parametrize("name", RULES)
def test_every_figure_has_a_caption_and_its_png(name):
    output = RULES[name]["output"]
    figures = re.findall(r'"([^"]+)\.svg"', output)
    assert set(figures) == set(re.findall(r'"([^"]+)\.png"', output))
    captions = re.findall(r'caption="\.\./(report/\w+\.rst)"', output)
    assert len(captions) >= len(figures)
    assert [caption for caption in captions if not (ROOT / "workflow" / caption).is_file()] == []


@pytest.mark.parametrize("name", RULES)
def test_memory_and_run_time_grow_on_retry(name):
    """A cluster ends a job at its limits; the next attempt must ask for more."""
    resources = dict(re.findall(r"(\w+)=(.+?),\n", RULES[name]["resources"] + "\n"))
    assert re.fullmatch(r"growing(_with_input)?\(\d+\)", resources["mem_mb"]), "write mem_mb=growing(MEGABYTES)"
    assert re.fullmatch(r"growing\(\d+\)", resources["runtime"]), "write runtime=growing(MINUTES)"


def test_what_trains_or_predicts_asks_for_its_gpus():
    for name in ("finetune", "finetune_intermediate", "finetune_random", "predict"):
        assert re.search(r"\bgpu=(training_gpus|lambda wildcards: .*training\.gpus)", RULES[name]["resources"]), name


PROFILE = ROOT / "workflow" / "profiles" / "slurm"


def test_the_cluster_profile_knows_every_rule_and_group_that_it_names():
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    groups = {rule["group"].strip('"') for rule in RULES.values() if "group" in rule}
    # The members of the group of the risk groups need each other, so they are one job without being told.
    assert groups - {"risk_{study}"} == set(profile["group-components"])
    arrays = {name.strip() for name in profile["slurm-array-jobs"].split(",")}
    assert arrays == {name for name, rule in RULES.items() if "{shard}" in rule["output"]}
    assert not [name for name in arrays if "group" in RULES[name]], "a group cannot be an array's task"
    assert (PROFILE / profile["slurm-partition-config"]).is_file()


def installed_requirements(names: set[str]) -> set[str]:
    """The packages of this environment that these need, and what those need in turn."""
    found, waiting = set(), {canonical(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if needed and canonical(requirement.name) not in found:
                waiting.add(canonical(requirement.name))
    return found


def test_the_rules_environment_pins_what_its_packages_need():
    """Else an environment made next year would differ from this year's below the surface."""
    environment = yaml.safe_load((ROOT / "envs" / "study.yaml").read_text())
    packages = pins(next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict)))
    needed = installed_requirements(direct_dependencies()) - {"pip", "setuptools"}
    assert packages.keys() >= needed, needed - packages.keys()
