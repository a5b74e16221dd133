"""The JSON schemas of specs and of boards, by which editors complete and check YAML.

What a key means is said once, in the docstring of its section: behind its text come rows of a key, two or more spaces,
and what the key means; longer ones go on in lines that are indented further.
"""

from __future__ import annotations

import inspect
import re
import sys
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

_ROW = re.compile(r"(\w+) {2,}(\S.*)")


def spec_schema() -> dict[str, Any]:
    """The JSON schema of specs."""
    from fpga_flow import boards
    from fpga_flow.spec.model import FlowSpec

    made = _schema(FlowSpec, "fpga_flow spec")
    board = made["$defs"]["Hls"]["properties"]["board"]
    board["anyOf"] = [{"enum": boards.names()}, {"pattern": r"\.ya?ml$"}]
    return made


def board_schema() -> dict[str, Any]:
    """The JSON schema of the files of boards."""
    from fpga_flow.boards import Board

    return _schema(Board, "fpga_flow board")


def line(file: str) -> str:
    """The comment by which a YAML file names its schema to editors."""
    return f"# yaml-language-server: $schema={file}\n"


def split_doc(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The text of a section's docstring, and its rows: what each key means that the section itself has."""
    text: list[str] = []
    rows: dict[str, str] = {}
    key = None
    for each in inspect.cleandoc(model.__doc__ or "").splitlines():
        if (found := _ROW.fullmatch(each)) and found[1] in model.model_fields:
            key = found[1]
            rows[key] = found[2]
        elif key is not None and each.startswith("  "):
            rows[key] += f" {each.strip()}"
        else:
            key = None
            text.append(each)
    return "\n".join(text).strip(), rows


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What each key of a section means, by its own docstring or that of a section that it derives from."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found |= split_doc(each)[1]
    return found


def module_text(module: ModuleType) -> str:
    """The first paragraph of a module's docstring, without its name: what a pass, data set or network is."""
    first = (module.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return re.sub(r"^`\w+`: ", "", first)


class _Generator(GenerateJsonSchema):
    """Adds what the docstrings say."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """A section's schema; what the registries list is called as its module, which says what it does."""
        made, model = super().model_schema(schema), schema["cls"]
        made["description"] = split_doc(model)[0]
        if model.__name__ == "Options":
            made["title"] = model.__module__.rpartition(".")[2]
            made["description"] = f"{module_text(sys.modules[model.__module__])}\n\n{made['description']}".strip()
        described = meanings(model)
        for key, each in made.get("properties", {}).items():
            if key in described:
                each["description"] = described[key]
            elif (section := _section(model, key)) is not None:
                each["description"] = module_text(sys.modules[section.__module__])
            if each.get("default", ...) is None:  # nothing that an editor should offer
                del each["default"]
        return made


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The section that a key holds by itself, such as the options of a pass."""
    annotation = model.model_fields[key].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}
