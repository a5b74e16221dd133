"""Stress for a C simulation: inputs that provoke overflows, and what happened to them in the C++.

Random and extreme inputs alone hardly ever do: of a sum of many numbers they reach a small part of the range. So the
extremes of every layer are searched for (`adversary.py`). What the C++ then did is counted in it, value by value, so
that nothing depends on what the project's description says of its types; and one of our projects is compared with the
emulator, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.csim import inputs as inputs_
from fpga_flow.csim.build import Simulator, Tensor
from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis import adversary, patterns, trace
from fpga_flow.errors import InputError
from fpga_flow.hls.intervals import analyse
from fpga_flow.hls.project import HlsProject

Doubles = NDArray[np.float64]

#: Inputs that the search without knowledge of the layers may try.
_BUDGET = 10_000
#: Values of a layer that it looks at, at most; of an image with more, each is like many others.
_WATCHED = 1024


@dataclass(frozen=True)
class Overflow:
    """Values that did not fit into a type of a layer.

    wrapped, saturated      how many, of all inputs
    lowest, highest     of the values before the conversion
    least, greatest     values of the type
    exact       whether the layer's outputs are right all the same; None: nothing to compare with
    input       the number of the input with the value farthest outside of the type, in `StressReport.inputs`
    kind        of that input
    """

    layer: str
    type: str
    wrapped: int
    saturated: int
    lowest: float
    highest: float
    least: float
    greatest: float
    exact: bool | None
    input: int
    kind: str


@dataclass(frozen=True)
class Difference:
    """A layer whose outputs are not the emulator's: for how many inputs, by how much, and for which one the most."""

    layer: str
    inputs: int
    max_abs_diff: float
    input: int
    kind: str


@dataclass(frozen=True)
class Reach:
    """What interval analysis says of a conversion, by the types in the project's description: its bounds, and whether
    they, or for an accumulator those of any part of the sum, exceed the type.
    """

    layer: str
    part: str
    type: str
    saturates: bool
    low: float
    high: float
    exceeds: bool


