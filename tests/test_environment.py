"""Versions stand in one place, and every rule says all that a reader or a cluster needs to know."""

import re
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml
from packaging.requirements import Requirement
from snakemake.api import SnakemakeApi
from snakemake.iocontainers import Wildcards
from snakemake.rules import Rule
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from ecg_ccta.config import load

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ROOT / "workflow"


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
    assert direct_dependencies() | direct_dependencies("test") | direct_dependencies("learnt") <= constraints().keys()


def test_the_rules_environment_has_the_pinned_versions():
    environment = yaml.safe_load((ROOT / "envs" / "study.yaml").read_text())
    packages = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    found = pins(packages)
    assert len(found) == len(packages)
    assert found.keys() >= direct_dependencies(), "what the library imports is in the environment"
    pinned = constraints()
    assert found == {name: pinned[name] for name in found}


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """The workflow as Snakemake reads it, with the default study."""
    folder = tmp_path_factory.mktemp("workflow")
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        read = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[ROOT / "config.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=folder,
        )
        yield read._workflow


@pytest.fixture(scope="module")
def rules(workflow) -> dict[str, Rule]:
    """Name -> rule, of all rules but the targets."""
    return {rule.name: rule for rule in workflow.rules if rule.name != "all"}


def values(items) -> list[str]:
    return [str(item) for item in items]


def test_every_rule_spells_out_everything(rules):
    assert len(rules) >= 35
    for name, rule in rules.items():
        script = WORKFLOW / "scripts" / f"{name}.py"
        assert rule.output, name
        assert {"mem_mb", "runtime"} <= set(rule.resources), name
        assert (WORKFLOW / "rules" / str(rule.conda_env)).resolve() == ROOT / "envs/study.yaml", name
        assert name in str(rule.log), name
        assert name in str(rule.benchmark), name
        assert rule.message[0].isupper(), name
        assert "wildcards." in rule.message, f"{name}: the message tells which of the jobs it is"
        assert rule.script.endswith(f"scripts/{name}.py"), name
        assert script.stat().st_size < 4096, f"{name}: the science belongs into the library"


def test_every_script_has_its_rule(rules):
    assert {path.stem for path in (WORKFLOW / "scripts").glob("*.py")} == set(rules)


def test_every_job_leaves_a_record_and_is_one_of_the_studys_jobs(workflow, rules):
    """The records of a study and what its report shows follow from the rules alone."""
    recorded = {name for name, rule in rules.items() if "record" in dict(rule.output._allitems())}
    assert recorded == {name for name in rules if not name.startswith("log_")}
    listed = [rule.rule.name for rule, _ in workflow.globals["JOBS"]]
    assert len(listed) == len(set(listed))
    # The report and what makes the foundation are no jobs of one study.
    assert set(listed) == recorded - {"build_report", "pretrain_foundation", "fetch_foundation"}


def test_the_planted_truth_is_read_by_the_rules_of_truth_alone(rules):
    readers = {name for name, rule in rules.items() if any("/truth/" in str(path) for path in rule.input)}
    assert readers == {
        "compare_with_truth", "compare_attribution_with_truth", "compare_instability_with_truth",
        "compare_robustness_with_truth",
    }  # fmt: skip


def test_every_rule_depends_on_the_code_that_it_runs(rules):
    hashes = {name: rule.params.library for name, rule in rules.items()}
    assert all(re.fullmatch("[0-9a-f]{64}", found) for found in hashes.values())
    assert len(set(hashes.values())) == len(hashes)


def test_no_rule_depends_on_a_whole_section(rules):
    """A setting that an analysis does not read must not redo it."""
    study = load(base=ROOT / "config.yaml")
    wildcards = Wildcards(fromdict={"study": study.study, "site": "internal", "fold": "0", "start": "", "shard": "0"})
    sections = {name: set(getattr(study, name).model_dump()) for name in ("evaluation", "training", "explanation")}
    for name, rule in rules.items():
        for parameter, value in rule.params._allitems():
            # The report and MLflow show the whole configuration; the default study has no intermediate task.
            if name in ("log_study", "build_report", "finetune_intermediate") or "foundation" in name:
                continue
            found = value(wildcards) if callable(value) else value
            if isinstance(found, dict):
                assert not [section for section, keys in sections.items() if set(found) >= keys], (name, parameter)


def test_every_figure_has_a_caption_and_its_png(rules):
    figures = 0
    for rule in rules.values():
        files = values(rule.output)
        shown = {str(file): file.flags["report"] for file in rule.output if "report" in file.flags}
        svgs = {file for file in files if file.endswith(".svg")}
        assert {file.removesuffix(".svg") for file in svgs} == {
            file.removesuffix(".png") for file in files if file.endswith(".png")
        }
        assert svgs <= shown.keys(), "Snakemake's own report shows every figure"
        assert all(Path(str(report.caption)).is_file() for report in shown.values())
        figures += len(svgs)
    assert figures > 35


def test_every_caption_is_used_and_can_be_filled_in(rules):
    files = {
        Path(str(file.flags["report"].caption))
        for rule in rules.values()
        for file in rule.output
        if "report" in file.flags
    }
    folder = WORKFLOW / "report"
    assert {file.stem for file in files} | {"study"} == {path.stem for path in folder.glob("*.rst")}
    job = SimpleNamespace(wildcards=SimpleNamespace(site="site-x", study="study-x"), config={"title": "Title X"})
    for path in folder.glob("*.rst"):
        text = jinja2.Template(path.read_text("utf-8"), undefined=jinja2.StrictUndefined).render(snakemake=job)
        named = ("Title X",) if path.stem == "study" else ("site-x", "study-x")
        assert any(name in text for name in named), f"{path.name} does not say of which site or study it is"


def test_memory_and_run_time_grow_on_retry(rules):
    """A cluster ends a job at its limits; the next attempt must ask for more."""
    inputs = SimpleNamespace(size_mb=0)
    for name, rule in rules.items():
        for resource in ("mem_mb", "runtime"):
            first, second = (
                rule.resources[resource].evaluate(None, input=inputs, attempt=attempt).value for attempt in (1, 2)
            )
            assert second == 2 * first > 0, (name, resource)


def test_what_trains_or_predicts_asks_for_its_gpus(rules):
    wildcards = Wildcards(fromdict={"study": "default", "site": "internal", "fold": "0", "start": ""})
    for name in ("finetune", "predict"):
        assert rules[name].resources["gpu"].evaluate(wildcards).value == 1, name
    assert "gpu" in rules["finetune_intermediate"].resources


PROFILE = WORKFLOW / "profiles" / "slurm"


def test_the_cluster_profile_knows_every_rule_and_group_that_it_names(rules):
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    # `Rule.group` is None where jobs run on this machine.
    groups = {rule._group for rule in rules.values() if rule._group}
    # The members of the group of the risk groups need each other, so they are one job without being told.
    assert groups - {"risk_{study}"} == set(profile["group-components"])
    arrays = {name.strip() for name in profile["slurm-array-jobs"].split(",")}
    assert arrays == {name for name, rule in rules.items() if any("{shard" in file for file in values(rule.output))}
    assert not [name for name in arrays if rules[name]._group], "a group cannot be an array's task"
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
