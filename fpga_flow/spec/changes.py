"""Changes to a spec from the command line: `path.to.field=value`, as `--set` takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import NoneType
from typing import Any

from fpga_flow import compress
from fpga_flow.errors import FieldPath, InputError, Place, Problem, dotted, suggest
from fpga_flow.spec import yaml_file
from fpga_flow.spec.messages import show

#: A key, bare or in double quotes, and the dot or equals sign behind it.
_KEY = re.compile(r'(?:"([^"]*)"|([^."=]+))([.=])')


def change(document: yaml_file.Document, text: str) -> None:
    """Carry out one change on the document's data.

    Keys are joined by dots; one with a dot or `=` in it stands in double quotes. In a list, a number means the entry of
    this number (from 0), and a key means the one entry that has it, so that `compress.prune.sparsity` works. The value
    is YAML.

    Raises:
        InputError: the change can't be read, or leads nowhere.
    """
    place = Place(f"--set {text}")
    keys, value = _parse(text, place)
    assign(document, keys, value, place)


def assign(document: yaml_file.Document, keys: Sequence[str], value: Any, place: Place) -> None:
    """Give the field that the keys lead to a value; `place` is where that was asked for.

    Raises:
        InputError: the keys lead nowhere.
    """
    path = _path(document.data, keys, place)
    node = document.data
    for number, step in enumerate(path[:-1], 1):
        if isinstance(node, dict) and node.get(step) is None:
            node[step] = {}
            document.places[path[:number]] = place
        node = node[step]
    node[path[-1]] = value
    _forget(document, path)
    document.places[path] = place


def value_at(data: Any, keys: Sequence[str]) -> Any:
    """The value to which keys lead as they do in `change`; None if there is none."""
    try:
        path = _path(data, keys, Place(""))
    except InputError:
        return None
    for step in path:
        if data is None:
            return None
        data = data.get(step) if isinstance(data, dict) else data[step]
    return data


def keys_of(text: str) -> list[str]:
    """The keys of a path as `change` takes them, without a value.

    Raises:
        ValueError: the text is no such path.
    """
    keys, end, separator = [], 0, "."
    text += "="
    while separator == "." and (match := _KEY.match(text, end)) is not None:
        quoted, bare, separator = match.groups()
        keys.append(bare if quoted is None else quoted)
        end = match.end()
    if separator != "=" or end != len(text):
        raise ValueError("expected a path such as precision.layers.dense_1.weight")
    return keys


def values_by_path(value: Any, path: str = "") -> dict[str, Any]:
    """The values of all fields of a spec by their paths, as `change` takes them."""
    if isinstance(value, dict) and value:
        pairs = list(value.items())
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        names = [next(iter(each)) if len(each) == 1 else "" for each in value]
        alone = [name and names.count(name) == 1 for name in names]  # a pass is found by its name
        pairs = [(str(number), each) for number, each in enumerate(value) if not alone[number]]
        pairs += [item for number, each in enumerate(value) if alone[number] for item in each.items()]
    else:
        return {path: value}
    fields: dict[str, Any] = {}
    for key, each in pairs:
        quoted = f'"{key}"' if "." in key or "=" in key else key
        fields |= values_by_path(each, f"{path}.{quoted}" if path else quoted)
    return fields


def _path(data: Any, keys: Sequence[str], place: Place) -> FieldPath:
    """The path that the keys mean, with the numbers of list entries."""
    path: list[str | int] = []
    node = data
    for key in keys:
        if isinstance(node, list):
            number = _entry(node, key, path, place)
            path.append(number)
            node = node[number]
            if key.isdecimal():
                continue
        if not isinstance(node, dict | NoneType):
            raise _problem(place, path, f'expected a mapping with the key "{key}", got {show(node)}')
        path.append(key)
        node = (node or {}).get(key)
    return tuple(path)


def _entry(entries: list[Any], key: str, path: Sequence[str | int], place: Place) -> int:
    """The number of the list's entry that the key means."""
    if key.isdecimal():
        if int(key) < len(entries):
            return int(key)
        raise _problem(place, path, f"expected the number of an entry, below {len(entries)}, got {key}")
    found = [number for number, entry in enumerate(entries) if isinstance(entry, dict) and key in entry]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = " or ".join(map(str, found))
        message = f'expected the number of an entry, {numbers}, as more than one has the key "{key}"'
    else:
        known = sorted({name for entry in entries if isinstance(entry, dict) for name in entry})
        unused = compress.PASSES if list(path) == ["compress"] else ()
        if key in unused:
            message = f'expected a pass of the spec, got "{key}": add it to `compress`, which has {", ".join(known)}'
        else:
            message = f'expected an entry with the key "{key}", got none: {suggest(key, known)}'
    raise _problem(place, path, message)


def _problem(place: Place, path: Sequence[str | int], message: str) -> InputError:
    return InputError([Problem(place, dotted(tuple(path)), message)])


def _forget(document: yaml_file.Document, path: FieldPath) -> None:
    """Forget the places of what stood at the path."""
    for old in [each for each in document.places if each[: len(path)] == path]:
        del document.places[old]


def _parse(text: str, place: Place) -> tuple[list[str], Any]:
    keys, end, separator = [], 0, "."
    while separator == ".":
        match = _KEY.match(text, end)
        if match is None:
            raise InputError([Problem(place, "", "expected path.to.field=value")])
        quoted, bare, separator = match.groups()
        keys.append(bare if quoted is None else quoted)
        end = match.end()
    try:
        document = yaml_file.parse(text[end:], "")
    except InputError as error:
        raise InputError([Problem(place, "", problem.message) for problem in error.problems]) from error
    if document.problems:
        raise InputError([Problem(place, "", problem.message) for problem in document.problems])
    return keys, document.data
