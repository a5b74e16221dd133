"""The constants of the formulas: `CONSTANTS[formula][term]`, with the names that the formulas themselves give.

They are printed by `benchmarks/resource_estimate.py --fit`, a robust least-squares fit to the published synthesis
reports of unchanged hls4ml projects (rows of `origin` hls4ml in layers.csv and projects.csv), all sources together. A
constant of 0.0 says that the reports do not show this term.

Units: LUTs or FFs per unit of the term (`..._lut`, `..._ff`), clock cycles per unit (`..._depth`, `..._step`). The
terms of `depth` and `softmax_depth` are divided by the clock period, so that those constants are delays in ns; only
`one` of `softmax_depth` is in cycles.
"""

from collections.abc import Mapping

Constants = Mapping[str, float]

CONSTANTS: Mapping[str, Constants] = {
    "softmax_depth": {
        "series_7": 25.0,
        "ultrascale": 16.0,
    },
    "resource_depth": {
        "one": 2.287,
    },
    "resource_lut": {
        "sums": 1.808,
        "selected_bits": 8.331,
        "input_multiplexers": 0.0164,
        "output_multiplexers": 45.46,
        "one": 604.4,
    },
    "resource_ff": {
        "inputs": 0.006164,
        "outputs": 2.322,
        "products": 1.531,
        "one": 142.8,
    },
    "latency_lut": {
        "sums": 1.0,
        "dsp_multipliers": 5.0,
        "selected_products": 1.0,
    },
    "latency_ff": {
        "tree": 1.0,
        "products": 1.0,
        "ports": 1.0,
    },
    "dense_stream_depth": {
        "one": 0.629,
    },
    "dense_stream_lut": {
        "input_bits": 0.01367,
        "output_bits": 1.621,
        "one": 141.4,
    },
    "dense_stream_ff": {
        "input_bits": 1.134,
        "output_bits": 1.58,
        "one": 0.0,
    },
    "conv_step": {
        "latency": 0.9942,
        "resource": 5.478,
    },
    "conv_lut": {
        "line_bits": 0.01919,
        "window_bits": 0.2474,
        "output_bits": 0.1831,
        "one": 395.1,
    },
    "conv_ff": {
        "line_bits": 0.0,
        "window_bits": 2.608,
        "output_bits": 1.358,
        "one": 90.86,
    },
    "pool_lut": {
        "line_bits": 9.167,
        "window_bits": 1.299,
        "one": 638.6,
    },
    "pool_ff": {
        "line_bits": 1.536,
        "window_bits": 2.166,
        "one": 0.0,
    },
    "activation_lut": {
        "compared_bits": 0.0,
        "rounded_bits": 2.376,
        "output_bits": 1.585,
        "one": 0.0,
    },
    "activation_stream_lut": {
        "compared_bits": 1.395,
        "rounded_bits": 3.925,
        "output_bits": 0.4499,
        "one": 187.6,
    },
    "activation_stream_ff": {
        "compared_bits": 0.0,
        "rounded_bits": 0.0,
        "output_bits": 0.0,
        "one": 55.27,
    },
    "softmax_lut": {
        "input_bits": 5.916,
        "one": 0.0,
    },
    "softmax_ff": {
        "held_bits": 0.7982,
        "one": 0.0,
    },
    "softmax_stream_lut": {
        "input_bits": 3.1,
        "one": 408.1,
    },
    "softmax_stream_ff": {
        "held_bits": 0.4791,
        "one": 216.5,
    },
    "fifo_lut": {
        "fifos": 29.8,
        "shift_bits": 0.4348,
    },
    "fifo_ff": {
        "fifos": 11.75,
        "shift_bits": 0.2473,
    },
    "top_lut": {
        "matrix_bits": 0.01,
        "activation_bits": 0.01,
    },
    "top_ff": {
        "matrix_bits": 1.0,
        "activation_bits": 0.6,
    },
    "top_depth": {
        "calls": 1.0,
    },
}
