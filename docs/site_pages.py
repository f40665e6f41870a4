"""Pages of the documentation's website that are made from other files: README, results/README.md, the library.

MkDocs calls the `on_` functions (mkdocs.yml, `hooks`). Links that leave docs/ are led to these pages, and links to
files that the site does not hold become plain text.
"""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "src" / "ecg_ccta"
PACKAGES = (
    "statistics", "sources", "cohort", "signals", "model", "training", "prediction", "evaluation", "prognosis",
    "waveforms", "attribution", "single_ecg", "truth", "audit", "report", "tracking",
)  # fmt: skip
"""In the order of the data's road; see architecture.md."""

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
MERMAID = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
WORKFLOW = "![The workflow: from the sources through cohort, signals and training to the report](images/workflow.svg)"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {"readme.md": (ROOT / "README.md").read_text("utf-8")}
    pages["results.md"] = (ROOT / "results" / "README.md").read_text("utf-8")
    pages["api/common.md"] = _api_page("Common ground", "", LIBRARY)
    for package in PACKAGES:
        folder = LIBRARY / package
        pages[f"api/{package}.md"] = _api_page(package.replace("_", " ").capitalize(), f"{package}.", folder)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_config(config: Any) -> Any:
    """Name the pages of the library in the navigation."""
    library = [
        {"Common ground": "api/common.md"},
        *({p.replace("_", " ").capitalize(): f"api/{p}.md"} for p in PACKAGES),
    ]
    config.nav[-1]["The code"][-1]["Library"] = library
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to where the site has their target, and show the workflow as a picture."""
    source = {"readme.md": ROOT / "README.md", "results.md": ROOT / "results" / "README.md"}.get(
        page.file.src_uri, ROOT / "docs" / page.file.src_uri
    )

    def led(match: re.Match) -> str:
        text, target = match[1], match[2]
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return match[0]
        file = (source.parent / path).resolve()
        known = {ROOT / "README.md": "readme.md", ROOT / "results" / "README.md": "results.md"}
        if file in known:
            return f"[{text}]({known[file]}{'#' + anchor if anchor else ''})"
        if file.is_relative_to(ROOT / "docs"):
            return f"[{text}]({file.relative_to(ROOT / 'docs')}{'#' + anchor if anchor else ''})"
        return text

    return MERMAID.sub(WORKFLOW, LINK.sub(led, markdown))


def _api_page(title: str, prefix: str, folder: Path) -> str:
    """One page for the modules of a folder, in alphabetical order; a module without public names is left out.

    The top folder's page has the common ground alone, another folder's also what lies in folders of its own.
    """
    about = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    found = sorted(folder.rglob("*.py") if prefix else folder.glob("*.py"))
    modules = [
        path.relative_to(folder).with_suffix("")
        for path in found
        if path.stem != "__init__" and _has_public_names(path)
    ]
    return "\n\n".join([f"# {title}", about, *(f"::: ecg_ccta.{prefix}{'.'.join(path.parts)}" for path in modules)])


def _has_public_names(path: Path) -> bool:
    body = ast.parse(path.read_text("utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") for node in body)
