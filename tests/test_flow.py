"""The whole flow on real digits, end to end."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import flow
from fpga_flow.errors import CheckFailed, InputError
from fpga_flow.progress import Progress
from fpga_flow.spec.load import load
from fpga_flow.stages import Ui
from tests.conftest import real_data

pytestmark = pytest.mark.usefixtures("plain_graphs")
SPEC = """
name: little
seed: 3
data: {name: digits, scale: 16, split: {validation: 0.2, test: 0.25}}
network: %s
training: {epochs: 8, batch_size: 32, learning_rate: 3.0e-3}
compress:
  - prune: {sparsity: 0.5, epochs: 4}
  - quantize: {epochs: 4}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<7,3>"}
hls: {board: zcu104, io_type: %s, strategy: %s}
"""
MLP = "{family: mlp, hidden: [16]}"
CNN = "{family: cnn, conv: [{filters: 4, pool: 2}], hidden: [16]}"
CASES = {
    "mlp": (MLP, "io_parallel", "latency", 0.85),
    "mlp stream resource": (MLP, "io_stream", "resource", 0.85),
    "cnn": (CNN, "io_parallel", "latency", 0.8),
    "cnn stream": (CNN, "io_stream", "latency", 0.8),
}


class Watch(Ui):
    """Remembers."""

    def __init__(self, stop_at: str = ""):
        self.stages: list[tuple[str, bool]] = []
        self.notes: list[str] = []
        self.epochs = 0
        self.stop_at = stop_at

    def start(self, stage) -> None:
        if stage.name == self.stop_at:
            raise KeyboardInterrupt

    def epoch(self, row, epochs) -> None:
        self.epochs += 1

    def done(self, done) -> None:
        self.stages.append((done.stage.name, done.cached))

    def note(self, text) -> None:
        self.notes.append(text)


def spec_file(folder: Path, case: str = "mlp") -> Path:
    file = folder / "little.yaml"
    file.write_text(SPEC % CASES[case][:3])
    return file


def run(folder: Path, case: str = "mlp", changes: tuple[str, ...] = (), **options) -> tuple[flow.Outcome, Watch]:
    watch = options.pop("watch", None) or Watch()
    return flow.run(load(spec_file(folder, case), changes), folder / "runs", watch, **options), watch


def cpp(outcome: flow.Outcome) -> dict[str, bytes]:
    project = outcome.folder / "5-hls" / "project"
    return {str(file.relative_to(project)): file.read_bytes() for file in project.rglob("*") if file.is_file()}


STAGES = ["float", "prune", "quantize", "store", "hls", "csim", "resources"]


@dataclass(frozen=True)
class Finished:
    """A run of SPEC's first case: where its runs are, what came out, and what it said of itself."""

    folder: Path
    outcome: flow.Outcome
    watch: Watch


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("flow")
    return Finished(folder, *run(folder))


@pytest.fixture
def finished(ran) -> tuple[Path, flow.Outcome]:
    return ran.folder, ran.outcome


