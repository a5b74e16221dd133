"""What is measured of each point of a sweep, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Measure:
    """A number of a point: `label` names it in tables and on axes, `unit` is empty for counts and shares."""

    label: str
    direction: Direction
    unit: str = ""
    share: bool = False


#: By the names that a spec's `objectives` and `constraints` use. Accuracies are those of the quantized network, which
#: the C++ computes: `accuracy` on the validation samples, by which points are chosen, `test_accuracy` on the test
#: samples, which choose nothing. Resources are the post-synthesis estimate's; `bytes` are those of model.fpz.
MEASURES = {
    "accuracy": Measure("accuracy", "maximize", share=True),
    "test_accuracy": Measure("test accuracy", "maximize", share=True),
    "lut": Measure("LUT", "minimize"),
    "ff": Measure("FF", "minimize"),
    "dsp": Measure("DSP", "minimize"),
    "bram18": Measure("BRAM18", "minimize"),
    "latency_cycles": Measure("latency", "minimize", "cycles"),
    "ii": Measure("initiation interval", "minimize", "cycles"),
    "energy": Measure("energy", "minimize", "nJ"),
    "bytes": Measure("bytes", "minimize"),
}

#: What can be an objective or limited: all but what is measured on the test samples.
CHOOSING = tuple(name for name in MEASURES if name != "test_accuracy")
