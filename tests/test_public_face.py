"""What the project shows to the outside agrees with what it does: version, checks, templates, catalogue."""

import re
import tomllib

import pytest
import yaml
from packaging.version import Version

import ecg_ccta


def test_the_version_is_the_same_wherever_it_stands(root):
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert ecg_ccta.__version__ == version
    assert yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))["version"] == version
    releases = re.findall(r"^## \[(\d[^]]*)\]", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert releases[0] == version
    assert releases == sorted(releases, key=Version, reverse=True)


def test_pre_commit_has_the_pinned_versions(root):
    lines = (root / "envs" / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    names = {repo["repo"].rsplit("/", 1)[1].removesuffix("-pre-commit"): repo["rev"] for repo in hooks}
    assert names == {name: f"v{pins[name]}" for name in ("ruff", "snakefmt", "codespell")}


def test_the_hosted_checks_run_what_ci_runs(root):
    here = (root / ".ci" / "run").read_text("utf-8")
    hosted = yaml.safe_load((root / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    commands = [step["run"] for job in hosted["jobs"].values() for step in job["steps"] if "run" in step]
    programs, after = re.search(r"<<PROGRAMS\n(.*?)\nPROGRAMS\n(.*)", here, re.DOTALL).groups()
    packages = {line.split()[1] for line in programs.splitlines()}
    installed = next(command for command in commands if "apt-get install" in command)
    assert packages <= set(installed.split())
    asked = re.findall(r"^make \w+$", after, re.MULTILINE)
    assert asked
    assert set(asked) <= {command.strip() for command in commands}
    for job in hosted["jobs"].values():
        assert job["timeout-minutes"] <= 360
        steps = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
        assert steps == ["3.11"] or job.get("container", "").startswith("python:3.11-")


@pytest.mark.parametrize(
    "page",
    [
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/ISSUE_TEMPLATE/data.yml",
        ".github/pull_request_template.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ],
)
def test_whoever_writes_is_warned_of_patient_data(root, page):
    text = re.sub(r"\s+", " ", (root / page).read_text("utf-8"))
    assert re.search(r"\bnever (paste|put|send) patient data\b", text, re.IGNORECASE)


def test_issue_forms_ask_for_consent_on_privacy(root):
    for form in ("bug", "data"):
        body = yaml.safe_load((root / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text("utf-8"))["body"]
        privacy = next(part for part in body if part.get("id") == "privacy")
        assert all(option["required"] for option in privacy["attributes"]["options"])


def test_the_package_says_that_it_is_typed(root):
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "py.typed" in data["ecg_ccta"]
    assert (root / "src" / "ecg_ccta" / "py.typed").exists()


def test_the_catalogue_of_workflows_finds_what_it_needs(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is True
    assert "config.yaml" in (root / "config" / "README.md").read_text("utf-8")