@pytest.mark.parametrize(
    "case", ["mlp", "mlp stream resource", pytest.param("cnn", marks=pytest.mark.slow), "cnn stream"]
)
def test_from_yaml_to_a_simulated_project(ran, tmp_path, case):
    outcome, watch = (ran.outcome, ran.watch) if case == "mlp" else run(tmp_path, case)
    outcome.raise_failures()
    assert watch.stages == [(name, False) for name in STAGES]
    made = json.loads((outcome.folder / "run.json").read_text())
    assert made == outcome.record
    assert list(made) == ["name", "digest", "seed", "spec", "versions", "plugins", "notes", "started", "seconds",
                          "data", "metrics", "backend", "fit", "csim", "size", "resources", "passes", "stages",
                          "layers"]  # fmt: skip
    assert (made["csim"]["samples"], made["csim"]["mismatches"], made["csim"]["exact"]) == (450, 0, True)
    assert made["metrics"]["csim"] == made["metrics"]["final"]
    assert made["metrics"]["csim"]["accuracy"] > CASES[case][3]
    assert [each["name"] for each in made["passes"]] == ["prune", "quantize"]
    assert made["passes"][0]["accuracy_before"] == made["metrics"]["float"]["accuracy"]
    assert made["passes"][0]["accuracy_after"] == made["passes"][1]["accuracy_before"]
    assert made["size"]["nonzero"] <= 0.55 * made["size"]["parameters"]
    size = made["size"]
    stored = (outcome.folder / "4-store" / "model.fpz").read_bytes()
    assert size["bytes_encoded"] == len(stored) == sum(size["encoded"]["parts"].values()) < size["bytes_quantized"]
    assert size["ratio"] == pytest.approx(size["bytes_float32"] / len(stored), abs=1e-3)
    assert size["ratio"] > size["ratio_quantized"]
    assert {each["weight"] for each in size["encoded"]["layers"]} == {"kernel", "bias"}
    found = [(each["source"], each["stage"], each["fits"]) for each in made["resources"]]
    assert found == [("estimate", "csynth", True), ("estimate", "post-synthesis", True)]
    page = outcome.report.read_text(encoding="utf-8")
    assert "little" in page
    assert [text.removeprefix("note: ") for text in watch.notes] == made["notes"]
    assert len(made["notes"]) == (CASES[case][2] == "resource")
    if made["notes"]:
        assert made["notes"][0].split("; latency")[0] in page
        assert run(tmp_path, case)[1].notes == watch.notes
    project = outcome.folder / "5-hls" / "project"
    for name in ("build_prj.tcl", "project.tcl", "little_test.cpp", "firmware/little.cpp", "firmware/weights",
                 "tb_data/tb_input_features.dat", "tb_data/tb_output_predictions.dat"):  # fmt: skip
        assert (project / name).exists(), name
    features = np.loadtxt(project / "tb_data" / "tb_input_features.dat")
    assert features.shape == (100, 64)
    np.testing.assert_array_equal(features * 16, np.round(features * 16))  # real digits: whole numbers of sixteenths
    assert features.max() == 1.0


def test_a_second_run_reads_everything_back(finished):
    folder, first = finished
    before = cpp(first)
    second, watch = run(folder)
    assert watch.stages == [(name, True) for name in STAGES]
    assert watch.epochs == 0
    assert cpp(second) == before
    assert second.record["metrics"] == first.record["metrics"]


def test_the_same_spec_elsewhere_gives_the_same_cpp(finished, tmp_path):
    _, first = finished
    second, watch = run(tmp_path, until="hls")
    assert watch.stages[-1] == ("hls", False)
    assert second.folder.name == first.folder.name == first.record["digest"]
    assert cpp(second).keys() == cpp(first).keys()
    for name, content in cpp(first).items():
        if name != "hls4ml.log":
            assert cpp(second)[name] == content, name


def test_runs_share_the_stages_that_they_have_in_common(finished):
    folder, first = finished
    other, watch = run(folder, changes=("compress.quantize.epochs=1",), until="quantize")
    assert other.folder != first.folder
    assert watch.stages == [("float", True), ("prune", True), ("quantize", False)]
    other, watch = run(folder, changes=("hls.board=kv260",))
    assert watch.stages == [("float", True), ("prune", True), ("quantize", True), ("store", True), ("hls", False),
                            ("csim", False), ("resources", False)]  # fmt: skip
    assert other.record["resources"][0]["board"] == "kv260"
    _, watch = run(folder, changes=("precision.layers.*.weight=fixed<4,1>",), until="prune")
    assert watch.stages == [("float", True), ("prune", True)]


def test_the_backend_is_chosen_by_the_board_or_by_name_and_makes_another_project(finished):
    folder, first = finished
    assert first.record["backend"] == "vitis"
    other, watch = run(folder, changes=("hls.backend=vivado_accelerator", "hls.board=pynq-z2"))
    assert watch.stages == [("float", True), ("prune", True), ("quantize", True), ("store", True), ("hls", False),
                            ("csim", False), ("resources", False)]  # fmt: skip
    assert other.record["backend"] == "vivado_accelerator"
    assert other.record["csim"]["exact"] is True
    assert other.record["resources"][0]["tool"] == "Vivado HLS"
    _, watch = run(folder, changes=("hls.backend=vitis",), until="hls")
    assert watch.stages[-1] == ("hls", True)  # named or not, it is the same backend


