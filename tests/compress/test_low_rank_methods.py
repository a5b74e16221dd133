"""The factors of a layer compute what it computes, at the costs that are told; ranks are found as the sources say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fpga_flow.compress import low_rank
from fpga_flow.compress.low_rank import matrices, ranks, surgery, vbmf
from fpga_flow.compress.low_rank.methods import METHODS
from fpga_flow.compress.low_rank.plan import Plan
from fpga_flow.compress.low_rank.ranks import Choice
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import channel_cut

L = keras.layers
RNG = np.random.default_rng(0)
RANK = 3


def of_rank(name: str, shape: tuple[int, ...]) -> Any:
    """A kernel (height, width, in, out) of a small rank."""
    height, width, inputs, outputs = shape

    def random(*sizes: int) -> Any:
        return RNG.normal(size=sizes)

    if name == "svd":
        kernel = np.einsum("hir,wor->hwio", random(height, inputs, RANK), random(width, outputs, RANK))
    elif name == "tucker":
        core = random(height, width, RANK, RANK)
        kernel = np.einsum("hwab,ia,ob->hwio", core, random(inputs, RANK), random(outputs, RANK))
    else:
        kernel = np.einsum("hr,wr,ir,or->hwio", *(random(length, RANK) for length in shape))
    return (kernel / np.abs(kernel).max()).astype(np.float32)


def plan_of(model: Any, **options: Any) -> Plan:
    return Plan.of(low_rank.Options(**options), model)


IMAGES, ROWS = (11, 10, 7), (12, 7)
LAYERS = {
    "same": (IMAGES, lambda: L.Conv2D(9, 3, padding="same", activation="relu", name="c")),
    "valid": (IMAGES, lambda: L.Conv2D(9, (3, 2), use_bias=False, name="c")),
    "strides": (IMAGES, lambda: L.Conv2D(9, 3, 2, padding="same", name="c")),
    "unequal strides": (IMAGES, lambda: L.Conv2D(9, (2, 4), (2, 3), name="c")),
    "dilation": (IMAGES, lambda: L.Conv2D(9, 3, dilation_rate=2, name="c")),
    "dilation, same": (IMAGES, lambda: L.Conv2D(9, 3, dilation_rate=(1, 2), padding="same", name="c")),
    "row": (IMAGES, lambda: L.Conv2D(9, (1, 5), name="c")),
    "column": (IMAGES, lambda: L.Conv2D(9, (5, 1), (2, 1), padding="same", name="c")),
    "1D": (ROWS, lambda: L.Conv1D(9, 5, 2, padding="same", activation="tanh", name="c")),
    "causal": (ROWS, lambda: L.Conv1D(9, 4, dilation_rate=2, padding="causal", name="c")),
}
MATRICES = {
    "dense": ((8,), lambda: L.Dense(9, activation="relu", name="c")),
    "dense on rows": (ROWS, lambda: L.Dense(9, name="c")),
    "pixels": (IMAGES, lambda: L.Conv2D(9, 1, 2, name="c")),
}


@pytest.mark.parametrize(
    ("name", "case"), [*((name, case) for name in METHODS for case in LAYERS), *(("svd", case) for case in MATRICES)]
)
def test_factors_compute_what_the_layer_computes(name, case):
    shape, make = (LAYERS | MATRICES)[case]
    seed_everything(1)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, make()(inputs))
    layer = model.get_layer("c")
    rank = [RANK, RANK] if name == "tucker" else RANK
    plan = plan_of(model, method=name, layers={"c": {"rank": rank}})
    target = plan.targets["c"]
    layer.kernel.assign(of_rank(name, target.geometry.shape).reshape(layer.kernel.shape))
    if layer.use_bias:
        layer.bias.assign(RNG.normal(size=layer.bias.shape))
    made = surgery.factored(model, plan.targets, {"c": target.given}, seed=0)
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    expected = model(x).numpy()
    np.testing.assert_allclose(made.model(x).numpy(), expected, atol=2e-5 * np.abs(expected).max())
    assert made.errors["c"] < 1e-5
    assert made.names["c"][-1] == "c"
    sizes = [channel_cut.size(each)["macs"] for each in (model, made.model)]
    assert sizes == [target.macs(), target.macs(target.given)]
    weights = sum(factor.parameters for factor in target.factors(target.given))
    assert made.model.count_params() - layer.use_bias * 9 == weights


def model_of(kernel: Any, **options: Any) -> tuple[Any, Any]:
    """A convolution of this kernel over 8 x 8 pixels, and its target."""
    inputs = keras.Input((8, 8, kernel.shape[2]))
    model = keras.Model(inputs, L.Conv2D(kernel.shape[3], kernel.shape[:2], name="c", use_bias=False)(inputs))
    model.get_layer("c").kernel.assign(kernel)
    return model, plan_of(model, **{"energy": 0.5, **options}).targets["c"]


def test_the_nearest_matrix_is_found():
    matrix = RNG.normal(size=(40, 25)).astype(np.float32)
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(matrices.squares(matrix), values**2, rtol=1e-9)
    for rank in (1, 7, 25):
        for one in (matrix, matrix.T):
            made = np.matmul(*matrices.truncated(one, rank))
            expected = (left[:, :rank] * values[:rank]) @ right[:rank]
            np.testing.assert_allclose(made if one is matrix else made.T, expected, atol=1e-9)
    factors = matrices.truncated(matrix, 5)
    np.testing.assert_allclose(np.linalg.norm(factors[0], axis=0), np.linalg.norm(factors[1], axis=1))


def test_a_matrix_of_zeros_has_factors():
    left, right = matrices.truncated(np.zeros((6, 4), np.float32), 2)
    assert not (left @ right).any()
    assert vbmf.rank(matrices.squares(np.zeros((6, 4))), 6, 4) == 0


@pytest.mark.parametrize("name", METHODS)
def test_the_error_is_that_of_the_weights(name):
    kernel = RNG.normal(size=(3, 3, 6, 10)).astype(np.float32)
    model, target = model_of(kernel, method=name)
    x = np.eye(9 * 6, dtype=np.float32).reshape(-1, 3, 3, 6)
    chosen = (4, 5) if name == "tucker" else (5,)
    inputs = keras.Input((3, 3, 6))
    copy = keras.models.clone_model(model, input_tensors=inputs)
    made = surgery.factored(copy_weights(copy, model), {"c": target}, {"c": chosen}, seed=0)
    difference = made.model(x).numpy() - copy(x).numpy()
    assert made.errors["c"] == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(kernel), rel=1e-5)
    kept = [each[rank - 1] for each, rank in zip(target.method.energies(kernel, chosen, 0), chosen, strict=True)]
    lost = sum(1 - each for each in kept)
    assert made.errors["c"] ** 2 <= lost * 1.001
    if name == "svd":
        assert made.errors["c"] ** 2 == pytest.approx(lost, rel=1e-5)


def copy_weights(model: Any, source: Any) -> Any:
    model.set_weights(source.get_weights())
    return model


@pytest.mark.parametrize("name", METHODS)
def test_paths_go_down(name):
    _, target = model_of(of_rank("tucker", (3, 3, 8, 12)), method=name)
    path = ranks.path(target, seed=0)
    whole = target.macs()
    assert [each.macs for each in path] == sorted({each.macs for each in path}, reverse=True)
    assert path[0].macs < whole
    assert [each.energy for each in path] == sorted((each.energy for each in path), reverse=True)
    assert set(path[-1].ranks) == {1}
    if name == "tucker":  # its energy is that of the kernel until ranks are less than the kernel's
        assert ranks.by_energy(path, 0.9999).ranks == (RANK, RANK)
    assert ranks.by_energy(path, 1.01) is None


def test_layers_share_out_multiplications_by_their_energies():
    steep = [Choice((rank,), 1 - 0.5**rank, 10 * rank) for rank in range(9, 0, -1)]
    flat = [Choice((rank,), rank / 10, 10 * rank) for rank in range(9, 0, -1)]
    whole = {"steep": 100, "flat": 100}
    chosen = ranks.by_macs({"steep": steep, "flat": flat}, whole, 140)
    assert sum(chosen[name].macs if name in chosen else 100 for name in whole) == 140
    assert chosen["steep"].ranks == (4,)
    assert "flat" not in chosen
    assert ranks.by_macs({"steep": steep, "flat": flat}, whole, 200) == {}
    least = ranks.by_macs({"steep": steep, "flat": flat}, whole, 0)
    assert {name: each.ranks for name, each in least.items()} == {"steep": (1,), "flat": (1,)}


def test_a_first_step_that_saves_little_is_no_hindrance():
    """Of a layer whose largest ranks save next to nothing, smaller ones are looked at as well."""
    late = [Choice((3,), 0.9, 99), Choice((2,), 0.89, 50), Choice((1,), 0.2, 10)]
    other = [Choice((2,), 0.8, 90), Choice((1,), 0.7, 80)]
    chosen = ranks.by_macs({"late": late, "other": other}, {"late": 100, "other": 100}, 150)
    assert {name: each.ranks for name, each in chosen.items()} == {"late": (2,)}


@pytest.mark.parametrize(
    ("rows", "columns", "rank", "noise"),
    [(60, 100, 7, 0.1), (100, 60, 7, 0.5), (64, 576, 10, 0.3), (10, 64, 3, 0.2), (200, 30, 0, 1.0), (50, 50, 5, 0.0)],
)
def test_vbmf_finds_the_rank_under_the_noise(rows, columns, rank, noise):
    rng = np.random.default_rng(rows)
    matrix = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns)) + noise * rng.normal(size=(rows, columns))
    squares = matrices.squares(matrix.astype(np.float32))
    assert vbmf.rank(squares, rows, columns) == rank
    assert vbmf.rank(1e-8 * squares, rows, columns) == rank  # whatever its scale


def test_the_least_tau_is_that_of_the_paper():
    assert vbmf._least_tau(1.0) == pytest.approx(2.5129, abs=1e-4)
    for alpha in (0.5, 0.1):  # an approximation
        assert vbmf._least_tau(alpha) == pytest.approx(2.5129 * math.sqrt(alpha), rel=0.05)


def test_vbmf_gives_kernels_their_ranks():
    kernel = of_rank("tucker", (3, 3, 16, 24)) + 0.002 * RNG.normal(size=(3, 3, 16, 24))
    for name, expected in {"tucker": (RANK, RANK), "svd": (3 * RANK,)}.items():
        _, target = model_of(kernel, method=name)
        assert ranks.by_vbmf(target) == expected
    _, target = model_of(of_rank("cp", (3, 3, 16, 24)) + 0.01 * RNG.normal(size=(3, 3, 16, 24)), method="cp")
    assert ranks.by_vbmf(target) == (RANK,)
