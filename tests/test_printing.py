"""Texts from elsewhere on a terminal: nothing but characters."""

from __future__ import annotations

import sys

import pytest

from fpga_flow import cli, tables
from fpga_flow.printing import printable, printable_lines, say

#: A name that clears the screen, rings, goes back in the line, and turns round what follows it.
HOSTILE = "a\x1b[2J\x07\rb\u202ec\x9b"
SHOWN = r"a\x1b[2J\x07\rb\u202ec\x9b"


def test_printable() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("a\nb\tc") == r"a\nb\tc"
    assert printable_lines(f"1\n\t{HOSTILE}") == f"1\n\t{SHOWN}"
    assert printable("\ud800") == r"\ud800"


@pytest.mark.parametrize("text", ["", "é中😀", "98.2\u202f%", "a b"])
def test_characters_and_spaces_stay(text: str) -> None:
    assert printable(text) == text


def test_say_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say(HOSTILE, err=True)
    tables.print_table([HOSTILE], [[HOSTILE]])
    printed = capsys.readouterr()
    assert printed.err == f"{SHOWN}\n"
    assert printed.out.count(SHOWN) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["unpack", HOSTILE],  # an error of ours
        ["boards", HOSTILE],  # an error of usage
        ["boards", "--family", HOSTILE],
        ["boards", "--fits", HOSTILE],
        ["report", HOSTILE],
        ["resources", HOSTILE],
        ["csim", HOSTILE],
        ["run", HOSTILE],
        ["check", "digits_mlp", "--set", HOSTILE],
        [HOSTILE],
    ],
)
def test_names_in_errors(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fpga-flow", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert r"\x1b[2J" in said or r"\u001b[2J" in said
    assert not [each for each in said if not each.isprintable() and each != "\n"]
