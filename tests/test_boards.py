"""Boards: every file that comes with the package, the arithmetic, and what wrong names and files say."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_flow import boards, shipped
from fpga_flow.errors import FieldError, InputError

GOOD: dict[str, Any] = {
    "name": "mine",
    "title": "My board",
    "vendor": "AMD",
    "family": "Artix-7",
    "part": "xc7a35tcpg236-1",
    "toolchain": "vitis",
    "clock_ns": 10.0,
    "resources": {"die": {"lut": 20800, "ff": 41600, "dsp": 90, "bram18": 100, "uram": 0}},
    "source": "AMD DS180",
}


def test_names() -> None:
    assert boards.names() == ["alveo-u250", "arty-a7-100t", "kv260", "pynq-z2", "zcu104"]


@pytest.mark.parametrize("name", boards.names())
def test_every_board(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert 1 <= board.clock_ns <= 20
    assert board.part.startswith("xc")
    assert board.part == board.part.strip()
    assert len(board.source) > 20
    assert board.interfaces
    assert boards.load(str(shipped.folder("boards") / f"{name}.yaml")) == board
    usable = board.usable()
    assert list(usable) == ["lut", "ff", "dsp", "bram18", "uram"]
    for resource, amount in usable.items():
        assert 0 <= amount <= getattr(board.resources.die, resource)
    assert min(usable[resource] for resource in ("lut", "ff", "dsp", "bram18")) > 0


def test_boards_with_the_same_part_agree() -> None:
    for one, other in itertools.combinations([boards.load(name) for name in boards.names()], 2):
        if one.part == other.part:
            assert one.resources.die == other.resources.die, (one.name, other.name)


@pytest.mark.parametrize(
    ("name", "part", "die"),
    [
        ("pynq-z2", "xc7z020clg400-1", (53200, 106400, 220, 280, 0)),
        ("arty-a7-100t", "xc7a100tcsg324-1", (63400, 126800, 240, 270, 0)),
        ("zcu104", "xczu7ev-ffvc1156-2-e", (230400, 460800, 1728, 624, 96)),
        ("kv260", "xck26-sfvc784-2LV-c", (117120, 234240, 1248, 288, 64)),
        ("alveo-u250", "xcu250-figd2104-2L-e", (1728000, 3456000, 12288, 5376, 1280)),
    ],
)
def test_figures_of_the_vendor(name: str, part: str, die: tuple[int, ...]) -> None:
    board = boards.load(name)
    assert board.part == part
    assert tuple(amount for _, amount in board.resources.die) == die


def test_usable() -> None:
    assert boards.load("pynq-z2").usable() == {"lut": 37240, "ff": 53200, "dsp": 176, "bram18": 224, "uram": 0}
    assert boards.load("alveo-u250").usable() == {
        "lut": 965818, "ff": 1407166, "dsp": 9206, "bram18": 3200, "uram": 1024,
    }  # fmt: skip


def test_usable_with_reserved_and_ceilings() -> None:
    resources = {
        **GOOD["resources"],
        "reserved": {"lut": 800, "bram18": 99},
        "ceilings": {"lut": 0.29, "ff": 1, "dsp": 0.7},
    }
    board = boards.Board.model_validate({**GOOD, "resources": resources})
    assert board.usable() == {"lut": 5800, "ff": 41600, "dsp": 63, "bram18": 0, "uram": 0}


@settings(deadline=None)
@given(st.integers(0, 10**7), st.integers(1, 100))
def test_usable_rounds_the_exact_product_down(amount: int, percent: int) -> None:
    resources = {
        "die": {"lut": amount, "ff": amount, "dsp": 0, "bram18": 0, "uram": 0},
        "ceilings": {"lut": percent / 100},
    }
    usable = boards.Board.model_validate({**GOOD, "resources": resources}).usable()
    assert usable["lut"] == amount * percent // 100
    assert usable["ff"] == amount // 2


def test_a_board_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    board = boards.load(str(path))
    assert (board.name, board.resources.die.dsp, board.interfaces) == ("mine", 90, [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pynq", 'expected a board, got "pynq": did you mean "pynq-z2"?'),
        ("nexys", 'expected a board, got "nexys": known are alveo-u250, arty-a7-100t, kv260, pynq-z2, zcu104'),
        ("kv-260", 'expected a board, got "kv-260": did you mean "kv260"?'),
        ("../pynq-z2", 'expected a board, got "../pynq-z2": did you mean "pynq-z2"?'),
        ("", 'expected a board, got "": known are alveo-u250, arty-a7-100t, kv260, pynq-z2, zcu104'),
        ("nowhere/mine.yaml", 'no such file: "nowhere/mine.yaml"'),
    ],
)
def test_unknown_boards(name: str, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        boards.load(name)
    assert caught.value.path == ("hls", "board")
    assert caught.value.message == message


def problems(path: Path, content: str | bytes) -> list[str]:
    """What is wrong with a board file of this content, without the name of the file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        boards.load(str(path))
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "1:1: expected a mapping with the keys of a board, got nothing"),
        ("- 1\n- 2\n", "1:1: expected a mapping with the keys of a board, got a list"),
        ("name: a\n  title: b\n", "2:8: invalid YAML: mapping values are not allowed here"),
        ("name: [a\n", "2:1: invalid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("name: a\x07\n", "1:8: invalid YAML: got the control character 0x07"),
        (b"name: \xff\n", "1:7: expected text in UTF-8, got the byte 0xff"),
    ],
)  # fmt: skip
def test_files_that_are_no_board(tmp_path: Path, content: str | bytes, problem: str) -> None:
    assert problems(tmp_path / "mine.yaml", content) == [problem]


