"""The constants of the formulas: `CONSTANTS[formula][term]`, with the names that the formulas themselves give.

They are printed by `benchmarks/resource_estimate.py --fit`, a robust least-squares fit to the published synthesis
reports of unchanged hls4ml projects (rows of `origin` hls4ml in layers.csv and projects.csv), all sources together. A
constant of 0.0 says that the reports do not show this term.

Units: LUTs or FFs per unit of the term (`..._lut`, `..._ff`), clock cycles per unit (`..._depth`, `..._step`). The
terms of `softmax_depth` are divided by the clock period, so that those constants are delays in ns.

What the tools decide by a rule (operations, their widths and costs, where the clock cuts a chain of them, memories) is
not in here but in hardware.py and timing.py; where the formula is nothing but such rules, its constants are near 1.
"""

from collections.abc import Mapping

Constants = Mapping[str, float]

CONSTANTS: Mapping[str, Constants] = {
    "softmax_depth": {
        "series_7": 20.36,
        "ultrascale": 11.24,
    },
    "resource_depth": {
        "one": 2.289,
    },
    "resource_lut": {
        "selected_bits": 6.503,
        "input_multiplexers": 31.49,
        "output_multiplexers": 43.42,
        "one": 73.55,
    },
    "resource_ff": {
        "inputs": 2.936,
        "outputs": 1.674,
        "products": 0.6423,
        "one": 0.0,
    },
    "latency_lut": {
        "sums": 0.9995,
        "dsp_multipliers": 2.735,
        "selected_products": 0.7868,
    },
    "latency_ff": {
        "tree": 1.063,
        "products": 0.8303,
        "ports": 0.6449,
    },
    "dense_stream_depth": {
        "one": 0.6424,
    },
    "dense_stream_lut": {
        "input_bits": 0.07934,
        "output_bits": 0.7981,
        "one": 275.7,
    },
    "dense_stream_ff": {
        "input_bits": 0.5123,
        "output_bits": 1.806,
        "one": 0.0,
    },
    "conv_step": {
        "latency": 3.057,
        "resource": 5.145,
    },
    "conv_lut": {
        "window_bits": 0.123,
        "output_bits": 0.2494,
        "one": 552.8,
    },
    "conv_ff": {
        "window_bits": 1.88,
        "output_bits": 0.9842,
        "one": 102.8,
    },
    "pool_lut": {
        "values": 35.28,
        "window_bits": 1.319,
        "one": 18.25,
    },
    "pool_ff": {
        "window_bits": 2.146,
        "one": 0.0,
    },
    "move_lut": {
        "channels": 27.98,
        "one": 154.7,
    },
    "move_ff": {
        "one": 26.28,
    },
    "activation_lut": {
        "compared_bits": 1.16,
        "rounded_bits": 2.758,
        "output_bits": 0.757,
        "one": 0.0,
    },
    "activation_stream_lut": {
        "compared_bits": 1.187,
        "rounded_bits": 4.771,
        "output_bits": 0.1742,
        "one": 257.0,
    },
    "activation_stream_ff": {
        "one": 55.27,
    },
    "softmax_lut": {
        "input_bits": 5.916,
        "one": 0.0,
    },
    "softmax_ff": {
        "held_bits": 0.9044,
        "one": 0.0,
    },
    "softmax_stream_depth": {
        "one": 6.085,
    },
    "softmax_stream_lut": {
        "elements": 196.3,
        "one": 0.0,
    },
    "softmax_stream_ff": {
        "elements": 93.47,
        "one": 15.92,
    },
    "fifo_lut": {
        "fifos": 16.06,
        "shift_bits": 2.095,
    },
    "fifo_ff": {
        "fifos": 13.45,
        "shift_bits": 0.1256,
    },
    "top_lut": {
        "matrix_bits": 0.02813,
        "activation_bits": 0.0,
    },
    "top_ff": {
        "matrix_bits": 1.167,
        "activation_bits": 0.2389,
    },
    "top_depth": {
        "calls": 1.091,
    },
}
