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
    "activation": {"ff": 1.008, "latency_cycles": 0.0, "lut": 0.865},
    "activation_stream": {"ff": 4.145, "latency_cycles": 0.694, "lut": 0.988},
    "conv2d": {"bram18": 0.118, "dsp": 1.61, "ff": 0.517, "latency_cycles": 0.357, "lut": 0.779},
    "dense_stream": {"bram18": 0.406, "dsp": 0.406, "ff": 0.699, "latency_cycles": 0.695, "lut": 0.75},
    "fifo": {"bram18": 0.368, "ff": 2.989, "lut": 1.76},
    "matrix, latency": {"dsp": 0.0, "ff": 0.416, "latency_cycles": 0.183, "lut": 0.266},
    "matrix, resource": {"bram18": 0.406, "dsp": 1.61, "ff": 3.857, "latency_cycles": 0.252, "lut": 3.418},
    "move": {"ff": 0.454, "latency_cycles": 0.224, "lut": 1.411},
    "pool": {"ff": 0.641, "latency_cycles": 0.691, "lut": 0.778},
    "project, io_parallel": {"bram18": 0.406, "dsp": 0.012, "ff": 0.171, "latency_cycles": 0.535, "lut": 0.317},
    "project, io_stream": {"bram18": 0.612, "dsp": 5.109, "ff": 0.785, "latency_cycles": 1.144, "lut": 1.344},
    "softmax": {"bram18": 0.406, "dsp": 0.0, "ff": 0.804, "latency_cycles": 0.511, "lut": 1.539},
    "softmax_stream": {"bram18": 0.337, "dsp": 0.0, "ff": 0.633, "latency_cycles": 0.588, "lut": 0.779},
    "top": {"ff": 0.456, "lut": 1.138},
}

UNSEEN: Margins = {"bram18": 0.612, "dsp": 5.109, "ff": 4.145, "latency_cycles": 1.144, "lut": 3.418}

FACTORS: Mapping[str, float] = {"bram18": 0.782, "dsp": 1.0, "ff": 0.776, "lut": 0.443}

FACTOR_MARGINS: Margins = {"bram18": 1.263, "dsp": 0.1, "ff": 0.938, "lut": 0.36}
