"""The resource estimate: counts worked out by hand, and monotonicity."""

import statistics
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate import estimate
from fpga_flow.resources.estimate.between import Fifos
from fpga_flow.resources.estimate.formula import Target
from fpga_flow.resources.estimate.hardware import bram18, multiplier_cost
from fpga_flow.resources.estimate.layers import csd_digits, matrix_of, window_of
from fpga_flow.resources.estimate.window import Pool, Window
from fpga_flow.resources.report import ResourceReport

WIDE = FixedPoint(16, 6)
NARROW = FixedPoint(8, 1)


def dense(weights: np.ndarray, **changes: object) -> HlsLayer:
    """A dense layer with 16-bit data and 8-bit weights."""
    n_in, n_out = weights.shape
    fields = {
        "name": "fc",
        "kind": "dense",
        "function": "",
        "inputs": (),
        "input_shape": (n_in,),
        "output_shape": (n_out,),
        "input_type": WIDE,
        "result_type": WIDE,
        "weight_type": NARROW,
        "bias_type": NARROW,
        "accum_type": FixedPoint(24, 10),
        "weights": weights,
        "biases": np.zeros(n_out, np.int64),
        "strategy": "latency",
    }
    return HlsLayer(**{**fields, **changes})


def conv2d(**changes: object) -> HlsLayer:
    """A 3 x 3 convolution of an 8 x 8 image with 2 channels into 4."""
    fields = {"name": "conv", "kind": "conv2d", "input_shape": (8, 8, 2), "output_shape": (6, 6, 4)}
    fields |= {"weights": np.full((3, 3, 2, 4), 11), "window": (3, 3), "strides": (1, 1), "padding": "valid"}
    return replace(dense(np.zeros((1, 4), np.int64)), **{**fields, **changes})


def activation(function: str, shape: tuple[int, ...], result: FixedPoint = WIDE, **changes: object) -> HlsLayer:
    fields = {"name": function, "kind": "activation", "function": function, "inputs": ("fc",), "input_type": WIDE}
    return HlsLayer(**{**fields, "input_shape": shape, "output_shape": shape, "result_type": result, **changes})


def random_weights(seed: int, n_in: int = 16, n_out: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (n_in, n_out))


def run(*layers: HlsLayer, io_type: str = "io_parallel", clock_ns: float = 5.0, **options: str) -> ResourceReport:
    return estimate(layers, io_type=io_type, clock_ns=clock_ns, **options)


# ------------------------------------------------------------------------------------------------ counts by hand


def naf_digits(value: int) -> int:
    """Non-zero digits of the non-adjacent form, by its definition: digit by digit."""
    digits = 0
    while value:
        if value & 1:
            value -= 2 - (value & 3)
            digits += 1
        value >>= 1
    return digits


def test_csd_digits_agree_with_the_definition() -> None:
    values = np.arange(-1030, 1031)
    assert csd_digits(values).tolist() == [naf_digits(abs(value)) for value in values.tolist()]


def test_csd_digits_of_known_values() -> None:
    # 7 = 8 - 1, 11 = 8 + 2 + 1, 45 = 32 + 16 - 4 + 1.
    assert csd_digits(np.array([0, 1, -64, 3, -7, 11, 45])).tolist() == [0, 1, 1, 2, 2, 3, 4]


def test_matrix_counts_of_a_small_case() -> None:
    # Row 0: 11 twice is one multiplication, -11 another; 64 is wiring. Row 1: 3 and 7 are additions, 11 once more.
    matrix = matrix_of(dense(np.array([[11, 11, -11, 64], [0, 3, 7, 11]])))
    assert (matrix.nonzero, matrix.two_digits, matrix.constants, matrix.multipliers) == (7, 2, 3, 3)


def group_conv(**changes: object) -> HlsLayer:
    """A 3 x 3 convolution of an 8 x 8 image with 4 channels into 4, in two groups: as many weights as `conv2d`."""
    fields = {"input_shape": (8, 8, 4), "groups": 2, "dilation": (1, 1)}
    return conv2d(**{**fields, **changes})


