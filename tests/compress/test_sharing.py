"""`cluster`, `hash_share`, `circulant`: weights share values, in later passes too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from fpga_flow import compress, storage, training
from fpga_flow.compress import circulant, cluster, hash_share, prune, quantize, sharing
from fpga_flow.compress.base import Context
from fpga_flow.errors import CheckFailed
from fpga_flow.keras import keras, tf
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.number_types import parse
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.compress.nets import trained_mlp
from tests.conftest import blobs

DATA = blobs(600)
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


@pytest.fixture(scope="module")
def half(trained: Network) -> Network:
    """Half of its weights pruned."""
    return compress.apply("prune", trained, DATA, prune.Options(sparsity=0.5, epochs=3), CONTEXT)[0]


@pytest.fixture(scope="module")
def behind_pruning(trained: Network) -> tuple[Network, Network]:
    """A few weights pruned; and that quantized."""
    pruned, _ = compress.apply("prune", trained, DATA, prune.Options(sparsity=0.1, epochs=1), CONTEXT)
    return pruned, compress.apply("quantize", pruned, DATA, quantize.Options(epochs=1), CONTEXT)[0]


@pytest.fixture(scope="module")
def quantized_to(trained: Network) -> Callable[[str], tuple[Network, Context]]:
    """By the weights' type, the network quantized, and the context it was quantized in."""

    @cache
    def quantized(type_: str) -> tuple[Network, Context]:
        precision = PRECISION.model_copy(deep=True)
        precision.layers["*"] = precision.layers["*"].model_copy(update={"weight": parse(type_, weight=True)})
        context = dataclasses.replace(CONTEXT, precision=precision)
        return compress.apply("quantize", trained, DATA, quantize.Options(epochs=2), context)[0], context

    return quantized


def kernel(network: Network, layer: str) -> np.ndarray:
    return network.model.get_layer(layer).kernel.numpy()


def distinct(values: np.ndarray) -> int:
    return len(np.unique(values[values != 0]))


@pytest.mark.parametrize("init", ["linear", "density", "random"])
def test_k_means_finds_what_scikit_learn_finds_with_all_values_one_by_one(init):
    from sklearn.cluster import KMeans

    values = np.random.default_rng(0).choice(np.linspace(-1, 1, 41), 500)
    centroids, numbers = cluster.k_means(values, 6, init, [1])
    assert np.all(np.diff(centroids) > 0)
    for number, centroid in enumerate(centroids):
        assert centroid == pytest.approx(values[numbers == number].mean())
    np.testing.assert_array_equal(numbers, np.abs(values[:, None] - centroids).argmin(axis=1))
    free = KMeans(6, n_init=20, random_state=0).fit(values[:, None])
    assert np.sum((values - centroids[numbers]) ** 2) <= 1.6 * free.inertia_


def test_few_distinct_values_are_their_own_clusters():
    centroids, numbers = cluster.k_means(np.array([3.0, 1.0, 3.0]), 16, "linear", [1])
    assert centroids.tolist() == [1.0, 3.0]
    assert numbers.tolist() == [1, 0, 1]
    assert cluster.k_means(np.array([2.0, 4.0]), 1, "linear", [1])[0].tolist() == [3.0]


@pytest.mark.parametrize("per", ["layer", "channel"])
@pytest.mark.parametrize("order", [("quantize", "cluster"), ("cluster", "quantize")])
def test_clusters_share_values_and_zeros_stay(trained, half, order, per):
    options = {
        "quantize": quantize.Options(epochs=3),
        "cluster": cluster.Options(clusters=4, layers={"out": 2}, per=per, epochs=4),
    }
    network = half
    for name in order:
        network, report = compress.apply(name, network, DATA, options[name], CONTEXT)
    assert network.broken_promises() == []
    assert np.mean(kernel(network, "d1") == 0) >= 0.5
    columns = {name: kernel(network, name).T if per == "channel" else [kernel(network, name)] for name in ("d1", "out")}
    assert max(map(distinct, columns["d1"])) <= 4
    assert max(map(distinct, columns["out"])) <= 2
    for values in (kernel(network, "d1"), kernel(network, "out")):
        np.testing.assert_array_equal(values, PRECISION.layers["*"].weight.quantize(values))
    assert report.accuracy_after > 0.7
    before = kernel(trained, "d1")
    assert not np.array_equal(before, kernel(network, "d1"))


