"""What the shell offers when Tab is pressed: specs, boards, data sets, networks, and paths for `--set`.

All of it is read from the files that come with the package, so that it takes no longer than a moment.

Shells differ in what they take for the word that is completed. In `--board=kv` it is all of it for zsh and fish; bash
hands on the words `--board`, `=` and `kv`, of which the last one is completed. And what bash puts in its place must be
quoted already.
"""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fpga_flow import shipped

#: Fields are offered as far down as this; deeper ones are of networks in passes.
_DEEPEST = 5
#: Where the shell's question is: which one asks, and for bash the words (a line each) and the number of that with the
#: cursor, for the others all up to the cursor.
_SHELL, _WORDS, _CURSOR, _LINE = "_FPGA_FLOW_COMPLETE", "COMP_WORDS", "COMP_CWORD", "_TYPER_COMPLETE_ARGS"
_OPTION = re.compile(r"--[a-z-]+=")
#: What lists of sections hold is found by its own key (the passes), or has only a number.
_BY_KEY = "compress"


@contextmanager
def as_the_shell_wants() -> Iterator[None]:
    """Change what is asked and what is answered in here, as the shell needs it that asks; without one nothing."""
    shell = os.environ.get(_SHELL, "")
    if not shell.startswith("complete_"):
        yield
        return
    if shell == "complete_bash":
        _join_words()
    answer = io.StringIO()
    try:
        with contextlib.redirect_stdout(answer):
            yield
    finally:
        sys.stdout.write(_for_bash(answer.getvalue()) if shell == "complete_bash" else _for_others(answer.getvalue()))


def _join_words() -> None:
    """Join the words that bash has divided at `=`."""
    cursor, joined, end = int(os.environ[_CURSOR]), list[str](), 0
    for number, word in enumerate(os.environ[_WORDS].split("\n")):
        if joined and (joined[-1].endswith("=") or word.startswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
        if number == cursor:
            end = len(joined) - 1
    os.environ[_WORDS], os.environ[_CURSOR] = "\n".join(joined), str(end)


def _for_bash(answer: str) -> str:
    """What stands in the place of what is behind the last `=` of a word, or of all of one that begins with a quote."""
    words, number = os.environ[_WORDS].split("\n"), int(os.environ[_CURSOR])
    word = words[number] if number < len(words) else ""
    if word.startswith(("'", '"')):
        return answer
    value = _OPTION.sub("", word.replace("\\", ""))
    before = value[: value.rfind("=") + 1]
    offered = [each.removeprefix(before) for each in answer.splitlines()]
    return "".join(re.sub(r"([^\w@%+=:,./~-])", r"\\\1", each) + "\n" for each in offered)


def _for_others(answer: str) -> str:
    """What stands in the place of a whole word, of which `--option=` is a part: zsh has each in double quotes."""
    option = _OPTION.match(os.environ.get(_LINE, "").rpartition(" ")[2])
    if option is None or not answer.strip():
        return answer
    begin = r'(\(\(|\n)"' if answer.startswith("_arguments") else r"()^(?=.)"
    return re.sub(begin, lambda found: f"{found[0]}{option[0]}", answer, flags=re.MULTILINE)


def specs(incomplete: str) -> list[str]:
    """Names of examples, and YAML files."""
    names = _yaml_names("hls_configs")
    return [name for name in names if name.startswith(incomplete)] + files(incomplete, (".yaml", ".yml"))


def boards(incomplete: str) -> list[str]:
    """Names of boards."""
    return [name for name in _yaml_names("boards") if name.startswith(incomplete)]


def data(incomplete: str) -> list[str]:
    """Names of data sets, and files of data."""
    names = [name for name in _names("data") if name not in ("npz", "csv")]
    return [name for name in names if name.startswith(incomplete)] + files(incomplete, (".npz", ".csv"))


def families(incomplete: str) -> list[str]:
    """Names of networks that need no more than their name."""
    return [name for name in _names("network") if name.startswith(incomplete) and name not in ("custom", "imported")]


def changes(incomplete: str) -> list[str]:
    """Fields with an equals sign behind them; behind that, the values that a field can have."""
    schema = _schema()
    path, is_value, _ = incomplete.partition("=")
    found = _fields(schema, schema, "", 0)
    if not is_value:
        return sorted({f"{name}=" for name, _ in found if name.startswith(path)})
    values = {value for name, field in found if name == path for value in _values(field, schema)}
    return sorted(each for value in values if (each := f"{path}={value}").startswith(incomplete))


def files(incomplete: str, ends: tuple[str, ...]) -> list[str]:
    """Files with these ends, and folders, which end with a slash."""
    found = sorted(glob.glob(f"{glob.escape(incomplete)}*"))
    return [f"{each}/" if os.path.isdir(each) else each for each in found if os.path.isdir(each) or each.endswith(ends)]


def _yaml_names(kind: str) -> list[str]:
    return sorted(path.stem for path in shipped.folder(kind).glob("*.yaml"))


def _schema() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((shipped.folder("hls_configs") / shipped.SPEC_SCHEMA).read_text(encoding="utf-8"))
    return made


def _names(section: str) -> list[str]:
    """The names that a section can have."""
    return list(_schema()["properties"][section]["discriminator"]["mapping"])


def _fields(node: Any, schema: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """All fields under a node of the schema that hold a value, with their paths as `--set` takes them."""
    inside = False
    for each in _variants(node, schema) if depth < _DEEPEST else ():
        if path == _BY_KEY:
            each = _resolved(each.get("items", each), schema)
        for key, field in each.get("properties", {}).items():
            inside = True
            yield from _fields(field, schema, f"{path}.{key}" if path else key, depth + 1)
        if isinstance(each.get("additionalProperties"), dict):
            inside = True
            yield from _fields(each["additionalProperties"], schema, f"{path}.*", depth + 1)
    if path and not inside:
        yield path, node


def _variants(node: Any, schema: dict[str, Any]) -> list[Any]:
    """What a node can be."""
    node = _resolved(node, schema)
    choices = node.get("anyOf") or node.get("oneOf")
    return [variant for each in choices for variant in _variants(each, schema)] if choices else [node]


def _resolved(node: Any, schema: dict[str, Any]) -> Any:
    reference = node.get("$ref")
    return schema["$defs"][reference.removeprefix("#/$defs/")] if reference else node


def _values(node: Any, schema: dict[str, Any]) -> Iterator[str]:
    """The values that a field can have, as far as they are words, and examples of others."""
    for each in _variants(node, schema):
        known = each.get("enum") or each.get("examples") or ([each["const"]] if "const" in each else [])
        yield from (str(value) for value in known)
        if each.get("type") == "boolean":
            yield from ("true", "false")