@dataclass(frozen=True)
class StressReport:
    """What stress found.

    seed        of the inputs
    inputs      (n, values of a sample), all that were simulated, to be recorded or traced again
    kinds       of each input: `random`, `sparse`, `small`, `ends`, `extreme`, `single`, `adversarial`
    overflows   where values wrapped around first, then where they saturated
    differences     in the order of computation
    reach       of our own projects
    trace       of all inputs
    """

    seed: int
    inputs: Doubles
    kinds: tuple[str, ...]
    overflows: tuple[Overflow, ...]
    differences: tuple[Difference, ...]
    reach: tuple[Reach, ...]
    trace: trace.TraceReport

    @property
    def passed(self) -> bool:
        """No value wrapped around, and no layer differs. Saturation is what types with it are for."""
        return not self.differences and not any(overflow.wrapped for overflow in self.overflows)

    @property
    def worst(self) -> Doubles:
        """The inputs of all overflows and differences (k, values of a sample), each once."""
        inputs = [overflow.input for overflow in self.overflows] + [each.input for each in self.differences]
        return self.inputs[sorted(set(inputs))]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; without the inputs."""
        return {
            "seed": self.seed,
            "inputs": {kind: self.kinds.count(kind) for kind in dict.fromkeys(self.kinds)},
            "passed": self.passed,
            "overflows": [asdict(overflow) for overflow in self.overflows],
            "differences": [asdict(difference) for difference in self.differences],
            "reach": [asdict(reach) for reach in self.reach],
            "trace": self.trace.to_dict(),
        }


def run(
    design: Design, project: HlsProject | None, *, samples: int = 500, seed: int = 0, stock_headers: bool = False
) -> StressReport:
    """Simulate inputs that provoke overflows.

    Args:
        project: the same project, if it is one of ours; else its layers are known by what comes out of them alone.
        samples: random inputs; the others are added to them.

    Raises:
        InputError: the project's layers can't be recorded, its inputs are no fixed-point numbers, there are too many
            samples, or nothing could be found, as there is neither a count of overflows nor a project of ours.
        ToolError: the compiler is missing or fails, or the C++ crashes.
    """
    simulator, uncounted = trace.simulator(design, stock_headers=stock_headers)
    if uncounted and project is None:
        message = f"expected a project made by fpga_flow, or one whose overflows can be counted, but {uncounted}"
        raise InputError.at(str(design.folder), message)
    inputs_.check_count(samples, simulator.input_size)
    rng = np.random.default_rng(seed)
    if project is not None:
        ports: tuple[Tensor, ...] = (Tensor("inputs", simulator.input_size, str(project.layers[0].input_type)),)
    else:
        ports = simulator.inputs
    made = patterns.patterns(patterns.input_types(design, ports), samples, rng)
    start = np.concatenate(list(made.values()))
    doing.now("searching for inputs that overflow")
    if project is not None:
        shaped = start.reshape(len(start), *project.layers[0].input_shape)
        searched = adversary.by_slopes(project.layers, shaped, rng).reshape(-1, start.shape[1])
    else:
        low, high, _ = patterns.input_types(design, ports)
        searched = adversary.by_differences(_layers_of(simulator, rng), low, high, start, _BUDGET, rng)
    made["adversarial"] = np.unique(searched, axis=0)
    inputs = np.concatenate(list(made.values()))
    kinds = tuple(kind for kind, values in made.items() for _ in values)
    report = trace.examine(design, project, inputs, stock_headers=stock_headers)
    differences = tuple(
        Difference(layer.name, layer.differing, layer.max_abs_diff, layer.worst_sample, kinds[layer.worst_sample])
        for layer in report.layers
        if layer.differing and layer.max_abs_diff is not None and layer.worst_sample is not None
    )
    overflows = _overflows(simulator, report, inputs, kinds)
    return StressReport(seed, inputs, kinds, overflows, differences, _reach(project), report)


def _layers_of(simulator: Simulator, rng: np.random.Generator) -> Callable[[Doubles], dict[str, Doubles]]:
    """What gives the outputs of all layers for inputs (n, values): those values of each that are watched."""
    watched: dict[str, NDArray[np.int64]] = {}

    def layers_of(x: Doubles) -> dict[str, Doubles]:
        found: dict[str, list[Doubles]] = {}
        for _, traced in trace.chunks(simulator, x):
            for name, values in traced.layers.items():
                if name not in watched:
                    watched[name] = np.sort(rng.permutation(values.shape[1])[:_WATCHED])
                found.setdefault(name, []).append(values[:, watched[name]])
        return {name: np.concatenate(parts) for name, parts in found.items()}

    return layers_of


def _overflows(
    simulator: Simulator, report: trace.TraceReport, inputs: Doubles, kinds: tuple[str, ...]
) -> tuple[Overflow, ...]:
    exact = {layer.name: layer.exact for layer in report.layers if layer.kind != "conversion"}
    found = {(layer.name, layer.type): layer for layer in report.layers if layer.wrapped or layer.saturated}
    worst = _worst(simulator, inputs, set(found))
    made = [
        Overflow(
            name, type_, layer.wrapped or 0, layer.saturated or 0, layer.lowest or 0.0, layer.highest or 0.0,
            layer.least or 0.0, layer.greatest or 0.0, exact.get(name), worst[name, type_], kinds[worst[name, type_]],
        )
        for (name, type_), layer in found.items()
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda overflow: not overflow.wrapped))


def _worst(simulator: Simulator, inputs: Doubles, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """For each of these layers and types, the number of the input with the value farthest outside of the type."""
    if not wanted or len(inputs) == 1:
        return dict.fromkeys(wanted, 0)
    middle = len(inputs) // 2
    far = [_farthest(simulator, part) for part in (inputs[:middle], inputs[middle:])]
    first = {key for key in wanted if far[0].get(key, -np.inf) >= far[1].get(key, -np.inf)}
    second = {key: middle + number for key, number in _worst(simulator, inputs[middle:], wanted - first).items()}
    return _worst(simulator, inputs[:middle], first) | second


def _farthest(simulator: Simulator, inputs: Doubles) -> dict[tuple[str, str], float]:
    """How far outside of their types values were, by layer and type."""
    far: dict[tuple[str, str], float] = {}
    for event in (event for _, traced in trace.chunks(simulator, inputs) for event in traced.events):
        ends = trace.limits(event.type)
        if ends is not None and (event.wrapped or event.saturated):
            distance = max(ends[0] - event.lowest, event.highest - ends[1])
            far[event.layer, event.type] = max(distance, far.get((event.layer, event.type), -np.inf))
    return far


def _reach(project: HlsProject | None) -> tuple[Reach, ...]:
    if project is None:
        return ()
    return tuple(
        Reach(
            each.layer, each.part, str(each.type), each.rounds, float(each.value.low.min()),
            float(each.value.high.max()), bool((each.exceeds | each.exceeds_partially).any()),
        )
        for bounds in analyse(project.layers).values()
        for each in bounds.conversions
    )  # fmt: skip
