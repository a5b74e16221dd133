"""Reading YAML so that every value knows its line and column.

The YAML 1.2 core types only: `yes` and `on` are text, `1e-3` is a number, and no tag makes a Python object. Every problem of
a file is found, not only the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fpga_flow.errors import FieldPath, InputError, Place, Problem, dotted

#: Larger files, and files whose aliases multiply to more values, are not specs.
MAX_BYTES, MAX_VALUES = 1_000_000, 100_000

_SCALARS = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)


@dataclass
class Document:
    """The plain data of a YAML file, and the place of each value (for a mapping's value: of its key) by its path."""

    file: str
    data: Any = None
    places: dict[FieldPath, Place] = field(default_factory=dict)

    def place(self, path: FieldPath) -> Place:
        """The place of a field, or of the nearest field around it that is there."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file))

    def problem(self, path: FieldPath, message: str) -> Problem:
        """A problem of a field, with its place."""
        return Problem(self.place(path), dotted(path), message)


def read(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        InputError: it is missing, no YAML, too large, or has duplicate keys or keys that are no text.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError.at(str(path), f"can't be read: {error.strerror}") from error
    if len(text) > MAX_BYTES:
        raise InputError.at(str(path), f"expected at most {MAX_BYTES:,} bytes, got more")
    return parse(text, str(path))


def parse(text: bytes | str, file: str) -> Document:
    """Read YAML text; `file` is the name for messages. Raises `InputError` as `read` does."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise InputError.at(file, f"no valid YAML: {error.problem}", line=line, column=column) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError.at(file, f"no valid YAML: {error}") from error
    document = Document(file)
    builder = _Builder(document)
    document.data = builder.value(node, ()) if node is not None else None
    if builder.problems:
        raise InputError(builder.problems)
    return document


class _Builder:
    """Turns YAML's nodes into plain data."""

    def __init__(self, document: Document):
        self.document = document
        self.problems: list[Problem] = []
        self.values = 0

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise InputError.at(self.document.file, f"expected at most {MAX_VALUES:,} values, got more")
        self.document.places.setdefault(path, self._place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                self._problem(key_node, path, "expected a name as key, got a list or mapping")
            elif key in result:
                self._problem(key_node, (*path, key), "the key is there twice")
            else:
                self.document.places[(*path, key)] = self._place(key_node)
                result[key] = self.value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            self._problem(node, path, f"expected a value without a tag, got the tag {node.tag}")
            return None
        if node.style is not None:  # quoted or a block: text, whatever it looks like
            return node.value
        for pattern, convert in _SCALARS:
            if pattern.fullmatch(node.value):
                return convert(node.value)
        return node.value

    def _problem(self, node: yaml.Node, path: FieldPath, message: str) -> None:
        self.problems.append(Problem(self._place(node), dotted(path), message))

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)