def test_the_bundled_headers_give_the_same(finished):
    folder, first = finished
    other, watch = run(folder, changes=("csim.stock_headers=true",))
    assert [name for name, cached in watch.stages if not cached] == ["csim"]
    assert (first.record["csim"]["headers"], other.record["csim"]["headers"]) == ("kernels", "bundled")
    fast, bundled = (np.load(each.folder / "6-csim" / "outputs.npy") for each in (first, other))
    np.testing.assert_array_equal(fast, bundled)
    assert other.record["csim"]["exact"] is True


def test_what_can_not_be_simulated_is_not_called_proven(finished):
    folder, _ = finished
    changes = ("hls.board=agilex7-f-devkit", "hls.strategy=resource")
    with pytest.raises(InputError, match=r"csim.samples: the backend oneapi can't be simulated here: .* got all$"):
        run(folder, changes=changes)
    outcome, _ = run(folder, changes=(*changes, "csim.samples=0"))
    record = outcome.record
    assert (record["backend"], record["csim"]["samples"], record["csim"]["exact"]) == ("oneapi", 0, False)
    assert record["metrics"]["csim"]["accuracy"] is None
    assert record["resources"][0]["fits"] is None  # the estimate counts LUTs of another kind
    assert "No sample was simulated, so nothing is proven." in outcome.report.read_text()


def test_fresh_does_everything_again_and_keeps_the_old(finished):
    folder, first = finished
    before = cpp(first)
    again, watch = run(folder, fresh=True)
    assert watch.stages == [(name, False) for name in STAGES]
    assert cpp(again).keys() == before.keys()
    assert all(cpp(again)[name] == before[name] for name in before if name != "hls4ml.log")


def test_until_stops_after_a_stage(tmp_path):
    outcome, watch = run(tmp_path, until="float")
    assert watch.stages == [("float", False)]
    assert outcome.report is None
    with pytest.raises(InputError, match=r'expected one of the stages float, .*, got "flaot"'):
        run(tmp_path, until="flaot")


def test_a_changed_cpp_is_noticed_set_aside_and_replaced(finished):
    folder, first = finished
    file = first.folder / "5-hls" / "project" / "firmware" / "little.cpp"
    original = file.read_text()
    file.write_text(original + "// mine\n")
    again, _ = run(folder)  # which makes it again, or copies it from another run with the same stage
    assert (again.folder / "5-hls" / "project" / "firmware" / "little.cpp").read_text() == original
    kept = sorted(first.folder.glob("5-hls.old-*"))[-1]
    assert (kept / "project" / "firmware" / "little.cpp").read_text().endswith("// mine\n")


def test_a_board_that_is_too_small_fails_the_check(finished, tmp_path):
    folder, _ = finished
    board = tmp_path / "tiny.yaml"
    text = (Path(__file__).parent.parent / "boards" / "pynq-z2.yaml").read_text()
    board.write_text(text.replace("53200", "3000").replace("pynq-z2", "tiny"))
    outcome, _ = run(folder, changes=(f"hls.board={board}",))
    with pytest.raises(
        CheckFailed, match=r": the design does not fit tiny by the estimate of post-synthesis: lut [\d,]+ of"
    ):
        outcome.raise_failures()
    assert [each["fits"] for each in outcome.record["resources"]] == [False, False]


def test_a_simulation_that_differs_fails_the_run(finished, tmp_path, monkeypatch):
    from fpga_flow.hls import reference

    honest = reference.predict

    def wrong(model, layers, x):
        outputs = honest(model, layers, x)
        outputs[17, 2] += layers[-1].result_type.step
        return outputs

    monkeypatch.setattr(reference, "predict", wrong)
    shutil.copytree(finished[0] / "runs", tmp_path / "runs")  # which spares the training
    outcome, _ = run(tmp_path, changes=("hls.board=zcu102",))
    with pytest.raises(
        CheckFailed, match=r": the C simulation differs from the network in 1 of 450 samples: sample 17, output 2"
    ):
        outcome.raise_failures()
    assert outcome.record["csim"]["mismatches"] == 1
    assert outcome.report.exists()


