"""Networks come back from files: the same layers, weights, predictions, C++ and promises."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.errors import CheckFailed, FieldError, InputError
from fpga_flow.hls import lower, reference
from fpga_flow.hls.project import generate
from fpga_flow.hls.settings import apply, settings
from fpga_flow.keras import keras
from fpga_flow.networks.network import Network, weight
from fpga_flow.networks.promises import Sharing
from fpga_flow.storage import architecture
from tests.storage import mutations, nets

#: The most bytes that each architecture may have.
ARCHITECTURE = {"float mlp": 60, "mlp": 80, "cnn": 80, "separable": 110, "float residual": 130, "residual": 160,
                "float deformable": 160, "deformable": 200, "own quantizers": 190, "text quantizers": 130,
                "shared layer": 170, "sequential": 60}  # fmt: skip


@pytest.mark.parametrize(("name", "coding"), [*((name, "huffman") for name in nets.NETWORKS), ("cnn", "ans")])
def test_a_network_comes_back(name, coding):
    if coding == "ans":
        pytest.importorskip("constriction", reason="optional")
    network = nets.made(name)
    data = storage.encode(network, coding)
    decoded, summary = storage.examine(data)
    storage.verify(network, decoded)
    assert [layer.name for layer in decoded.model.layers] == [layer.name for layer in network.model.layers]
    assert [type(a) for a in decoded.model.layers] == [type(b) for b in network.model.layers]
    inputs = [np.random.default_rng(0).random((20, *each[1:])).astype(np.float32) for each in _shapes(network.model)]
    expected, got = (each.predict(inputs, verbose=0) for each in (network.model, decoded.model))
    for one, other in zip(*([each] if isinstance(each, np.ndarray) else each for each in (expected, got)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert storage.encode(decoded, coding) == data
    assert summary.parts["architecture"] <= ARCHITECTURE[name]
    assert sum(summary.parts.values()) == summary.bytes_encoded == len(data)
    assert summary.weights == network.model.count_params()


def _shapes(model) -> list[tuple[int, ...]]:
    return model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]


@pytest.mark.parametrize("name", nets.HLS)
def test_its_hls_project_is_the_same(name, tmp_path):
    network = nets.made(name)
    samples = np.random.default_rng(0).random((5, *network.model.input_shape[1:])).astype(np.float32)
    written = []
    for number, each in enumerate((network, storage.decode(storage.encode(network)))):
        folder = tmp_path / str(number) / "project"
        generate_project(each.model, samples, folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        written.append({str(file.relative_to(folder)): file.read_bytes() for file in files})
    assert any(file.endswith(".cpp") for file in written[0])
    assert written[0] == written[1]


def generate_project(model, samples, folder) -> None:
    from fpga_flow import boards
    from fpga_flow.hls.backends import BACKENDS
    from fpga_flow.spec.model import Hls

    hls = Hls(board="pynq-z2")
    chosen = settings("net", hls, boards.load(hls.board))
    layers = apply(lower.lower(model, hls.softmax, hls.io_type), hls, BACKENDS[chosen.backend])
    generate(layers, chosen, samples, reference.predict(model, layers, samples), folder, tolerance=0.0)


def test_promises_come_back():
    network = nets.made("cnn")
    decoded = storage.decode(storage.encode(network))
    assert [(each.layer, each.weight, type(each)) for each in decoded.promises] == [
        (each.layer, each.weight, type(each)) for each in network.promises
    ]
    assert decoded.broken_promises() == []
    for new, old in zip(decoded.promises, network.promises, strict=True):
        assert not (new.mask & ~old.mask).any()
    (shared,) = storage.decode(storage.encode(nets.clustered())).promises
    assert (type(shared), shared.layer, shared.weight, shared.count) == (Sharing, "dense_1", "kernel", 4)


def test_what_differs_is_told():
    network = nets.made("mlp")
    other = storage.decode(storage.encode(network))
    kernel = weight(other.model, "output", "kernel")
    kernel.assign(kernel + 1)
    with pytest.raises(CheckFailed, match=r"64 decoded values of output.kernel differ"):
        storage.verify(network, other)
    bare = Network(storage.decode(storage.encode(network)).model)
    with pytest.raises(CheckFailed, match=r"what prune promised of dense_1.kernel is gone"):
        storage.verify(network, bare)
    with pytest.raises(CheckFailed, match=r"the decoded architecture differs"):
        storage.verify(network, nets.made("float mlp"))


def test_what_can_not_be_stored_is_refused():
    network = nets.made("sequential")
    variable = network.model.weights[0]
    variable.assign(variable * np.nan)
    with pytest.raises(FieldError, match=r'layer "dense.*", kernel: expected finite values, got some that are not'):
        storage.encode(network)

    class Own(keras.Model):
        pass

    with pytest.raises(FieldError, match=r"expected a functional or Sequential model, got Own"):
        storage.encode(Network(Own()))


def with_architecture(data: bytes, config) -> bytes:
    """The file with another architecture, given as what is deflated."""
    import json
    import zlib

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=architecture._DICTIONARY)
    first, *others = mutations.bodies(data)
    body = first[:1] + deflate.compress(json.dumps(config).encode()) + deflate.flush()
    return mutations.joined([body, *others])


HOSTILE = {
    "lambda": (["Lambda", {"function": ["4wAAAA==", None, None]}], r"got layer \"a\": a Lambda layer"),
    "class": (["os.system", {}], r"got layer \"a\": of the unknown class \"os.system\""),
    "function": (["Dense", {"units": 3, "activation": "eval"}], r"got layer \"a\": the unknown function \"eval\""),
    "quantizer": (["QDense", {"units": 3, "kernel_quantizer": "__import__('os')"}], "the unknown function"),
    "module": (["Activation", {"activation": {"module": "os", "class_name": "system", "config": {}}}],
               r"of the unknown class \"os.system\""),
    "size": (["Dense", {"units": 10**11}], r"a weight of the shape \(8, 100000000000\), which the file does not have"),
    "shape": (["Dense", {"units": 6, "use_bias": False}], r"expected weights of 1 layers, got those of 2"),
    "setting": (["Dense", {"units": "many"}], "expected a model, got: "),
    "bits": (["QDense", {"units": 3, "kernel_quantizer": {"!quantized_po2": {"bits": 35}}}],
             r"layer \"a\" \(quantized_po2\): expected bits of -16 to 16, got 35"),
    "bits in text": (["QDense", {"units": 3, "kernel_quantizer": "quantized_po2(40000000000)"}],
                     r"layer \"a\" \(kernel_quantizer\): expected bits of -16 to 16, got 40000000000"),
    "bits by name": (["QDense", {"units": 3, "kernel_quantizer": "quantized_relu_po2(bits=35)"}],
                     r"layer \"a\" \(kernel_quantizer\): expected bits of -16 to 16, got 35"),
    "law bits": (["QDense", {"units": 3, "kernel_quantizer": {"!quantized_ulaw": {"bits": 4e10}}}],
                 r"layer \"a\" \(quantized_ulaw\): expected bits of -64 to 64, got 40000000000.0"),
    "shifted bits": (["QActivation", {"activation": {"!ShiftedBits": {"bits": 4e10, "integer": -1}}}],
                     r"layer \"a\" \(ShiftedBits\): expected bits of -64 to 64, got 40000000000.0"),
    "no weights": (["ReLU", {}], "expected weights of 0 layers, got those of 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_architectures_are_refused(name):
    (class_, settings_), message = HOSTILE[name]
    data = storage.encode(nets.made("sequential"))
    with pytest.raises(InputError, match=message) as caught:
        storage.decode(with_architecture(data, ["Functional", "m", [
            ["inputs", "InputLayer", {"batch_input_shape": [None, 8]}],
            ["a", class_, settings_],
        ]]))  # fmt: skip
    assert str(caught.value).startswith("model.fpz: ")


def test_calls_that_wait_for_ever_are_refused():
    config = ["Functional", "m", [
        ["inputs", "InputLayer", {"batch_input_shape": [None, 8]}],
        ["a", "Add", {}, {"nodes": [[["inputs", 0, 0, {}], ["a", 140, 0, {}]]]}],
    ]]  # fmt: skip
    with pytest.raises(InputError, match=r'layer "a" expected a call of layers that are called before it'):
        storage.decode(with_architecture(storage.encode(nets.made("sequential")), config))


def test_weights_of_other_layers_are_refused():
    body, first, second = mutations.bodies(storage.encode(nets.made("sequential")))
    with pytest.raises(InputError, match=r"expected weights of shapes \[\(8, 6\), \(6,\)\] for layer 'dense.*', got"):
        storage.decode(mutations.joined([body, second, first]))


def test_architectures_are_limited():
    data = storage.encode(nets.made("sequential"))
    layers = [[f"relu_{number}", "ReLU", {}] for number in range(architecture.MAX_LAYERS + 1)]
    for config in (["Sequential", "m", layers], "x" * (architecture.MAX_BYTES + 1)):
        with pytest.raises(InputError, match=r"expected (an architecture of )?at most"):
            storage.decode(with_architecture(data, config))
