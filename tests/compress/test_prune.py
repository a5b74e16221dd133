"""`prune`: the sparsity asked for, kept through every later training."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import prune, quantize
from fpga_flow.compress.base import Context
from fpga_flow.compress.prune.allocation import least
from fpga_flow.errors import CheckFailed
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.compress.nets import trained_mlp
from tests.conftest import blobs

DATA = blobs()
PRECISION = Precision.model_validate(
    {
        "input": "ufixed<6,1>",
        "layers": {"*": {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}},
    }
)
CONTEXT = Context(Training(epochs=8, batch_size=16, learning_rate=0.01), PRECISION, seed=1)


@pytest.fixture(scope="module")
def trained() -> Network:
    return trained_mlp(DATA, CONTEXT.training)


def zeros(network: Network, layer: str) -> int:
    return int(np.sum(network.model.get_layer(layer).kernel.numpy() == 0))


@pytest.mark.parametrize("epochs", [0, 1, 2, 6])
def test_exactly_the_share_asked_for_is_zero(trained, epochs):
    options = prune.Options(sparsity=0.75, layers={"out": 0.5}, epochs=epochs)
    pruned, report = compress.apply("prune", trained, DATA, options, CONTEXT)
    assert zeros(pruned, "d1") == 96  # of 8 * 16
    assert zeros(pruned, "out") == 24  # of 16 * 3
    assert report.details["sparsity"] == {"d1": 0.75, "out": 0.5}
    assert len(report.details["history"]) == epochs
    assert report.accuracy_before == training.evaluate(trained.model, DATA.test)
    assert report.accuracy_after == training.evaluate(pruned.model, DATA.test)


def test_the_network_that_is_pruned_stays_as_it_was(trained):
    before = [weight.copy() for weight in trained.model.get_weights()]
    compress.apply("prune", trained, DATA, prune.Options(sparsity=0.5, epochs=2), CONTEXT)
    for old, new in zip(before, trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trained.promises == ()


def test_small_weights_go_first():
    values = np.array([[0.5, 0.1], [0.0, 0.2], [0.3, 0.1]])
    np.testing.assert_array_equal(~least(values, 3), [[1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(~least(values, 2), [[1, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(~least(values, 0), np.ones((3, 2)))
    assert least(values, 6).all()


def test_sparsity_rises_along_the_polynomial(trained):
    schedule = prune.Schedule(initial=0.2, power=3, share=0.5)
    _, report = compress.apply(
        "prune", trained, DATA, prune.Options(sparsity=0.8, epochs=8, schedule=schedule), CONTEXT
    )
    history = report.details["history"]
    assert [row["epoch"] for row in history] == list(range(1, 9))
    expected = [0.8 - 0.6 * (1 - min(epoch / 4, 1)) ** 3 for epoch in range(8)]
    assert [row["sparsity"] for row in history] == pytest.approx(expected, abs=0.02)
    assert not any(row["best"] for row in history[:4])  # not yet as sparse as promised
    assert [point["sparsity"] for point in report.details["curve"]] == [row["sparsity"] for row in history]


def test_layers_with_a_low_end_lose_no_more_than_that_on_the_way(trained):
    options = prune.Options(layers={"d1": 0.5, "out": 0.125}, epochs=4, schedule=prune.Schedule(initial=0.3))
    pruned, _ = compress.apply("prune", trained, DATA, options, CONTEXT)
    assert (zeros(pruned, "d1"), zeros(pruned, "out")) == (64, 6)
    pruned, _ = compress.apply("prune", trained, DATA, options.model_copy(update={"layers": {"d1": 0.5}}), CONTEXT)
    assert (zeros(pruned, "d1"), zeros(pruned, "out")) == (64, 0)


@pytest.mark.parametrize("order", ["prune first", "quantize first"])
def test_zeros_survive_every_later_pass(trained, order):
    steps = [("prune", prune.Options(sparsity=0.6, epochs=3)), ("quantize", quantize.Options(epochs=4))]
    network = trained
    for name, options in steps if order == "prune first" else reversed(steps):
        network, _ = compress.apply(name, network, DATA, options, CONTEXT)
    assert network.broken_promises() == []
    assert {(p.layer, p.weight) for p in network.promises} == {("d1", "kernel"), ("out", "kernel")}
    for promise in network.promises:
        kernel = network.model.get_layer(promise.layer).kernel.numpy()
        assert not kernel[~promise.mask].any()
        assert np.mean(~promise.mask) == pytest.approx(0.6, abs=0.02)
        np.testing.assert_array_equal(kernel, PRECISION.layers["*"].weight.quantize(kernel))
    again, _ = compress.apply("prune", network, DATA, prune.Options(sparsity=0.7, epochs=2), CONTEXT)
    for old in network.promises:
        new = next(p for p in again.promises if p.layer == old.layer)
        assert not new.mask[~old.mask].any()


def test_a_pass_that_breaks_a_promise_fails_loudly(trained, monkeypatch):
    pruned, _ = compress.apply("prune", trained, DATA, prune.Options(sparsity=0.5, epochs=0), CONTEXT)

    class Careless:
        @staticmethod
        def apply(network, dataset, options, context):
            changed = copy_model(network.model)
            changed.get_layer("d1").kernel.assign_add(changed.get_layer("d1").kernel * 0 + 0.1)
            return Network(changed), {}

    monkeypatch.setattr(compress, "PASSES", {"careless": Careless})
    with pytest.raises(CheckFailed) as error:
        compress.apply("careless", pruned, DATA, prune.Options(sparsity=0.5), CONTEXT)
    assert str(error.value) == (
        "pass careless broke what was promised:\nd1.kernel: 64 of 64 weights that prune pruned are no longer zero"
    )


def test_networks_and_promises_survive_saving(trained, tmp_path):
    network, _ = compress.apply("prune", trained, DATA, prune.Options(sparsity=0.5, epochs=0), CONTEXT)
    network, _ = compress.apply("quantize", network, DATA, quantize.Options(epochs=1), CONTEXT)
    network.save(tmp_path)
    loaded = Network.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.model.predict(DATA.test.x, verbose=0), network.model.predict(DATA.test.x, verbose=0)
    )
    assert len(loaded.promises) == 2
    for old, new in zip(network.promises, loaded.promises, strict=True):
        assert (old.made_by, old.layer, old.weight) == (new.made_by, new.layer, new.weight)
        np.testing.assert_array_equal(old.mask, new.mask)


def test_a_promise_of_a_weight_that_is_gone_is_broken(trained):
    promise = Mask("prune", "nowhere", "kernel", np.zeros((2, 2), bool))
    assert Network(trained.model, (promise,)).broken_promises() == [
        "nowhere.kernel: gone or reshaped, but prune pruned it"
    ]
