"""Which boards a run fits: the verdicts, what the numbers are worth, and what wrong records say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import boards, fits
from fpga_flow.errors import InputError
from fpga_flow.resources.report import ResourceReport, Shortfall

ESTIMATE = ResourceReport(
    source="estimate",
    tool="fpga_flow",
    part="xc7z020clg400-1",
    board="pynq-z2",
    lut=20000,
    ff=3000,
    dsp=100,
    bram18=4,
    uram=0,
    latency_cycles=6,
    ii=1,
    clock_ns=10.0,
)
KNOWN = boards.shipped_boards()


def judge(*reports: ResourceReport) -> dict[str, fits.Fit]:
    return {fit.board.name: fit for fit in fits.judge(reports, KNOWN, KNOWN)}


def entry(**changes: Any) -> dict[str, Any]:
    """An entry of `resources` as the flow records it, with the keys that it adds."""
    return {**ESTIMATE.to_dict(), "fits": True, "lacks": [], "usable": {"lut": 37240}, **changes}


def test_every_board_has_a_verdict() -> None:
    found = judge(ESTIMATE)
    assert list(found) == boards.names()
    for fit in found.values():
        assert (fit.fits is None) == (fit.board.lut_kind != "lut6"), fit.board.name


def test_a_board_that_is_too_small() -> None:
    fit = judge(ESTIMATE)["basys3"]
    assert fit.lacks == (Shortfall("lut", 20000, 14560), Shortfall("dsp", 100, 72))
    assert fit.fits is False
    assert fit.lacks_text() == "lut 20,000 of 14,560; dsp 100 of 72"
    assert fit.to_dict() == {
        "fits": False,
        "lacks": [
            {"resource": "lut", "needed": 20000, "usable": 14560},
            {"resource": "dsp", "needed": 100, "usable": 72},
        ],
        "source": "estimate",
        "stage": None,
        "made_for": "Zynq-7000",
    }


def test_the_last_piece_decides() -> None:
    usable = boards.load("basys3").usable()
    exact = replace(ESTIMATE, **usable)
    assert judge(exact)["basys3"].fits is True
    for resource in usable:
        assert judge(replace(exact, **{resource: usable[resource] + 1}))["basys3"].fits is False


@pytest.mark.parametrize(
    ("part", "board", "made_for"),
    [
        ("xc7z020clg400-1", "pynq-z1", "this part"),
        ("xc7z020-clg400-1", "pynq-z1", "this part"),
        ("xc7z020clg400-1", "zedboard", "this family"),
        ("xc7z020clg400-1", "zcu104", "Zynq-7000"),
        ("xck26-sfvc784-2LV-c", "zcu104", "this family"),
        ("xc7z007s-clg225-2", "pynq-z1", "xc7z007s-clg225-2"),
    ],
)
def test_what_the_numbers_were_made_for(part: str, board: str, made_for: str) -> None:
    fit = judge(replace(ESTIMATE, part=part))[board]
    assert (fit.fits, fit.made_for) == (True, made_for)


@pytest.mark.parametrize(
    ("part", "comparable"),
    [
        ("LFE5U-85F-6BG381C", {"icebreaker", "polarfire-eval", "tang-nano-20k", "tang-nano-9k", "ulx3s-85f"}),
        ("10AX115S2F45I1SG", {"agilex7-f-devkit", "arria10-gx-devkit", "de10-nano"}),
        ("EP4CE22F17C6", set()),
        ("", set()),
    ],
)
def test_luts_of_another_kind_are_not_compared(part: str, comparable: set[str]) -> None:
    found = judge(replace(ESTIMATE, part=part))
    assert {name for name, fit in found.items() if fit.fits is not None} == comparable
    assert found["pynq-z2"].to_dict()["source"] is None
    assert found["pynq-z2"].lacks == ()


def test_the_latest_comparable_numbers_count() -> None:
    placed = replace(ESTIMATE, source="post-route", lut=9000)
    csynth = replace(ESTIMATE, source="csynth", lut=25000)
    lattice = replace(ESTIMATE, source="open-synthesis", part="LFE5U-85F-6BG381C", lut=60000)
    found = judge(ESTIMATE, placed, csynth, lattice)
    assert found["pynq-z2"].report == placed
    assert found["ulx3s-85f"].report == lattice
    assert (found["ulx3s-85f"].fits, found["ulx3s-85f"].made_for) == (False, "this part")
    assert found["de10-nano"].report is None


def test_of_the_estimates_that_of_post_synthesis_counts() -> None:
    csynth, synthesised = replace(ESTIMATE, stage="csynth", lut=90000), replace(ESTIMATE, stage="post-synthesis")
    fit = judge(csynth, synthesised)["pynq-z2"]
    assert (fit.report, fit.fits, fit.to_dict()["stage"]) == (synthesised, True, "post-synthesis")
    assert judge(csynth)["pynq-z2"].fits is False


def test_read_a_file_or_a_folder(tmp_path: Path) -> None:
    record = {"name": "x", "resources": [entry(), entry(source="csynth", layers=[])], "stages": []}
    (tmp_path / "run.json").write_text(json.dumps(record))
    found = fits.read(tmp_path)
    assert found == fits.read(tmp_path / "run.json")
    assert found == [replace(ESTIMATE, fits=True), replace(ESTIMATE, fits=True, source="csynth")]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("", [":1:1: expected JSON as a run records it: Expecting value"]),
        ('{"resources": [', [":1:16: expected JSON as a run records it: Expecting value"]),
        (b"\xff", [": expected JSON as a run records it, got something else"]),
        ("[" * 100_000, [": expected JSON as a run records it, got something else"]),
        ("[]", [": expected a mapping, got an empty list"]),
        ("{}", [": resources: the key is missing"]),
        ('{"resources": []}', [": resources: expected at least 1 entry, got 0"]),
        ('{"resources": [3]}', [": resources[0]: expected a mapping, got 3"]),
        (
            {"resources": [entry(), {**{k: v for k, v in entry(lut="many", dsp=1.5).items() if k != "ff"}}]},
            [
                ": resources[1].dsp: expected a whole number, got 1.5",
                ": resources[1].ff: the key is missing",
                ': resources[1].lut: expected a whole number, got "many"',
            ],
        ),
        (
            {"resources": [entry(source="guess")]},
            [
                ": resources[0]: expected a source of estimate, open-synthesis, csynth, post-synthesis, post-route, "
                'got "guess"'
            ],
        ),
    ],
)
def test_records_that_are_none(tmp_path: Path, content: Any, problems: list[str]) -> None:
    file = tmp_path / "run.json"
    data = content if isinstance(content, (str, bytes)) else json.dumps(content)
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(InputError) as caught:
        fits.read(file)
    assert [line.removeprefix(str(file)) for line in str(caught.value).splitlines()] == problems


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fits.read(tmp_path)
    expected = "expected the run.json or the folder of a finished run, but can't read it: No such file or directory"
    assert str(caught.value) == f"{tmp_path / 'run.json'}: {expected}"
