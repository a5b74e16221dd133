"""From a YAML file to a `FlowSpec`, or to all that is wrong with the file, each with its place."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from fpga_flow import shipped
from fpga_flow.errors import FieldError, FieldPath, InputError, Place, Problem, suggest
from fpga_flow.spec import yaml_file
from fpga_flow.spec.model import FlowSpec


@dataclass(frozen=True)
class Loaded:
    """What a spec file holds: its valid sections by name (`spec` if all are), its problems, and its places."""

    document: yaml_file.Document
    sections: dict[str, Any]
    problems: tuple[Problem, ...]
    spec: FlowSpec | None

    def place(self, error: FieldError) -> Problem:
        """A problem found later, with the place of its field."""
        return self.document.problem(error.path, error.message)


def find(name: str) -> Path:
    """The file that a user means: a path, or the name of an example that comes with the package.

    Raises:
        InputError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    examples = shipped.folder("hls_configs")
    known = sorted(file.stem for file in examples.glob("*.yaml"))
    if name in known:
        return examples / f"{name}.yaml"
    raise InputError.at(name, f"no such file, and no example of this name: {suggest(name, known)}")


def load(path: Path, changes: Sequence[str] = ()) -> Loaded:
    """Read a spec and check each of its sections by itself; `changes` are `path.to.field=value` as for `--set`.

    Raises:
        InputError: the file is no YAML mapping, or a change can't be read.
    """
    document = yaml_file.read(path)
    if not isinstance(document.data, dict):
        kind = "nothing" if document.data is None else type(document.data).__name__
        raise InputError.at(str(path), f"expected a mapping with the keys of a spec, got {kind}", line=1, column=1)
    for change in changes:
        _change(document, change)
    try:
        spec = FlowSpec.model_validate_json(_json(document.data))
    except ValidationError as error:
        problems = _problems(error, document)
        return Loaded(document, _valid_sections(document.data), tuple(problems), None)
    sections = {name: getattr(spec, name) for name in FlowSpec.model_fields}
    return Loaded(document, sections, (), spec)


def _json(data: Any) -> str:
    """JSON text: pydantic's strict rules for JSON are those for YAML, where a list may stand for a tuple."""
    return json.dumps(data)


def _valid_sections(data: dict[str, Any]) -> dict[str, Any]:
    """The sections that are valid by themselves, so that they can be checked against each other all the same."""
    valid = {}
    for name, field in FlowSpec.model_fields.items():
        if name not in data:
            if not field.is_required():
                valid[name] = field.get_default(call_default_factory=True)
            continue
        try:
            annotation = field.rebuild_annotation()
            valid[name] = TypeAdapter(annotation).validate_json(_json(data[name]))
        except ValidationError:
            continue
    return valid


def _change(document: yaml_file.Document, change: str) -> None:
    """Carry out `path.to.field=value` on the data, the value read as YAML."""
    path_text, equals, value_text = change.partition("=")
    place = Place(f"--set {change}")
    if not equals or not path_text:
        raise InputError([Problem(place, "", "expected path.to.field=value")])
    value = yaml_file.parse(value_text, str(place)).data
    node, path = document.data, ()
    keys = path_text.split(".")
    for number, key in enumerate(keys):
        if isinstance(node, list):  # `compress.prune`: the entry that has this key; `compress.0`: by number
            index = next((i for i, item in enumerate(node) if isinstance(item, dict) and key in item), None)
            if index is None and key.isdecimal() and int(key) < len(node):
                index = int(key)
                path = (*path, index)
                if number == len(keys) - 1:
                    node[index] = value
                node = node[index]
                document.places[path] = place
                continue
            if index is None:
                raise InputError([Problem(place, path_text, f'no entry "{key}" in the list')])
            path, node = (*path, index), node[index]
        if not isinstance(node, dict):
            raise InputError([Problem(place, path_text, f'expected a mapping above "{key}", got {node!r}')])
        path = (*path, key)
        if number == len(keys) - 1:
            node[key] = value
        else:
            node = node.setdefault(key, {})
        if number == len(keys) - 1 or path not in document.places:
            document.places[path] = place


def _problems(error: ValidationError, document: yaml_file.Document) -> Iterable[Problem]:
    for each in error.errors(include_url=False):
        path = _in_data(each["loc"], document.data)
        yield document.problem(path, _message(each, path))


def _in_data(location: Sequence[str | int], data: Any) -> FieldPath:
    """pydantic's location without the names of union members that it puts between."""
    path: list[str | int] = []
    for number, part in enumerate(location):
        if isinstance(data, dict) and isinstance(part, str) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif number < len(location) - 1 or not isinstance(data, dict):
            continue
        path.append(part)
    return tuple(path)


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _message(error: Any, path: FieldPath) -> str:
    """pydantic's error in our words: what was expected, what came."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    got = f"got {_show(value)}"
    if kind == "extra_forbidden":
        return f'unknown key "{error["loc"][-1]}": {suggest(str(error["loc"][-1]), _fields(error["loc"][:-1]))}'
    if kind == "missing":
        return "the key is missing"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, {got}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"expected {words} {context[key]:g}, {got}"
    if kind == "literal_error":
        return f"expected {context['expected']}, {got}"
    if kind == "union_tag_invalid":
        return f"expected {_field_name(context)} {context['expected_tags']}, got {_show(context['tag'])}"
    if kind == "union_tag_not_found":
        return f"the key {context['discriminator']} is missing"
    if kind == "string_pattern_mismatch":
        return f"expected text of the form {context['pattern']}, {got}"
    if kind == "string_too_long":
        return f"expected at most {context['max_length']} characters, got {len(value)}"
    if kind == "too_short":
        return f"expected at least {context['min_length']} entries, got {context['actual_length']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{error['msg']}, {got}"


def _field_name(context: Any) -> str:
    return str(context["discriminator"]).strip("'")


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    return json.dumps(value) if isinstance(value, (str, bool, int, float)) else f"a {type(value).__name__}"


def _fields(location: Sequence[str | int]) -> list[str]:
    """The keys that are known at a location of the spec."""
    annotation: Any = FlowSpec
    for part in location:
        annotation = _step(annotation, part)
    return sorted({name for model in _models(annotation) for name in model.model_fields})


def _step(annotation: Any, part: str | int) -> Any:
    models = _models(annotation)
    tagged = [model for model in models if any(part in get_args(f.annotation) for f in model.model_fields.values())]
    if isinstance(part, str) and tagged and not any(part in model.model_fields for model in models):
        return tagged[0]
    for model in models:
        if part in model.model_fields:
            return model.model_fields[part].annotation
    arguments = get_args(annotation)
    return arguments[-1] if get_origin(annotation) in (list, dict) and arguments else annotation


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType) or hasattr(annotation, "__metadata__"):
        return [model for member in get_args(annotation) for model in _models(member)]
    return []
