"""Delays in the resource estimate: cycles and registers worked out by hand."""

from dataclasses import replace

import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.resources.estimate.activation import Activation, Softmax
from fpga_flow.resources.estimate.formula import Formula, Target
from fpga_flow.resources.estimate.hardware import multiplexer_lut
from fpga_flow.resources.estimate.matrix import Matrix, mean_weight_bits
from fpga_flow.resources.estimate.timing import (
    adder_overhead,
    adders_per_cycle,
    product_cycles,
    registered_share,
    tree_cycles,
)

ZYNQ = Target("io_parallel", 5.0, part="xc7z020clg400-1")
ALVEO = Target("io_parallel", 5.0, part="xcu250-figd2104-2L-e")
WIDE = FixedPoint(16, 6)

#: 4 inputs, 8 outputs, and weights that are all different and need a multiplier.
MATRIX = Matrix(
    n_in=4,
    n_out=8,
    nonzero=32,
    powers=0,
    two_digits=0,
    constants=32,
    weight_bits=10.0,
    input_type=WIDE,
    weight_type=WIDE,
    accum_type=WIDE,
    result_width=16,
    strategy="latency",
    reuse_factor=1,
)


def terms(formula: Formula) -> dict[str, float]:
    return dict(formula.terms)


def test_the_tools_keep_a_share_of_the_clock_period_free() -> None:
    assert ZYNQ.period_ns == pytest.approx(5 * 0.73)
    assert replace(ZYNQ, tool="Vivado HLS").period_ns == pytest.approx(5 * 0.875)
    assert replace(ZYNQ, uncertainty_ns=0.5).period_ns == 4.5


def test_adders_that_fit_into_a_cycle() -> None:
    assert adders_per_cycle(ZYNQ) == 1  # one and not two, whatever is left
    assert adders_per_cycle(ALVEO) == pytest.approx(3.65 / 0.75)
    assert adders_per_cycle(replace(ZYNQ, part="xc7k325t")) > 2


@pytest.mark.parametrize(
    ("target", "widths", "core", "cycles"),
    [
        (ZYNQ, (16, 16), "", 2),  # in a DSP block, not within 3.65 ns
        (ZYNQ, (8, 8), "dsp", 2),
        (ZYNQ, (8, 8), "", 0),  # in LUTs
        (replace(ZYNQ, clock_ns=3.0), (8, 8), "fabric", 1),
        (replace(ZYNQ, clock_ns=10.0), (16, 16), "", 0),
        (ALVEO, (16, 16), "", 0),
    ],
)
def test_cycles_of_a_multiplication(target: Target, widths: tuple[int, int], core: str, cycles: int) -> None:
    assert product_cycles(*widths, core, target) == cycles


def test_cycles_and_registers_of_a_tree() -> None:
    # A level in each cycle: the values behind levels 1, 2, 3 are a half, a quarter, an eighth of the leaves.
    assert tree_cycles(3.0, ZYNQ, products=True) == 3
    assert registered_share(3, ZYNQ, products=True) == pytest.approx(0.875)
    # Products come 3.3 levels late, so that of 4.9 in the first cycle 1.6 are the tree's.
    assert tree_cycles(5.0, ALVEO, products=True) == 1
    assert registered_share(1, ALVEO, products=True) == pytest.approx(2 ** (3.3 - 3.65 / 0.75))
    assert registered_share(0, ALVEO, products=False) == 0


def test_latency_and_registers_of_a_pipelined_matrix() -> None:
    # log2(1 + 4) = 2.3 levels behind two cycles of multiplication
    assert MATRIX.cost(ZYNQ).latency_cycles == 4
    assert MATRIX.cost(ALVEO).latency_cycles == 1
    ports = 4 * 16 + 8 * 16
    assert terms(MATRIX.ff(ZYNQ)) == {
        "tree": 32 * 0.75 * 16,
        "products": 32 * 16 + 4 * 16,
        "ports": ports + 2 * 4 * 16,  # the inputs in both cycles of the multiplication
    }
    # a multiplier of more than a cycle holds an operand of 16 bits and two products of 26
    assert MATRIX.ff(ZYNQ).known == 32 * (16 + 2 * 26)
    assert terms(MATRIX.ff(ALVEO)) == {
        "tree": pytest.approx(32 * 2 ** (3.3 - 3.65 / 0.75) * 16),
        "products": 0,
        "ports": ports,
    }
    vivado = replace(ALVEO, tool="Vivado HLS", clock_ns=4.0)
    assert terms(MATRIX.ff(vivado))["ports"] == 8 * 16  # outputs only
    assert terms(MATRIX.ff(replace(ALVEO, io_type="io_stream")))["ports"] == 0


