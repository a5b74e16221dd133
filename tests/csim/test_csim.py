"""The C simulation as a check: it sees every planted fault, and says where it is."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.compress.quantize import quantize_model
from fpga_flow.csim import compare
from fpga_flow.errors import InputError, ToolError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import settings
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject, generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import snap
from fpga_flow.spec.model import Hls, Precision
from tests.csim.projects import write_weights

TYPES = {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}


class Made:
    """A project, its network, samples and the right outputs."""

    def __init__(self, folder: Path):
        seed_everything(2)
        inputs = keras.Input((6, 6, 1), name="inputs")
        tensor = keras.layers.Conv2D(3, 3, activation="relu", name="conv")(inputs)
        tensor = keras.layers.Dense(6, activation="relu", name="dense")(keras.layers.Flatten(name="flat")(tensor))
        model = keras.Model(inputs, keras.layers.Dense(3, name="out")(tensor))
        model = quantize_model(model, Precision.model_validate({"input": "ufixed<5,0>", "layers": {"*": TYPES}}))
        snap(model)
        hls = Hls()
        layers = settings.apply(lower(model), hls)
        raw = np.random.default_rng(1).random((300, 6, 6, 1))
        self.samples = layers[0].input_type.quantize(raw)
        self.expected = predict(model, layers, self.samples)
        self.layer_outputs = partial(predict_layers, layers)
        board = boards.load("pynq-z2")
        self.project = generate(layers, settings.settings("net", hls, board), raw, self.expected, folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(tmp_path_factory.mktemp("csim") / "project")


def simulate(made: Made) -> csim.CsimResult:
    return csim.simulate(made.project, made.samples, made.expected, layer_outputs=made.layer_outputs)


def test_exact_on_every_sample(made):
    done = []
    result = csim.simulate(made.project, made.samples, made.expected, report=lambda n, total: done.append((n, total)))
    assert (result.samples, result.mismatches, result.max_abs_diff, result.exact) == (300, 0, 0.0, True)
    assert result.first is None
    np.testing.assert_array_equal(result.outputs, made.expected)
    assert done[-1] == (300, 300)


@pytest.mark.parametrize("layer", ["conv", "dense", "out"])
def test_one_changed_weight_is_found_and_its_layer_named(made, layer):
    number = [each.name for each in made.project.layers if each.weights is not None].index(layer)
    files = sorted((made.project.folder / "firmware" / "weights").glob("w*.txt"), key=lambda file: int(file.stem[1:]))
    text = files[number].read_text()
    values = [float(value) for value in text.split(",")]
    values[0] = values[0] + 0.5 if values[0] < 0 else values[0] - 0.5
    write_weights(files[number], ", ".join(f"{value:.6f}" for value in values))
    try:
        result = simulate(made)
    finally:
        write_weights(files[number], text)
    assert result.mismatches > 0
    assert not result.exact
    assert result.first.layer == layer
    wrong = np.flatnonzero((result.outputs != made.expected).any(axis=1))
    assert result.first.sample == wrong[0]
    assert f'the first layer that differs is "{layer}"' in str(result.first)


def test_a_mismatch_says_value_and_whole_number():
    expected, got = np.array([[1.0, 2.0], [0.5, -1.25]]), np.array([[1.0, 2.0], [0.5, -1.0]])
    first = compare.first_mismatch(expected, got, FixedPoint(6, 4), 0.0)
    assert str(first) == "sample 1, output 1: expected -1.25 (-5 in fixed<6,4>), got -1 (-4 in fixed<6,4>)"
    assert compare.first_mismatch(expected, got, FixedPoint(6, 4), 0.25) is None
    assert compare.first_mismatch(expected, np.full((2, 2), np.nan), FixedPoint(6, 4), 1e9) is not None


def test_missing_weights_are_an_error_not_zeros(made):
    file = next((made.project.folder / "firmware" / "weights").glob("w*.txt"))
    text = file.read_text()
    try:
        write_weights(file, text[: text.rindex(",")])
        with pytest.raises(ToolError, match="ERROR: Expected"):
            simulate(made)
        file.unlink()
        with pytest.raises(InputError, match=r"weights/.*\.txt: expected this part of the HLS project, but it is not"):
            simulate(made)
    finally:
        write_weights(file, text)


def test_weights_that_the_fpga_would_not_have(made):
    """HLS tools read the header, the simulation the file beside it."""
    header = next((made.project.folder / "firmware" / "weights").glob("w*.h"))
    text = header.read_text()
    written = text.replace("= {", "= {\n  ").replace(", ", ",")
    try:
        header.write_text(written)
        assert simulate(made).exact
        value = re.search(r"= \{\s*([^,]+),", text)[1]
        header.write_text(text.replace(f"{{{value},", f"{{{float(value) + 1},"))
        with pytest.raises(
            InputError, match=rf"{header.name}:\d+: expected the values of {header.stem}\.txt, which are"
        ):
            simulate(made)
        header.write_text(f"/* {header.stem}[1] = {{1}}; */" + text.replace(f"{{{value}, ", "{"))
        with pytest.raises(InputError, match="which the FPGA would have"):
            simulate(made)
    finally:
        header.write_text(text)


def test_a_crash_names_the_sample(made, tmp_path):
    copied = tmp_path / "project"
    shutil.copytree(made.project.folder, copied)
    source = copied / "firmware" / "net.cpp"
    call = "// hls-fpga-machine-learning insert layers\n"
    check = 'static int calls = 0; if (++calls == 4) { std::cerr << "no four"; abort(); }\n'
    source.write_text(source.read_text().replace(call, call + check))
    simulator = csim.build(csim.Design.read(copied))
    with pytest.raises(ToolError, match=r"^sample 3: the C simulation was ended by signal 6 \(SIGABRT\): no four$"):
        csim.run.run(simulator, made.samples, jobs=1)
    with pytest.raises(ToolError, match=r"^sample (3|153): the C simulation was ended by signal 6 "):
        csim.run.run(simulator, made.samples, jobs=2)


def with_code(made: Made, folder: Path, code: str, elsewhere: str = "") -> csim.Simulator:
    """A simulator of a copy of the project whose top function begins with some code, and more in front of it."""
    copied = Path(shutil.copytree(made.project.folder, folder))
    source = copied / "firmware" / "net.cpp"
    start = "// hls-fpga-machine-learning insert layers\n"
    text = source.read_text().replace(start, f"{start}static int calls = 0; ++calls;\n{code}\n")
    include = '#include "parameters.h"\n'
    source.write_text(text.replace(include, f"{include}#include <cstdio>\n#include <unistd.h>\n{elsewhere}\n"))
    return csim.build(csim.Design.read(copied), traced=True)


@pytest.mark.parametrize("code", [0, 3])
def test_a_project_that_ends_the_process_is_an_error_whatever_its_exit_code(made, tmp_path, code):
    simulator = with_code(made, tmp_path / "project", f"if (calls == 5) exit({code});")
    message = rf"^sample 4: the C simulation was ended by exit\({code}\): it said nothing$"
    with pytest.raises(ToolError, match=message):
        csim.run.run(simulator, made.samples, jobs=1)
    with pytest.raises(ToolError, match=rf"^sample 3: .* exit\({code}\)"):  # the first sample is computed twice there
        csim.run.trace(simulator, made.samples)


def test_what_a_project_prints_is_never_taken_for_the_runner_s_words(made, tmp_path):
    says = r'printf("done\ncrash me\ncrash\t1\tsignal\t6\nlayer\t7\nevent\ninput\tx\t1\tfloat\nno end");'
    simulator = with_code(made, tmp_path / "project", says, f"struct Says {{ Says() {{ {says} }} }} says;")
    np.testing.assert_array_equal(csim.run.run(simulator, made.samples), made.expected)
    traced = csim.run.trace(simulator, made.samples[:3])
    assert list(traced.layers) == [layer.name for layer in made.project.layers if layer.kind != "reshape"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("exit(7)", "the C simulation gave exit code 7: it said nothing"),
        ('puts("no"); fflush(stdout); abort()', r"the C simulation was ended by signal 6 \(SIGABRT\): no"),
    ],
)
def test_a_project_that_ends_before_it_begins(made, tmp_path, code, message):
    with pytest.raises(ToolError, match=f"^{message}$"):
        with_code(made, tmp_path / "project", "", f"struct Ends {{ Ends() {{ {code}; }} }} ends;")


def test_an_interrupted_simulation_ends(made, tmp_path):
    simulator = with_code(made, tmp_path / "project", "if (calls == 2) while (true) sleep(1);")

    def running() -> int:
        found = 0
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                found += str(simulator.executable).encode() in command.read_bytes()
        return found

    def stop(done: int, total: int) -> None:
        if running() == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        csim.run.run(simulator, made.samples, jobs=2, report=stop)
    deadline = time.monotonic() + 10
    while running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running() == 0


def test_a_simulation_that_hangs_ends_with_what_started_it(made, tmp_path):
    simulator = with_code(made, tmp_path / "project", "while (true) {}")
    inputs = tmp_path / "inputs"
    made.samples[:2].reshape(2, -1).tofile(inputs)
    arguments = [str(simulator.executable), "run", str(inputs), str(tmp_path / "outputs"), "2", "1"]
    command = f"import subprocess; subprocess.run({arguments})"
    process = subprocess.Popen([sys.executable, "-c", command], cwd=simulator.design.folder)
    names = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def family() -> list[int]:
        children = [int(number) for number in names.read_text().split()]
        return children + [int(n) for c in children for n in Path(f"/proc/{c}/task/{c}/children").read_text().split()]

    def lives(number: int) -> bool:
        try:
            return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    deadline = time.monotonic() + 20
    while len(family()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    found = family()
    assert len(found) == 3  # the runner, and two that compute
    process.kill()
    process.wait()
    while any(map(lives, found)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(lives, found))


def test_a_simulation_that_gets_no_further_is_stopped(made, tmp_path, monkeypatch):
    simulator = with_code(made, tmp_path / "project", 'if (calls == 2) { puts("now"); fflush(stdout); while (true); }')
    monkeypatch.setattr("fpga_flow.csim.executable.HANGS_MINUTES", 0.02)
    done: list[int] = []
    message = "^the C simulation got no further within 0\\.02 minutes and was stopped: now$"
    with pytest.raises(ToolError, match=message):
        csim.run.run(simulator, made.samples, jobs=1, report=lambda number, _: done.append(number))
    assert max(done) == 1  # it went on telling so
    assert len(done) > 3


def test_a_compiler_that_hangs_is_stopped(made, tmp_path, monkeypatch):
    fake = tmp_path / "cxx"
    fake.write_text('#!/bin/sh\ncase "$*" in *csim.cpp*) sleep 60;; *) exec g++ "$@";; esac\n')
    fake.chmod(0o755)
    monkeypatch.setenv("CXX", str(fake))
    csim.compiler.find()
    monkeypatch.setattr("fpga_flow.csim.compiler.MINUTES", 0.0)
    with pytest.raises(ToolError, match=r"^cxx did not end within 0 minutes and was stopped$"):
        csim.build(csim.Design.read(made.project.folder))


def test_a_missing_compiler_is_named_with_the_variable_to_set(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError) as error:
        csim.compiler.find()
    assert str(error.value) == (
        'expected a C++ compiler for the C simulation, but found no "no-such-compiler" on the PATH: '
        "install g++ (on Debian and Ubuntu: apt-get install g++), or set CXX to another one"
    )


def test_a_failing_compiler_is_quoted(made, tmp_path, monkeypatch):
    fake = tmp_path / "cxx"
    says = "echo 'In file included from net.h' >&2\necho 'net.cpp:1: error: no' >&2\nexit 7"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *csim.cpp*) {says};; *) exec g++ "$@";; esac\n')
    fake.chmod(0o755)
    monkeypatch.setenv("CXX", str(fake))
    with pytest.raises(ToolError) as error:
        csim.build(csim.Design.read(made.project.folder))
    first, *said = str(error.value).splitlines()
    assert first.startswith(f"the C++ compiler {fake} failed on {made.project.folder}; all that it said is in ")
    assert said == ["net.cpp:1: error: no"]
    log = Path(first.rpartition(" is in ")[2].removesuffix(":"))
    assert "In file included from net.h\nnet.cpp:1: error: no" in log.read_text()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'unrecognized option' >&2; exit 1", "is none or too old (exit code 1): it says unrecognized option"),
        ("echo '#define __GNUC__ 5'", "expected g++ 7 or later for the C simulation"),
        ("no program", "cxx can't be started: Exec format error; install g++"),
    ],
)
def test_a_compiler_that_is_too_old_or_none_is_refused(tmp_path, monkeypatch, script, message):
    fake = tmp_path / "cxx"
    fake.write_text(script if script == "no program" else f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CXX", str(fake))
    with pytest.raises(ToolError) as error:
        csim.compiler.find()
    assert message in str(error.value)


@pytest.fixture(scope="module")
def testbench(made, tmp_path_factory) -> Path:
    """The project's own test bench, compiled as its user would."""
    executable = tmp_path_factory.mktemp("bench") / "bench"
    command = ["g++", "-w", "-std=c++14", "-Ifirmware/ap_types", '-DWEIGHTS_DIR="firmware/weights"', "net_test.cpp",
               "firmware/net.cpp", "-o", str(executable)]  # fmt: skip
    subprocess.run(command, cwd=made.project.folder, check=True)
    return executable


