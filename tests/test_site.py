"""The documentation's website is built without a warning, hangs together, and loads nothing from elsewhere."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that links may name."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe", "source", "video") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") != "canonical" and found.get("href"):
            self.loads.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return {path: Page(path) for path in folder.rglob("*.html")}


def test_every_page_is_there(site):
    names = {path.name for path in site}
    assert {page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")} <= names
    assert len(site) > 25


def test_links_lead_somewhere(site):
    broken = []
    for path, page in site.items():
        # The page for wrong addresses is served at any depth, so its links are absolute.
        if path.name == "404.html":
            continue
        for link in page.links:
            address = urlsplit(link)
            if address.scheme:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(address.fragment)
            if not target.exists() or (anchor and anchor != "__top" and anchor not in site[target].anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site):
    loaded = [source for page in site.values() for source in page.loads]
    assert len(loaded) > 100
    assert [source for source in loaded if urlsplit(source).scheme or source.startswith("//")] == []


def test_every_public_function_is_described(site):
    anchors = set().union(*(page.anchors for page in site.values()))
    lacking = []
    for path in sorted((ROOT / "src" / "ecg_ccta").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if is_public and ast.get_docstring(node) and f"{module}.{node.name}" not in anchors:
                lacking.append(f"{module}.{node.name}")
    assert lacking == []


def test_an_arguments_shape_is_part_of_its_description(site):
    page = next(path for path in site if path.match("api/statistics.html")).read_text("utf-8")
    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert "array-like, (n,); the patient of every ECG" in re.sub(r" +", " ", text)


def make_workflow_picture():
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "make_workflow_picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_workflows_picture_has_every_rule():
    picture = make_workflow_picture()
    nodes = {picture.NODE.fullmatch(end)[1] for edge in picture.edges() for end in edge[:2]}
    rules = set()
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^(?:rule|checkpoint) (\w+):", path.read_text("utf-8"), re.MULTILINE))
    assert nodes - {"export"} == rules
    drawn = picture.PICTURE.read_text("utf-8")
    assert rules <= set(re.findall(r">(\w+)</text>", drawn)), "run: python docs/make_workflow_picture.py"