def test_reports_can_share_their_script(finished):
    folder, first = finished
    assert "plotly.js v" in first.report.read_text(encoding="utf-8")
    again, _ = run(folder, shared_script=True)
    assert again.report == first.report
    linked = again.report.read_text(encoding="utf-8")
    assert "plotly.js v" not in linked
    (name,) = re.findall(r'<script src="\.\./(plotly-[0-9.]+\.min\.js)">', linked)
    assert "plotly.js v" in (first.folder.parent / name).read_text(encoding="utf-8")
    run(folder)  # as it was, for other tests


def test_bad_input_writes_nothing(tmp_path):
    with pytest.raises(InputError):
        run(tmp_path, changes=("hls.reuse_factor=7",))
    assert not (tmp_path / "runs").exists()


def test_stages_that_were_finished_survive_an_interruption(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, watch=Watch(stop_at="prune"))
    _, watch = run(tmp_path, until="prune")
    assert watch.stages == [("float", True), ("prune", False)]


@pytest.mark.parametrize(("limit", "finished"), [(1_000, 0), (40_000, 4)])
def test_a_file_that_cannot_be_written_is_named_and_earlier_stages_are_kept(tmp_path, limit, finished):
    """A limit of the size of files acts as a full disk does: writing fails midway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    watch = Watch()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            run(tmp_path, watch=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename.startswith(str(tmp_path / "runs" / "little"))
    assert len(watch.stages) == finished
    _, watch = run(tmp_path, until=STAGES[finished])
    assert watch.stages == [(name, number < finished) for number, name in enumerate(STAGES[: finished + 1])]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_gives_the_same(finished, tmp_path):
    """SIGKILL every few seconds, until a run gets through: the C++ is that of a run that nobody killed."""
    _, straight = finished
    file, out = spec_file(tmp_path), tmp_path / "runs"
    command = [sys.executable, "-m", "fpga_flow.cli", "run", str(file), "--out", str(out), "--quiet"]
    kills = 0
    for wait in [5, 6, 7, 7.5, 8, 8.5, 9, 9.5, 10, 11, 12, 13, 14, *[300] * 3]:
        with subprocess.Popen(command) as process:
            try:
                assert process.wait(wait) == 0
                break
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
        time.sleep(0.1)
    assert kills >= 2
    outcome, watch = run(tmp_path)
    assert all(cached for _, cached in watch.stages)
    assert outcome.record["digest"] == straight.record["digest"]
    same = cpp(straight)
    assert all(content == same[name] for name, content in cpp(outcome).items() if name != "hls4ml.log")


def test_what_fit_chose_is_recorded_shown_and_simulated(finished, capsys):
    folder, _ = finished
    loaded = load(str(spec_file(folder)), ["hls.strategy=fit", "hls.board=cmod-a7-35t"])
    with Progress() as progress:
        outcome = flow.run(loaded, folder / "runs", progress)
    outcome.raise_failures()
    record = outcome.record
    assert record["csim"]["exact"] is True
    assert record["fit"]["fits"] is True
    chosen = {layer["name"]: (layer["strategy"], layer["reuse_factor"]) for layer in record["layers"]}
    for each in record["fit"]["layers"]:
        assert chosen[each["name"]] == (each["chosen"]["strategy"], each["chosen"]["reuse_factor"])
    assert record["fit"]["why"] in " ".join(capsys.readouterr().out.split())
    assert "Strategies chosen to fit" in outcome.report.read_text(encoding="utf-8")
    usable = record["fit"]["shares"]["lut"] * 14_560
    assert usable == pytest.approx(record["resources"][0]["lut"], abs=2)


@pytest.mark.slow
def test_the_jets_run_without_a_network_and_say_that_they_are_few(tmp_path):
    outcome = flow.run(load("jets", [f"data.path={real_data('jsc')}"]), tmp_path)
    assert outcome.record["notes"][0].startswith("data: jets_600.npz has 600 of the data set's 830000 jets: ")
    assert outcome.record["csim"]["exact"]
    assert outcome.record["metrics"]["final"]["accuracy"] > 0.5  # of five classes, learnt from 433 jets
