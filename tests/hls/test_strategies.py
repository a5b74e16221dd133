"""Every strategy computes what the network computes, for every layer that has it; others are refused."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.errors import FieldError
from fpga_flow.hls import preflight, settings
from fpga_flow.hls.backends import BACKENDS, VITIS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import lower
from fpga_flow.hls.strategy import possible, valid_reuse_factors
from fpga_flow.spec.model import Hls
from tests.hls import cases
from tests.hls.cases import CASES, Case, chain, dense, relu, then
from tests.hls.matrix import IO_TYPES, refusal, simulate

STRATEGIES = ("resource", "resource_unrolled", "distributed_arithmetic")  # latency: test_matrix.py
TRIPLES = [(name, io_type, strategy) for name in CASES for io_type in IO_TYPES for strategy in STRATEGIES]
#: Tried in every test run.
SOME = [
    ("QDense, kernel quantized_bits(4,0)", "io_parallel", "distributed_arithmetic"),
    ("QDense, kernel quantized_bits(4,0)", "io_parallel", "resource_unrolled"),
    ("QDense, kernel binary", "io_stream", "distributed_arithmetic"),
    ("QConv2D, same, strides=2", "io_parallel", "distributed_arithmetic"),
    ("QConv2D, same, strides=2", "io_stream", "distributed_arithmetic"),
    ("QConv2D, same, strides=2", "io_stream", "resource_unrolled"),
    ("QConv1D, valid, strides=1", "io_stream", "resource_unrolled"),
    ("QDepthwiseConv2D, same, strides=2", "io_stream", "resource"),
]


def with_strategy(layers: list[HlsLayer], io_type: str, strategy: str) -> dict[str, dict[str, object]]:
    """The strategy, with a reuse factor in the middle of the valid ones, for each layer that can have it."""
    able = {layer.name: possible(layer, io_type, VITIS).get(strategy) for layer in layers if layer.weights is not None}
    return {
        name: {"strategy": strategy, "reuse_factor": valid[len(valid) // 2]} for name, valid in able.items() if valid
    }


@pytest.mark.parametrize(
    ("name", "io_type", "strategy"),
    [pytest.param(*each, marks=[] if each in SOME else [pytest.mark.slow]) for each in TRIPLES],
)
def test_what_a_layer_has_is_exact(tmp_path, name: str, io_type: str, strategy: str) -> None:
    case = CASES[name]
    if refusal(case, io_type):
        return  # by test_matrix.py
    chosen = with_strategy(lower(cases.model(case), io_type=io_type), io_type, strategy)
    if not chosen:
        return  # no layer of it has the strategy: refused, see below
    result = simulate(case, io_type, tmp_path, layers=chosen)
    assert result.exact, result.first


def test_the_cases_tried_always_are_some_that_have_the_strategy() -> None:
    assert set(SOME) <= set(TRIPLES)
    for name, io_type, strategy in SOME:
        assert with_strategy(lower(cases.model(CASES[name]), io_type=io_type), io_type, strategy)


@pytest.mark.parametrize(
    ("io_type", "strategy"),
    [
        pytest.param(io_type, strategy, marks=[] if (place + number) % 2 == 0 else [pytest.mark.slow])
        for place, io_type in enumerate(IO_TYPES)
        for number, strategy in enumerate(STRATEGIES)
    ],
)
def test_layers_of_zeros_are_exact(tmp_path, monkeypatch, io_type: str, strategy: str) -> None:
    case = Case("zeros", chain(lambda: dense(8, "d"), then(relu), lambda: dense(3, "e")), (6,))
    made = cases.model(case)
    weights = made.get_weights()
    weights[0][:] = 0  # no weight of the first layer at all, only biases
    weights[2][:, 1] = 0  # no weight of an output
    made.set_weights(weights)
    monkeypatch.setattr(cases, "model", lambda _: made)
    chosen = with_strategy(lower(made, io_type=io_type), io_type, strategy)
    assert set(chosen) == {"d", "e"}
    assert simulate(case, io_type, tmp_path, layers=chosen).exact


@pytest.mark.parametrize(
    ("name", "io_type", "able"),
    [
        ("QDense, kernel quantized_bits(4,0)", "io_parallel", VITIS.strategies),
        ("QDense, kernel quantized_bits(4,0)", "io_stream", VITIS.strategies),
        ("QConv2D, same, strides=2", "io_parallel", ("latency", "resource", "distributed_arithmetic")),
        ("QConv2D, same, strides=2", "io_stream", VITIS.strategies),
        ("QDepthwiseConv2D, same, strides=2", "io_parallel", ("latency",)),
        ("QDepthwiseConv2D, same, strides=2", "io_stream", ("latency", "resource")),
    ],
)
def test_which_layers_have_which_strategies(name: str, io_type: str, able: tuple[str, ...]) -> None:
    model = cases.model(CASES[name])
    for strategy in VITIS.strategies:
        factor = {} if strategy != "resource_unrolled" else {"reuse_factor": 2}
        said = [error.message for error in preflight.check(model, Hls(io_type=io_type, strategy=strategy, **factor))]
        assert bool(said) == (strategy not in able), said
        if said:
            expected = " or ".join(able)
            assert f"expected {expected} as strategy, all that hls4ml has for it" in said[0]


@pytest.mark.parametrize("strategy", ["resource_unrolled", "distributed_arithmetic"])
@pytest.mark.parametrize("name", ["vivado_accelerator", "quartus", "oneapi"])
def test_other_backends_have_fewer(name: str, strategy: str) -> None:
    model = cases.model(CASES["QDense, kernel quantized_bits(4,0)"])
    said = [error.message for error in preflight.check(model, Hls(strategy=strategy), BACKENDS[name])]
    assert [f"and the backend {name}, got {strategy}" in each for each in said] == [True]


def test_distributed_arithmetic_has_no_reuse_and_unrolled_has_some() -> None:
    model = cases.model(CASES["QDense, kernel quantized_bits(4,0)"])
    for strategy, factor, expected in (
        ("distributed_arithmetic", 2, "expected 1 as reuse factor with strategy distributed_arithmetic, got 2"),
        ("resource_unrolled", 1, "expected 2, 3, 6 or 12 as reuse factor with strategy resource_unrolled, got 1"),
    ):
        (error,) = preflight.check(model, Hls(strategy=strategy, reuse_factor=factor))
        assert error.message == f'layer "d": {expected}'
    (error,) = preflight.check(model, Hls(strategy="resource_unrolled"))
    assert error.path == ("hls", "strategy")
    assert error.message.endswith("as reuse factor with strategy resource_unrolled, got none, which is 1")


@pytest.mark.parametrize("strategy", VITIS.strategies)
def test_valid_reuse_factors_divide_and_are_sorted(strategy: str) -> None:
    for n_in, n_out in ((1, 1), (6, 4), (7, 3), (784, 300)):
        valid = valid_reuse_factors(n_in, n_out, strategy)
        assert valid == sorted(set(valid))
        assert all(n_in * n_out % factor == 0 for factor in valid)


def test_what_lowering_adds_keeps_its_strategy_unless_it_is_named() -> None:
    layer = next(
        layer
        for layer in lower(cases.model(CASES["AveragePooling2D, 3, of a ReLU, quantized"]))
        if layer.weights is not None
    )
    assert layer.strategy == "latency"
    assert settings.given(layer, Hls(strategy="resource", reuse_factor=4), VITIS) == ("latency", 1)
    named = Hls(layers={layer.name: {"strategy": "resource", "reuse_factor": 3}})
    assert settings.given(layer, named, VITIS) == ("resource", 3)
    assert settings.given(layer, Hls(), BACKENDS["quartus"]) == ("resource", 1)


def test_a_network_with_averages_can_have_the_resource_strategy(tmp_path) -> None:
    case = CASES["AveragePooling2D, 3, of a ReLU, quantized"]
    said = list(preflight.check(cases.model(case), Hls(strategy="resource")))
    assert not [error for error in said if isinstance(error, FieldError)]
    assert np.all(simulate(case, "io_parallel", tmp_path, strategy="resource").exact)
