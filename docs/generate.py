"""Writes those pages of the reference that are made from the code: commands, spec, boards, layers, errors.

    python docs/generate.py

`pages()` gives them as values; a test holds what stands in docs/reference/ against it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
import yaml

from fpga_flow import boards
from fpga_flow.cli import app
from fpga_flow.hls.support import matrix
from fpga_flow.spec.model import FlowSpec

DOCS = Path(__file__).parent
BAD_SPECS = DOCS.parent / "tests" / "bad_specs"


def pages() -> dict[str, str]:
    """The text of each page by its path in docs/."""
    made = {"commands": commands(), "spec": spec(), "boards": all_boards(), "layers": layers(), "errors": errors()}
    return {f"reference/{name}.md": "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """Each command with its arguments and options."""
    group: Any = typer.main.get_command(app)
    yield from ("# Commands", "", "As `fpga-flow COMMAND --help` prints them.", "")
    yield "Exit codes: 0 done, 1 a check failed (C simulation differs, board too small), 2 bad input, 3 a tool is"
    yield from ("missing or failed, 130 stopped by Ctrl-C.", "")
    for name, command in group.commands.items():
        yield from (f"## `fpga-flow {name}`", "")
        text, _, example = (command.help or "").partition("Example: ")
        yield from (_paragraph(text), "")
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
        words = " ".join(_argument(each) for each in arguments)
        yield from ("```text", f"fpga-flow {name}{' [OPTIONS]' if options else ''} {words}".rstrip(), "```", "")
        if example:
            yield from (f"Example: {_paragraph(example)}", "")
        yield from ("| argument or option | |", "| --- | --- |")
        for each in arguments:
            yield f"| `{_argument(each)}` | {_cell(getattr(each, 'help', '') or '')} |"
        for each in options:
            names = ", ".join(f"`{form}`" for form in (*each.opts, *each.secondary_opts))
            value = "" if each.is_flag else f" `{each.metavar or each.display_type(typer.Context(command))}`"
            yield f"| {names}{value} | {_cell(each.help or '')} |"
        yield ""


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return f"{name}..." if argument.nargs == -1 and not name.endswith("...") else name


# -- spec --------------------------------------------------------------------------------------------------------------

#: What is not worth saying of a whole number: the largest one there is.
_LARGEST = 2**31


def spec() -> Iterator[str]:
    """Each key of a spec: its type, what it is if left out, what it means."""
    schema = FlowSpec.model_json_schema()
    definitions = schema["$defs"]
    yield from ("# Keys of a spec", "")
    yield from ("Made from the same classes that read specs. `fpga-flow schema` prints them as a JSON schema.", "")
    yield from ("A key without a default must be given.", "", "## At the top", "")
    yield from _object(schema, definitions)
    for name in dict.fromkeys(_named(schema, definitions)):
        yield from (f"## {_title(name)}", "")
        yield from _object(definitions[name], definitions)


def _named(schema: Any, definitions: Mapping[str, Any]) -> Iterator[str]:
    """The definitions that a schema names, each followed by those that it names itself."""
    if isinstance(schema, dict):
        if reference := schema.get("$ref"):
            name = reference.removeprefix("#/$defs/")
            yield name
            yield from _named(definitions[name], definitions)
        for key, value in schema.items():
            yield from _named(value, definitions) if key not in ("$defs", "$ref", "mapping") else ()
    elif isinstance(schema, list):
        for value in schema:
            yield from _named(value, definitions)


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    if text := schema.get("description"):
        yield from (*_description(text), "")
    if "enum" in schema:
        yield from (_type(schema, definitions), "")
    if properties := schema.get("properties"):
        yield from ("| key | what may stand there | if left out | |", "| --- | --- | --- | --- |")
        required = schema.get("required", ())
        for key, value in properties.items():
            default = "" if key in required else _default(value)
            yield f"| `{key}` | {_type(value, definitions)} | {default} | {_cell(value.get('description', ''))} |"
        yield ""


def _description(text: str) -> Iterator[str]:
    """A docstring's paragraphs; what it lists in columns becomes a list."""
    for number, block in enumerate(text.split("\n\n")):
        if number:
            yield ""
        lines = block.split("\n")
        if all(re.match(r"\S+ {2,}\S| {6,}\S", line) for line in lines):
            items: list[list[str]] = []
            for line in lines:
                name, _, rest = line.partition(" ") if not line.startswith(" ") else ("", "", line)
                items += [[name, rest.strip()]] if name else []
                if not name:
                    items[-1][1] += f" {rest.strip()}"
            yield from (f"- `{name}`: {_escaped(meaning)}" for name, meaning in items)
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _title(name: str) -> str:
    """`fpga_flow__compress__prune__Options` is `compress: prune`."""
    parts = name.split("__")
    if len(parts) == 1:
        return name
    *_, package, module, cls = parts
    what = {"compress": "compress", "datasets": "data", "networks": "network"}.get(package, package)
    return f"{what}: {module}" + ("" if cls == "Options" else f", {cls}")


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What may stand there, in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return f"[{_title(name)}](#{_anchor(_title(name))})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(each, definitions) for each in schema[key]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return "list of " + ", ".join(_type(each, definitions) for each in schema["prefixItems"])
        case "array":
            return "list of " + _type(schema.get("items", {}), definitions)
        case "object":
            values = schema.get("additionalProperties")
            return "mapping" + (f" to {_type(values, definitions)}" if isinstance(values, dict) and values else "")
        case "integer" | "number" as kind:
            word = "whole number" if kind == "integer" else "number"
            return f"{word}{_limits(schema)}"
        case "string":
            return "text"
        case "boolean":
            return "`true` or `false`"
        case "null":
            return "nothing"
        case _:
            return "anything"


