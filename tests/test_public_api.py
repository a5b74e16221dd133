"""What docs/reference/public_api.md calls stable is as tests/public_api.txt has it. GOLDEN_RUN=1 writes that anew; then
the change belongs into CHANGELOG.md.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import typer.main
from pydantic import BaseModel

import fpga_flow
from fpga_flow import cli, compress, datasets, networks, plugins
from fpga_flow.hls.layers import plugin
from fpga_flow.run_json.schema import run_schema
from fpga_flow.spec.model import FlowSpec

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).with_name("public_api.txt")
_BLOCK = re.compile(r"<!-- public -->\n(.*)<!-- end of public -->", re.DOTALL)


def names() -> dict[str, list[str]]:
    """The public names by their modules, from the docs."""
    text = (ROOT / "docs" / "reference" / "public_api.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    block = _BLOCK.search(text)
    assert block is not None
    for line in block[1].splitlines():
        module, separator, public = line.partition(": ")
        if separator:
            found.setdefault(module, []).extend(public.split())
    return found


def test_the_package_exports_what_the_docs_say() -> None:
    assert names()["fpga_flow"] == sorted(fpga_flow.__all__)


def test_public_api() -> None:
    text = "\n".join([*_python(), "", *_plugins(), "", *_commands(), "", *_spec(), "", *_record()]) + "\n"
    if os.environ.get("GOLDEN_RUN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def _python() -> Iterator[str]:
    for module, public in names().items():
        for name in public:
            yield from _described(f"{module}.{name}", getattr(importlib.import_module(module), name))


def _described(name: str, value: Any) -> Iterator[str]:
    """A line for a value, and one for each public member of a class."""
    if not inspect.isclass(value):
        yield f"{name}{_signature(value) if inspect.isfunction(value) else ''}"
        return
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    known = {field.name: f": {_text(field.type)}" for field in fields(value)} if is_dataclass(value) else {}
    if issubclass(value, BaseModel):
        known = {key: " (required)" if field.is_required() else "" for key, field in value.model_fields.items()}
    yield from (f"    {key}{more}" for key, more in known.items())
    for key, member in sorted(vars(value).items()):
        plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if (key.startswith("_") and key != "__init__") or key in known:
            continue
        if inspect.isfunction(plain) and not (key == "__init__" and is_dataclass(value)):
            yield f"    {key}{_signature(plain)}"
        elif isinstance(member, property):
            yield f"    {key} (read only)"


def _signature(function: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(function)))


def _text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _plugins() -> Iterator[str]:
    """The contracts are text, in the docstrings of these modules."""
    for group, what in plugins.GROUPS.items():
        yield f"entry points {group}: {what}"
    for module in (compress.base, datasets.base, networks, plugin):
        _, _, contract = str(module.__doc__).partition("is a module with\n")
        yield f"contract of {module.__name__}:"
        yield from (f"    {word}" for word in re.findall(r"^    (\w+(?:\([^)]*\))?)(?=  +\S)", contract, re.MULTILINE))


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(cli.app)
    for command in cli.app.registered_commands:
        callback: Any = command.callback
        name = command.name or callback.__name__
        yield f"fpga-flow {name}"
        signature = inspect.signature(callback, eval_str=True).parameters
        for parameter in group.commands[name].params:
            if parameter.name in signature:
                type_, _ = get_args(signature[parameter.name].annotation)
                given = signature[parameter.name].default
                default = "" if given is inspect.Parameter.empty else f" = {given}"
                yield f"    {', '.join([*parameter.opts, *parameter.secondary_opts])}: {_text(type_)}{default}"


def _spec() -> Iterator[str]:
    yield from _schema("spec", FlowSpec.model_json_schema())


def _record() -> Iterator[str]:
    yield from _schema("run.json", run_schema())


def _schema(what: str, schema: dict[str, Any]) -> Iterator[str]:
    """A line for each key of each section: whether it must be there, and its type."""
    for name, section in {what: schema, **schema["$defs"]}.items():
        yield f"{what}: {name}" if name != what else f"{what}:"
        for key, value in section.get("properties", {}).items():
            must = " (required)" if key in section.get("required", ()) else ""
            yield f"    {key}{must}: {json.dumps(_without_words(value), sort_keys=True)}"


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_words(each) for key, each in value.items() if key not in ("title", "description")}
    return [_without_words(each) for each in value] if isinstance(value, list) else value
