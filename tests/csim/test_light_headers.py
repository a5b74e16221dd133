"""The light fixed-point types give the results of those that hls4ml bundles, bit for bit.

Each program in tests/csim/light/ prints, per case, the number of results and a hash of them, which covers their types,
too. What it prints with the bundled types is in a text file beside it (the slow tests hold that, and compare more types
directly); with the light types it must print the same. Both are compiled with NDEBUG, since the bundled types otherwise
abort on conversions that drop more bits than there are, whose results are right all the same. GOLDEN_RUN=1 writes the
text files anew.

Left out, since the bundled types do not compile, end the program or read what nothing was written to: AP_WRAP_SM
without a sign, division by zero, conversion to an integer with I < 0, ++ and -- with I > W. Left out, since the bundled
types print another number: printing with I > W or with more digits above the point than the precision.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest

from fpga_flow import csim
from fpga_flow.csim import headers, run
from fpga_flow.csim.compiler import find
from fpga_flow.csim.shared import LIGHT
from fpga_flow.hls.project import HlsProject
from tests.hls import cases
from tests.hls.matrix import refusal, simulate

PROGRAMS = Path(__file__).with_name("light")
BUNDLED = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
#: Results that each program compares, and with LARGE defined.
RESULTS = {
    "convert": (1_890_000, 10_100_000),
    "arithmetic": (43_000, 2_300_000),
    "integers": (670_000, 9_000_000),
    "wide": (725_000, 3_380_000),
    "access": (212_000, 212_000),
}


def output(program: Path, folder: Path, *options: str) -> list[str]:
    """What a program prints, with the headers that `options` name first."""
    executable = folder / "program"
    command = [find().path, "-std=c++14", "-O0", "-w", "-DNDEBUG", f"-I{PROGRAMS}", *options, f"-I{BUNDLED}"]
    subprocess.run([*command, str(program), "-o", str(executable)], check=True)
    return subprocess.run([str(executable)], check=True, capture_output=True, text=True).stdout.splitlines()


def results(lines: list[str]) -> int:
    return sum(int(line.split()[-2]) for line in lines)


@pytest.mark.parametrize("name", RESULTS)
def test_same_results(name: str, tmp_path: Path) -> None:
    light = output(PROGRAMS / f"{name}.cpp", tmp_path, f"-I{LIGHT}")
    assert light == (PROGRAMS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert results(light) > RESULTS[name][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
def test_what_the_bundled_types_give(name: str, tmp_path: Path) -> None:
    bundled = output(PROGRAMS / f"{name}.cpp", tmp_path)
    written = PROGRAMS / f"{name}.txt"
    if os.environ.get("GOLDEN_RUN"):
        written.write_text("\n".join(bundled) + "\n", encoding="utf-8")
    assert bundled == written.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
def test_same_results_of_more_types(name: str, tmp_path: Path) -> None:
    light = output(PROGRAMS / f"{name}.cpp", tmp_path, "-DLARGE", f"-I{LIGHT}")
    assert light == output(PROGRAMS / f"{name}.cpp", tmp_path, "-DLARGE")
    assert results(light) > RESULTS[name][1]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ap_fixed<129, 5> x;", "end at 128 bits"),
        ("ap_ufixed<128, 5> x;", "end at 128 bits"),
        ("ap_fixed<65, 5> x = 1; auto y = x * x;", "end at 128 bits"),
        ("ap_fixed<8, 4, AP_TRN, AP_WRAP, 1> x;", "no N but 0"),
        ("ap_ufixed<8, 4, AP_TRN, AP_WRAP_SM> x;", "cannot have AP_WRAP_SM"),
        ("ap_int<4> a = 1, b = 2; auto c = (a, b);", "deleted function"),
        ('ap_fixed<8, 4> x("1.5");', "no matching function"),
    ],
)
def test_what_is_missing_does_not_compile(code: str, message: str, tmp_path: Path) -> None:
    program = tmp_path / "program.cpp"
    program.write_text(f'#include "ap_fixed.h"\nint main() {{ {code} }}\n', encoding="utf-8")
    command = [find().path, "-std=c++14", "-fsyntax-only", f"-I{LIGHT}", str(program)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    assert message in result.stderr


def test_bits_out_of_range_end_the_program(tmp_path: Path) -> None:
    program = tmp_path / "program.cpp"
    program.write_text(
        '#include "ap_fixed.h"\nint main(int n, char **) { ap_fixed<8, 4> x = 1; return x(7, n - 3); }\n',
        encoding="utf-8",
    )
    executable = tmp_path / "program"
    subprocess.run([find().path, "-std=c++14", f"-I{LIGHT}", str(program), "-o", str(executable)], check=True)
    result = subprocess.run([str(executable)], capture_output=True, text=True)
    assert result.returncode < 0
    assert result.stderr == "ERROR: bits 7 to -2 asked of a value of 8 bits\n"


def same(name: str, io_type: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of the layers' matrix gives the same outputs with each set of headers."""
    fast = simulate(cases.CASES[name], io_type, folder)
    assert (fast.headers, fast.exact) == ("kernels", True)
    design = csim.Design.read(folder / "project")
    samples = HlsProject.load(folder / "project").layers[0].input_type.quantize(cases.samples(cases.CASES[name]))
    for level in ("light", "bundled"):
        monkeypatch.setattr(headers, "able", lambda design, level=level: (level,))
        simulator = csim.build(design)
        assert simulator.headers == level
        np.testing.assert_array_equal(run.run(simulator, samples), fast.outputs)


NAMES = list(cases.CASES)
PAIRS = [(name, io_type) for name in NAMES[5::6] for io_type in ("io_parallel", "io_stream")]
SOME = PAIRS[::41]


@pytest.mark.parametrize(
    ("name", "io_type"), [pytest.param(*pair, marks=[] if pair in SOME else [pytest.mark.slow]) for pair in PAIRS]
)
def test_same_outputs_of_projects(name: str, io_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not refusal(cases.CASES[name], io_type):
        same(name, io_type, tmp_path, monkeypatch)


def test_a_number_in_another_radix_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program.cpp"
    code = 'std::istringstream in("0x10"); ap_int<8> x; in >> x;'
    program.write_text(f'#include <sstream>\n#include "ap_int.h"\nint main() {{ {code} }}\n', encoding="utf-8")
    executable = tmp_path / "program"
    subprocess.run([find().path, "-std=c++14", f"-I{LIGHT}", str(program), "-o", str(executable)], check=True)
    result = subprocess.run([str(executable)], capture_output=True, text=True)
    assert result.returncode < 0
    assert result.stderr == 'ERROR: "0x10" is no decimal number, and the light types read no others\n'
