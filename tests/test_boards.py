"""Boards: every file that comes with the package, the arithmetic, and what wrong names and files say."""

from __future__ import annotations

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


#: What the vendors' documents and tools say that a device has: LUT, FF, DSP, block RAMs of 18 Kb, URAM. A board's
#: device is found by the beginning of its part, so that boards which share one can't differ.
DEVICES = {
    "xc7a35t": (20800, 41600, 90, 2 * 50, 0),
    "xc7a100t": (63400, 126800, 240, 2 * 135, 0),
    "xc7z020": (53200, 106400, 220, 2 * 140, 0),
    "xczu3eg": (70560, 141120, 360, 2 * 216, 0),
    "xczu7ev": (230400, 460800, 1728, 2 * 312, 96),
    "xczu9eg": (274080, 548160, 2520, 2 * 912, 0),
    "xczu28dr": (425280, 850560, 4272, 2 * 1080, 80),
    "xck26": (117120, 234240, 1248, 2 * 144, 64),
    "xcu50": (871680, 1743360, 5952, 2 * 1344, 640),
    "xcu55c": (1303680, 2607360, 9024, 2 * 2016, 960),
    "xcu200": (1182240, 2364480, 6840, 2 * 2160, 960),
    "xcu250": (1728000, 3456000, 12288, 2 * 2688, 1280),
    "xcu280": (1303680, 2607360, 9024, 2 * 2016, 960),
    "xcvu9p": (1182240, 2364480, 6840, 2 * 2160, 960),
    "xcvu13p": (1728000, 3456000, 12288, 2 * 2688, 1280),
    "5CSEBA6": (2 * 41910, 4 * 41910, 112, 553 // 2, 0),
    "10AX115S": (2 * 427200, 4 * 427200, 1518, 2713, 0),
    "AGFB014": (2 * 487200, 4 * 487200, 4510, 7110, 0),
    "MPF300": (299544, 299544, 924, 952, 0),
    "LFE5U-85F": (83640, 83640, 156, 208, 0),
    "iCE40UP5K": (5280, 5280, 8, 30 // 5, 0),
    "GW1NR-LV9": (8640, 6480, 20, 26, 0),
    "GW2AR-LV18": (20736, 15552, 48, 46, 0),
}

#: What the platforms of cards leave to kernels, in the order of DEVICES.
LEFT = {
    "alveo-u50": (730_000, 1_460_000, 5160, 2 * 1128, 608),
    "alveo-u55c": (1176324, 2431715, 9020, 2 * 1816, 960),
    "alveo-u200": (979040, 1958080, 5880, 2 * 1860, 800),
    "alveo-u250": (1379740, 2814332, 11508, 2 * 2000, 1280),
    "alveo-u280": (1_069_000, 2_150_000, 8490, 2 * 1487, 960),
}

#: The toolchains and kinds of LUT that go with each vendor.
VENDORS = {
    "AMD": ({"vitis"}, "lut6"),
    "Intel": ({"quartus", "oneapi"}, "alut"),
    "Microchip": ({"libero"}, "lut4"),
    "Lattice": ({"open"}, "lut4"),
    "Gowin": ({"open"}, "lut4"),
}

RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")
SHIPPED = boards.shipped_boards()


def by_name(name: str) -> boards.Board:
    return next(board for board in SHIPPED if board.name == name)


def test_names() -> None:
    assert boards.names() == [board.name for board in SHIPPED]
    assert len(SHIPPED) >= 24


@pytest.mark.parametrize("board", SHIPPED, ids=boards.names())
def test_every_board(board: boards.Board) -> None:
    assert 1 <= board.clock_ns <= 100
    assert board.part == board.part.strip()
    assert board.interfaces or "no board" in board.title
    assert len(board.source) > 20
    assert board.source == " ".join(board.source.split())
    toolchains, lut_kind = VENDORS[board.vendor]
    assert board.toolchain in toolchains
    assert board.lut_kind == lut_kind
    assert board.resources.ceilings == boards.Ceilings()
    assert boards.read(shipped.folder("boards") / f"{board.name}.yaml") == board
    usable = board.usable()
    assert tuple(usable) == RESOURCES
    for resource, amount in usable.items():
        assert 0 <= amount <= getattr(board.resources.die, resource)
    assert min(usable[resource] for resource in ("lut", "ff", "dsp", "bram18")) > 0


@pytest.mark.parametrize("board", SHIPPED, ids=boards.names())
def test_figures_of_the_vendor(board: boards.Board) -> None:
    device = [name for name in DEVICES if board.part.startswith(name)]
    assert len(device) == 1, board.part
    assert tuple(amount for _, amount in board.resources.die) == DEVICES[device[0]]


@pytest.mark.parametrize("board", SHIPPED, ids=boards.names())
def test_what_shells_take(board: boards.Board) -> None:
    left = tuple(getattr(board.resources.die, name) - taken for name, taken in board.resources.reserved)
    assert left == LEFT.get(board.name, tuple(amount for _, amount in board.resources.die))


def test_every_device_has_a_board_and_the_same_family_everywhere() -> None:
    families: dict[str, set[str]] = {}
    for board in SHIPPED:
        device = next(name for name in DEVICES if board.part.startswith(name))
        families.setdefault(device, set()).add(board.family)
    assert sorted(families) == sorted(DEVICES)
    assert [device for device, names in families.items() if len(names) > 1] == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("pynq-z2", "xc7z020clg400-1"),
        ("zedboard", "xc7z020clg484-1"),
        ("arty-a7-35t", "xc7a35ticsg324-1L"),
        ("arty-a7-100t", "xc7a100tcsg324-1"),
        ("zcu104", "xczu7ev-ffvc1156-2-e"),
        ("kv260", "xck26-sfvc784-2LV-c"),
        ("alveo-u55c", "xcu55c-fsvh2892-2L-e"),
        ("vcu118", "xcvu9p-flga2104-2L-e"),
        ("vu13p", "xcvu13p-flga2577-2-e"),
        ("icebreaker", "iCE40UP5K-SG48"),
    ],
)
def test_parts(name: str, part: str) -> None:
    assert by_name(name).part == part


