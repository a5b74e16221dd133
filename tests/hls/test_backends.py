"""The backends: exact where they are said to be, and refused with the reason where not."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from importlib import util
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.errors import FieldError, InputError
from fpga_flow.hls import backends, preflight, settings
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.spec.model import Hls
from tests.hls import cases
from tests.hls.test_exact import CASES, network, samples

#: A board for each backend that can be simulated here.
BOARDS = {"vitis": "pynq-z2", "vivado": "pynq-z2", "vivado_accelerator": "pynq-z2", "quartus": "arria10-gx-devkit"}
IO_TYPES = ("io_parallel", "io_stream")
#: Networks of test_exact and of the matrix of layers that are simulated with each backend: a few of them always, ...
SOME = ["max pool", "residual block, convolution", "BatchNormalization, quantized"]
#: ... and the others that test all of its kinds of layers where there is time.
OTHERS = [
    *(name for name in CASES if name not in SOME),
    *(f"{kind} of images" for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")),
    "Concatenate of images, axis=3", "Concatenate of vectors", "UpSampling2D", "ZeroPadding2D", "Cropping2D",
    "Permute, (2,1,3)", "channel shuffle", "ChannelShuffle", "ChannelShuffle behind Flatten", "CReLU, quantized",
    "CReLU behind Flatten", "ShuffleNet unit", "QConv1D, causal, strides=2", "QConv2D, valid, groups=2",
    "QConv2D, valid, dilation_rate=2", "QDepthwiseConv2D, same, strides=2", "QSeparableConv1D, valid, strides=1",
    "GlobalMaxPooling2D, quantized", "GlobalAveragePooling2D, quantized", "MaxPooling1D, 2, of a ReLU, quantized",
    "QActivation quantized_relu(1,1)", "QActivation quantized_bits(1,0,alpha=1.0)",
    "QActivation quantized_bits(5,2,1,alpha=1.0)", "Activation tanh, quantized", "MaxPooling2D, 3, strides=2",
    "QDense, kernel binary", "QDense, kernel quantized_po2(4)", "deformable convolution, same",
]  # fmt: skip


class Made:
    """The project of a network, its inputs, and the right outputs; or `errors`, if it is refused."""

    def __init__(self, name: str, hls: Hls, folder: Path, project: str = "net"):
        model = network(*CASES[name]) if name in CASES else cases.model(cases.CASES[name])
        chosen = settings.settings(project, hls, boards.load(hls.board))
        backend = BACKENDS[chosen.backend]
        self.errors = [str(error) for error in preflight.check(model, hls, backend)]
        if self.errors:
            return
        self.layers = settings.apply(lower(model, io_type=hls.io_type), hls, backend)
        x = samples(self.layers[0].input_type, model.input_shape[1:])
        self.inputs = self.layers[0].input_type.quantize(x)
        self.expected = predict(model, self.layers, x).reshape(len(x), -1)
        self.project = generate(self.layers, chosen, x, self.expected, folder)


def simulate(made: Made) -> csim.CsimResult:
    layer_outputs = partial(predict_layers, made.layers)
    return csim.simulate(made.project, made.inputs, made.expected, layer_outputs=layer_outputs)


def assert_exact(made: Made) -> None:
    """The C++ equals the network, at the end and, where the backend can be traced, behind each layer."""
    result = simulate(made)
    assert (result.first, result.exact, result.samples) == (None, True, 63)
    assert len(np.unique(made.expected, axis=0)) > 3  # a network that says always the same would prove nothing
    design = csim.Design.read(made.project.folder)
    if design.io_type not in design.simulation.traced:
        return
    traced = csim.run.trace(csim.build(design, traced=True), made.inputs[7:8])
    named = {layer.name: layer.kind for layer in made.layers}
    # hls4ml adds layers of its own, which pad and copy streams, and has its own order of branches
    assert named.keys() & traced.layers.keys() == {name for name, kind in named.items() if kind != "reshape"}
    expected = predict_layers(made.layers, made.inputs[7:8])
    for name in named.keys() & traced.layers.keys():
        np.testing.assert_array_equal(traced.layers[name], expected[name].reshape(1, -1), err_msg=name)


@pytest.mark.parametrize(
    ("backend", "name", "io_type"),  # vivado_accelerator's code is all that vivado's is, and more
    [
        ("vivado_accelerator", "max pool", "io_parallel"),
        ("vivado_accelerator", "residual block, convolution", "io_stream"),
        ("vivado_accelerator", "BatchNormalization, quantized", "io_parallel"),
        ("quartus", "max pool", "io_stream"),
        ("quartus", "residual block, convolution", "io_parallel"),
        ("quartus", "BatchNormalization, quantized", "io_stream"),
    ],
)
def test_exact(tmp_path, backend, name, io_type):
    made = Made(name, Hls(backend=backend, board=BOARDS[backend], io_type=io_type), tmp_path / "project")
    assert made.errors == []
    assert_exact(made)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["latency", "resource"])
@pytest.mark.parametrize("io_type", IO_TYPES)
@pytest.mark.parametrize("name", [*SOME, *OTHERS])
@pytest.mark.parametrize("backend", BOARDS)
def test_exact_or_refused(tmp_path, backend, name, io_type, strategy):
    if strategy not in BACKENDS[backend].strategies:
        pytest.skip("the backend does not have the strategy")
    hls = Hls(backend=backend, board=BOARDS[backend], io_type=io_type, strategy=strategy)
    made = Made(name, hls, tmp_path / "project")
    if made.errors:
        reasons = ("all that hls4ml has for it", "io_stream can't compute")
        assert backend in ("quartus", "vivado_accelerator") or any(each in made.errors[0] for each in reasons)
    else:
        assert_exact(made)


@pytest.mark.parametrize("io_type", IO_TYPES)
def test_reuse_factors_are_honoured_by_quartus(tmp_path, io_type):
    hls = Hls(board=BOARDS["quartus"], io_type=io_type, reuse_factor=2)
    made = Made("mlp", hls, tmp_path / "project")
    assert made.errors == []
    assert [layer.reuse_factor for layer in made.layers if layer.weights is not None] == [2, 2]
    assert_exact(made)


@pytest.mark.parametrize(
    ("backend", "name", "io_type", "error"),
    [
        ("quartus", "average pool", "io_parallel",
         'hls.backend: layer "p1" (pool average) is not known to be exact with the backend quartus and io_parallel: '
         "expected another layer, or a backend with which it is (vitis, vivado, vivado_accelerator)"),
        ("quartus", "QDepthwiseConv2D, same, strides=2", "io_stream",
         'hls.backend: layer "c" (depthwise2d) is not known to be exact with the backend quartus and io_stream: '
         "expected another layer, or a backend with which it is (vitis, vivado, vivado_accelerator)"),
        ("quartus", "Permute, (2,1,3)", "io_stream",
         'hls.backend: layer "f" (permute) is not known to be exact with the backend quartus and io_stream: '
         "expected another layer, or a backend with which it is (vitis, vivado, vivado_accelerator)"),
        ("quartus", "QActivation quantized_relu(1,1)", "io_parallel",
         'hls.backend: activation "a" has a type of one bit, which hls4ml makes wider for quartus: '
         "expected two bits or more, or a backend for AMD's tools"),
        ("vivado_accelerator", "mlp wide", "io_parallel",
         "hls.backend: the network's output has the type fixed<34,6>, but the interface of the backend "
         "vivado_accelerator carries 24 bits exactly: expected a narrower type, or another backend"),
    ],
)  # fmt: skip
def test_what_is_not_exact_is_refused(tmp_path, backend, name, io_type, error):
    made = Made(name, Hls(backend=backend, board=BOARDS[backend], io_type=io_type), tmp_path / "project")
    assert made.errors == [error]


def test_depthwise_convolutions_have_no_resource_strategy_with_io_parallel(tmp_path):
    hls = Hls(strategy="resource")
    assert Made("QDepthwiseConv2D, same, strides=2", hls, tmp_path / "project").errors == [
        'hls.strategy: layer "c" (depthwise2d): expected latency as strategy, all that hls4ml has for it '
        "with io_parallel and the backend vitis, got resource"
    ]


@pytest.mark.parametrize(
    ("backend", "io_type"),
    [
        ("vivado_accelerator", "io_stream"),
        ("quartus", "io_parallel"),
        pytest.param("vivado_accelerator", "io_parallel", marks=pytest.mark.slow),
        pytest.param("quartus", "io_stream", marks=pytest.mark.slow),
    ],
)
def test_the_test_bench_compares(tmp_path, backend, io_type):
    made = Made("mlp", Hls(backend=backend, board=BOARDS[backend], io_type=io_type), tmp_path / "project")
    folder = made.project.folder
    sources = [
        source.format(top="net") for source in BACKENDS[backend].simulation.sources if not source.endswith("bridge.cpp")
    ]
    includes = [f"-I{include}" for include in BACKENDS[backend].simulation.includes]
    command = ["g++", "-w", "-std=c++14", *includes, '-DWEIGHTS_DIR="firmware/weights"', "net_test.cpp", *sources]
    subprocess.run([*command, "-o", str(tmp_path / "bench")], cwd=folder, check=True)

    def bench() -> tuple[int, str]:
        result = subprocess.run([tmp_path / "bench"], cwd=folder, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    assert bench() == (0, "INFO: 63 samples, 0 with outputs that differ\n")
    file = folder / "tb_data" / "tb_output_predictions.dat"
    lines = file.read_text().splitlines()
    lines[5] = " ".join(str(float(value) + 1) for value in lines[5].split())
    file.write_text("\n".join(lines) + "\n")
    code, said = bench()
    assert code == 1
    assert "ERROR: sample 5, output 0: expected " in said


@pytest.mark.parametrize(
    ("board", "part", "project", "driver"),
    [
        ("zcu102", "xczu9eg-ffvb1156-2-e", "net", "class NeuralNetworkOverlay"),
        ("pynq-z2", "xc7z020clg400-1", "net", "class NeuralNetworkOverlay"),
        ("alveo-u250", "xcu250-figd2104-2L-e", "myproject", "class NeuralNetworkOverlay"),
    ],
)
def test_an_accelerator_has_its_bitstream_scripts_and_driver(tmp_path, board, part, project, driver):
    hls = Hls(backend="vivado_accelerator", board=board, io_type="io_stream")
    made = Made("mlp", hls, tmp_path / "project", project)
    folder = made.project.folder
    design = (folder / "design.tcl").read_text()
    assert "create_bd_design" in design or "package_xo" in design
    assert f'set part "{part}"' in (folder / "project.tcl").read_text()
    assert "set_top ${project_name}_axi" in (folder / "build_prj.tcl").read_text()
    assert driver in (folder / "axi_stream_driver.py").read_text()
    assert not [name for name in tmp_path.iterdir() if name.name != "project"]
    if board.startswith("alveo"):
        assert_exact(made)


@pytest.mark.parametrize("backend", ["vivado", "vivado_accelerator", "quartus", "oneapi"])
def test_nothing_in_a_project_says_where_it_was_made(tmp_path, backend):
    hls = Hls(backend=backend, board=BOARDS.get(backend, "agilex7-f-devkit"))
    folder = Made("mlp", hls, tmp_path / "project").project.folder
    installed = str(Path(util.find_spec("hls4ml").origin).parent)
    for file in folder.rglob("*"):
        if file.is_file():
            assert not [each for each in (str(tmp_path), installed) if each.encode() in file.read_bytes()], file


def test_oneapi_projects_are_made_and_not_simulated(tmp_path):
    hls = Hls(board="agilex7-f-devkit")
    made = Made("max pool", hls, tmp_path / "project")
    assert made.errors == []
    assert made.project.settings.backend == "oneapi"
    assert (made.project.folder / "CMakeLists.txt").is_file()
    assert (made.project.folder / "src" / "firmware" / "net.cpp").is_file()
    with pytest.raises(InputError, match=r"expected a project that can be simulated here, got one of oneapi: its "):
        simulate(made)


def test_backends_by_toolchain():
    chosen = {}
    for board in boards.shipped_boards():
        try:
            chosen[board.toolchain] = backends.choose(None, board).name
        except FieldError as error:
            chosen[board.toolchain] = error.message.split(",")[0]
    assert chosen == {
        "vitis": "vitis",
        "quartus": "quartus",
        "oneapi": "oneapi",
        "open": "expected a board of one of the toolchains vitis",
        "libero": "no projects can be made for Microchip SmartHLS: hls4ml 1.3 fails to write its projects",
    }
    board = boards.load("zcu102")
    assert backends.choose(None, board.model_copy(update={"toolchain": "vivado"})).name == "vivado"
    with pytest.raises(FieldError, match='knows "zcu102" with the part xczu9eg-ffvb1156-2-e only, got xczu7ev'):
        backends.choose("vivado_accelerator", board.model_copy(update={"part": "xczu7ev"}))
    assert backends.choose("vivado_accelerator", boards.load("alveo-u50"), "myproject").name == "vivado_accelerator"


def test_the_table_agrees_with_itself_and_with_hls4ml():
    assert list(BACKENDS) == list(get_args(backends.Name))
    for backend in BACKENDS.values():
        assert bool(backend.simulation) != bool(backend.unsimulated or backend.unusable)
        assert bool(backend.layers) != bool(backend.unusable)
        assert not backend.layers & backend.parallel
    root = Path(util.find_spec("hls4ml").origin).parent
    folders = {path.parent.name for path in root.glob("backends/*/*_backend.py")}
    assert {backend.hls4ml.lower() for backend in BACKENDS.values()} == {
        folder.replace("_", "") for folder in folders - {"fpga", "symbolic"}
    }
    known = json.loads((root / "backends" / "vivado_accelerator" / "supported_boards.json").read_text())
    assert BACKENDS["vivado_accelerator"].parts == {name: board["part"] for name, board in known.items()}
    # what makes Libero unusable: once this fails, it can be tried again
    assert not (root / "templates" / "libero" / "build_lib.sh").exists()