def test_products_of_shared_multipliers_wait() -> None:
    shared = replace(MATRIX, reuse_factor=8)
    assert (shared.multipliers, shared.shared_cycles) == (4, 7)
    assert terms(shared.ff(ALVEO))["products"] == 28 * 16 + 28 * 2  # and seven eighths of the inputs
    assert terms(shared.ff(ALVEO))["ports"] == 0
    # seven cycles, and the last product's way through two levels of the tree
    assert shared.cost(ALVEO).latency_cycles == 7 + int((3.3 + 2) / (3.65 / 0.75))
    assert terms(shared.lut(ALVEO))["selected_products"] == 2 * 4 * multiplexer_lut(8)


def test_equal_negations_and_shifted_sums_of_an_input_are_shared() -> None:
    few = replace(MATRIX, constants=0, two_digits=2, powers=2)
    many = replace(MATRIX, constants=0, two_digits=2000, powers=2000, weight_bits=4.0)
    assert 1.9 < few.shifted_sums < 2
    assert 0.9 < few.negations < 1
    assert many.shifted_sums == pytest.approx(4 * 12)  # two digits in four bits: all there are
    assert many.negations == pytest.approx(4 * 5)


def test_adders_of_some_versions_cost_nothing_but_their_bits() -> None:
    assert adder_overhead(16, replace(ZYNQ, version="2021.1")) == 0
    assert [adder_overhead(width, ZYNQ) for width in (10, 14, 16, 20)] == [0, 3.5, 7, 7]
    assert adder_overhead(10, ALVEO) == pytest.approx(7 * 1.9 / (3.65 / 0.75))  # the tool merges adders of a cycle
    assert MATRIX.cost(replace(ZYNQ, version="2021.1")).lut < MATRIX.cost(ZYNQ).lut


@pytest.mark.parametrize(("words", "lut"), [(1, 0), (1.5, 4.5), (2, 9), (4, 20)])
def test_multiplexers(words: float, lut: float) -> None:
    assert multiplexer_lut(words) == lut


@pytest.mark.parametrize(
    ("digits", "nonzero", "width", "bits"), [(0, 0, 8, 1.0), (4, 4, 8, 8 / 3), (20, 10, 8, 17 / 3), (50, 10, 8, 8.0)]
)
def test_bits_of_a_mean_weight(digits: int, nonzero: int, width: int, bits: float) -> None:
    assert mean_weight_bits(digits, nonzero, width) == pytest.approx(bits)


def test_small_memories_of_weights_are_in_luts() -> None:
    resource = replace(MATRIX, strategy="resource", reuse_factor=2)
    assert resource.cost(ALVEO).bram18 == 0  # 16 multipliers read 2 words of 256 bits
    assert resource.cost(replace(ALVEO, tool="Vivado HLS", version="2019.1")).bram18 == 8
    assert replace(resource, n_out=32, nonzero=128).cost(ALVEO).bram18 == 29


def test_rounding_takes_a_cycle_of_a_fast_clock() -> None:
    relu = Activation(elements=8, beats=1, input_width=16, output_width=8, rounds=True, relu=True, signed=False)
    fast = replace(ZYNQ, clock_ns=3.3)
    assert (relu.cost(fast).latency_cycles, relu.cost(fast).ff) == (1, 8 * 24)
    assert (relu.cost(ALVEO).latency_cycles, relu.cost(ALVEO).ff) == (0, 0)
    assert replace(relu, rounds=False).cost(fast).latency_cycles == 0


def test_a_softmax_takes_longer_on_the_7_series() -> None:
    softmax = Softmax(elements=5, beats=1, width=16)
    assert softmax.cost(ZYNQ).latency_cycles > softmax.cost(ALVEO).latency_cycles > 1