@pytest.mark.parametrize(
    ("family", "toolchain", "expected"),
    [
        ("zynq-7000", None, ["pynq-z1", "pynq-z2", "zedboard"]),
        ("ARTIX", "vitis", ["arty-a7-100t", "arty-a7-35t", "basys3", "cmod-a7-35t", "nexys-a7-100t"]),
        (None, "open", ["icebreaker", "tang-nano-20k", "tang-nano-9k", "ulx3s-85f"]),
        ("ecp5", "vitis", []),
        (None, None, boards.names()),
    ],
)
def test_select(family: str | None, toolchain: str | None, expected: list[str]) -> None:
    assert [board.name for board in boards.select(SHIPPED, family, toolchain)] == expected


@pytest.mark.parametrize(
    ("family", "toolchain", "message"),
    [
        ("artix7", None, '--family: expected the name of a family or a part of it, got "artix7": did you mean "Art'),
        (None, "vits", '--toolchain: expected a toolchain, got "vits": did you mean "vitis"?'),
        (None, "ise", '--toolchain: expected a toolchain, got "ise": known are libero, oneapi, open, quartus, vitis'),
        ("spartan", "ise", '--family: expected the name of a family or a part of it, got "spartan": known are '),
    ],
)  # fmt: skip
def test_select_refuses_what_no_board_has(family: str | None, toolchain: str | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        boards.select(SHIPPED, family, toolchain)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("board", SHIPPED, ids=boards.names())
def test_a_board_is_loaded_by_its_name_whatever_its_toolchain(board: boards.Board) -> None:
    assert boards.load(board.name) == board


def test_a_board_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**GOOD, "toolchain": "vivado"}))
    assert boards.load(str(path)).toolchain == "vivado"


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
        ("stratix", f'expected a board, got "stratix": known are {", ".join(boards.names())}'),
        ("kv-260", 'expected a board, got "kv-260": did you mean "kv260"?'),
        ("../pynq-z2", 'expected a board, got "../pynq-z2": did you mean "pynq-z2"?'),
        ("", f'expected a board, got "": known are {", ".join(boards.names())}'),
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
toolchain: quartos
lut_kind: lut5
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
        '6:1: toolchain: expected "vitis", "vivado", "oneapi", "quartus", "libero" or "open", got "quartos": '
        'did you mean "quartus"?',
        '7:1: lut_kind: expected "lut6", "lut4" or "alut", got "lut5": did you mean "lut6"?',
        "8:1: clock_ns: expected a number above 0, got 0",
        '9:1: clock_mhz: unknown key "clock_mhz": did you mean "clock_ns"?',
        "11:3: resources.die.uram: the key is missing",
        '11:9: resources.die.lut: expected a whole number, got "many"',
        "11:20: resources.die.ff: expected at least 0, got -1",
        "11:28: resources.die.dsp: expected a whole number, got 1.5",
        "13:5: resources.ceilings.lut: expected at most 1, got 1.1",
        "14:19: interfaces[1]: expected text, got 4",
    ]


OPEN: dict[str, Any] = {
    "family": "ecp5", "size": "25k", "package": "CABGA256", "speed": 6, "oscillator_mhz": 25.0,
    "pins": {"clk": "P3", "rx": "H5", "tx": "H6"},
}  # fmt: skip


def test_what_open_tools_need(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**GOOD, "open": OPEN}))
    device = boards.load(str(path)).open
    assert isinstance(device, boards.Ecp5)
    assert (device.size, device.speed, device.pins.rx, device.pins.high) == ("25k", 6, "H5", [])
    assert [board.name for board in SHIPPED if board.open] == boards_with("open")


def boards_with(toolchain: str) -> list[str]:
    return [board.name for board in SHIPPED if board.toolchain == toolchain]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"family": "ecp6"}, 'open.family: expected "ecp5", "ice40" or "gowin", got "ecp6": did you mean "ecp5"?'),
        ({"size": "26k"}, 'open.size: expected "12k", "25k", "45k" or "85k", got "26k": did you mean "25k"?'),
        ({"speed": 9}, "open.speed: expected at most 8, got 9"),
        ({"chip": "x"}, 'open.chip: unknown key "chip": known are family, oscillator_mhz, package, pins, size, speed'),
        ({"pins": {**OPEN["pins"], "rx": 'H5";'}},
         'open.pins.rx: expected a pin of the package, for example G2, got "H5\\";"'),
        ({"pins": {**OPEN["pins"], "high": 5}}, "open.pins.high: expected a list, got 5"),
        ({"oscillator_mhz": 0}, "open.oscillator_mhz: expected a number above 0, got 0"),
    ],
)  # fmt: skip
def test_wrong_needs_of_open_tools(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    found = problems(tmp_path / "mine.yaml", yaml.safe_dump({**GOOD, "open": {**OPEN, **change}}))
    assert [each.split(": ", 1)[1] for each in found] == [problem]


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
