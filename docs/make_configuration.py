"""Write docs/configuration.md and the JSON schema for editors from the models of ecg_ccta.config.

python docs/make_configuration.py
"""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from ecg_ccta.config import Study, read_yaml

HERE = Path(__file__).resolve().parent
PAGE = HERE / "configuration.md"
SCHEMA = HERE.parent / "workflow" / "schemas" / "config.schema.json"

HEAD = """# Configuration

<!-- Made by docs/make_configuration.py from src/ecg_ccta/config.py; edit those, not this page. -->

A study is `config.yaml` with at most one overlay laid over it: `snakemake --cores all --configfile studies/mine.yaml`.
Mappings are merged key by key, everything else is replaced, and a site set to `null` is taken out. An unknown key or a
wrong value stops before anything runs, with a message that names the key and the nearest known one;
`ecg-ccta check studies/mine.yaml` looks at that and at the exports' tables without running anything.

**Default** is the value of `config.yaml` where that file has one, else the one built in; **needed** means that there is
none. Paths are relative to the folder in which Snakemake runs.
"""

LIMITS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
PATTERNS = {
    r"^[a-z0-9][a-z0-9-]*$": "lower-case letters, digits and hyphens",
    r"^[0-9a-f]{40}$": "40 hexadecimal digits",
    r"^[0-9a-f]{64}$": "64 hexadecimal digits",
}
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}


def page() -> str:
    """The whole page as Markdown."""
    schema = Study.model_json_schema()
    base = read_yaml(HERE.parent / "config.yaml")
    places: dict[type[BaseModel], list[str]] = {}
    _collect(Study, "", places)
    return "\n".join([HEAD, *(_section(model, found, schema, base) for model, found in places.items())])


def schema_text() -> str:
    """Return the JSON schema of a whole study, base and overlay merged."""
    return json.dumps(Study.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _collect(model: type[BaseModel], place: str, places: dict[type[BaseModel], list[str]]) -> None:
    """Every model with the places of the tree where it stands, parents before children."""
    places.setdefault(model, []).append(place)
    for name, field in model.model_fields.items():
        inner, mapped = _model_in(field.annotation)
        if inner is not None:
            _collect(inner, f"{place}{name}.<site>." if mapped else f"{place}{name}.", places)


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model inside `Model`, `Model | None` or `dict[name, Model]`, and whether it was in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for inner in getattr(annotation, "__args__", ()):
        found, _ = _model_in(inner)
        if found is not None:
            return found, getattr(annotation, "__origin__", None) is dict
    return None, False


def _section(model: type[BaseModel], places: list[str], schema: dict[str, Any], base: dict[str, Any]) -> str:
    properties = schema["properties"] if model is Study else schema["$defs"][model.__name__]["properties"]
    named = [place.removesuffix(".") for place in places if place]
    title = ", ".join(f"`{place}`" for place in named) or "The study"
    lines = [f"## {title}", "", _sentence(model), ""]
    lines = [line for i, line in enumerate(lines) if line or lines[i - 1]]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        inner, _ = _model_in(field.annotation)
        if inner is None:
            kind = _kind(properties[name], schema)
            default = _defaults(field, base, places, name)
        else:
            kind, default = "section, below", _default_section(field, inner, _value_at(base, places[0], name))
        meaning = field.description or (_sentence(inner) if inner is not None else "")
        lines.append(f"| `{name}` | {kind} | {default} | {meaning.replace('<', chr(92) + '<')} |")
    return "\n".join([*lines, ""])


def _value_at(base: dict[str, Any], place: str, name: str) -> Any:
    """What config.yaml says at a place; sites are a study's own and have no base value."""
    value: Any = base
    if "<site>" in place:
        return None
    for part in filter(None, [*place.split("."), name]):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _defaults(field: Any, base: dict[str, Any], places: list[str], name: str) -> str:
    """The default at the model's place; where it has several and config.yaml speaks of one, which is which."""
    values = {place: _value_at(base, place, name) for place in places}
    known = [place for place, value in values.items() if value is not None]
    if len(places) > 1 and known:
        return f"{_default(field, values[known[0]])} in `{known[0].removesuffix('.')}`, else {_default(field, None)}"
    return _default(field, values[places[0]])


def _default(field: Any, base: Any) -> str:
    if base is None and field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True) if base is None else base
    return "none" if value is None else _shown(str(value) if isinstance(value, Path) else value)


def _default_section(field: Any, model: type[BaseModel], base: Any) -> str:
    if field.is_required():
        return "needed" if base is None else "as there"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    # A section whose own keys have no defaults has those of this place.
    needed = any(inner.is_required() for inner in model.model_fields.values())
    return _shown(value.model_dump()) if needed else "as there"


def _shown(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _kind(rule: dict[str, Any], schema: dict[str, Any]) -> str:
    """The allowed values in words."""
    if "$ref" in rule:
        return _kind(schema["$defs"][rule["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in rule:
        kinds = [_kind(option, schema) for option in rule["anyOf"] if option.get("type") != "null"]
        return ", ".join([*kinds, "or null"])
    if "enum" in rule:
        return " or ".join(f"`{value}`" for value in rule["enum"])
    if rule.get("type") == "array":
        kind = _kind(rule["items"], schema)
        return f"list of {kind}{'s' if kind.endswith('number') else ''}"
    if rule.get("type") == "object":
        return "mapping of text to text"
    kind = "path" if rule.get("format") == "path" else TYPES[rule["type"]]
    if rule.get("pattern") in PATTERNS:
        kind += f", {PATTERNS[rule['pattern']]}"
    limits = [text.format(rule[name]) for name, text in LIMITS.items() if name in rule]
    return ", ".join([kind, *limits])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    print(PAGE, SCHEMA, sep="\n")
