"""What is known of the points of a sweep over number types before any of them is trained: the accuracy that a network
has when it is quantized without training, and the resources that it will need.

One quantized network is given other types in place, so that a point costs a fraction of a second. Its resources are
those of the whole design, estimated as the flow does after training; training changes them a little, as the widths of
sums depend on the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import boards, doing, training
from fpga_flow.compress.quantize import calibration
from fpga_flow.datasets.base import Dataset, Part
from fpga_flow.errors import FieldError, InputError
from fpga_flow.hls import fit, lower, settings
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.networks.network import Network
from fpga_flow.networks.quantized import give_types, with_types
from fpga_flow.networks.ranges import Ranges, Types
from fpga_flow.networks.sites import find_sites, prepare, written_types
from fpga_flow.number_types import FixedWidth, NumberType
from fpga_flow.resources.estimate import tool_of
from fpga_flow.resources.estimate.stages import estimates
from fpga_flow.resources.report import RESOURCES
from fpga_flow.spec.model import FlowSpec
from fpga_flow.sweep.result import Parameter, Sensitivity

#: Samples that are run through the network at a time.
_BATCH = 500
#: What is told of a point's hardware, see `ResourceReport`.
_NUMBERS = (*RESOURCES, "latency_cycles", "ii")


def of_width(type_: NumberType, width: int) -> NumberType:
    """The type of so many bits in the place of a written one: that itself if it has them, else one whose integer bits
    are found from data. A range that suits eight bits wastes most values of two.
    """
    if type_.width == width:
        return type_
    return FixedWidth(width, getattr(type_, "signed", True))


def unquantized(run: Path) -> Network:
    """The network of a run's folder as its quantize pass got it.

    Raises:
        InputError: there is no such pass, or the network is missing or damaged.
    """
    stages = {int(folder.name.split("-")[0]): folder for folder in run.glob("[0-9]*-*") if folder.is_dir()}
    number = next((number for number, folder in stages.items() if folder.name.endswith("-quantize")), None)
    if number is None:
        raise InputError.at(str(run), "expected the folder of a run with a quantize pass, got none")
    return Network.load(stages[number - 1])


def resources_of(model: Any, spec: FlowSpec) -> dict[str, float]:
    """The resources of a quantized network by their names, and `latency_cycles` and `ii`, as estimated for after logic
    synthesis.

    Raises:
        FieldError: a layer has no exact HLS code.
    """
    board = boards.load(spec.hls.board)
    chosen = settings.settings(spec.name, spec.hls, board)
    lowered = lower.lower(model, spec.hls.softmax, spec.hls.io_type)
    if settings.asks_to_fit(spec.hls):
        layers, _ = fit.choose(lowered, spec.hls, chosen, board)
    else:
        layers = settings.apply(lowered, spec.hls, BACKENDS[chosen.backend])
    _, made = estimates(
        layers, io_type=chosen.io_type, clock_ns=chosen.clock_ns, tool=tool_of(chosen.backend), part=chosen.part
    )
    return {name: float(getattr(made, name) or 0) for name in _NUMBERS}


class Probe:
    """The points of a sweep, by the values of its parameters, without training.

    Only the sections `precision` and `hls` of the points' specs may differ.
    """

    def __init__(
        self,
        network: Network,
        dataset: Dataset,
        spec_of: Callable[[Mapping[str, Any]], FlowSpec],
        *,
        samples: int = 2000,
    ) -> None:
        """Nothing is computed before it is asked for.

        Args:
            network: as the quantize pass gets it.
            spec_of: the spec of a point.
            samples: so many validation samples at most are measured on.

        Raises:
            ValueError: there are no validation samples.
            FieldError: a layer can't be quantized.
        """
        self._part = Part(dataset.validation.x[:samples], dataset.validation.y[:samples])
        if not len(self._part.x):
            raise ValueError("expected validation samples to measure accuracy on, got none")
        self._spec_of, self._prepared = spec_of, prepare(network.model)
        self._sites, self._samples = find_sites(self._prepared), calibration(dataset)
        self._ranges: Ranges | None = None
        self._closed: dict[Any, Any] = {}
        self._quantized: tuple[Any, Types] | None = None
        self._resources: dict[tuple[tuple[str, Any], ...], dict[str, float]] = {}

    def loss(self, values: Mapping[str, Any]) -> tuple[float, float]:
        """The mean cross-entropy and the accuracy of a point, on the validation samples.

        Raises:
            FieldError: the network can't have these types.
        """
        model = self._at(self._spec_of(values))
        starts = range(0, len(self._part.x), _BATCH)
        logits = np.concatenate([model(self._part.x[each : each + _BATCH], training=False).numpy() for each in starts])
        loss = training.cross_entropy(self._part.y)(self._part.y, logits)
        return float(loss), training.accuracy(logits, self._part.y)

    def resources(self, values: Mapping[str, Any]) -> dict[str, float]:
        """The resources of a point, see `resources_of`; infinite where the network can't have these types."""
        key = tuple(sorted(values.items()))
        if key not in self._resources:
            try:
                spec = self._spec_of(values)
                self._resources[key] = resources_of(self._at(spec), spec)
            except FieldError:
                self._resources[key] = dict.fromkeys(_NUMBERS, math.inf)
        return self._resources[key]

    def sensitivities(self, base: Mapping[str, Any], parameters: Sequence[Parameter]) -> tuple[Sensitivity, ...]:
        """What each value of each parameter alone changes of the base point: its `loss`, its `accuracy` and its
        resources; None where the network can't have the value's type.
        """
        before = self._measured(base)
        found = []
        points = [(parameter.name, value) for parameter in parameters for value in parameter.values or ()]
        for name, value in doing.each(points, "values measured without training"):
            after = self._measured({**base, name: value})
            change = {key: None if math.isinf(number) else number - before[key] for key, number in after.items()}
            found.append(Sensitivity(name, value, change))
        return tuple(found)

    def _measured(self, values: Mapping[str, Any]) -> dict[str, float]:
        resources = self.resources(values)
        if math.isinf(resources["lut"]):
            return {"loss": math.inf, "accuracy": math.inf, **resources}
        loss, accuracy = self.loss(values)
        return {"loss": loss, "accuracy": accuracy, **resources}

    def _at(self, spec: FlowSpec) -> Any:
        """The model with a point's types."""
        types = self._types_of(spec)
        if self._quantized is None:
            model = with_types(self._prepared, types)
        else:
            model, before = self._quantized
            changed = {name for name, each in types.layers.items() if each != before.layers[name]}
            names = changed | ({""} if types.input != before.input else set())
            give_types(model, self._prepared, types, names)
        self._quantized = model, types
        return model

    def _types_of(self, spec: FlowSpec) -> Types:
        """The types of a point. Each is closed once: that looks at all weights, or at many samples."""
        precision = spec.precision
        if precision is None:
            raise ValueError("expected a spec with a section `precision`, got none")
        if self._ranges is None:
            rule = next(one.options.ranges for one in spec.compress if one.name == "quantize")
            self._ranges = Ranges(self._prepared, self._sites, self._samples, rule)
        ranges = self._ranges
        if ("", precision.input) not in self._closed:
            self._closed["", precision.input] = ranges.close(precision.input, "", "input")
        input_type, layers = self._closed["", precision.input], {}
        for name, site in ranges.sites.items():
            written = written_types(site, precision)
            key = (name, tuple(written.items()))
            if key not in self._closed:
                self._closed[key] = ranges.types(input_type, {name: written}).layers[name]
            layers[name] = self._closed[key]
        return Types(input_type, layers)
