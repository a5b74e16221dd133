"""Inputs that drive the numbers in a network to their extremes: of all inputs, the likeliest to make them overflow.

`by_slopes` knows the layers and follows their slopes backwards; `by_differences` knows nothing but what comes out of
each layer, and changes inputs one by one. For sums of the network's inputs both find the extremes themselves; deeper in
the network they climb, and keep the best that they met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.intervals import Interval, analyse
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.linear import Doubles, backward, ideal

#: Numbers of a layer that are driven to their lowest and to their highest, the ones with the widest bounds first.
TARGETS = 16
#: Rounds of a climb, and the shares of the inputs that are moved in a round's tries: moving all may be too far.
ROUNDS = 10
_SHARES = (1.0, 0.5, 0.2, 0.05)
#: Groups of inputs that `by_differences` changes one after the other.
GROUPS = 1024


def by_slopes(layers: Sequence[HlsLayer], start: NDArray[np.floating], rng: np.random.Generator) -> Doubles:
    """Inputs (m, *input_shape) that drive the sums and results of each layer to their lowest and highest values.

    Args:
        layers: lowered ones.
        start: inputs (n, *input_shape), from the best of which each climb starts.
    """
    bounds = analyse(layers)
    start = layers[0].input_type.quantize(start)
    found = [start[:0]]
    for number, layer in enumerate(doing.each(layers, "layers, whose extremes are searched for")):
        if not bounds[layer.name].conversions or layer.kind == "activation":
            continue  # what saturates, does so by design
        part = layers[: number + 1]
        for sign in (1.0, -1.0):
            found.append(_climb(part, start, bounds[layer.name].conversions[0].value, sign, rng))
    return np.concatenate(found)


def _widest(bounds: Interval, sign: float) -> NDArray[np.int64]:
    """The numbers of the output values with the highest bounds (lowest, if `sign` is -1), one of each channel."""
    reach = (sign * (bounds.high if sign > 0 else bounds.low)).reshape(-1, bounds.low.shape[-1])
    places = reach.argmax(axis=0)
    channels = np.argsort(-reach.max(axis=0), kind="stable")[:TARGETS]
    return np.asarray(places[channels] * reach.shape[1] + channels)


def _climb(
    layers: Sequence[HlsLayer], start: Doubles, bounds: Interval, sign: float, rng: np.random.Generator
) -> Doubles:
    """Inputs that make the values with the widest bounds, of the last layer, high (low, if `sign` is -1)."""
    targets = _widest(bounds, sign)
    most = (sign * (bounds.high if sign > 0 else bounds.low)).ravel()[targets]
    emulator, last, type_ = Emulator(layers), layers[-1], layers[0].input_type
    rows = np.arange(len(targets))

    def tensors_at(x: Doubles) -> dict[str, Doubles]:
        return {"inputs": x, **emulator.predict_layers(x)}

    def values(tensors: Mapping[str, Doubles]) -> Doubles:
        whole = ideal(last, *(tensors[name] for name in last.inputs))
        return np.asarray(sign * whole.reshape(len(whole), -1))

    best: Doubles = start[values(tensors_at(start))[:, targets].argmax(axis=0)]
    for _ in range(ROUNDS):
        tensors = tensors_at(best)
        reached = values(tensors)[rows, targets]
        if (reached >= most).all():
            break
        slopes = _slopes(layers, tensors, targets, sign)
        moved = np.where(slopes > 0, type_.max, np.where(slopes < 0, type_.min, best))
        tries = np.concatenate([np.where(rng.random(best.shape) < share, moved, best) for share in _SHARES])
        gained = values(tensors_at(tries)).reshape(len(_SHARES), len(rows), -1)[:, rows, targets]
        chosen = tries.reshape(len(_SHARES), *best.shape)[gained.argmax(axis=0), rows]
        better = gained.max(axis=0) > reached
        best = np.where(better.reshape(-1, *[1] * (best.ndim - 1)), chosen, best)
    return best


def _slopes(
    layers: Sequence[HlsLayer], tensors: Mapping[str, Doubles], targets: NDArray[np.int64], sign: float
) -> Doubles:
    """The slopes of each target towards the inputs, a row for each."""
    last = layers[-1]
    first = np.zeros((len(targets), last.output_size))
    first[np.arange(len(targets)), targets] = sign
    slopes: dict[str, Doubles] = {last.name: first.reshape(-1, *last.output_shape)}
    for layer in reversed(layers):
        slope = slopes.pop(layer.name, None)
        if slope is None:  # no way leads from here to the last layer
            continue
        back = backward(layer, slope, tuple(tensors[name] for name in layer.inputs))
        for name, part in zip(layer.inputs, back, strict=True):
            slopes[name] = slopes[name] + part if name in slopes else part
    return slopes["inputs"]


def by_differences(
    layers_of: Callable[[Doubles], Mapping[str, Doubles]],
    low: Doubles,
    high: Doubles,
    start: Doubles,
    budget: int,
    rng: np.random.Generator,
) -> Doubles:
    """Inputs (m, inputs) that drive the outputs of each layer to their lowest and highest values.

    Args:
        layers_of: gives every layer's output (n, size), by name, for inputs (n, inputs).
        low, high: of each input.
        start: inputs (n, inputs) to begin with.
        budget: inputs that may be tried; at least one round is made.
    """
    found = [start[:0]]
    outputs = layers_of(start)
    bases = [start[np.abs(values).max(axis=1).argmax()] for values in list(outputs.values())[-1:]]
    reached: dict[tuple[str, int], float] = {}
    while bases:
        doing.now(f"searching for the extremes of layers, {sum(map(len, found)):,} inputs so far")
        base = bases.pop(0)
        groups = _groups(len(base), rng)
        other = np.where(base < (low + high) / 2, high, low)
        probes = np.concatenate([base[None], np.where(groups, other, base)])
        tried = [*_extremes(layers_of(probes), probes, groups, low, high)]
        budget -= len(probes) + len(tried)
        if not tried:
            break
        candidates = np.stack(tried)
        found.append(candidates)
        for name, values in layers_of(candidates).items():
            for sign in (1, -1):
                most = (sign * values).max(axis=1)
                if most.max() > reached.get((name, sign), -np.inf):
                    reached[name, sign] = float(most.max())
                    bases.append(candidates[most.argmax()])
        if budget < len(probes):
            break
    return np.concatenate(found)


def _groups(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which inputs are changed together, a row for each group: single ones, if there are not too many."""
    number = min(count, GROUPS)
    of_input = rng.permutation(count) % number if count > number else np.arange(count)
    return np.asarray(of_input == np.arange(number)[:, None])


def _extremes(
    outputs: Mapping[str, Doubles], probes: Doubles, groups: NDArray[np.bool_], low: Doubles, high: Doubles
) -> list[Doubles]:
    """The inputs at which values of each layer are lowest and highest, if all were linear; `probes` begin with a base,
    from which each further one differs in a group.
    """
    base, rising = probes[0], probes[1:] > probes[0]
    made = []
    for values in outputs.values():
        change = (values[1:] - values[0]).T  # a row for each value
        widest = np.argsort(-np.abs(change).sum(axis=1), kind="stable")[:TARGETS]
        for row in change[widest]:
            # the sign of the slope towards each input; 0: it is left alone
            slope = np.sign(row) @ np.where(groups, np.where(rising, 1, -1), 0)
            made += [np.where(sign * slope > 0, high, np.where(sign * slope < 0, low, base)) for sign in (1, -1)]
    return made