def test_what_is_told_of_clusters(trained):
    network, report = compress.apply("cluster", trained, DATA, cluster.Options(layers={"d1": 4}, epochs=1), CONTEXT)
    assert report.details["layers"] == [{"layer": "d1", "weight": "kernel", "weights": 128, "shared": 4, "distinct": 4}]
    assert distinct(kernel(network, "out")) == 48
    (promise,) = network.promises
    assert isinstance(promise, Sharing)
    assert promise.groups.dtype == np.int8


def test_zeros_of_a_network_that_was_not_pruned_stay_zero(trained):
    quantized, _ = compress.apply("quantize", trained, DATA, quantize.Options(epochs=1), CONTEXT)
    clustered, _ = compress.apply("cluster", quantized, DATA, cluster.Options(clusters=3, epochs=3), CONTEXT)
    zero = kernel(quantized, "d1") == 0
    assert zero.any()
    assert not kernel(clustered, "d1")[zero].any()
    assert {type(promise) for promise in clustered.promises} == {Mask, Sharing}


def test_centroids_trained_by_summed_gradients_are_better_than_found_ones(trained):
    found, before = compress.apply("cluster", trained, DATA, cluster.Options(clusters=2, epochs=0), CONTEXT)
    tuned, after = compress.apply("cluster", trained, DATA, cluster.Options(clusters=2, epochs=8), CONTEXT)
    assert training.loss(tuned.model, DATA.validation) < training.loss(found.model, DATA.validation)
    assert before.accuracy_before == after.accuracy_before


def test_hashed_weights_have_the_values_that_the_hash_says(trained):
    options = hash_share.Options(values=0.25, epochs=10)
    network, report = compress.apply("hash_share", trained, DATA, options, CONTEXT)
    assert [entry["shared"] for entry in report.details["layers"]] == [32, 12]
    for promise in network.promises:
        numbers, signs = hash_share.groups(promise.groups.shape, promise.rule)
        np.testing.assert_array_equal(numbers, promise.groups)
        values = kernel(network, promise.layer)
        assert distinct(np.abs(values)) <= promise.count
        np.testing.assert_array_equal(promise.spread(promise.values(values), values), values)
        assert -1 in signs
        assert 1 in signs
    assert report.accuracy_after > 0.7
    quantized, _ = compress.apply("quantize", network, DATA, quantize.Options(epochs=3), CONTEXT)
    assert quantized.broken_promises() == []


def test_the_hash_is_splitmix64s():
    """The first outputs of splitmix64 from seed 0 are mix(k * golden); ours mixes the plain number of the weight."""

    def mix(h: int) -> int:
        h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        h = (h ^ (h >> 27)) * 0x94D049BB133111EB % 2**64
        return h ^ (h >> 31)

    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # Vigna's splitmix64.c, seed 0, first output
    groups, signs = hash_share.groups((4, 3), {"kind": "hash", "seed": 70000, "buckets": 5})
    for index in range(12):
        h = mix((index + (70000 << 32)) % 2**64)
        assert groups.ravel()[index] == (h >> 1) % 5
        assert signs.ravel()[index] == (-1 if h & 1 else 1)


def test_circulant_blocks(trained):
    network, report = compress.apply("circulant", trained, DATA, circulant.Options(block=4, epochs=10), CONTEXT)
    values = kernel(network, "d1")
    for row in range(0, 8, 4):
        for column in range(0, 16, 4):
            block = values[row : row + 4, column : column + 4]
            for shift in range(1, 4):
                np.testing.assert_array_equal(block[:, shift], np.roll(block[:, 0], shift))
    assert [entry["shared"] for entry in report.details["layers"]] == [32, 16]
    assert report.accuracy_after > 0.7