def _limits(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "up to {}", "exclusiveMaximum": "below {}",
    }  # fmt: skip
    found = [text.format(f"{schema[key]:g}") for key, text in words.items() if schema.get(key, _LARGEST) < _LARGEST]
    return f" {' '.join(found)}" if found else ""


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    return "" if value is None or isinstance(value, dict | list) else f"`{json.dumps(value)}`"


def _anchor(title: str) -> str:
    """As the site makes anchors of headings."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


# -- boards ------------------------------------------------------------------------------------------------------------


def all_boards() -> Iterator[str]:
    """The boards of the package."""
    yield from ("# Boards", "")
    yield "What a network may use of each, as `fpga-flow boards` lists it: what the die has, less"
    yield from (
        "what a shell or a processor takes, times the share up to which designs can be expected to be routed.",
        "",
    )
    yield from ("| name | board | part | toolchain | clock, ns | LUT | FF | DSP | BRAM18 | URAM | figures from |",)
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for board in boards.shipped_boards():
        numbers = " | ".join(f"{amount:,}" for amount in board.usable().values())
        words = f"| `{board.name}` | {_cell(board.title)} | `{board.part}` | {board.toolchain} | {board.clock_ns:g}"
        yield f"{words} | {numbers} | {_cell(board.source)} |"


# -- layers ------------------------------------------------------------------------------------------------------------


def layers() -> Iterator[str]:
    """The matrix of layers and options."""
    yield from ("# Layers and options", "")
    yield "Which become HLS code that computes the same bit for bit, with io_parallel and with io_stream, and which are"
    yield from (
        "refused before anything is generated, and why. `fpga-flow layers` prints the same; the tests hold it.",
        "",
    )
    yield from ("| case | io_parallel | io_stream | why refused |", "| --- | --- | --- | --- |")
    for entry in matrix():
        verdicts = [entry[key].partition(": ") for key in ("io_parallel", "io_stream")]
        why = "; ".join(dict.fromkeys(reason for _, _, reason in verdicts if reason))
        yield " | ".join(["| " + entry["case"], *(word for word, _, _ in verdicts), f"{why} |"])


# -- errors ------------------------------------------------------------------------------------------------------------


#: The longest part of a wrong line that is shown.
_MOST_SHOWN = 140
#: A message: file, line, column and the rest.
_MESSAGE = re.compile(r"^([^:\n]+)(?::(\d+))?(?::(\d+))?: (.*)$", re.MULTILINE)


def errors() -> Iterator[str]:
    """Each message about a spec with the wrong lines of a spec that causes it, and the way out; then the others."""
    ways = yaml.safe_load((DOCS / "ways_out.yaml").read_text(encoding="utf-8"))
    yield from ("# Errors", "")
    yield from ways["introduction"].strip().split("\n")
    yield ""
    for group in ways["groups"]:
        yield from (f"## {group['title']}", "")
        for name, way in group["messages"].items():
            messages = (BAD_SPECS / f"{name}.txt").read_text(encoding="utf-8").rstrip()
            wrong = list(_wrong_lines(name, messages))
            yield from (f"### {name.replace('_', ' ')}", "", "```text")
            yield from (*wrong, *([""] if wrong else []), messages, "```", "", _escaped(_paragraph(way)), "")
    for group in ways["others"]:
        yield from (f"## {group['title']}", "")
        yield from (_escaped(_paragraph(group["text"])), "") if "text" in group else ()
        for error in group["errors"]:
            yield from ("```text", *error["messages"], "```", "")
            yield from (f"Exit code {error['code']}. {_escaped(_paragraph(error['text']))}", "")


def _wrong_lines(name: str, messages: str) -> Iterator[str]:
    """The lines that messages about a spec name, with their numbers; of data files, under their names."""
    spec = f"{name}.yaml"
    places: dict[str, set[int]] = {spec: set()}
    for file, line, column, rest in _MESSAGE.findall(messages):
        numbers = places.setdefault(file, set())
        if file != spec:
            places[spec] |= {number for number, text in enumerate(_lines(spec), 1) if file in text}
        if line and not (file == spec and _is_elsewhere((line, column), rest, _lines(spec))):
            numbers.add(int(line))
    for file, numbers in places.items():
        lines = _lines(file) if numbers else []
        named = [(number, lines[number - 1]) for number in sorted(numbers) if number <= len(lines)]
        shown = [f"{number:>2} | {_shown(line)}" for number, line in named if line]
        yield from ((f"{file}:", *shown) if shown and file != spec else shown)


def _is_elsewhere(place: tuple[str, str], message: str, lines: list[str]) -> bool:
    """Whether a message about a field has the place 1:1 only because the field is not there."""
    field, colon, _ = message.partition(":")
    is_field = bool(colon) and re.fullmatch(r"[\w.\[\]]+", field) is not None
    return place == ("1", "1") and is_field and not lines[0].startswith(re.split(r"[.\[]", field)[0])


def _lines(name: str) -> list[str]:
    return (BAD_SPECS / name).read_bytes().decode(errors="replace").split("\n")


def _shown(line: str) -> str:
    """A line with pictures of its control characters, and its beginning if it is long."""
    text = "".join(chr(0x2400 + ord(each)) if ord(each) < 0x20 else each for each in line.rstrip("\r"))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Text without anything that Markdown takes for HTML, outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else html.escape(part, quote=False).replace("*", r"\*") for part in parts
    )


def _cell(text: str) -> str:
    return _escaped(_paragraph(text)).replace("|", r"\|")


if __name__ == "__main__":
    for path, text in pages().items():
        (DOCS / path).write_text(text, encoding="utf-8")
