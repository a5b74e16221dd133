"""The converted network in numpy: every layer as its C++ computes it, bit for bit, for many samples at a time.

Values are whole multiples of the steps of their types, held in float32 where no number that can appear needs more than
24 bits, else in float64 (53 bits); so all sums are exact, in any order, and BLAS does them. Conversions round, saturate
and wrap around as the C++ types do. Only softmax, which the C++ looks up in tables, is computed in double instead.

Tensors are (*shape, n): with the samples last, every window of an image is a matrix of adjacent numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import threadpoolctl
from joblib import cpu_count  # counts what this process may use, of a container, too
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.hls.emulate.arithmetic import Reals, needed_bits
from fpga_flow.hls.emulate.elementwise import activation, deformable, global_pool, merge, moved, pool, softmax
from fpga_flow.hls.emulate.weighted import exact, weighted
from fpga_flow.hls.layer import HlsLayer

__all__ = ["FLOAT32_BITS", "FLOAT64_BITS", "Emulator", "softmax"]

#: Bits of whole numbers that the types hold exactly.
FLOAT32_BITS, FLOAT64_BITS = 24, 53
#: Values of the largest tensor (for convolutions, of the matrix of its windows) for one batch: as fit into caches.
_BATCH_VALUES = 2**18


class Emulator:
    """Computes lowered layers. It holds no state between samples."""

    def __init__(self, layers: Sequence[HlsLayer]) -> None:
        """Prepare the layers, in the order of computation.

        Raises:
            ValueError: a layer needs more bits than a double holds.
        """
        self.layers = tuple(layers)
        self._readers = Counter(name for layer in layers for name in layer.inputs)
        units = _units(self.layers, self._readers)
        self._steps = [_prepared(layer, units) for layer in layers]
        self._batch = max(1, _BATCH_VALUES // max(_work(layer) for layer in layers))

    def predict(self, x: NDArray[np.floating], *, jobs: int | None = None) -> NDArray[np.float64]:
        """The network's outputs (n, *output_shape) for samples (n, *input_shape), rounded into the input's type.

        Args:
            jobs: threads; left out: one per processor.
        """
        return self._outputs(x, [self.layers[-1]], jobs)[self.layers[-1].name]

    def predict_layers(self, x: NDArray[np.floating], *, jobs: int | None = None) -> dict[str, NDArray[np.float64]]:
        """The outputs of every layer for samples (n, *input_shape), by layer name: (n, *output_shape)."""
        return self._outputs(x, self.layers, jobs)

    def _outputs(
        self, x: NDArray[np.floating], wanted: Sequence[HlsLayer], jobs: int | None
    ) -> dict[str, NDArray[np.float64]]:
        outputs = {layer.name: np.empty((len(x), *layer.output_shape)) for layer in wanted}

        def compute(start: int) -> None:
            rows = slice(start, start + self._batch)
            for name, value, fraction in self._run(x[rows]):
                if name in outputs:
                    samples_first = np.moveaxis(value, -1, 0)
                    np.multiply(samples_first, 2.0**-fraction, out=outputs[name][rows])

        starts = range(0, len(x), self._batch)
        jobs, what = min(jobs or cpu_count(), len(starts)), "batches of samples computed exactly"
        if jobs <= 1:
            for start in doing.each(starts, what):
                compute(start)
            return outputs
        # a thread for each batch: most of the work is not in BLAS, whose own threads would only be in the way
        with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(jobs) as pool_:
            for number, _ in enumerate(pool_.map(compute, starts), 1):
                doing.now(what, number, len(starts))
        return outputs

    def _run(self, x: NDArray[np.floating]) -> Iterator[tuple[str, Reals, int]]:
        """Each layer's name, output, and the fractional bits in which it is held. The next layer may write over it."""
        readers = Counter(self._readers)
        tensors: dict[str, Reals] = {"inputs": self._input(x)}
        for layer, step in zip(self.layers, self._steps, strict=True):
            inputs = []
            for name in layer.inputs:
                readers[name] -= 1
                tensor = tensors[name] if readers[name] else tensors.pop(name)
                # some layers write over their input, and some hand on a view of it
                kept = step.overwrites and (readers[name] or tensor.base is not None)
                inputs.append(tensor.astype(step.dtype, copy=bool(kept)))
            made = step.function(*inputs)
            tensors[layer.name] = made
            yield layer.name, made, step.fraction

    def _input(self, x: NDArray[np.floating]) -> Reals:
        """Samples as whole numbers in the input's type: rounded half to even, saturated."""
        type_ = self.layers[0].input_type
        floats = x if x.dtype == np.float32 and type_.width <= FLOAT32_BITS else np.asarray(x, np.float64)
        raw = np.array(np.moveaxis(floats, 0, -1), order="C")
        raw *= raw.dtype.type(2.0**type_.fraction)
        np.rint(raw, out=raw)
        return np.clip(raw, type_.min / type_.step, type_.max / type_.step, out=raw)


@dataclass(frozen=True)
class _Step:
    """What computes a layer, the type of float that it computes in, the fractional bits in which its result is held,
    and whether it writes over its input.
    """

    function: Callable[..., Reals]
    dtype: type[np.floating]
    fraction: int
    overwrites: bool = False


def _units(layers: Sequence[HlsLayer], readers: Counter[str]) -> dict[str, int]:
    """The fractional bits in which each layer's result is held: those of its type, but where a rounding activation
    alone reads exact sums: then they are held in the activation's steps, in which it needs them.
    """
    units = {layer.name: layer.result_type.fraction for layer in layers}
    by_name = {layer.name: layer for layer in layers}
    for layer in layers:
        source = by_name.get(layer.inputs[0])
        rounds = layer.kind == "activation" and layer.function in ("relu", "linear")
        if rounds and source is not None and readers[source.name] == 1 and exact(source):
            units[source.name] = layer.result_type.fraction
    return units


def _prepared(layer: HlsLayer, units: dict[str, int]) -> _Step:
    bits = needed_bits(layer)
    if bits > FLOAT64_BITS:
        raise ValueError(f'layer "{layer.name}": expected numbers of at most {FLOAT64_BITS} bits, got {bits}')
    dtype = np.float32 if bits <= FLOAT32_BITS else np.float64
    unit = units[layer.name]
    if layer.weights is not None:
        return _Step(weighted(layer, dtype, unit), dtype, unit)
    if layer.kind == "activation":
        function = activation(layer, dtype, units.get(layer.inputs[0], layer.input_type.fraction))
        return _Step(function, dtype, unit, overwrites=layer.function in ("relu", "linear"))
    makers: dict[str, Callable[[HlsLayer], Callable[..., Reals]]] = {
        "pool": pool,
        "global_pool": global_pool,
        "merge": merge,
        "deformable": deformable,
    }
    return _Step(makers.get(layer.kind, moved)(layer), dtype, unit)


def _work(layer: HlsLayer) -> int:
    """Values of the largest tensor that a sample needs in a layer."""
    columns = layer.n_in * layer.groups * layer.positions if layer.kind.startswith("conv") else 0
    return max(layer.input_size, layer.output_size, columns)
