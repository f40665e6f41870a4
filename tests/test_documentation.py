"""What users read is true: generated pages are current, links lead somewhere, commands exist."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

from ecg_ccta.command_line import app
from ecg_ccta.config import load, load_overlaid

ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("results/README.md", "config/README.md", "tests/data/README.md", ".github/pull_request_template.md")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / page for page in OTHERS), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def shell_commands(text: str) -> list[list[str]]:
    """Commands of the `sh` blocks and of inline code, without comments, split into words."""
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.split("\n")
    ]
    lines += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    named = [line for line in lines if re.match(r"(make|snakemake|ecg-ccta|mlflow|cp) ", line)]
    return [shlex.split(line, comments=True) for line in named]


def page_commands(program: str) -> list[list[str]]:
    found = [words[1:] for page in PAGES for words in shell_commands(page.read_text("utf-8")) if words[0] == program]
    assert found, f"no page names a {program} command"
    return found


def test_the_page_and_the_schema_of_settings_are_current():
    spec = importlib.util.spec_from_file_location("make_configuration", ROOT / "docs" / "make_configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == module.page(), (
        "run: python docs/make_configuration.py"
    )
    assert (ROOT / "workflow" / "schemas" / "config.schema.json").read_text("utf-8") == module.schema_text(), (
        "run: python docs/make_configuration.py"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {words[0] for words in page_commands("make")} <= targets


def test_our_own_commands_exist():
    verbs = typer.main.get_command(app).commands
    for verb, *words in page_commands("ecg-ccta"):
        verbs[verb].make_context(verb, words)  # ends with a usage error where an option or argument is wrong


def test_snakemake_understands_its_commands():
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    copied = {words[-1] for words in page_commands("cp")}
    for words in page_commands("snakemake"):
        given = parser.parse_args(words)  # ends the test where an option is unknown
        # Words after --configfile are all taken for configs, so a target there would be mistaken for one.
        for config in map(str, given.configfile or []):
            assert config.endswith(".yaml"), words
            assert config in copied or (ROOT / config).exists(), config


def test_overlays_are_valid_studies(monkeypatch):
    monkeypatch.chdir(ROOT)
    for overlay in sorted((ROOT / "studies").glob("*.yaml")):
        study = load(overlay)
        if study.negative_control is not None:
            load_overlaid(study.model_dump(mode="json"), study.negative_control)
    assert load("studies/hospital.yaml").negative_control is None
    assert all(site.simulation is None for site in load("studies/hospital.yaml").sites.values())
