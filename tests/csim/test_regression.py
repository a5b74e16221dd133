"""Recording, checking and updating golden records of real projects, through the functions and the command line."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fpga_flow import boards
from fpga_flow.csim import command
from fpga_flow.csim.design import Design
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden import regression
from fpga_flow.csim.golden.values import Signal
from fpga_flow.errors import CheckFailed, InputError
from fpga_flow.hls import settings
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject, generate
from fpga_flow.spec.model import Hls, Precision
from tests import stock_hls4ml
from tests.csim.projects import write_weights
from tests.hls.test_backends import BOARDS, Made

SEED = 5


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    """A project of the flow's: a small convolution and a dense layer."""
    from fpga_flow.compress.quantize import quantize_model
    from fpga_flow.keras import keras, seed_everything
    from fpga_flow.networks.network import snap

    folder = tmp_path_factory.mktemp("ours") / "project"
    seed_everything(2)
    inputs = keras.Input((4, 4, 1), name="inputs")
    tensor = keras.layers.Conv2D(2, 3, activation="relu", name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="out")(keras.layers.Flatten(name="flat")(tensor)))
    types = {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}
    model = quantize_model(model, Precision.model_validate({"input": "ufixed<5,0>", "layers": {"*": types}}))
    snap(model)
    layers = settings.apply(lower(model), Hls())
    raw = np.random.default_rng(1).random((30, 4, 4, 1))
    expected = Emulator(layers).predict(raw)
    generate(layers, settings.settings("net", Hls(), boards.load("pynq-z2")), raw, expected, folder)
    return folder


@pytest.fixture(scope="module")
def hls4ml_alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("theirs") / "project"
    stock_hls4ml.write(stock_hls4ml.two_inputs_and_outputs(), folder)
    return folder


