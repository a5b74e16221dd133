"""The VHDL, analysed by GHDL and turned into Verilog, which is simulated as ours is; where GHDL is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.hls.emulate import Emulator
from fpga_flow.rtl.project import generate
from fpga_flow.rtl.simulate import simulate
from tests.rtl.test_layers import hls_project, lowered, samples

#: Sums, roundings, maxima, products. What reads tables is left out: GHDL does not synthesise it.
NAMES = ["QConv2D, activation inside", "MaxPooling2D, 3", "Multiply of vectors"]
#: Parts of da4ml's use a package of Synopsys'.
OPTIONS = ["--std=08", "-fsynopsys"]


def in_order(names: list[str]) -> list[str]:
    """Each file after those that it uses: the parts, the stages, the pipeline, the top."""
    return sorted(names, key=lambda name: ("_rtl" in name, "_stage" not in name, "_pipeline" not in name))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ghdl") is None, reason="GHDL is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_vhdl_computes_what_the_network_does(name: str, tmp_path: Path) -> None:
    layers = lowered(name)
    made = generate(hls_project(layers, tmp_path), tmp_path / "rtl")
    vhdl = made.folder / "vhdl"
    files = in_order([Path(each).name for each in made.vhdl])
    for file in files:
        subprocess.run(["ghdl", "-a", *OPTIONS, file], cwd=vhdl, check=True)
    command = ["ghdl", "--synth", *OPTIONS, "--out=verilog", made.top]
    text = subprocess.run(command, cwd=vhdl, check=True, capture_output=True, text=True).stdout
    for each in made.verilog[1:]:
        (made.folder / each).unlink()
    (made.folder / made.verilog[0]).write_text(text)  # in place of our own
    x = samples(layers)
    np.testing.assert_array_equal(simulate(made, x), Emulator(layers).predict(x).reshape(len(x), -1))
