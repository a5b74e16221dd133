"""From a YAML file to a `FlowSpec`, or to all that is wrong with the file, each with its place."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from fpga_flow import shipped
from fpga_flow.errors import FieldError, FieldPath, InputError, Problem, suggest
from fpga_flow.spec import messages, yaml_file
from fpga_flow.spec.base import Section
from fpga_flow.spec.changes import change
from fpga_flow.spec.model import FlowSpec

#: The parts of a spec that change neither what layers a network has nor what data it gets. Where one of them is wrong,
#: the rest of its section can be checked without it.
_SEPARABLE = [("precision",), ("compress",), ("hls",), ("csim",), ("training",), ("network", "dropout")]
_SEPARABLE += [("data", key) for key in ("split", "scale", "one_hot", "train_samples", "test_samples")]


@dataclass(frozen=True)
class Loaded:
    """What a spec file holds.

    sections    by name, those that are valid, where possible without the values that are wrong by themselves
    problems    what is wrong by itself; `wrong` are the paths of these values
    spec        None if there are problems
    """

    document: yaml_file.Document
    sections: dict[str, Any]
    problems: tuple[Problem, ...]
    wrong: tuple[FieldPath, ...]
    spec: FlowSpec | None

    def place(self, error: FieldError) -> Problem:
        """A problem found later, with the place of its field."""
        return self.document.problem(error.path, error.message)

    def may_follow(self, error: FieldError) -> bool:
        """Whether a problem found later may only follow from those that are known: it is about what holds a wrong
        value, or about what is not there in a section that has one.
        """
        path = error.path
        if any(each[: len(path)] == path for each in self.wrong):
            return True
        return path not in self.document.places and any(each[:1] == path[:1] for each in self.wrong)


def _find(name: str) -> Path:
    """The file that a user means: a path, or the name of an example that comes with the package."""
    if os.path.isfile(name):
        return Path(name)
    if os.path.isdir(name):
        raise InputError.at(name, "expected a file, got a folder")
    examples = shipped.folder("hls_configs")
    known = sorted(file.stem for file in examples.glob("*.yaml"))
    if name in known:
        return examples / f"{name}.yaml"
    raise InputError.at(name, f"no such file, and no example of this name: {suggest(name, known)}")


def load(name: str | Path, changes: Sequence[str] = ()) -> Loaded:
    """Read a spec and check each of its sections by itself; what is wrong with them is in the result's `problems`.

    Args:
        name: a path, or the name of an example that comes with the package.
        changes: `path.to.field=value`, as for `--set`.

    Raises:
        InputError: there is no such file or example, the file is no YAML mapping, or a change can't be read.
    """
    return from_document(yaml_file.read(_find(str(name))), changes)


def from_document(document: yaml_file.Document, changes: Sequence[str] = ()) -> Loaded:
    """Check each section of a spec's document by itself, as `load` does.

    Raises:
        InputError: the document is no mapping, or a change can't be read.
    """
    if not isinstance(document.data, dict):
        got = messages.show(document.data)
        raise InputError.at(document.file, f"expected a mapping with the keys of a spec, got {got}", line=1, column=1)
    for each in changes:
        change(document, each)
    spec, mistakes = _validate(FlowSpec, document.data)
    known = set(document.wrong)
    mistakes = [each for each in mistakes if each.path not in known]
    problems = (*document.problems, *(document.problem(each.path, each.message) for each in mistakes))
    if spec is not None and not problems:
        sections = {name: getattr(spec, name) for name in FlowSpec.model_fields}
        return Loaded(document, sections, (), (), spec)
    wrong = (*document.wrong, *(each.path for each in mistakes))
    return Loaded(document, _sections(document.data, wrong), problems, wrong, None)


def _validate(model: type[BaseModel], data: Any) -> tuple[Any, list[FieldError]]:
    """The model of the data, or what is wrong with them. pydantic's strict rules for JSON are those for YAML."""
    try:
        return model.model_validate_json(json.dumps(data)), []
    except ValidationError as error:
        return None, messages.mistakes(error, model)


def _sections(data: dict[str, Any], wrong: Sequence[FieldPath]) -> dict[str, Any]:
    """The sections, as far as they make sense without what is wrong in them."""
    sections = {}
    for name, field in FlowSpec.model_fields.items():
        definition: Any = {name: (field.annotation, field)}
        model = create_model(name, __base__=Section, **definition)
        given = {name: copy.deepcopy(data[name])} if name in data else {}
        mistaken = [path for path in wrong if path[:1] == (name,)]
        made = None
        while made is None and all(path[:1] in _SEPARABLE or path[:2] in _SEPARABLE for path in mistaken):
            for path in mistaken:
                if path == ("precision", "input"):  # needed, but nothing that is checked depends on it
                    if "precision" in given:
                        given["precision"]["input"] = "fixed<8,1>"
                else:
                    _remove(given, path)
            if mistaken and name not in given:
                break
            made, errors = _validate(model, given)
            mistaken = [each.path for each in errors]
        if made is not None:
            sections[name] = getattr(made, name)
    return sections


def _remove(data: dict[str, Any], path: FieldPath) -> None:
    """Take a value away; if that is impossible or not enough (it is missing, or an entry of a list), what holds it."""
    node: Any = data
    for step in path[:-1]:
        if isinstance(node, dict) and step not in node:
            return  # it went with what held it
        node = node[step]
    if isinstance(node, dict) and path[-1] in node:
        del node[path[-1]]
    elif len(path) > 1:
        _remove(data, path[:-1])
