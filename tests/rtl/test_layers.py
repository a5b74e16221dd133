"""The logic of every case of the matrix of layers, against the emulator, which the C++ is proved to equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import boards
from fpga_flow.errors import InputError
from fpga_flow.hls import settings
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject
from fpga_flow.rtl import network, project
from fpga_flow.rtl.check import check
from fpga_flow.rtl.simulate import simulate
from fpga_flow.spec.model import Hls
from tests.hls import cases
from tests.hls.matrix import refusal

#: One of each kind of layer, and what is peculiar of some.
SOME = [
    "QDense, kernel binary", "QDense, kernel quantized_po2(4)", "QDense on an image", "QDense, activation inside",
    "QActivation quantized_bits(5,2,keep_negative=0,alpha=1.0)", "QActivation quantized_tanh(5)",
    "CReLU of -min", "QConv1D, causal, strides=2", "QConv2D, same, strides=2", "QConv2D, groups=2, dilation_rate=(2,1)",
    "QDepthwiseConv2D, same, strides=1", "ShuffleNet unit", "MaxPooling2D, 3, strides=2, same",
    "AveragePooling2D, 2, same, of a ReLU, quantized", "GlobalMaxPooling2D", "GlobalAveragePooling2D, 64 values",
    "Multiply of vectors", "Average of images", "Minimum of vectors", "Subtract of vectors",
    "Concatenate of images, axis=3", "residual block, convolution", "Permute, (3,1,2)", "ZeroPadding2D", "Cropping2D",
    "UpSampling2D",
]  # fmt: skip
REFUSED = "deformable"


def lowered(name: str) -> list[HlsLayer]:
    case = cases.CASES[name]
    if refusal(case, "io_parallel"):
        pytest.skip("refused before anything is generated")
    return lower(cases.model(case))


def samples(layers: Sequence[HlsLayer], count: int = 200) -> np.ndarray:
    type_, shape = layers[0].input_type, layers[0].input_shape
    rng = np.random.default_rng(1)
    ends = np.where(rng.random((count, *shape)) < 0.5, type_.min, type_.max)
    return np.concatenate([type_.quantize(rng.uniform(type_.min, type_.max, (count, *shape))), ends])


def hls_project(layers: Sequence[HlsLayer], folder: Path) -> HlsProject:
    return HlsProject(folder, settings.settings("net", Hls(), boards.load("pynq-z2")), tuple(layers))


def check_logic(name: str) -> None:
    layers = lowered(name)
    x = samples(layers)
    got = network.trace(layers).predict(x.reshape(len(x), -1))
    np.testing.assert_array_equal(got, Emulator(layers).predict(x).reshape(len(x), -1))


@pytest.mark.parametrize("name", SOME)
def test_logic_computes_what_the_layer_does(name: str) -> None:
    check_logic(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in cases.CASES if name not in SOME and REFUSED not in name])
def test_logic_of_all_other_cases(name: str) -> None:
    check_logic(name)


def simulated(name: str, folder: Path) -> None:
    layers = lowered(name)
    made = project.generate(hls_project(layers, folder), folder / "rtl")
    x = samples(layers)
    np.testing.assert_array_equal(simulate(made, x), Emulator(layers).predict(x).reshape(len(x), -1))


def test_verilog_computes_what_the_network_does(tmp_path: Path) -> None:
    simulated("MaxPooling2D, 3, strides=2", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_verilog_of_each_kind(name: str, tmp_path: Path) -> None:
    simulated(name, tmp_path)


def messages(layers: Sequence[HlsLayer], folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        check(hls_project(layers, folder))
    return [f"{problem.field}: {problem.message}" for problem in caught.value.problems]


def test_what_can_not_become_rtl_is_refused_all_at_once(tmp_path: Path) -> None:
    deformable = lowered("deformable convolution, same")
    softmax = replace(deformable[-1], name="s", kind="activation", function="softmax", weights=None)
    wide = replace(softmax, name="w", function="lookup", table=np.zeros((1, 2)), input_type=project.FixedPoint(16, 8))
    found = messages([*deformable, softmax, wide], tmp_path)
    assert found == [
        "c_samples: expected a layer that RTL can be made of, got a deformable sampling, whose addresses depend on the "
        "data: keep to the HLS code, or take a dilated convolution",
        "s: expected a layer that RTL can be made of, got softmax, which HLS code looks up in tables: leave it out "
        "(hls.softmax: false), the class with the greatest output is the same",
        "w: expected a function of at most 14 bits, since RTL keeps a table for each value, got fixed<16,8>: round its "
        "input with a quantizer",
    ]


def test_a_network_too_large_to_unroll_is_refused(tmp_path: Path) -> None:
    layer = lowered("QConv2D, same, strides=1")[0]
    large = replace(layer, input_shape=(600, 600, 2), output_shape=(600, 600, 3))
    (found,) = messages([large], tmp_path)
    assert found.startswith(
        "c: expected a network of at most 400,000 additions, since RTL unrolls all of it, got one of"
    )
