"""`transfer`: base filters used turned and mirrored."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import compress, storage, training
from fpga_flow.compress import prune_filters, quantize, transfer
from fpga_flow.compress.base import Context
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Sharing
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.conftest import blobs

DATA = blobs(300, shape=(6, 6, 2))
PRECISION = Precision.model_validate(
    {
        "input": "ufixed<6,1>",
        "layers": {"*": {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}},
    }
)
CONTEXT = Context(Training(epochs=4, batch_size=16, learning_rate=0.01), PRECISION, seed=1)


@pytest.fixture(scope="module")
def trained() -> Network:
    """conv_1 and conv_2 over 3x3 pixels, a depthwise convolution and one over single pixels, which stay as they are."""
    seed_everything(1)
    inputs = tensor = keras.Input((6, 6, 2), name="inputs")
    tensor = keras.layers.Conv2D(9, 3, activation="relu", name="conv_1")(tensor)
    tensor = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(tensor)
    tensor = keras.layers.Conv2D(8, 1, activation="relu", name="pointwise")(tensor)
    tensor = keras.layers.Conv2D(4, 3, groups=2, activation="relu", name="conv_2")(tensor)
    model = keras.Model(inputs, keras.layers.Dense(3, name="out")(keras.layers.Flatten()(tensor)))
    training.fit(model, DATA, CONTEXT.training, seed=1)
    return Network(model)


def kernel(network: Network, layer: str) -> np.ndarray:
    return network.model.get_layer(layer).kernel.numpy()


def oriented(filters: np.ndarray, rotations: int, flips: int) -> np.ndarray:
    """The kernel (3, 3, channels, n) of one base filter (3, 3, channels)."""
    turned = [np.rot90(filters, turns) for turns in range(rotations)]
    return np.stack([*turned, *(np.flip(each, 1) for each in turned if flips == 2)], axis=-1)


@pytest.mark.parametrize(("symmetry", "rotations", "flips"), [("rotate", 4, 1), ("flip", 1, 2), ("rotate_flip", 4, 2)])
def test_filters_are_base_filters_turned_and_mirrored(trained, symmetry, rotations, flips):
    options = transfer.Options(symmetry=symmetry, epochs=4)
    network, report = compress.apply("transfer", trained, DATA, options, CONTEXT)
    times = rotations * flips
    for layer in ("conv_1", "conv_2"):
        values = kernel(network, layer)
        for first in range(0, values.shape[-1], times):
            wanted = oriented(values[..., first], rotations, flips)
            np.testing.assert_array_equal(values[..., first : first + times], wanted[..., : values.shape[-1] - first])
    bases = [-(-9 // times), -(-4 // times)]
    assert [row["shared"] for row in report.details["layers"]] == [bases[0] * 18, bases[1] * 36]
    assert report.accuracy_after > 0.7
    assert not np.array_equal(kernel(trained, "conv_1"), kernel(network, "conv_1"))  # it was trained on
    assert {promise.layer for promise in network.promises} == {"conv_1", "conv_2"}


@pytest.mark.parametrize("first", ["transfer", pytest.param("quantize", marks=pytest.mark.slow)])
def test_the_file_holds_base_filters_only(trained, first):
    network, size = trained, len(storage.encode(trained))
    options = {"transfer": transfer.Options(symmetry="rotate_flip", epochs=1), "quantize": quantize.Options(epochs=1)}
    for name in (first, *(options.keys() - {first})):
        network, _ = compress.apply(name, network, DATA, options[name], CONTEXT)
    data = storage.encode(network)
    assert len(data) < size
    decoded = storage.decode(data)
    storage.verify(network, decoded)
    codings = {layer: row.coding for layer, name, row in storage.examine(data)[1].rows if name == "kernel"}
    assert codings["conv_1"].endswith("shared by transfer")
    assert "shared" not in codings["out"]
    (promise,) = (each for each in decoded.of("conv_1", "kernel") if isinstance(each, Sharing))
    assert promise.rule == {"kind": "transfer", "rotations": 4, "flips": 2}


def test_filters_that_are_left_keep_their_symmetry(trained):
    network, _ = compress.apply(
        "transfer", trained, DATA, transfer.Options(layers={"conv_1": "rotate"}, epochs=1), CONTEXT
    )
    fewer = prune_filters.Options(layers={"conv_1": 0.4}, epochs=1)
    cut, _ = compress.apply("prune_filters", network, DATA, fewer, CONTEXT)
    assert kernel(cut, "conv_1").shape[-1] < 9
    assert cut.broken_promises() == []


@pytest.mark.parametrize("shape", [(3, 3, 2), (3, 2, 1, 4)])
def test_the_rule_is_for_square_kernels(shape):
    with pytest.raises(ValueError, match="square kernels"):
        transfer.groups(shape, {"kind": "transfer", "rotations": 4, "flips": 1})
