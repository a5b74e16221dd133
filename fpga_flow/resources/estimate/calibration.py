"""How sure the estimates are, and what logic synthesis leaves of them; see interval.py and stages.py.

Written by `benchmarks/resource_estimate.py --calibrate` from published reports. Margins are logarithms of ratios.

MARGINS         of csynth's numbers, by kind of part and of whole projects; what is not named, a kind does not need
UNSEEN          of kinds that no report has: the widest of all
FACTORS         post-synthesis by csynth
FACTOR_MARGINS  of the factors
"""

from collections.abc import Mapping

Margins = Mapping[str, float]

MARGINS: Mapping[str, Margins] = {
    "activation": {"ff": 0.974, "latency_cycles": 0.0, "lut": 0.865},
    "activation_stream": {"ff": 2.434, "latency_cycles": 0.694, "lut": 0.388},
    "conv2d": {"bram18": 0.607, "dsp": 4.175, "ff": 0.559, "latency_cycles": 0.288, "lut": 0.784},
    "dense_stream": {"bram18": 1.92, "dsp": 1.792, "ff": 0.94, "latency_cycles": 0.695, "lut": 3.753},
    "fifo": {"bram18": 0.956, "ff": 1.031, "lut": 0.955},
    "matrix, latency": {"dsp": 0.05, "ff": 1.788, "latency_cycles": 0.511, "lut": 0.544},
    "matrix, resource": {"bram18": 1.92, "dsp": 1.792, "ff": 3.857, "latency_cycles": 0.252, "lut": 4.084},
    "pool": {"ff": 0.893, "latency_cycles": 0.691, "lut": 0.84},
    "project, io_parallel": {"bram18": 0.0, "dsp": 0.08, "ff": 1.719, "latency_cycles": 0.672, "lut": 0.359},
    "project, io_stream": {"bram18": 0.311, "dsp": 0.08, "ff": 1.719, "latency_cycles": 0.492, "lut": 0.561},
    "softmax": {"bram18": 0.406, "dsp": 0.0, "ff": 0.832, "latency_cycles": 0.511, "lut": 1.539},
    "softmax_stream": {"bram18": 0.406, "dsp": 0.694, "ff": 0.689, "latency_cycles": 0.588, "lut": 1.186},
    "top": {"ff": 0.547, "lut": 1.306},
}

UNSEEN: Margins = {"bram18": 1.92, "dsp": 4.175, "ff": 3.857, "latency_cycles": 0.695, "lut": 4.084}

FACTORS: Mapping[str, float] = {"bram18": 0.782, "dsp": 1.0, "ff": 0.776, "lut": 0.443}

FACTOR_MARGINS: Margins = {"bram18": 1.263, "dsp": 0.1, "ff": 0.938, "lut": 0.36}