def test_a_convolution_with_groups_has_the_multipliers_of_its_weights() -> None:
    matrix = matrix_of(group_conv())
    # the same weight for the two filters of a group is one multiplication; the other group has other inputs
    assert (matrix.n_in, matrix.n_out, matrix.nonzero, matrix.constants) == (18, 4, 72, 36)
    assert matrix.input_bits == 36 * WIDE.width
    assert matrix_of(conv2d()).constants == 18
    resource = {"strategy": "resource", "reuse_factor": 6}
    assert matrix_of(group_conv(**resource)).multipliers == matrix_of(conv2d(**resource)).multipliers == 12
    unrolled = matrix_of(group_conv(strategy="resource_unrolled", reuse_factor=2))  # written with zeros
    assert (unrolled.n_in, unrolled.multipliers) == (36, 36)  # the other 36 would have nothing but zeros
    assert matrix_of(group_conv(strategy="distributed_arithmetic")).n_in == 36


def test_dilation_costs_lines_and_no_multipliers() -> None:
    apart = conv2d(dilation=(2, 2), groups=1, output_shape=(4, 4, 4))
    assert matrix_of(apart) == matrix_of(conv2d())
    assert (window_of(apart).rows, window_of(conv2d()).rows) == (5, 3)
    close, far = (run(layer, io_type="io_stream").layers[0] for layer in (conv2d(), apart))
    assert far.lut > close.lut
    assert far.dsp == close.dsp


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_a_shuffle_moves_and_a_crelu_negates(io_type: str) -> None:
    shuffle = HlsLayer("s", "shuffle", "", ("inputs",), (4, 4, 6), (4, 4, 6), WIDE, WIDE, groups=3)
    both = HlsLayer("b", "crelu", "", ("s",), (4, 4, 6), (4, 4, 12), WIDE, WIDE)
    moved, signs = run(shuffle, both, io_type=io_type).layers[:2]
    assert (moved.dsp, moved.bram18) == (0, 0)
    assert (moved.lut > 0, moved.ff > 0) == (io_type == "io_stream",) * 2  # arrays are wires
    values = 6 if io_type == "io_stream" else 96
    assert signs.lut == values * (max(12, WIDE.width) + WIDE.width)
    assert (signs.multipliers, signs.dsp) == (0, 0)


def test_reuse_limits_the_multipliers_of_the_latency_strategy() -> None:
    # Eight weights, all different in their row: ceil(8 / 3) = 3 multipliers, which take ceil(8 / 3) - 1 more cycles.
    weights = np.array([[11, 13, 19, 21], [11, 13, 19, 21]])
    matrix = matrix_of(dense(weights, reuse_factor=3))
    assert (matrix.constants, matrix.multipliers, matrix.shared_cycles) == (8, 3, 2)


def test_a_matrix_of_zeros_costs_nothing() -> None:
    report = run(dense(np.zeros((5, 4), np.int64)))
    fc = report.layers[0]
    assert (fc.multipliers, fc.dsp, fc.bram18) == (0, 0, 0)
    assert fc.lut < run(dense(np.ones((5, 4), np.int64))).layers[0].lut


def test_powers_of_two_need_no_multiplier() -> None:
    assert run(dense(np.array([[1, 2, 4, -64]]))).layers[0].multipliers == 0


@pytest.mark.parametrize(("n_in", "n_out", "reuse", "expected"), [(16, 64, 64, 16), (72, 10, 8, 90), (9, 6, 4, 14)])
def test_resource_strategy_multipliers(n_in: int, n_out: int, reuse: int, expected: int) -> None:
    fc = run(dense(random_weights(1, n_in, n_out), strategy="resource", reuse_factor=reuse)).layers[0]
    assert (fc.multipliers, fc.dsp, fc.ii) == (expected, expected, reuse)
    assert fc.latency_cycles >= reuse


def test_resource_strategy_counts_zeros_too() -> None:
    options = {"strategy": "resource", "reuse_factor": 4}
    assert run(dense(np.zeros((8, 8), np.int64), **options)).lut == run(dense(random_weights(2, 8, 8), **options)).lut


def test_resource_strategy_without_reuse_is_the_latency_strategy() -> None:
    weights = random_weights(3)
    assert run(dense(weights, strategy="resource")).layers == run(dense(weights)).layers