@pytest.mark.parametrize("block", [64, 1024])
def test_a_block_larger_than_the_matrix_is_as_large_as_that(trained, block):
    options = circulant.Options(block=block, epochs=1)
    network, report = compress.apply("circulant", trained, DATA, options, CONTEXT)
    assert [entry["shared"] for entry in report.details["layers"]] == [16, 16]
    decoded = storage.decode(storage.encode(network))
    storage.verify(network, decoded)
    with pytest.raises(CheckFailed, match=r"what circulant promised of d1.kernel is gone"):
        storage.verify(network, Network(decoded.model))


def test_variance_stays_about_what_it_was():
    values = np.random.default_rng(0).normal(0, 0.3, (200, 100)).astype(np.float32)
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(100, name="d", use_bias=False)])
    model.set_weights([values])
    groups, signs = hash_share.groups(values.shape, {"kind": "hash", "seed": 1, "buckets": 500})
    spread = sharing.spread_values(Sharing("hash_share", "d", "kernel", groups, signs), Network(model))
    assert spread.std() == pytest.approx(0.3, rel=0.1)


RULES = {
    "hash_share": hash_share.Options(values=0.3, epochs=6, learning_rate=0.01),
    "circulant": circulant.Options(block=4, epochs=6, learning_rate=0.01),
}


def test_clusters_keep_the_zeros_that_quantization_made_beside_pruned_ones(behind_pruning):
    options = cluster.Options(clusters=3, epochs=6, learning_rate=0.01)
    _, quantized = behind_pruning
    shared, report = compress.apply("cluster", quantized, DATA, options, CONTEXT)
    zero = kernel(quantized, "d1") == 0
    assert zero.mean() > 0.1
    assert not kernel(shared, "d1")[zero].any()
    assert all(row["distinct"] <= row["shared"] for row in report.details["layers"])


@pytest.mark.parametrize("name", RULES)
def test_rules_keep_the_zeros_that_were_promised_and_no_others(behind_pruning, name):
    pruned, quantized = behind_pruning
    shared, _ = compress.apply(name, quantized, DATA, RULES[name], CONTEXT)
    zero = kernel(pruned, "d1") == 0
    assert not kernel(shared, "d1")[zero].any()
    (promise,) = (each for each in shared.of("d1", "kernel") if isinstance(each, Sharing))
    values = kernel(shared, "d1")
    np.testing.assert_array_equal(values, np.where(zero, 0, promise.spread(promise.values(values), values)))


@pytest.mark.parametrize("epochs", [0, 3])
@pytest.mark.parametrize("type_", ["fixed<5,1>", "ternary", "binary"])
@pytest.mark.parametrize("name", RULES)
def test_behind_quantization_a_rule_saves_what_it_saves_before_it(quantized_to, name, type_, epochs):
    quantized, context = quantized_to(type_)
    options = RULES[name].model_copy(update={"epochs": epochs})
    shared, _ = compress.apply(name, quantized, DATA, options, context)
    rows = storage.examine(storage.encode(shared))[1].rows
    (row,) = (row for layer, name, row in rows if (layer, name) == ("d1", "kernel"))
    assert "shared by" in row.coding


def test_pruned_weights_add_nothing_to_the_gradients_of_those_they_shared_a_value_with(trained, monkeypatch):
    hashed, _ = compress.apply("hash_share", trained, DATA, hash_share.Options(values=0.2, epochs=1), CONTEXT)
    given = []
    monkeypatch.setattr(training, "fit", lambda model, *_, hooks, **__: given.append((model, hooks)) or [])
    network, _ = prune.apply(hashed, DATA, prune.Options(sparsity=0.5, method="one_shot", epochs=1), CONTEXT)
    ((model, hooks),) = given
    (promise,) = (each for each in hashed.promises if isinstance(each, Sharing) and each.layer == "d1")
    alive = kernel(network, "d1") != 0
    variable, gradient = model.get_layer("d1").kernel, tf.constant(np.where(alive, promise.signs, 100).astype("f4"))
    for hook in hooks.gradients:
        gradient = hook(variable, gradient)
    sums = np.bincount(promise.groups[alive], minlength=promise.count)[promise.groups] * promise.signs
    np.testing.assert_array_equal(gradient.numpy()[alive], sums[alive])