def bench(testbench: Path, made: Made) -> subprocess.CompletedProcess:
    return subprocess.run([testbench], cwd=made.project.folder, capture_output=True, text=True, check=False)


def test_the_test_bench_passes_on_real_data(testbench, made):
    result = bench(testbench, made)
    assert (result.returncode, result.stdout) == (0, "INFO: 100 samples, 0 with outputs that differ\n")
    log = np.loadtxt(made.project.folder / "tb_data" / "csim_results.log")
    np.testing.assert_array_equal(log, made.expected[:100])


@pytest.mark.parametrize("damage", ["value", "cut", "empty"])
def test_the_test_bench_fails_when_the_output_differs_or_data_are_missing(testbench, made, damage):
    file = made.project.folder / "tb_data" / "tb_output_predictions.dat"
    text = file.read_text()
    first = text.split()[0]
    changed = {"value": text.replace(first, str(float(first) + 2**-20), 1), "cut": text.split(" ", 1)[1], "empty": ""}
    file.write_text(changed[damage])
    try:
        result = bench(testbench, made)
    finally:
        file.write_text(text)
    assert result.returncode == 1
    assert "ERROR: " in result.stdout


def test_projects_are_read_back_whole(made):
    loaded = HlsProject.load(made.project.folder)
    assert loaded.settings == made.project.settings
    assert loaded.tolerance == 0.0
    for old, new in zip(made.project.layers, loaded.layers, strict=True):
        for field in dataclasses.fields(old):
            np.testing.assert_equal(getattr(old, field.name), getattr(new, field.name), err_msg=field.name)


def test_a_folder_without_a_project_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="expected an HLS project made by fpga_flow"):
        HlsProject.load(tmp_path)


def test_nothing_in_a_project_says_where_or_when_it_was_made(made, tmp_path):
    again = Made(tmp_path / "elsewhere" / "project").project
    names = sorted(str(file.relative_to(again.folder)) for file in again.folder.rglob("*") if file.is_file())
    for name in names:
        one, other = (folder / name for folder in (made.project.folder, again.folder))
        if name.endswith((".log", "csim_results.log")):
            continue
        assert one.read_bytes() == other.read_bytes(), name
        assert str(tmp_path).encode() not in other.read_bytes(), name


def test_what_the_light_types_do_not_hold_is_compiled_with_the_bundled_ones(made, tmp_path):
    copied = tmp_path / "project"
    shutil.copytree(made.project.folder, copied)
    source = copied / "firmware" / "net.cpp"
    source.write_text(source.read_text() + "\nap_fixed<200, 100> wide;\n")
    project = dataclasses.replace(made.project, folder=copied)
    result = csim.simulate(project, made.samples, made.expected)
    assert (result.headers, result.exact) == ("bundled", True)
    assert simulate(made).headers == "kernels"
