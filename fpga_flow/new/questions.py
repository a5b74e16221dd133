"""What `fpga-flow new` must know: each question with its default, and what is read from an answer.

An answer may be given beforehand, by an option of the command; the others are asked for, or their defaults are taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fpga_flow import boards, datasets
from fpga_flow.errors import FieldError, InputError, suggest
from fpga_flow.hls import backends
from fpga_flow.networks import FAMILIES
from fpga_flow.resources.estimate import LUT_KIND
from fpga_flow.spec.messages import show
from fpga_flow.spec.model import DataOptions, Name

#: The data sets that files are, by the ends of their names.
_FILES = {".npz": "npz", ".csv": "csv"}
#: Families that need no more than their name.
_COMPLETE = [name for name in FAMILIES if name not in ("custom", "imported")]
_BITS = range(2, 25)
#: How data are scaled if nothing else is known to suit them: `csv` holds measurements, `npz` often images.
_SCALES: Mapping[str, Any] = {"digits": 16, "mnist": 256, "fashion_mnist": 256, "npz": "minmax", "csv": "standard"}


@dataclass(frozen=True)
class Answers:
    """All answers; what depends on an answer finds those before it here.

    data     the spec's section `data`
    dataset  what it describes
    speed    `latency`, `fit`, or a reuse factor
    """

    data: dict[str, Any] = field(default_factory=dict)
    dataset: Any = None
    family: str = ""
    bits: int = 0
    sparsity: float = 0.0
    board: str = ""
    speed: str = ""
    name: str = ""


@dataclass(frozen=True)
class Question:
    """A question: the answer's key, the option that gives it, and what is asked.

    default  the answer that is taken if none is given, as text
    read     the answer's value from its text; raises ValueError with what is wrong
    choices  what the answers can be; one alone is not asked for, and () is anything
    """

    key: str
    option: str
    text: str
    default: Callable[[Answers], str]
    read: Callable[[str, Answers], Any]
    choices: Callable[[Answers], Sequence[str]] = lambda answers: ()


#: Asks a question with this default until the text can be read: the answer's value.
Ask = Callable[[Question, str, Callable[[str], Any]], Any]


def answer(given: Mapping[str, str | None], ask: Ask | None) -> Answers:
    """The answers: those given, and of the other questions what `ask` returns, or without it their defaults.

    Raises:
        InputError: an answer that was given is wrong, or the data can't be read.
    """
    answers = Answers()
    for question in QUESTIONS:
        if question is LABEL and answers.data["name"] != "csv":
            continue

        def read(text: str, question: Question = question, answers: Answers = answers) -> Any:
            return question.read(text, answers)

        text, default = given.get(question.key), question.default(answers)
        if text is None and ask is not None and len(question.choices(answers)) != 1:
            value = ask(question, default, read)
        else:
            try:
                value = read(default if text is None else text)
            except ValueError as error:
                raise InputError.at(question.option, str(error)) from error
        if question is LABEL:
            answers.data["label"] = value
        else:
            answers = replace(answers, **{question.key: value})
        if question in (DATA, LABEL) and (question is LABEL or answers.data["name"] != "csv"):
            answers = _with_data(answers)
    return answers


def usable_boards() -> list[str]:
    """The boards that HLS projects are made for."""
    found = []
    for board in boards.shipped_boards():
        try:
            backends.choose(None, board)
        except FieldError:
            continue
        found.append(board.name)
    return found


def _with_data(answers: Answers) -> Answers:
    """The answers with the data set; a share of its samples is for testing if it comes without a test set."""
    data = answers.data
    try:
        try:
            dataset = _load(data)
        except FieldError as error:
            if error.path != ("data", "split", "test"):
                raise
            data["split"]["test"] = 0.2
            dataset = _load(data)
    except FieldError as error:
        raise InputError.at(DATA.option, error.message) from error
    return replace(answers, dataset=dataset)


def _load(data: dict[str, Any]) -> datasets.Dataset:
    options = TypeAdapter(DataOptions).validate_json(json.dumps(data))
    return datasets.load(options, seed=1)


def _read_data(text: str, _: Answers) -> dict[str, Any]:
    known = [name for name in datasets.DATASETS if name not in _FILES.values()]
    name = _FILES.get(Path(text).suffix.lower(), text)
    if name == text and name not in known:
        said = "give the file itself" if text in _FILES.values() else suggest(text, known)
        raise ValueError(f"expected a data set, or a .npz or .csv file, got {show(text)}: {said}")
    if name != text and not Path(text).is_file():
        raise ValueError(f"no such file: {show(text)}")
    data: dict[str, Any] = {"name": name, **({"path": text} if name != text else {})}
    if name in _SCALES:
        data["scale"] = _SCALES[name]
    return {**data, "split": {"validation": 0.15}}


def _read_label(text: str, _: Answers) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _families(answers: Answers) -> list[str]:
    return _COMPLETE if len(answers.dataset.input_shape) == 3 else ["mlp"]


def _read_family(text: str, answers: Answers) -> str:
    return _one_of(text, _families(answers), "a network for these data", FAMILIES)


def _read_bits(text: str, _: Answers) -> int:
    if not text.isdecimal() or int(text) not in _BITS:
        raise ValueError(f"expected {_BITS[0]} to {_BITS[-1]} bits, got {show(text)}")
    return int(text)


def _read_sparsity(text: str, _: Answers) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise ValueError(f"expected a share from 0 to below 1, got {show(text)}")
    return share


def _read_board(text: str, _: Answers) -> str:
    return _one_of(text, usable_boards(), "a board that HLS projects are made for", boards.names())


def _speeds(board: str) -> list[str]:
    """The speeds that have names, for a board."""
    found = boards.load(board)
    named = ["latency"] if "latency" in backends.choose(None, found).strategies else []
    return [*named, *(["fit"] if found.lut_kind == LUT_KIND else [])]


def _default_speed(answers: Answers) -> str:
    return "fit" if "fit" in _speeds(answers.board) else "1"


def _read_speed(text: str, answers: Answers) -> str:
    if text.isdecimal() and 1 <= int(text) < 2**31:
        return str(int(text))
    named = _speeds(answers.board)
    if text not in named:
        words = f"{', '.join(named)}, or a reuse factor" if named else "a reuse factor"
        raise ValueError(f"expected {words} of 1 or more, got {show(text)}")
    return text


def _read_name(text: str, _: Answers) -> str:
    try:
        return str(TypeAdapter(Name).validate_python(text))
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["ctx"]["error"])) from error


def _one_of(text: str, known: Sequence[str], what: str, every: Iterable[str]) -> str:
    """The text if it is one of the known names; `every` are all that exist of such."""
    if text not in known:
        raise ValueError(f"expected {what}, got {show(text)}: {suggest(text, known, every)}")
    return text


DATA = Question(
    "data", "--data", "Data: digits, mnist, fashion_mnist, jets, or your .npz or .csv file",
    lambda _: "digits", _read_data,
)  # fmt: skip
LABEL = Question(
    "label", "--label", "The column of the class: its name, or its number from 0 (-1: the last)",
    lambda _: "-1", _read_label,
)  # fmt: skip
QUESTIONS = (
    DATA,
    LABEL,
    Question("family", "--family", "Network", lambda answers: _families(answers)[0], _read_family, _families),
    Question("bits", "--bits", "Bits of the weights", lambda _: "6", _read_bits),
    Question("sparsity", "--sparsity", "Share of the weights that become zero", lambda _: "0.5", _read_sparsity),
    Question("board", "--board", "Board (`fpga-flow boards` lists them)", lambda _: "pynq-z2", _read_board),
    Question(
        "speed", "--speed",
        "How fast: latency (large), fit (as fast as the board has room for), or so many multiplications that share a "
        "multiplier",
        _default_speed, _read_speed,
    ),
    Question("name", "NAME", "Name", lambda answers: f"{answers.data['name']}_{answers.family}", _read_name),
)  # fmt: skip
