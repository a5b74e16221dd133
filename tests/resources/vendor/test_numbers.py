"""`fpga-flow resources`: which reports of a project are found, what is printed, and when it fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import boards
from fpga_flow.errors import InputError
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources import numbers

from .conftest import place

NONE_SCARCE = dict.fromkeys(("lut", "ff", "dsp", "bram18", "uram"), 10**6)
PLACES = {
    "net_csynth.rpt": "net_prj/solution1/syn/report/net_csynth.rpt",
    "net_cosim.rpt": "net_prj/solution1/sim/report/net_cosim.rpt",
    "vivado_synth.rpt": "vivado_synth.rpt",
    "util.rpt": "net_prj/solution1/impl/verilog/report/net_utilization_routed.rpt",
    "net_export.rpt": "net_prj/solution1/impl/report/verilog/net_export.rpt",
    "net_timing_summary_routed.rpt": "net_timing_summary_routed.rpt",
}


@pytest.fixture
def built(project: HlsProject) -> HlsProject:
    """A project with a report of every kind where the tools leave it."""
    for name, path in PLACES.items():
        place(project, name, path)
    return project


def test_without_reports_there_is_the_estimate(project: HlsProject, command_line: Any) -> None:
    code, out, err = command_line("resources", project.folder)
    assert (code, err) == (0, "")
    assert out.split()[:3] == ["estimate", "of", "csynth"]
    assert out.count("estimated by fpga_flow for Vitis HLS, with 80 % intervals; fits pynq-z2") == 2
    csynth, synthesised = [part.splitlines() for part in out.split("clock ns")[1:]]
    for lines in (csynth, synthesised):
        needed, least, most = [int(line.split()[-8].replace(",", "")) for line in lines[2:5]]
        assert least <= needed <= most
    code, out, err = command_line("resources", project.folder, "--json")
    found = json.loads(out)["resources"]
    assert [(each["source"], each["stage"]) for each in found] == [
        ("estimate", "csynth"), ("estimate", "post-synthesis")
    ]  # fmt: skip
    assert all(each["intervals"]["lut"][0] <= each["lut"] <= each["intervals"]["lut"][1] for each in found)


def test_of_the_estimates_that_of_post_synthesis_decides(
    project: HlsProject, command_line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    csynth, synthesised = (report.lut for report in numbers.estimates_of(project))
    assert synthesised < csynth
    board = boards.load("pynq-z2")
    for usable, code in ((csynth, 0), (csynth - 1, 0), (synthesised, 0), (synthesised - 1, 1)):
        monkeypatch.setattr(boards.Board, "usable", lambda _, usable=usable: {**NONE_SCARCE, "lut": usable})
        found, out, err = command_line("resources", project.folder)
        assert (found, out.count(" 1 lut too few")) == (code, usable in (csynth - 1, synthesised - 1)), usable
    assert err == "error: the design does not fit pynq-z2 by the estimate of post-synthesis: 1 lut too few\n"
    assert board.usable() == {**NONE_SCARCE, "lut": synthesised - 1}


def test_what_was_never_reported_is_flagged(project: HlsProject, command_line: Any) -> None:
    manifest = json.loads((project.folder / "project.json").read_text())
    manifest["layers"][0]["strategy"] = "distributed_arithmetic"
    (project.folder / "project.json").write_text(json.dumps(manifest))
    code, out, _ = command_line("resources", project.folder)
    assert code == 0
    assert "with guessed intervals, as no published report has the like of fc; fits" in out
    assert "with guessed intervals, as no published report has the like of some of its layers; fits" in out


def test_all_reports_are_found(built: HlsProject, command_line: Any) -> None:
    code, out, err = command_line("resources", built.folder, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["name"], found["board"], found["part"]) == ("net", "pynq-z2", "xc7z020clg400-1")
    keys = ("source", "lut", "bram18", "uram", "latency_cycles", "ii", "clock_ns", "fits", "file")
    assert [each["stage"] for each in found["resources"]] == ["csynth", "post-synthesis", None, None, None, None]
    csynth, post_synthesis, *routed = [[each[key] for key in keys] for each in found["resources"][2:]]
    assert csynth == ["csynth", 816, 5, 0, 15, 4, 10.0, True, PLACES["net_csynth.rpt"]]
    assert post_synthesis == ["post-synthesis", 410, 5, None, None, None, None, True, "vivado_synth.rpt"]
    assert routed == [
        ["post-route", 395, 5, None, None, None, 10.0, True, PLACES["net_export.rpt"]],
        ["post-route", 380, 4, None, None, None, None, True, PLACES["util.rpt"]],
    ]
    (cosimulation,) = found["cosimulation"]
    assert (cosimulation["language"], cosimulation["status"], cosimulation["latency_max"]) == ("Verilog", "Pass", 15)
    (timed,) = found["timing"]
    assert (timed["met"], timed["setup"]["worst_ns"]) == (False, -0.12)


def test_sources_are_never_in_one_table(built: HlsProject, command_line: Any) -> None:
    code, out, _ = command_line("resources", built.folder)
    assert code == 0
    heads = [line.split(" LUT ")[0].strip() for line in out.splitlines() if " LUT " in line]
    estimates = ["estimate of csynth", "estimate of post-synthesis"]
    assert heads == [*estimates, "csynth", "post-synthesis", "post-route", "post-route"]
    rows = {line.split()[0] for line in out.splitlines() if line.strip() and line.split()[0] in ("needed", "share")}
    assert rows == {"needed", "share"}
    row = next(line.split() for line in out.split("post-synthesis")[2].splitlines() if "needed" in line)
    assert row == ["needed", "410", "290", "16", "5", "-", "-", "-", "-"]
    assert f"Vivado 2024.2, xc7z020clg400-1: {PLACES['util.rpt']} (Routed, module net in design system); fits" in out
    assert "co-simulation of the Verilog: Pass, latency 12 to 15 cycles" in out
    assert "timing not met, worst slack -0.12 ns" in out


def test_only_the_xml(project: HlsProject) -> None:
    place(project, "csynth.xml", "net_prj/solution1/syn/report/csynth.xml")
    entry = numbers.collect(project).entries[-1]
    assert (entry.report.source, entry.report.lut, entry.report.latency_cycles) == ("csynth", 816, None)


@pytest.mark.parametrize("name", PLACES)
def test_half_a_report_is_an_error(built: HlsProject, command_line: Any, name: str) -> None:
    path = built.folder / PLACES[name]
    path.write_text(path.read_text()[: path.stat().st_size * 6 // 10])
    code, out, err = command_line("resources", built.folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}:")
    assert "but the report ends here" in err
    path.write_text("")
    code, out, err = command_line("resources", built.folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: expected ")
    assert err.endswith("but the report is empty\n")


def test_a_run_stands_for_its_newest_project(project: HlsProject, command_line: Any) -> None:
    older = project.folder.parent.parent / "3-hls" / "project"
    older.mkdir(parents=True)
    for file in project.folder.iterdir():
        (older / file.name).write_bytes(file.read_bytes())
    os.utime(older / "project.json", (1, 1))
    run_folder = project.folder.parent.parent
    code, out, _ = command_line("resources", run_folder, "--json")
    assert (code, json.loads(out)["project"]) == (0, str(project.folder))
    os.utime(project.folder / "project.json", (0, 0))
    assert numbers.find_project(run_folder).folder == older


def test_what_is_no_project(tmp_path: Path, command_line: Any) -> None:
    code, out, err = command_line("resources", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    expected = "expected the folder of an HLS project or of a run, but "
    assert err == f"error: {tmp_path / 'nowhere'}: {expected}there is no such folder\n"
    code, out, err = command_line("resources", tmp_path)
    assert err == f"error: {tmp_path}: {expected}it has neither project.json nor *-hls/project/\n"
    (tmp_path / "project.json").write_text("{}")
    with pytest.raises(InputError, match="expected an HLS project made by fpga_flow"):
        numbers.find_project(tmp_path)


def test_a_board_that_is_too_small(built: HlsProject, command_line: Any) -> None:
    path = built.folder / PLACES["net_csynth.rpt"]
    path.write_text(path.read_text().replace("|        5|    17|", "|      505|    17|"))
    code, out, err = command_line("resources", built.folder)
    assert (code, err) == (0, "")  # later steps of the tools know better
    assert "does not fit pynq-z2: 281 bram18 too few" in out
    for name in ("vivado_synth.rpt", "util.rpt", "net_export.rpt"):
        (built.folder / PLACES[name]).unlink()
    code, out, err = command_line("resources", built.folder)
    assert "does not fit pynq-z2: 281 bram18 too few" in out
    assert (code, err) == (1, "error: the design does not fit pynq-z2 by the csynth: 281 bram18 too few\n")


def test_a_failed_cosimulation(built: HlsProject, command_line: Any) -> None:
    path = built.folder / PLACES["net_cosim.rpt"]
    path.write_text(path.read_text().replace("Pass", "Fail"))
    code, out, err = command_line("resources", built.folder)
    assert "co-simulation of the Verilog: Fail" in out
    assert code == 1
    assert err == (
        f"error: {PLACES['net_cosim.rpt']}: co-simulation failed: the Verilog computes something else than the C++\n"
    )


def test_reports_of_another_part_are_not_compared(project: HlsProject, command_line: Any) -> None:
    path = place(project, "net_csynth.rpt", PLACES["net_csynth.rpt"])
    path.write_text(path.read_text().replace("xc7z020-clg400-1", "xcu250-figd2104-2L-e"))
    code, out, _ = command_line("resources", project.folder)
    assert code == 0
    assert "not compared with pynq-z2, which has another part" in out


def test_a_board_of_the_users_own(project: HlsProject, command_line: Any) -> None:
    manifest = json.loads((project.folder / "project.json").read_text())
    manifest["settings"]["board"] = "my-board"
    (project.folder / "project.json").write_text(json.dumps(manifest))
    code, out, _ = command_line("resources", project.folder)
    assert code == 0
    assert 'not compared: no board "my-board" comes with the package' in out
    assert numbers.collect(HlsProject.load(project.folder)).entries[0].report.fits is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("xc7z020clg400-1", "7z020clg400-1", True),
        ("xcu250figd2104-2L", "xcu250-figd2104-2L-e", True),
        ("xc7z020clg400-1", "xc7z020clg484-1", False),
        ("xc7z020clg400-1", "", False),
    ],
)
def test_names_of_parts(one: str, other: str, same: bool) -> None:
    assert numbers._same_part(one, other) is same
    assert numbers._same_part(other, one) is same
