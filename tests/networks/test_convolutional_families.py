"""The families of convolutional networks: their layers, the numbers of parameters in papers, and HLS layers of each."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.errors import FieldError
from fpga_flow.hls import backends, preflight
from fpga_flow.hls.lower import lower
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import FAMILIES, blocks
from fpga_flow.networks.quantized import quantize_model
from fpga_flow.spec.model import Hls, Precision
from tests.conftest import ROOT

DOCS = ROOT / "docs" / "reference" / "networks.md"
MNIST, IMAGENET = (28, 28, 1), (224, 224, 3)


def built(family: str, shape: tuple[int, ...] = MNIST, classes: int = 10, **options):
    module = FAMILIES[family]
    return module.build(module.Options.model_validate({"family": family, **options}), shape, classes)


@pytest.mark.parametrize(
    ("family", "options", "parameters"),
    [
        ("mobilenet", {"width": 0.25}, 475_544),  # 0.47 million in their table 7 (keras.applications has the same)
        ("mobilenet", {"version": 2}, 3_538_984),  # 3.4 million in their table 4 (keras.applications the same as here)
        ("squeezenet", {}, 1_235_496),  # their file of version 1.1
        ("resnet", {}, 11_689_512 + 9_600),  # torchvision's resnet18, and moving means and variances
        ("shufflenet", {}, 1_890_208),  # 1.9 million in the authors' list
        pytest.param("vgg", {}, 138_357_544, marks=pytest.mark.slow),  # 138 million in their table 2
    ],
)
def test_imagenet_layouts_have_the_papers_numbers_of_parameters(family, options, parameters):
    assert built(family, IMAGENET, 1000, layout="imagenet", **options).count_params() == parameters


def test_the_small_resnet_is_that_of_mlperf_tiny():
    assert built("resnet", (32, 32, 3)).count_params() == 78_666
    assert built("resnet", (32, 32, 3)).get_layer("average").input_shape == (None, 8, 8, 64)


@pytest.mark.parametrize(
    "line", ["`vgg`", "`resnet`", "`squeezenet`", "`mobilenet`", "`mobilenet`, `version: 2`", "`shufflenet`"]
)
def test_the_docs_tell_the_numbers_of_parameters(line):
    rows = [row.split(" | ") for row in DOCS.read_text(encoding="utf-8").splitlines()]
    (row,) = (row for row in rows if row[0] == f"| {line}" and len(row) == 5)
    version = {"version": 2} if "version" in line else {}
    family = line.split("`")[1]
    assert row[2] == f"{built(family, **version).count_params():,}"


SMALL = {
    "vgg": {"batch_normalization": True},
    "resnet": {"width": 0.25},
    "squeezenet": {"fires": [{"squeeze": 3, "expand": 4, "pool": 3}, {"squeeze": 2, "expand": 3}]},
    "mobilenet": {"width": 0.5, "resolution": 0.5},
    "mobilenet 2": {"version": 2, "blocks": [{"filters": 8, "repeat": 2}], "last": 12},
    "shufflenet": {"stages": [{"filters": 36, "repeat": 2}, {"filters": 48}]},
    "cnn": {"conv": [{"filters": 3, "dilation": 2, "padding": "same"}, {"filters": 2, "dilation": 3}]},
}


@pytest.mark.parametrize("version", [{}, {"version": 2}])
@pytest.mark.parametrize("family", ["squeezenet", "mobilenet", "shufflenet"])
def test_small_layouts_have_few_parameters_and_averages_that_are_exact(family, version):
    model = built(family, **(version if family == "mobilenet" else {}))
    assert model.count_params() < 60_000
    assert model.get_layer("average").input_shape[1:3] == (4, 4)  # a division by 16 is a shift


@pytest.mark.parametrize("family", SMALL)
def test_every_family_becomes_hls_layers(family):
    seed_everything(1)
    model = built(family.split()[0], (14, 14, 1), 3, **SMALL[family])
    types = {"weight": "fixed<6,1>", "bias": "fixed<8,2>", "activation": "ufixed<8,4>"}
    precision = Precision.model_validate({"input": "ufixed<8,0>", "layers": {"*": types}})
    quantized = quantize_model(model, precision)
    for io_type in ("io_parallel", "io_stream"):
        assert list(preflight.check(quantized, Hls(io_type=io_type), backends.VITIS)) == []
        assert lower(quantized, io_type=io_type)[-1].output_shape == (3,)


def test_layers_are_named_so_that_patterns_match_them():
    names = [layer.name for layer in built("squeezenet", fires=[{"squeeze": 2, "expand": 3, "pool": 2}]).layers]
    assert names == [
        "inputs", "conv_1", "conv_1_relu", "pool_1", "fire_1_squeeze", "fire_1_squeeze_relu", "fire_1_expand_1x1",
        "fire_1_expand_3x3", "fire_1_expand_1x1_relu", "fire_1_expand_3x3_relu", "fire_1", "fire_1_pool", "average",
        "output",
    ]  # fmt: skip
    names = [layer.name for layer in built("mobilenet", version=2, blocks=[{"filters": 8, "repeat": 2}]).layers]
    assert [name for name in names if not name.endswith(("_relu", "_norm"))] == [
        "inputs", "conv_1", "block_1_expand", "block_1_depthwise", "block_1_project", "block_2_expand",
        "block_2_depthwise", "block_2_project", "block_2", "conv_2", "average", "output",
    ]  # fmt: skip


def test_the_shuffle_sends_channels_of_each_group_to_each_group():
    inputs = keras.Input((2, 1, 6))
    shuffled = keras.Model(inputs, blocks.shuffle(inputs, 3, "shuffle"))
    x = np.arange(12.0, dtype=np.float32).reshape(1, 2, 1, 6)
    np.testing.assert_array_equal(shuffled(x)[0, 0, 0], [0, 2, 4, 1, 3, 5])


def test_a_stage_of_shufflenet_keeps_its_input_and_halves_the_image_rounding_up():
    model = built("shufflenet", (7, 5, 1), stages=[{"filters": 36}])
    assert model.get_layer("unit_1").output_shape == (None, 4, 3, 36)
    assert model.get_layer("unit_1_expand").filters == 36 - 24


@pytest.mark.parametrize(
    ("family", "shape", "options", "field", "message"),
    [
        ("resnet", (8,), {}, "network.family",
         "expected samples of shape (height, width, channels) for resnet, got (8,)"),
        ("vgg", (6, 6, 1), {}, "network.layout",
         "expected images large enough to be halved 3 times, got 1x1 pixels to pool over in stage 3"),
        ("shufflenet", MNIST, {"stem": {"filters": 16}}, "network.stem.filters",
         "expected filters of conv_1 that 3 groups divide, got 16"),
        ("shufflenet", MNIST, {"stages": [{"filters": 24}]}, "network.stages[0].filters",
         "expected more filters of stage 1 than the 24 channels that come in and are a part of them, got 24"),
        ("shufflenet", MNIST, {"width": 0.3}, "network.width",
         "expected filters of stage 1 (times the width 0.3) of which 3 groups divide a quarter, got 14"),
        ("shufflenet", IMAGENET, {"groups": 6, "layout": "imagenet"}, "network.groups",
         "expected one of 1, 2, 3, 4, 8 for the layout imagenet, or `stages`, got 6"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(family, shape, options, field, message):
    """The other messages: tests/bad_specs."""
    with pytest.raises(FieldError) as error:
        built(family, shape, **options)
    assert str(error.value) == f"{field}: {message}"
