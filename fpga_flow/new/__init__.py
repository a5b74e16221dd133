"""`fpga-flow new`: a few answers become a commented spec that runs, with the JSON schema for editors beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2

from fpga_flow import boards, runs
from fpga_flow.errors import InputError, Place
from fpga_flow.hls import backends
from fpga_flow.new.questions import Answers
from fpga_flow.printing import printable
from fpga_flow.shipped import SPEC_SCHEMA
from fpga_flow.spec import schema
from fpga_flow.spec.check import check
from fpga_flow.spec.load import from_document
from fpga_flow.spec.yaml_file import parse

#: Types that hold scaled values exactly: sixteenths of 0 to 16, and 256ths of 0 to 255.
_INPUTS = {"digits": "ufixed<5,1>", "mnist": "ufixed<8,0>", "fashion_mnist": "ufixed<8,0>"}
_SCALES = {
    16: "pixels 0..16 become 0..1",
    256: "pixels 0..255 become 0..1",
    "minmax": "the training samples reach from 0 to 1",
    "standard": "means of 0 and standard deviations of 1",
}
_IO = {
    "io_parallel": "all values of a layer at once",
    "io_stream": "a pixel after the other: much smaller for images",
}
#: By which option a part of the spec is changed.
_OPTIONS = {
    "data": "--data",
    "network": "--family",
    "compress": "--sparsity",
    "precision": "--bits",
    "hls.board": "--board",
    "hls": "--speed",
    "name": "NAME",
}
#: Training samples up to which a network is trained for so many epochs, with batches of so many.
_EPOCHS = ((5_000, 60, 32), (20_000, 30, 64))
_LONG = (10, 128)


@dataclass(frozen=True)
class Written:
    """What was written: the spec, and the schema beside it, which is `current` unless another version's was kept."""

    spec: Path
    schema: Path
    current: bool


def make(answers: Answers, file: str) -> str:
    """The text of the spec, which has been checked.

    Args:
        file: the name of the spec's file.

    Raises:
        InputError: the answers don't go together.
    """
    text = _text(answers, file)
    loaded = from_document(parse(text, file))
    try:
        if loaded.problems:
            raise InputError(loaded.problems)
        check(loaded, dataset=answers.dataset)
    except InputError as error:  # the lines of a file that isn't there say less than the options
        raise InputError(replace(each, place=_option(each.field, file)) for each in error.problems) from error
    return text


def write(text: str, out: Path, *, force: bool = False) -> Written:
    """Write the spec and the schema beside it, each whole or not at all. A schema that is there is kept without force.

    Raises:
        OSError: they can't be written.
    """
    beside = out.with_name(SPEC_SCHEMA)
    made = schema.spec_schema()
    if force or not beside.exists():
        runs.write_json(beside, made)
    runs.write_text(out, text)
    return Written(out, beside, _holds(beside, made))


def _option(field: str, file: str) -> Place:
    """The option that gave a field its value."""
    for start, option in _OPTIONS.items():
        if field.startswith(start):
            return Place(option)
    return Place(file)


def _holds(path: Path, made: Any) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == made)
    except (OSError, ValueError):
        return False


def _text(answers: Answers, file: str) -> str:
    data, board = answers.data, boards.load(answers.board)
    samples = len(answers.dataset.train.x)
    epochs, batch_size = next((rest for most, *rest in _EPOCHS if samples <= most), _LONG)
    io_type = "io_parallel" if answers.family == "mlp" else "io_stream"
    return _template().render(
        line=schema.line(SPEC_SCHEMA).rstrip(),
        title=_title(answers, board),
        file=file,
        name=answers.name,
        data=data,
        scale_text=_SCALES.get(data.get("scale", ""), ""),
        family=answers.family,
        epochs=epochs,
        batch_size=batch_size,
        retraining=epochs // 2,
        sparsity=answers.sparsity,
        input=_INPUTS.get(data["name"], "fixed<8,auto>"),
        bits=answers.bits,
        wide=max(answers.bits, 8),
        board=board,
        io_type=io_type,
        io_text=_IO[io_type],
        speed=answers.speed,
        simulated=backends.choose(None, board).simulation is not None,
    )


def _title(answers: Answers, board: boards.Board) -> str:
    zeros = f", {answers.sparsity:.0%} of them zero" if answers.sparsity else ""
    return f"{answers.family} on {answers.data['name']} for {board.name}: {answers.bits}-bit weights{zeros}."


def _template() -> jinja2.Template:
    environment = jinja2.Environment(  # noqa: S701  (YAML, not HTML; the user's text is quoted)
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,  # nothing of it ends a line
    )  # fmt: skip
    environment.filters["quoted"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["padded"] = lambda text: f"{text:<28}  "  # to where the comments begin
    return environment.from_string((Path(__file__).parent / "spec.yaml.j2").read_text(encoding="utf-8"))
