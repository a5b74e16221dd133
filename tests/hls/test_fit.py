"""`strategy: fit` finds the shortest interval that fits, keeps what the spec fixes, and says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from fpga_flow import boards
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import fit, settings
from fpga_flow.hls.backends import VITIS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate import estimate
from fpga_flow.resources.report import RESOURCES
from fpga_flow.spec.model import Hls
from tests.resources.test_estimate import conv2d, dense, random_weights

BOARD = boards.load("pynq-z2")


def network(*sizes: int, seed: int = 5) -> list[HlsLayer]:
    """Dense layers one after the other, without strategies; half of the weights are zero."""
    layers, inputs = [], "inputs"
    rng = np.random.default_rng(seed)
    for number, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = rng.integers(-128, 128, (n_in, n_out)) * rng.integers(0, 2, (n_in, n_out))
        types = {"input_type": FixedPoint(8, 3), "result_type": FixedPoint(20, 9), "strategy": ""}
        layers.append(dense(weights, name=f"fc{number}", inputs=(inputs,), **types))
        inputs = f"fc{number}"
    return layers


def smaller(**die: int) -> boards.Board:
    """The board, with so much of each resource on its die, all of it usable."""
    amounts = BOARD.resources.die.model_copy(update=die)
    ceilings = boards.Ceilings(lut=1, ff=1, dsp=1, bram18=1, uram=1)
    return BOARD.model_copy(update={"resources": boards.Resources(die=amounts, ceilings=ceilings)})


def choose(network: list[HlsLayer], board: boards.Board, **hls: object) -> tuple[tuple[HlsLayer, ...], fit.Fit]:
    spec = Hls(**{"strategy": "fit", **hls})
    return fit.choose(network, spec, settings.settings("net", spec, board), board)


def needed(layers: tuple[HlsLayer, ...], board: boards.Board, io_type: str = "io_parallel") -> dict[str, int]:
    report = estimate(layers, io_type=io_type, clock_ns=board.clock_ns, part=board.part)
    return {name: getattr(report, name) for name in RESOURCES}


def test_a_large_board_gets_the_fastest() -> None:
    _, found = choose(network(8, 6, 4), BOARD)
    assert (found.ii, found.fits) == (1, True)
    assert found.why.startswith("initiation interval 1 is the shortest that fits pynq-z2: LUT is ")
    assert "; with" not in found.why


@pytest.mark.parametrize("lut", [2000, 3000, 4500, 6000])
def test_it_is_the_shortest_interval_that_fits_at_all(lut: int) -> None:
    layers, board = network(8, 6, 4), smaller(lut=lut)
    chosen, found = choose(layers, board)
    hls = Hls(strategy="fit")
    every = [
        [replace(layer, strategy=strategy, reuse_factor=factor) for strategy, factor in settings.choices(layer, hls)]
        for layer in layers
    ]
    usable = board.usable()
    fitting = [
        estimate(each, io_type="io_parallel", clock_ns=board.clock_ns, part=board.part).ii
        for each in product(*every)
        if all(amount <= usable[name] for name, amount in needed(each, board).items())
    ]
    assert found.fits == bool(fitting)
    if fitting:
        assert found.ii == min(fitting)
        assert all(amount <= usable[name] for name, amount in needed(chosen, board).items())


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_shares_are_those_of_the_estimate(io_type: str) -> None:
    board = smaller(lut=9000)
    conv = conv2d(name="c", inputs=("inputs",), strategy="", input_type=FixedPoint(8, 3))
    chosen, found = choose([conv], board, io_type=io_type)
    for name, amount in needed(chosen, board, io_type).items():
        usable = board.usable()[name]
        assert found.shares[name] * usable == pytest.approx(amount, abs=1.5)


def test_less_is_slower() -> None:
    layers = network(32, 24, 10)
    intervals = [choose(layers, smaller(lut=lut))[1].ii for lut in (40_000, 16_000, 8_000, 5_000)]
    assert intervals == sorted(intervals)
    assert len(set(intervals)) > 2


def test_what_is_scarce_is_spared() -> None:
    layers = [replace(layer, input_type=FixedPoint(16, 6)) for layer in network(16, 12)]  # multipliers are DSP
    free, _ = choose(layers, smaller(dsp=10_000, lut=10_000_000))
    spared, found = choose(layers, smaller(dsp=4, lut=10_000_000))
    assert found.fits
    assert needed(spared, BOARD)["dsp"] <= 4 < needed(free, BOARD)["dsp"] or needed(free, BOARD)["dsp"] == 0


def test_what_the_spec_fixes_is_kept() -> None:
    layers = network(16, 12, 8, 4)
    fixed = {"fc0": {"strategy": "latency", "reuse_factor": 2}, "fc1": {"strategy": "resource"}}
    chosen, found = choose(layers, smaller(lut=12_000), layers=fixed)
    assert (chosen[0].strategy, chosen[0].reuse_factor) == ("latency", 2)
    assert chosen[1].strategy == "resource"
    reused, _ = choose(layers, BOARD, reuse_factor=4)
    assert {layer.reuse_factor for layer in reused} == {4}
    only_one, _ = choose(layers, BOARD, strategy="resource", reuse_factor=2, layers={"fc2": {"strategy": "fit"}})
    assert [layer.strategy for layer in only_one[:2]] == ["resource", "resource"]
    assert [each.name for each in found.layers] == ["fc0", "fc1", "fc2"]


def test_if_nothing_fits_it_says_so_and_comes_as_close_as_it_can() -> None:
    _, found = choose(network(64, 64), smaller(lut=500))
    assert not found.fits
    assert found.shares["lut"] > 1
    assert found.why.startswith("no choice that the spec leaves open fits pynq-z2: at best, with initiation interval ")


def test_layers_that_are_too_large_are_not_written_out_weight_by_weight() -> None:
    (layer,) = network(60, 50)
    assert layer.nonzero > fit.MOST_WRITTEN_OUT
    large = smaller(lut=10_000_000, ff=10_000_000)
    (chosen,), _ = choose([layer], large)
    assert chosen.strategy == "latency"
    (chosen,), _ = choose([layer], BOARD, strategy="distributed_arithmetic")  # who asks for it gets it
    assert chosen.strategy == "distributed_arithmetic"


def test_no_more_is_unrolled_than_the_tools_do() -> None:
    (layer,) = network(120, 90)
    (chosen,), _ = choose([layer], smaller(lut=10_000_000, ff=10_000_000, bram18=100_000))
    assert chosen.strategy == "resource"
    assert layer.n_in * layer.n_out / chosen.reuse_factor <= fit.MOST_UNROLLED


def test_the_pace_is_that_of_the_whole_network() -> None:
    conv = conv2d(name="c", inputs=("p",), strategy="", input_type=FixedPoint(8, 3))
    types = {"input_type": FixedPoint(8, 3), "result_type": FixedPoint(8, 3)}
    pool = HlsLayer(
        "p", "pool", "max", ("inputs",), (64, 64, 2), (8, 8, 2), **types, window=(8, 8), strides=(8, 8), padding="valid"
    )
    chosen, found = choose([pool, conv], BOARD, io_type="io_stream")
    report = estimate(chosen, io_type="io_stream", clock_ns=BOARD.clock_ns, part=BOARD.part)
    assert found.ii == report.ii > 1000
    assert chosen[1].reuse_factor > 1  # it has time


def test_a_network_without_weights_fits() -> None:
    types = {"input_type": FixedPoint(8, 3), "result_type": FixedPoint(7, 2, signed=False)}
    relu = HlsLayer("a", "activation", "relu", ("inputs",), (4,), (4,), **types)
    chosen, found = choose([relu], BOARD)
    assert (chosen, found.fits, found.layers) == ((relu,), True, ())


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(
        FieldError, match='layer "fc0": expected 1, 5, 7 or 35 as reuse factor with strategy fit, got 4'
    ):
        choose(network(7, 5), BOARD, reuse_factor=4)


def test_the_alternatives_keep_the_pace() -> None:
    _, found = choose(network(16, 12), smaller(lut=3_000))
    (each,) = found.layers
    assert {option["strategy"] for option in (each.chosen, *each.instead)} <= set(VITIS.strategies)
    assert len(each.instead) >= 2


def test_boards_of_other_luts_are_refused() -> None:
    board = boards.load("de10-nano")
    (error,) = fit.check(Hls(strategy="fit"), board)
    assert error.path == ("hls", "strategy")
    assert error.message == (
        'expected a strategy for the board "de10-nano", since the estimate does not know its LUTs (alut), got fit'
    )
    assert not list(fit.check(Hls(strategy="resource"), board))
    assert list(fit.check(Hls(layers={"*": {"strategy": "fit"}}), board))


def test_a_random_network_is_the_same_each_time() -> None:
    layers = [dense(random_weights(3), strategy="")]
    assert choose(layers, smaller(lut=4_000))[1] == choose(layers, smaller(lut=4_000))[1]
