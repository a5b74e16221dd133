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
    "activation": {"ff": 1.008, "latency_cycles": 0.0, "lut": 0.452},
    "activation_stream": {"ff": 2.216, "latency_cycles": 0.694, "lut": 0.468},
    "conv2d": {"bram18": 0.406, "dsp": 4.175, "ff": 0.502, "latency_cycles": 1.428, "lut": 1.093},
    "dense_stream": {"bram18": 0.406, "dsp": 5.55, "ff": 0.728, "latency_cycles": 1.861, "lut": 0.757},
    "fifo": {"bram18": 0.368, "ff": 2.989, "lut": 1.76},
    "matrix, latency": {"dsp": 0.01, "ff": 0.464, "latency_cycles": 0.337, "lut": 0.246},
    "matrix, resource": {"bram18": 0.406, "dsp": 5.55, "ff": 0.999, "latency_cycles": 0.406, "lut": 1.07},
    "move": {"ff": 0.543, "latency_cycles": 0.406, "lut": 1.411},
    "pool": {"ff": 0.463, "latency_cycles": 0.692, "lut": 0.452},
    "project, io_parallel": {"bram18": 0.406, "dsp": 0.042, "ff": 0.199, "latency_cycles": 0.535, "lut": 0.153},
    "project, io_stream": {"bram18": 0.183, "dsp": 5.109, "ff": 0.451, "latency_cycles": 1.012, "lut": 0.432},
    "softmax": {"bram18": 0.406, "dsp": 0.0, "ff": 0.799, "latency_cycles": 0.511, "lut": 1.505},
    "softmax_stream": {"bram18": 0.406, "dsp": 0.694, "ff": 0.78, "latency_cycles": 0.891, "lut": 0.779},
    "top": {"ff": 0.496, "lut": 1.219},
}

UNSEEN: Margins = {"bram18": 0.406, "dsp": 5.55, "ff": 2.989, "latency_cycles": 1.861, "lut": 1.76}

FACTORS: Mapping[str, float] = {"bram18": 0.782, "dsp": 1.0, "ff": 0.776, "lut": 0.443}

FACTOR_MARGINS: Margins = {"bram18": 1.263, "dsp": 0.332, "ff": 0.492, "lut": 0.476}