@pytest.mark.parametrize(
    ("widths", "expected"), [((16, 16), 1), ((16, 4), 0), ((10, 10), 0), ((20, 20), 2), ((32, 32), 4), ((18, 18), 1)]
)
def test_dsp_of_one_multiplier(widths: tuple[int, int], expected: int) -> None:
    assert multiplier_cost(*widths)[0] == expected
    assert multiplier_cost(*reversed(widths)) == multiplier_cost(*widths)


@pytest.mark.parametrize(("width", "luts"), [(6, 23), (7, 33), (8, 40), (9, 49), (10, 62)])
def test_luts_of_one_multiplier(width: int, luts: int) -> None:
    assert multiplier_cost(width, width) == (0, luts)


def test_multiplier_fixed_to_dsp_or_fabric() -> None:
    assert multiplier_cost(8, 8, "dsp") == (1, 0.0)
    assert multiplier_cost(18, 18, "fabric") == (0, 366.0)


@pytest.mark.parametrize(
    ("width", "depth", "blocks"),
    [
        (0, 9, 0),
        (16384, 32, 456),
        (18432, 32, 512),
        (1280, 4, 36),
        (720, 8, 20),
        (18, 1024, 1),
        (19, 1024, 2),
        (8, 16384, 8),
    ],
)
def test_block_rams(width: int, depth: int, blocks: int) -> None:
    assert bram18(width, depth) == blocks


def test_weights_of_the_resource_strategy_are_in_block_ram() -> None:
    # 90 multipliers read 90 * 8 bits at once, from 20 blocks of 36 bits.
    assert run(dense(random_weights(4, 72, 10), strategy="resource", reuse_factor=8)).bram18 == 20


def test_softmax_multiplies_once_per_class() -> None:
    softmax = run(activation("softmax", (5,)), tool="Vivado HLS").layers[0]
    # Three blocks for the exponential, which two classes read at once, and one for the inverse.
    assert (softmax.multipliers, softmax.dsp, softmax.bram18) == (5, 5, 4)
    assert run(activation("softmax", (5,)), tool="Vitis HLS").layers[0].bram18 == 5


# ------------------------------------------------------------------------------------------------- convolutions


def test_stream_convolution_takes_a_step_per_pixel() -> None:
    conv = run(conv2d(), io_type="io_stream").layers[0]
    # Eight times eight pixels, one matrix for all positions: 18 inputs, the same weight of three digits in all filters.
    assert (conv.multipliers, conv.latency_cycles, conv.ii) == (18, 66, 66)


def test_stream_convolution_pads_the_image() -> None:
    conv = run(conv2d(padding="same", output_shape=(8, 8, 4)), io_type="io_stream").layers[0]
    assert conv.latency_cycles == 10 * 10 + 2


def test_parallel_convolution_uses_one_matrix_for_all_positions() -> None:
    conv = run(conv2d()).layers[0]
    assert (conv.multipliers, conv.ii) == (18, 36)
    assert conv.latency_cycles >= 36


def test_resource_convolution_multiplies_its_reuse_by_the_pixels() -> None:
    conv = run(conv2d(strategy="resource", reuse_factor=18), io_type="io_stream").layers[0]
    assert conv.multipliers == 4
    assert conv.latency_cycles > 64 * 18


def test_pool_lines_are_buffered_by_width() -> None:
    narrow, wide = (Pool(Window(8, width, 2, 2, 4, 16), width=16).cost(Target("io_stream", 5.0)) for width in (32, 64))
    assert wide.lut > narrow.lut
    assert (narrow.latency_cycles, wide.latency_cycles) == (8 * 32 + 3, 8 * 64 + 3)


@pytest.mark.parametrize("function", ["max", "average"])
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_pools_are_covered(function: str, io_type: str) -> None:
    pool = HlsLayer(
        "pool", "pool", function, (), (8, 8, 4), (4, 4, 4), WIDE, WIDE, window=(2, 2), strides=(2, 2), padding="valid"
    )
    assert run(pool, io_type=io_type).lut > 0


