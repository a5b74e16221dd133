"""The folder of RTL: what it holds, how it appears, and its simulation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.errors import CheckFailed, InputError, ToolError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.project import HlsProject
from fpga_flow.rtl import network, pipeline, verilator
from fpga_flow.rtl.project import RtlProject, generate, top_name
from fpga_flow.rtl.simulate import pack, simulate, unpack
from tests.rtl.test_layers import hls_project

WEIGHTS = np.random.default_rng(2).integers(-7, 8, (4, 3))


def dense(weights: np.ndarray = WEIGHTS) -> HlsLayer:
    return HlsLayer(
        "d", "dense", "", ("inputs",), (4,), (3,), FixedPoint(5, 2), FixedPoint(12, 6), weight_type=FixedPoint(4, 1),
        accum_type=FixedPoint(12, 6), weights=weights,
    )  # fmt: skip


@pytest.fixture
def hls(tmp_path: Path) -> HlsProject:
    return hls_project([dense()], tmp_path / "hls")


def test_a_project_says_what_it_is(hls: HlsProject, tmp_path: Path) -> None:
    made = generate(hls, tmp_path / "rtl", clock_ns=4.0, part="xcku115-flvb2104-2-i", additions=1)
    assert RtlProject.load(tmp_path / "rtl") == made
    assert (made.top, made.inputs, made.outputs, made.output_type) == ("net_rtl", 4, 3, FixedPoint(12, 6))
    stages = [name for name in made.verilog if re.search("stage[0-9]+.v$", name)]
    assert made.latency_cycles == len(stages) + 1 > 2
    assert made.verilog[0] == "verilog/net_rtl.v"
    assert made.vhdl[0] == "vhdl/net_rtl.vhd"
    assert len(made.vhdl) == len(made.verilog)
    text = (made.folder / made.verilog[0]).read_text()
    assert "input [19:0] in_data" in text
    assert "output [35:0] out_data" in text


def test_what_was_there_is_replaced_as_a_whole(hls: HlsProject, tmp_path: Path) -> None:
    folder = tmp_path / "rtl"
    folder.mkdir()
    (folder / "old").touch()
    generate(hls, folder)
    assert not (folder / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["rtl"]


def test_nothing_is_written_of_a_network_that_depends_on_nothing(tmp_path: Path) -> None:
    biased = replace(dense(0 * WEIGHTS), bias_type=FixedPoint(4, 2), biases=np.array([0, 1, -1]))
    for layer in (dense(0 * WEIGHTS), biased):
        with pytest.raises(InputError, match="expected outputs that depend on the inputs, got constant ones"):
            generate(hls_project([layer], tmp_path), tmp_path / "rtl")
    assert not (tmp_path / "rtl").exists()


def test_logic_that_computes_something_else_is_not_written(
    hls: HlsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = network.trace([dense(np.roll(WEIGHTS, 1))])
    monkeypatch.setattr(network, "trace", lambda layers: wrong)
    with pytest.raises(CheckFailed, match=r"differs from it in 25\d of 258 random samples: no RTL was written"):
        generate(hls, tmp_path / "rtl")
    assert not (tmp_path / "rtl").exists()


def test_registers_that_change_what_is_computed_are_noticed(
    hls: HlsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = pipeline.cut(network.trace([dense(np.roll(WEIGHTS, 1))]), 1)
    monkeypatch.setattr(pipeline, "cut", lambda logic, additions: wrong)
    with pytest.raises(CheckFailed, match=r"differs from it in 25\d of 258 random samples: no RTL was written"):
        generate(hls, tmp_path / "rtl")


def test_nothing_is_left_of_a_folder_that_could_not_be_written(
    hls: HlsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fpga_flow.rtl.files.texts", lambda *_: {"verilog/a.v": "", "b/c/d.v": ""})
    with pytest.raises(FileNotFoundError):
        generate(hls, tmp_path / "rtl")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_rtl_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected RTL made by fpga_flow"):
        RtlProject.load(tmp_path)


@pytest.mark.parametrize(("name", "top"), [("net", "net_rtl"), ("_a__b_", "a_b_rtl"), ("__", "network_rtl")])
def test_names_are_names_in_both_languages(name: str, top: str) -> None:
    assert top_name(name) == top


def test_a_slower_clock_needs_fewer_registers() -> None:
    assert pipeline.additions_per_stage(10, "xc7z020clg400-1") < pipeline.additions_per_stage(20, "xc7z020clg400-1")
    assert pipeline.additions_per_stage(10, "xcku5p") > pipeline.additions_per_stage(10, "xc7z020clg400-1")
    assert pipeline.additions_per_stage(0.1, "other") == 1


@pytest.mark.parametrize(
    "type_", [FixedPoint(5, 2), FixedPoint(3, 0, signed=False), FixedPoint(33, 9), FixedPoint(32, 1)]
)
def test_values_are_packed_bit_by_bit(type_: FixedPoint) -> None:
    x = type_.quantize(np.random.default_rng(1).uniform(type_.min, type_.max, (9, 7)))
    x[0], x[1] = type_.min, type_.max
    np.testing.assert_array_equal(unpack(pack(x, type_), 7, type_), x)
    assert pack(np.array([[type_.step, 0, 0, 0, 0, 0, 0]]), type_)[0, 0] == 1


def test_samples_of_another_size_are_an_error(hls: HlsProject, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected samples of 4 values, got 3"):
        simulate(generate(hls, tmp_path / "rtl"), np.zeros((2, 3)))


def test_verilog_that_verilator_does_not_take(hls: HlsProject, tmp_path: Path) -> None:
    made = generate(hls, tmp_path / "rtl")
    (made.folder / made.verilog[0]).write_text("module net_rtl (input a; endmodule")
    with pytest.raises(ToolError, match=r"Verilator does not take .*net_rtl.v \(exit code 1\):\n.*syntax error"):
        simulate(made, np.zeros((1, 4)))


def test_a_missing_verilator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verilator.VARIABLE, "no_such_tool")
    with pytest.raises(ToolError, match='as FPGA_FLOW_VERILATOR says, but found no executable "no_such_tool"'):
        verilator.find()
    monkeypatch.delenv(verilator.VARIABLE)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r'pip install "fpga_flow\[open\]"'):
        verilator.find()


def test_a_simulation_has_a_time_limit(hls: HlsProject, tmp_path: Path) -> None:
    made = generate(hls, tmp_path / "rtl", clock_ns=30.0)  # not yet compiled
    with pytest.raises(ToolError, match="verilator_bin did not end within 0 minutes and was stopped"):
        simulate(made, np.zeros((1, 4)), timeout_minutes=0.0)


def test_inputs_between_samples_are_of_the_input_too(tmp_path: Path) -> None:
    ten_bits, table = FixedPoint(10, 5), np.random.default_rng(3).integers(-500, 500, (1, 1024))
    layer = HlsLayer("f", "activation", "lookup", ("inputs",), (1,), (1,), ten_bits, ten_bits, table=table)
    x = np.arange(ten_bits.min, ten_bits.max + ten_bits.step, ten_bits.step)[:, None]
    got = simulate(generate(hls_project([layer], tmp_path), tmp_path / "rtl"), x)
    np.testing.assert_array_equal(got, Emulator([layer]).predict(x))


def test_outputs_that_come_too_early_are_noticed(hls: HlsProject, tmp_path: Path) -> None:
    made = generate(hls, tmp_path / "rtl")
    with pytest.raises(ToolError, match="out_valid does not follow after 9 cycles"):
        simulate(replace(made, latency_cycles=9), np.zeros((5, 4)))
