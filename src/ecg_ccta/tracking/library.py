"""The code that makes a job's results: the modules that its script imports, and hashes of what they do."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "ecg_ccta"

ITSELF = ".*"
"""Ends the name of what is imported itself, unlike the packages that it lies in."""

LEFT_OUT = ("config", "result_tables", "tracking")
"""Modules that compute no result: settings reach a job as parameters, a contract refuses a table or leaves it as it is,
and a record only tells of it."""


def library_hash(script: Path, source: Path) -> str:
    """Hash what a script and every module of the library that it imports do.

    Comments, docstrings and layout do not enter, so that an edit of words alone changes no hash.

    Parameters
    ----------
    script : of a rule
    source : the folder that holds the library's package

    Returns
    -------
    SHA-256 in hexadecimal digits, of the script and of `library_modules`.
    """
    lines = [_syntax(script), *(f"{name} {found}" for name, found in library_modules(script, source).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def library_modules(script: Path, source: Path) -> dict[str, str]:
    """Hash each module that a script imports, directly or through others, in the order of their names.

    Imports inside functions and for type checking count. A package that is imported by its own name counts with all
    its modules, because it may look them up. Files of a package that are not Python, such as templates, belong to the
    package's modules.

    Returns
    -------
    Dotted name, or path below `source` of a file that is not Python -> SHA-256.
    """
    found: dict[str, str] = {}
    waiting = [script]
    while waiting:
        names = _imports(waiting.pop())
        inside = [module for package in names for module in _modules_of(package, source)]
        for name in (*names, *inside):
            path = _file_of(name, source)
            if path is None or name in found:
                continue
            found[name] = _syntax(path)
            found |= _other_files(path.parent, source)
            waiting.append(path)
    return dict(sorted(found.items()))


def _file_of(name: str, source: Path) -> Path | None:
    """The file of a module; None where the name is something inside a module, or of a module left out."""
    parts = name.split(".")
    if parts[0] != PACKAGE or (parts[1:2] and parts[1] in LEFT_OUT):
        return None
    path = source.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _modules_of(name: str, source: Path) -> list[str]:
    """Names of a package's modules; none of what is no package, or is only passed through on the way to a module."""
    package, marked = name.removesuffix(ITSELF), name.endswith(ITSELF)
    folder = source.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py"))] if marked else []


@cache
def _imports(path: Path) -> frozenset[str]:
    """Dotted names that may be modules which a file imports, and the packages they lie in."""
    return frozenset(_imported(_tree(path)))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            yield f"{name}{ITSELF}"


@cache
def _syntax(path: Path) -> str:
    """Hash a file's syntax tree without docstrings."""
    tree = _tree(path)
    for node in ast.walk(tree):
        # Every string that stands alone as a statement does nothing, be it a docstring or one below a constant.
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [line for line in body if not _is_words(line)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_words(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _package_files(package: Path) -> tuple[tuple[str, str], ...]:
    files = (
        path
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
    )
    return tuple((str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files)


def _other_files(package: Path, source: Path) -> dict[str, str]:
    """Hash what lies in a package beside Python; the top package has nothing of its own."""
    if package == source / PACKAGE:
        return {}
    return {Path(path).relative_to(source).as_posix(): found for path, found in _package_files(package)}