def test_streams_have_fifos_between_layers() -> None:
    layers = (conv2d(name="fc"), activation("relu", (6, 6, 4)), activation("linear", (6, 6, 4)))
    vivado = run(*layers, io_type="io_stream", tool="Vivado HLS")
    vitis = run(*layers, io_type="io_stream", tool="Vitis HLS")
    assert [part.name for part in vivado.layers] == ["fc", "relu", "linear", "fc.fifo", "relu.fifo"]
    # 36 words: four FIFOs of 16 bits are a block RAM each, one of pixels of 64 bits is in two of 36 bits.
    assert [part.bram18 for part in vivado.layers[3:]] == [4, 4]
    assert [part.bram18 for part in vitis.layers[3:]] == [2, 2]


def test_a_memory_of_a_fifo_has_a_depth_of_a_power_of_two_and_a_small_one_is_shift_registers() -> None:
    # 2116 words of 16 bits would fit into three block RAMs, 4096 into four.
    target = Target("io_stream", 5.0, "Vivado HLS")
    assert Fifos(6, 16, 2116).cost(target).bram18 == 6 * 4
    assert Fifos(8, 16, 16).cost(target).bram18 == 0


def test_a_dense_layer_waits_for_the_words_of_its_stream() -> None:
    shape = HlsLayer("flat", "reshape", "", ("fc",), (6, 6, 4), (144,), WIDE, WIDE)
    fc = dense(random_weights(5, 144, 3), name="out", inputs=("flat",))
    out = run(conv2d(name="fc"), shape, fc, io_type="io_stream").layers[2]
    alone = run(dense(random_weights(5, 144, 3)), io_type="io_stream").layers[0]
    assert out.latency_cycles == alone.latency_cycles - 1 + 36


# -------------------------------------------------------------------------------------------------- monotonicity


