"""Reading YAML so that every value knows its line and column.

The YAML 1.2 core types only: `yes` and `on` are text, `1e-3` is a number, and no tag makes a Python object. Every
problem of a file is found, not only the first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fpga_flow.errors import FieldPath, InputError, Place, Problem, dotted
from fpga_flow.printing import printable_lines

#: Larger files, files whose aliases multiply to more values, and deeper ones are not specs.
MAX_BYTES, MAX_VALUES, MAX_DEPTH = 1_000_000, 100_000, 50

_TAG = "tag:yaml.org,2002:"


@dataclass
class Document:
    """The plain data of a YAML file, and the place of each value (for a mapping's value: of its key) by its path.

    `problems` are those of single values: duplicate keys, tags, impossible numbers. The paths of these are `wrong`.
    """

    file: str
    data: Any = None
    places: dict[FieldPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    wrong: list[FieldPath] = field(default_factory=list)

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
        InputError: it can't be read, is no YAML, too large or too deep.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError.at(str(path), f"the file can't be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError.at(str(path), f"expected at most {MAX_BYTES:,} bytes, got more")
    try:
        return parse(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line, column = _line_and_column(content[: error.start].decode("utf-8", "replace"))
        byte = content[error.start]
        raise InputError.at(
            str(path), f"expected text in UTF-8, got the byte 0x{byte:02x}", line=line, column=column
        ) from error


def parse(text: str, file: str) -> Document:
    """Read YAML text; `file` is the name for messages. Raises `InputError` as `read` does."""
    try:
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(text[: error.position])
        message = f"invalid YAML: got the control character 0x{error.character:02x}"
        raise InputError.at(file, message, line=line, column=column) from error
    document = Document(file)
    if node is not None:
        document.data = _Builder(document).value(node, ())
    return document


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2, not by that of YAML 1.1."""

    yaml_implicit_resolvers: dict[str | None, Any] = {}  # noqa: RUF012  (what PyYAML's class declares)
    depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.open: list[str | None] = []  # the anchors of the nodes around the present one

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node with all that it holds; PyYAML would recurse until Python stops it."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias = self.check_event(yaml.AliasEvent)
        if is_alias and event.anchor in self.open:
            problem = (
                f"expected values that come to an end, got the alias *{event.anchor} inside of what it stands for: "
                "write out what is meant there"
            )
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            problem = f"expected at most {MAX_DEPTH} levels, got more"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.open.append(None if is_alias else event.anchor)
        node = super().compose_node(parent, index)
        self.open.pop()
        self.depth -= 1
        return node


for _name, _form in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_form})\Z"), None)


def _int(text: str) -> int:
    if len(text) > 100:
        raise ValueError(text)  # Python itself refuses some thousand digits
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


#: For each tag of a scalar what makes its value (or raises ValueError), and what it expects.
_SCALARS: dict[str, tuple[Callable[[str], Any], str]] = {
    "null": (lambda text: None, ""),
    "bool": (lambda text: text.lower() == "true", ""),
    "int": (_int, "a whole number of at most 100 digits"),
    "float": (_float, "a finite number"),
    "str": (str, ""),
}


class _Builder:
    """Turns YAML's nodes into plain data."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values = 0

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        """The value of a node, which is at `path`."""
        self.values += 1
        self._check_limit(self.values, MAX_VALUES, "values", node)
        self._check_limit(len(path), MAX_DEPTH, "levels", node)
        self.document.places.setdefault(path, self._place(node))
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            return self._scalar(node, path)
        return self._wrong(node, path, f"expected a value without a tag, got the tag {node.tag.replace(_TAG, '!!')}")

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or not key.isprintable():
                self._wrong(key_node, path, "expected a name as key, got something else")
            elif key == "<<" and key_node.style is None:
                self._wrong(key_node, (*path, key), "expected no merge key: write the keys out, or use an alias")
            elif key in result:
                first = self.document.places[(*path, key)].line
                self._wrong(key_node, (*path, key), f"the key is there twice, first in line {first}")
            else:
                self.document.places[(*path, key)] = self._place(key_node)
                result[key] = self.value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        convert, expected = _SCALARS[node.tag.removeprefix(_TAG)]
        try:
            node.value.encode()
            value = convert(node.value)
        except UnicodeEncodeError:
            return self._wrong(node, path, "expected characters of Unicode, got half of a surrogate pair")
        except ValueError:
            return self._wrong(node, path, f"expected {expected}, got {shortened(node.value)}")
        if isinstance(value, str) and (shown := printable_lines(value)) != value:
            return self._wrong(node, path, f'expected text without control characters, got "{shortened(shown)}"')
        return value

    def _wrong(self, node: yaml.Node, path: FieldPath, message: str) -> None:
        self.document.problems.append(Problem(self._place(node), dotted(path), message))
        self.document.wrong.append(path)

    def _check_limit(self, count: int, limit: int, what: str, node: yaml.Node) -> None:
        if count > limit:
            raise InputError([Problem(self._place(node), "", f"expected at most {limit:,} {what}, got more")])

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)


def shortened(text: str) -> str:
    """A text for a message: its beginning if it is long."""
    return text if len(text) <= 60 else f"{text[:60]}..."


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    message = ", ".join(part for part in (error.context, error.problem) if part)
    hint = ""
    if "while scanning an alias" in message:
        hint = ' (text that begins with * must be in quotes: "*")'
    elif "'\\t'" in message:
        hint = " (indent by spaces)"
    return InputError.at(file, f"invalid YAML: {message}{hint}", line=line, column=column)


def _line_and_column(before: str) -> tuple[int, int]:
    """Line and column of what comes after this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