def test_all_problems_of_a_board_at_once(tmp_path: Path) -> None:
    content = """\
name: My Board
title: 5
vendor: AMD
family: Artix-7
part: xc7a35tcpg236-1
toolchain: quartus
clock_ns: 0
clock_mhz: 100
resources:
  die: {lut: many, ff: -1, dsp: 1.5, bram18: 100}
  ceilings:
    lut: 1.1
interfaces: [axi, 4]
"""
    assert problems(tmp_path / "mine.yaml", content) == [
        '1:1: name: expected a name of small letters, digits and -, got "My Board"',
        "1:1: source: the key is missing",
        "2:1: title: expected text, got 5",
        '6:1: toolchain: expected "vitis", got "quartus"',
        "7:1: clock_ns: expected a number above 0, got 0",
        '8:1: clock_mhz: unknown key "clock_mhz": did you mean "clock_ns"?',
        "10:3: resources.die.uram: the key is missing",
        '10:9: resources.die.lut: expected a whole number, got "many"',
        "10:20: resources.die.ff: expected at least 0, got -1",
        "10:28: resources.die.dsp: expected a whole number, got 1.5",
        "12:5: resources.ceilings.lut: expected at most 1, got 1.1",
        "13:19: interfaces[1]: expected text, got 4",
    ]


def test_more_reserved_than_there_is(tmp_path: Path) -> None:
    content = yaml.safe_dump({**GOOD, "resources": {**GOOD["resources"], "reserved": {"dsp": 91}}}, sort_keys=False)
    assert problems(tmp_path / "mine.yaml", content) == ["8:1: resources: expected at most 90 reserved dsp, got 91"]


def test_problems_of_single_values_come_with_the_others(tmp_path: Path) -> None:
    rest = {key: value for key, value in GOOD.items() if key != "title"}
    content = "name: !!python/none a\nname: b\ntitle: 5\n" + yaml.safe_dump(rest)
    assert problems(tmp_path / "mine.yaml", content) == [
        "1:7: name: expected a value without a tag, got the tag !!python/none",
        "2:1: name: the key is there twice, first in line 1",
        "3:1: title: expected text, got 5",
        "6:1: name: the key is there twice, first in line 1",
    ]
    assert problems(tmp_path / "mine.yaml", yaml.safe_dump(GOOD) + "name: b\n") == [
        "16:1: name: the key is there twice, first in line 3"
    ]