@pytest.mark.parametrize("reuse", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_more_zeros_never_cost_more(reuse: int, seed: int) -> None:
    weights = random_weights(seed)
    order = np.random.default_rng(seed).permutation(weights.size)
    before = None
    for count in range(0, weights.size + 1, 8):
        pruned = weights.copy()
        pruned.flat[order[:count]] = 0
        after = run(dense(pruned, reuse_factor=reuse)).layers[0]
        if before is not None:
            assert after.lut <= before.lut
            assert after.dsp <= before.dsp
        before = after


@pytest.mark.parametrize("strategy", ["latency", "resource"])
@pytest.mark.parametrize("field", ["input_type", "weight_type", "accum_type", "result_type"])
def test_wider_types_never_cost_less(strategy: str, field: str) -> None:
    weights = random_weights(6)
    options = {"strategy": strategy, "reuse_factor": 4, "input_type": NARROW}
    # Up to where multipliers move from LUTs to DSP blocks, and from there on.
    for widths in (range(6, 11), range(11, 25)):
        # of the same step, else the same whole multiples of the step were other weights
        types = [FixedPoint(width, width - 2) for width in widths]
        reports = [run(dense(weights, **{**options, field: kind})).layers[0] for kind in types]
        for resource in ("lut", "dsp", "bram18"):
            numbers = [getattr(report, resource) for report in reports]
            assert numbers == sorted(numbers), resource


def test_a_faster_clock_never_takes_fewer_cycles() -> None:
    layer = dense(random_weights(7))
    latencies = [run(layer, clock_ns=clock, part="xc7z020clg400-1").latency_cycles for clock in (20.0, 10.0, 5.0, 2.5)]
    assert latencies == sorted(latencies)
    assert latencies[-1] > latencies[0]


def test_rounding_costs_luts() -> None:
    same = run(activation("relu", (8,))).layers[0]
    rounded = run(activation("relu", (8,), FixedPoint(8, 2, signed=False))).layers[0]
    assert rounded.lut > same.lut


# ------------------------------------------------------------------------------------------------------ the report


def test_totals_are_the_sums_of_the_parts() -> None:
    report = run(dense(random_weights(8)), activation("relu", (12,)), board="pynq-z2", part="xc7z020clg400-1")
    assert (report.source, report.board, report.part, report.fits) == ("estimate", "pynq-z2", "xc7z020clg400-1", None)
    for name in ("lut", "ff", "dsp", "bram18", "uram"):
        assert getattr(report, name) == sum(getattr(part, name) for part in report.layers)
    assert ResourceReport.from_json(report.to_json()) == report


def test_no_layers_cost_nothing() -> None:
    report = run()
    assert (report.lut, report.ff, report.latency_cycles, report.ii) == (0, 0, 0, 1)


def test_unknown_io_type_is_refused() -> None:
    with pytest.raises(InputError, match='io_type: expected io_parallel or io_stream, got "io_serial"'):
        run(io_type="io_serial")


def test_clock_must_be_positive() -> None:
    with pytest.raises(InputError, match="clock_ns: expected a clock period above 0 ns, got 0"):
        run(clock_ns=0)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (activation("gelu", (4,)), 'gelu: expected a layer that a formula covers, got "gelu activation"'),
        (
            dense(random_weights(9), strategy="unrolled"),
            'fc: expected weights and one of the strategies .* got "unrolled"',
        ),
    ],
)
def test_layers_without_a_formula_are_refused(layer: HlsLayer, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(layer)


def test_a_large_network_is_estimated_fast() -> None:
    sizes = (784, 300, 100, 10)
    layers = [dense(random_weights(n_in, n_in, n_out), name=f"fc{n_out}") for n_in, n_out in pairwise(sizes)]
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        run(*layers)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.2


def sampling(offsets: FixedPoint, shape: tuple[int, int, int] = (4, 5, 2)) -> HlsLayer:
    """Samples of an image of 6 bits at 3 x 3 places."""
    image, result = FixedPoint(6, 2), FixedPoint(6 + 2 * max(offsets.fraction, 0), 2)
    fields = {"name": "s", "kind": "deformable", "function": "", "inputs": ("a", "b"), "window": (3, 3)}
    shapes = {"input_shape": shape, "output_shape": (*shape[:2], 9 * shape[2])}
    return HlsLayer(**fields, **shapes, input_type=image, second_type=offsets, result_type=result)


def test_sampling_counts_multiplexers_and_interpolations() -> None:
    part = run(sampling(FixedPoint(5, 3))).layers[0]
    adder = 12  # LUTs of one of few bits, and of a product by two bits
    place = 2 * (adder + 2 * (adder + 5 / 2) + 5 * 20 / 2)  # sum, two comparisons, selection of the offset; both axes
    sample = 4 * 6 * 20 / 2 + 3 * 3 * adder  # four pixels selected out of 20; three times difference, product and sum
    assert (part.lut, part.multipliers, part.dsp) == (9 * (place + 2 * sample), 9 * 2 * 3, 0)
    assert (part.ii, part.latency_cycles) == (20, 25)
    whole_pixels = run(sampling(FixedPoint(3, 3))).layers[0]
    assert (whole_pixels.multipliers, whole_pixels.lut < part.lut) == (0, True)
    assert run(sampling(FixedPoint(5, 3), (8, 8, 2))).layers[0].lut > 2 * part.lut
    with pytest.raises(InputError, match='s: expected a layer that a formula covers, got "deformable"'):
        run(sampling(FixedPoint(5, 3)), io_type="io_stream")


# ------------------------------------------------------------------------------------------------ other strategies


def test_unrolled_resource_leaves_out_multipliers_without_work() -> None:
    weights = random_weights(6, 8, 4)
    weights[:, 1] = 0  # with reuse factor 8 one multiplier has the weights of one output
    plain, unrolled = (
        run(dense(weights, strategy=strategy, reuse_factor=8)).layers[0]
        for strategy in ("resource", "resource_unrolled")
    )
    assert (plain.multipliers, unrolled.multipliers) == (4, 3)
    assert unrolled.lut < plain.lut


def test_distributed_arithmetic_has_no_multipliers_and_fewer_additions_than_digits() -> None:
    weights = random_weights(7, 32, 16)
    matrix = matrix_of(dense(weights, strategy="distributed_arithmetic"))
    digits = int(csd_digits(weights).sum())
    assert 0.3 * digits < matrix.nonzero < digits - 16
    report = run(dense(weights, strategy="distributed_arithmetic"))
    assert (report.dsp, report.bram18, report.layers[0].multipliers) == (0, 0, 0)


@pytest.mark.parametrize("rows", [[[0, 0], [0, 0]], [[1, 0], [0, -4]]])
def test_distributed_arithmetic_of_wires_needs_no_additions(rows: list[list[int]]) -> None:
    assert matrix_of(dense(np.array(rows), strategy="distributed_arithmetic")).nonzero == 0