@pytest.fixture
def project(ours, tmp_path, monkeypatch) -> Path:
    """A copy of our project, beside which the tests work."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(ours, "project"))


@pytest.fixture
def theirs_here(hls4ml_alone, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(hls4ml_alone, "project"))


def plant(project: Path, layer: int = 0) -> Path:
    """Change a weight of a layer, by number; its file."""
    files = sorted((project / "firmware" / "weights").glob("w*.txt"), key=lambda file: int(file.stem[1:]))
    values = files[layer].read_text().split(",")
    values[0] = str(float(values[0]) + (0.5 if float(values[0]) < 0 else -0.5))
    write_weights(files[layer], ", ".join(values))
    return files[layer]


def with_one_wrong(signal: Signal) -> Signal:
    """Another value as value 1 of sample 3."""
    values = signal.values.copy()
    values[3, 1] += 0.5 if values[3, 1] < 0 else -0.5
    return dataclasses.replace(signal, values=values)


def test_what_is_recorded_is_what_the_network_computes(project):
    design = Design.read(project)
    loaded = HlsProject.load(project)
    samples = loaded.layers[0].input_type.quantize(np.random.default_rng(SEED).random((20, 4, 4, 1)))
    made = regression.record(design, samples, Path("golden/x"))
    read = golden_file.load(Path("golden/x.npz"))
    emulator = Emulator(loaded.layers)
    np.testing.assert_array_equal(read.outputs[0].values, emulator.predict(samples).reshape(20, -1))
    computed = emulator.predict_layers(samples)
    assert [layer.name for layer in read.layers] == [name for name in computed if name != "flat"]
    for layer in read.layers:
        np.testing.assert_array_equal(layer.values, computed[layer.name].reshape(20, -1), err_msg=layer.name)
    np.testing.assert_array_equal(read.samples, samples.reshape(20, -1))
    assert read.inputs[0].type == "ufixed<5,0>"
    assert (made.top, made.headers) == ("net", "kernels")


def test_a_record_can_be_checked_by_either_headers(project):
    design = Design.read(project)
    regression.record(design, np.zeros((2, 16)), Path("x"), stock_headers=True)
    assert golden_file.load(Path("x.npz")).headers == "bundled"
    checked = regression.check(design, Path("x"))
    assert (checked.passed, checked.headers) == (True, "kernels")


def test_record_check_mismatch_update(project, cli):
    code, out, err = cli(project, "--record", "golden/x")
    file = Path("golden/x.npz")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"golden/x\.npz: recorded 30 samples \(tb_data/tb_input_features\.dat\), \d layers and the outputs: "
        r"[\d,]+ bytes\n", out,
    )  # fmt: skip
    code, out, _ = cli(project, "--check", "golden/x")
    assert (code, out) == (0, "golden/x.npz: passed: all outputs and layers are as recorded, for 30 samples\n")
    assert not Path("csim_mismatch").exists()

    content = file.read_bytes()
    plant(project, 1)
    code, out, err = cli(project, "--check", file)
    assert (code, out) == (1, "")
    assert re.search(r"^golden/x\.npz: FAILED: \d+ of 30 samples and \d+ of 90 outputs differ, by up to ", err, re.M)
    assert re.search(r"^  sample \d+, output \d: expected -?[\d.]+ \(-?\d+ in fixed<\d+,-?\d+>\), got ", err, re.M)
    assert '  the first layer that differs is "out", in ' in err
    assert "  this sample alone: csim_mismatch/x/sample.npz and csim_mismatch/x/reproduce.cpp" in err
    assert file.read_bytes() == content

    code, out, _ = cli(project, "--update", file)
    assert code == 0
    assert re.match(r"golden/x\.npz: updated: \d+ of 30 samples and \d+ of 90 outputs differ", out)
    assert file.read_bytes() != content
    assert cli(project, "--check", file)[0] == 0


def test_the_first_layer_in_the_order_of_computation_is_named(project):
    design = Design.read(project)
    regression.record(design, np.random.default_rng(SEED).random((20, 16)), Path("x"))
    plant(project, 0)
    checked = regression.check(design, Path("x"))
    assert not checked.passed
    assert checked.comparison.first_layer.name == "conv"
    assert checked.reproducer == ()
    assert not Path("csim_mismatch").exists()


def compile_and_run(folder: str) -> subprocess.CompletedProcess[str]:
    """Do what the first line of a reproducer says."""
    line = (Path(folder) / "reproduce.cpp").read_text().split("\n")[0].removeprefix("// ")
    return subprocess.run(["/bin/sh", "-c", line], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("which", ["project", "theirs_here"])
def test_the_reproducer_fails_on_the_broken_project_and_passes_on_the_mended_one(request, which, cli):
    project = request.getfixturevalue(which)
    cli(project, "--record", "x", "--samples", 10)
    rights = {file: file.read_text() for file in (project / "firmware" / "weights").glob("w*.txt")}
    file = plant(project)
    assert cli(project, "--check", "x", "--reproducer", "a folder")[0] == 1
    assert len(golden_file.load(Path("a folder/sample.npz"))) == 1
    assert cli(project, "--check", "a folder/sample.npz")[0] == 1
    done = compile_and_run("a folder")
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(r"(output \d: expected -?[\d.]+, got -?[\d.]+\n)+\d of \d outputs differ\n", done.stdout)
    write_weights(file, rights[file])
    done = compile_and_run("a folder")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"0 of \d outputs differ\n", done.stdout)
    assert cli(project, "--check", "a folder/sample.npz")[0] == 0


def test_a_mismatch_is_told_where_its_reproducer_cannot_be_written(project, cli):
    cli(project, "--record", "x")
    plant(project)
    Path("csim_mismatch").touch()
    code, _, err = cli(project, "--check", "x")
    assert code == 1
    assert "x.npz: FAILED: " in err
    assert "this sample alone can't be written: csim_mismatch" in err


def test_a_layer_alone_that_differs_is_a_failure_without_a_program(project, cli):
    cli(project, "--record", "x", "--samples", 10)
    made = golden_file.load(Path("x.npz"))
    golden_file.save(
        dataclasses.replace(made, layers=(with_one_wrong(made.layers[0]), *made.layers[1:])), Path("x.npz")
    )
    Path("case").mkdir()
    Path("case/reproduce.cpp").write_text("of another mismatch")
    code, _, err = cli(project, "--check", "x", "--reproducer", "case")
    assert (code, "0 of 10 samples and 0 of 30 outputs differ" in err) == (1, True)
    assert err.endswith("  this sample alone: case/sample.npz\n")
    assert [file.name for file in Path("case").iterdir()] == ["sample.npz"]
    assert cli(project, "--check", "x", "--tolerance", 1e-9)[0] == 0


def test_several_records_and_junit(project, cli):
    cli(project, "--record", "good", "--samples", 5)
    cli(project, "--record", "bad", "--samples", 5, "--seed", 1)
    made = golden_file.load(Path("bad.npz"))
    golden_file.save(dataclasses.replace(made, outputs=(with_one_wrong(made.outputs[0]),)), Path("bad.npz"))
    code, out, err = cli(project, "--check", "good", "--check", "bad", "--junit", "out/results.xml", "--json")
    assert code == 1
    assert [each["passed"] for each in json.loads(out)] == [True, False]
    assert json.loads(out)[1]["outputs"][0]["first"]["sample"] == 3
    assert "bad.npz: FAILED: 1 of 5 samples and 1 of 15 outputs differ" in err
    suite = ElementTree.parse("out/results.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    good, bad = suite
    assert (good.get("classname"), good.get("name"), good[0].tag) == ("project", "good.npz", "system-out")
    assert bad[0].tag == "failure"
    assert bad[0].get("message").startswith("bad.npz: FAILED: 1 of 5 samples")
    assert "sample 3, output 1: expected" in bad[0].text


def test_junit_of_what_could_not_be_checked(project, cli):
    Path("x.npz").write_text("\x00 no record <&>")
    code, _, err = cli(project, "--check", "x", "--junit", "results.xml")
    assert (code, err) == (2, "error: x.npz: the golden record can't be read: File is not a zip file\n")
    suite = ElementTree.parse("results.xml").getroot()[0]
    assert suite.get("errors") == "1"
    assert suite[0][0].get("message") == "x.npz: the golden record can't be read: File is not a zip file"


def test_quiet_says_only_what_is_wrong(project, cli):
    assert cli(project, "--record", "x", "--quiet") == (0, "", "")
    assert cli(project, "--check", "x", "--quiet") == (0, "", "")
    plant(project)
    code, out, err = cli(project, "--check", "x", "--quiet")
    assert (code, out) == (1, "")
    assert "FAILED" in err


def test_an_existing_record_is_not_replaced(project, cli):
    Path("x.npz").write_text("mine")
    assert cli(project, "--record", "x") == (
        2, "", "error: x.npz: expected no such file yet: --update shows what changed, and writes it anew\n",
    )  # fmt: skip
    assert Path("x.npz").read_text() == "mine"


def test_a_record_of_another_design_is_an_error(project, hls4ml_alone, cli):
    assert cli(hls4ml_alone, "--record", "x", "--samples", 3)[0] == 0
    before = Path("x.npz").read_bytes()
    for option in ("--check", "--update"):
        code, _, err = cli(project, option, "x")
        assert code == 2
        assert re.fullmatch(
            r'error: x\.npz: expected a record of this design, "net" with the input "\w+" of 16 values and the output '
            r'"\w+" of 3 values; got one that was made of "net" with the inputs "one" of 4 values, "other" of 3 values '
            r'and the outputs "\w+" of 3 values, "\w+" of 2 values\n', err,
        )  # fmt: skip
    assert Path("x.npz").read_bytes() == before


def test_tolerance(theirs_here, cli):
    cli(theirs_here, "--record", "x", "--samples", 20)
    names = [output.name for output in golden_file.load(Path("x.npz")).outputs]
    plant(theirs_here, 3)  # of the last dense layer only
    _, out, _ = cli(theirs_here, "--check", "x", "--json")
    first, second = json.loads(out)[0]["outputs"]
    assert first["differing"] == 0
    largest = second["largest"]
    assert largest > 0
    assert cli(theirs_here, "--check", "x", "--tolerance", largest)[0] == 0
    assert cli(theirs_here, "--check", "x", "--tolerance", largest * 0.99)[0] == 1
    assert cli(theirs_here, "--check", "x", "--tolerance", f"{names[1]}={largest}")[0] == 0
    assert cli(theirs_here, "--check", "x", "--tolerance", f"{names[0]}={largest}")[0] == 1
    code, _, err = cli(theirs_here, "--check", "x", "--tolerance", "nope=1")
    assert (code, err) == (2, f'error: tolerance: expected the name of an output, got "nope": known are '
                              f"{', '.join(sorted(names))}\n")  # fmt: skip


@pytest.mark.parametrize("texts", [["x"], ["-1"], ["nan"], ["inf"], ["a="], ["1", "2"], ["1", "a=2"], ["a=1", "a=2"]])
def test_tolerances_that_are_none(texts):
    with pytest.raises(InputError, match="--tolerance: expected"):
        command.parse_tolerance(texts)


def test_values_that_are_not_finite_are_not_recorded(project, monkeypatch):
    real = regression.run.trace

    def broken(simulator, samples):
        traced = real(simulator, samples)
        traced.outputs[1, 2] = np.nan
        return traced

    monkeypatch.setattr(regression.run, "trace", broken)
    with pytest.raises(CheckFailed, match=r'got nan as value 2 of "\w+" for sample 1; nothing is recorded'):
        regression.record(Design.read(project), np.zeros((3, 16)), Path("x"))
    assert not Path("x.npz").exists()


def test_our_project_is_compared_with_its_network(project, cli):
    code, out, err = cli(project)
    assert (code, err) == (0, "")
    assert out == (
        "project: 30 samples (tb_data/tb_input_features.dat): exact: each output is bit for bit the network's\n"
    )
    plant(project)
    code, out, err = cli(project, "--junit", "x.xml")
    assert (code, out) == (1, "")
    assert re.match(r"error: project: 30 samples \(.*\): \d+ differ from the network, by .*: sample \d+, output", err)
    assert 'the first layer that differs is "conv"' in err
    assert ElementTree.parse("x.xml").getroot()[0].get("failures") == "1"
    assert cli(project, "--tolerance", 1000)[0] == 0


def test_samples_of_a_file_are_rounded_as_the_network_does_it(project, cli):
    np.save("x.npy", np.random.default_rng(SEED).normal(0.5, 1, (50, 4, 4, 1)))
    code, out, _ = cli(project, "--inputs", "x.npy", "--json")
    assert code == 0
    found = json.loads(out)[0]
    assert (found["samples"], found["passed"], found["differing_samples"]) == (50, True, 0)
    assert found["source"] == "x.npy, rounded into ufixed<5,0>"
    np.save("x.npy", np.zeros((2, 4, 4)))
    assert cli(project, "--inputs", "x.npy")[2] == (
        "error: x.npy: expected samples of the shape (n, 16) or (n, 4, 4, 1), got (2, 4, 4)\n"
    )


def test_a_run_s_folder(project, cli):
    Path("run/4-hls").mkdir(parents=True)
    project.rename("run/4-hls/project")
    code, out, _ = cli("run", "--stock-headers", "--json")
    assert code == 0
    assert (json.loads(out)[0]["project"], json.loads(out)[0]["headers"]) == ("run/4-hls/project", "bundled")


def test_what_hls4ml_wrote_is_simulated_with_random_samples(theirs_here, cli):
    code, out, _ = cli(theirs_here)
    assert (code, out) == (0, (
        "project: 1,000 samples (random over the inputs' types, seed 0): simulated; there is nothing to compare with "
        "(--record makes a golden record)\n"
    ))  # fmt: skip
    assert cli(theirs_here, "--tolerance", 1)[0] == 2


def test_what_hls4ml_stored_is_compared_for_information(theirs_here, cli):
    samples = np.random.default_rng(SEED).integers(-4, 4, (6, 7)) / 4
    np.savetxt(theirs_here / "tb_data" / "tb_input_features.dat", samples, "%.6f")
    cli(theirs_here, "--record", "x")
    outputs = np.concatenate([output.values for output in golden_file.load(Path("x.npz")).outputs], axis=1)
    outputs[3, 2] += 0.25
    predictions = theirs_here / "tb_data" / "tb_output_predictions.dat"
    np.savetxt(predictions, outputs, "%.17g")
    code, out, _ = cli(theirs_here)
    assert code == 0
    assert out == (
        "project: 6 samples (tb_data/tb_input_features.dat): by up to 0.25 from the stored predictions (of the network "
        "in floats)\n"
    )
    assert cli(theirs_here, "--tolerance", 0.25)[0] == 0
    code, _, err = cli(theirs_here, "--tolerance", 0.2)
    assert (code, "1 differ by more than 0.2: " in err) == (1, True)
    np.savetxt(predictions, outputs[:5], "%.17g")
    assert cli(theirs_here)[2].endswith("expected 6 lines, as in tb_data/tb_input_features.dat, got 5\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--record a --check b", "--check: expected one of --record, --check and --update, got --record, too"),
        ("--check b --inputs a.npy", "--inputs: expected no such option with --check, where it means nothing"),
        ("--update b --seed 0", "--seed: expected no such option with --update, where it means nothing"),
        ("--record b --tolerance 0", "--tolerance: expected no such option with --record, where it means nothing"),
        ("--reproducer b", "--reproducer: expected no such option without --check, where it means nothing"),
        ("--tolerance out=1", "--tolerance: expected a single number, as there is no golden record to check"),
        ("--inputs a --samples 3", "--inputs: expected a file or random samples (--samples, --seed), got both"),
        ("--samples 9999999", "--samples: expected at most 134,217,728 values, got 9,999,999 samples of 16"),
    ],
)
def test_options_that_mean_nothing_together(project, cli, options, message):
    assert cli(project, *options.split()) == (2, "", f"error: {message}\n")


def test_a_reproducer_never_replaces_the_record(project, cli):
    cli(project, "--record", "golden/sample")
    plant(project)
    before = Path("golden/sample.npz").read_bytes()
    code, _, err = cli(project, "--check", "golden/sample", "--reproducer", "golden")
    assert (code, err) == (2, "error: golden: expected another folder for the reproducer than that of the record\n")
    assert Path("golden/sample.npz").read_bytes() == before


@pytest.mark.parametrize("io_type", [pytest.param("io_parallel", marks=pytest.mark.slow), "io_stream"])
@pytest.mark.parametrize("backend", ["quartus", "vivado_accelerator"])
def test_other_backends(tmp_path, monkeypatch, cli, backend, io_type):
    monkeypatch.chdir(tmp_path)
    Made("mlp", Hls(backend=backend, board=BOARDS[backend], io_type=io_type), Path("project"))
    assert cli("project", "--record", "x", "--samples", 40)[0] == 0
    made = golden_file.load(Path("x.npz"))
    assert bool(made.layers) == ((backend, io_type) != ("quartus", "io_stream"))  # of which hls4ml records none
    assert cli("project", "--check", "x")[0] == 0
    golden_file.save(dataclasses.replace(made, outputs=(with_one_wrong(made.outputs[0]),)), Path("x.npz"))
    code, _, err = cli("project", "--check", "x", "--reproducer", "case")
    assert (code, "1 of 40 samples and 1 of 120 outputs differ" in err) == (1, True)
    done = compile_and_run("case")
    assert (done.returncode, done.stdout.endswith("1 of 3 outputs differ\n")) == (1, True), done.stderr


def test_no_project(tmp_path, cli):
    assert cli(tmp_path / "nope") == (
        2, "", f"error: {tmp_path / 'nope'}: expected the folder of an HLS project, but there is no such folder\n"
    )  # fmt: skip
