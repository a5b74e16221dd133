"""The ranges of a float network's numbers, and the number types that they ask for.

A type that is left open (`fixed<W,auto>`, `binary`, ...) is closed by one of two rules:

    max  the fewest integer bits that hold the least and the greatest number; the greatest may be rounded down by half
         a step, as any other number may be rounded by it
    mse  those with the least squared error of all numbers, where the largest may saturate (Nagel et al. 2021, "A white
         paper on neural network quantization", section 3.1)

`binary`, `ternary` and `po2<W>`, whose values a range says little of, get the exponent of the least squared error in
any case (Rastegari et al. 2016, "XNOR-Net", section 3.1, whose scale is the mean magnitude, here a power of two).
Zeros that an earlier pass made have no error with any of them. Weights may have a range for each output channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras
from fpga_flow.networks.network import kernels
from fpga_flow.networks.sites import Site, averaged, find_sites, prepare
from fpga_flow.number_types import MAX_EXPONENT, FixedWidth, Levels, NumberType, hardware_width, is_open

Rule = Literal["max", "mse"]
#: Numbers of a network's layers that are kept in memory at a time.
_BATCH_NUMBERS = 2**26
#: Of a layer's results, and of a weight, about so many numbers at most are looked at for their squared error.
_RESULTS, _WEIGHTS = 2**16, 2**22
#: The integer bits that are tried, fewest first.
_INTEGERS = range(-20, 33)
#: How far below the exponent that holds all numbers the one with the least squared error is looked for.
_BELOW = 12
#: The exponents of a weight's channels differ by at most so much, and less where `_WIDEST` bits would not hold all
#: channels: hardware has one type for them.
_SPREAD, _WIDEST = 8, 24


@dataclass(frozen=True)
class Bits:
    """Total bits of weights and biases, of activations, and of the input."""

    weight: int = 8
    activation: int = 8
    input: int = 8


@dataclass(frozen=True)
class Seen:
    """Numbers that were seen: the least, the greatest, and some or all of them: (n, channels)."""

    low: NDArray[np.floating]
    high: NDArray[np.floating]
    numbers: NDArray[np.floating]

    @classmethod
    def of(cls, numbers: NDArray[np.floating]) -> Seen:
        """All of `numbers` (n, channels)."""
        step = _coprime(-(-numbers.size // _WEIGHTS), len(numbers))
        return cls(numbers.min(axis=0), numbers.max(axis=0), numbers[::step])


@dataclass(frozen=True)
class Channels:
    """An open type, and for each kernel of a layer (a name of `network.WEIGHTS`) its exponents, channel by channel."""

    type: FixedWidth | Levels
    exponents: Mapping[str, NDArray[np.int64]]

    def __str__(self) -> str:
        every = np.concatenate([np.ravel(each) for each in self.exponents.values()])
        low, high = (self.type.at(int(each)) for each in (every.min(), every.max()))
        return f"{low} to {high}, by channel"


#: A type that is not open, or those of a weight's channels.
Closed = FixedPoint | Levels | Channels


@dataclass(frozen=True)
class Types:
    """The types of a network: of its input, and for each layer that needs some (see `sites.find_sites`) its own by
    `weight`, `bias`, `activation`, `input` and `result`, each of them `Closed`.
    """

    input: FixedPoint
    layers: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """The types as JSON values."""
        layers = {name: {key: str(type_) for key, type_ in each.items()} for name, each in self.layers.items()}
        return {"input": str(self.input), "layers": layers}


class Ranges:
    """The ranges of a prepared float network (see `sites.prepare`): of its weights, and of its results on samples."""

    def __init__(self, model: Any, sites: Sequence[Site], x: NDArray[np.floating] | None, rule: Rule) -> None:
        """Nothing is computed before it is asked for.

        Args:
            x: samples (n, *input_shape); None where no type of an activation or of the input is open.
        """
        self.model, self.rule, self.sites = model, rule, {site.layer.name: site for site in sites}
        self._x = x
        self._seen: dict[tuple[str, str], Seen] = {}

    def types(self, input_type: NumberType, written: Mapping[str, Mapping[str, Any]]) -> Types:
        """The types as written (see `sites.written_types`), with those that are open closed."""
        layers = {}
        for name, types in written.items():
            layers[name] = {
                key: self.weight(types, name) if key == "weight" else self.close(type_, name, key)
                for key, type_ in types.items()
                if key != "weight_per"
            }
        return Types(self.close(input_type, "", "input"), layers)

    def weight(self, types: Mapping[str, Any], name: str) -> Closed:
        """The type of the weights of the layer `name`, which has these types as written."""
        per_channel = types.get("weight_per") == "channel" and is_open(types["weight"])
        closed: Closed = (self._channels if per_channel else self.close)(types["weight"], name, "weight")
        return closed

    def close(self, type_: Any, name: str, key: str) -> Any:
        """A type of the layer `name`, closed if it is open. An empty name means the network's input.

        Raises:
            FieldError: the numbers are not finite.
            ValueError: it needs samples, and there were none.
        """
        if not is_open(type_):
            return type_
        return type_.at(int(fit(type_, self._look(name, key), self.rule)[0]))

    def width(self, name: str, key: str, width: int) -> FixedWidth:
        """The open type of so many bits, signed where that is needed."""
        signed = bool(self.sites[name].signed) if name else False
        return FixedWidth(width, signed or bool(self._look(name, key).low[0] < 0))

    def _channels(self, type_: Any, name: str, key: str) -> Channels:
        exponents = {}
        for kernel, values in _values(self.sites[name], key).items():
            shape = values.shape[-2:] if kernel == "depthwise_kernel" else values.shape[-1:]
            seen = Seen.of(values.reshape(-1, math.prod(shape)))
            found = fit(type_, self._checked(seen, name, key), self.rule)
            if (alive := (seen.low != 0) | (seen.high != 0)).any():  # what is only zero has no range of its own
                found[~alive] = found[alive].min()
            least = found.max() - min(_SPREAD, _WIDEST - hardware_width(type_))
            exponents[kernel] = np.maximum(found, least).reshape(shape)
        return Channels(type_, exponents)

    def _look(self, name: str, key: str) -> Seen:
        """What there is to see of a layer's weights, of its bias, or of all that it gives or gets."""
        if (name, key) not in self._seen:
            if key in ("weight", "bias"):
                values = [np.ravel(each) for each in _values(self.sites[name], key).values()]
                self._seen[name, key] = Seen.of(np.concatenate(values)[:, None])
            elif self._x is None:
                raise ValueError("expected samples, from which ranges are found, got none")
            elif not name:
                self._seen[name, key] = Seen.of(self._x.reshape(-1, 1))
            else:
                which = "input" if key == "input" else "output"
                layers = [site.layer for site in self.sites.values() if key in (*site.keys, *site.optional)]
                found = _observe(self.model, layers, self._x, which)
                self._seen |= {(each, key): seen for each, seen in found.items()}
        return self._checked(self._seen[name, key], name, key)

    def _checked(self, seen: Seen, name: str, key: str) -> Seen:
        if not (np.isfinite(seen.low).all() and np.isfinite(seen.high).all()):
            layer = f' of layer "{name}"' if name else ""
            raise FieldError(("precision",), f"expected finite numbers for the range of {key}{layer}, got others")
        return seen


def fit(type_: FixedWidth | Levels, seen: Seen, rule: Rule) -> NDArray[np.int64]:
    """The integer bits (or the exponent) of an open type for each channel (channels,) of numbers, by the rule."""
    if isinstance(type_, FixedWidth):
        low = seen.low if type_.signed else np.maximum(seen.low, 0)
        top = _integers(low, np.maximum(seen.high, low), type_)
        if rule == "max":
            return top
    else:
        greatest = np.maximum(np.abs(seen.low), np.abs(seen.high)).astype(np.float64)
        top = np.where(greatest > 0, np.ceil(np.log2(np.where(greatest > 0, greatest, 1))), 0).astype(np.int64)
    base, numbers = type_.at(0), np.asarray(seen.numbers, np.float64)
    tried = [np.clip(top - below, *_exponents(type_)) for below in range(_BELOW)]
    errors = []
    for exponents in tried:
        scale = 2.0**exponents
        errors.append(np.sum((base.quantize(numbers / scale) * scale - numbers) ** 2, axis=0))
    best = np.argmin(errors, axis=0)
    found: NDArray[np.int64] = np.stack(tried)[best, np.arange(len(best))]
    return found


def holding(low: float, high: float, width: int, *, signed: bool = False) -> FixedPoint:
    """The type of `width` bits with the fewest integer bits that holds all from `low` to `high` (the rule `max`).

    Args:
        signed: whether it is signed in any case.
    """
    type_ = FixedWidth(width, signed or low < 0)
    return type_.at(int(_integers(np.array([low]), np.array([high]), type_)[0]))


def profile(model: Any, x: NDArray[np.floating], bits: Bits) -> Types:
    """Types for a network that has none, by the rule `max`. They are signed only where there are negative values; what
    reaches a function that is looked up is rounded into two bits more than its results, or as many as its table can
    have.

    Args:
        x: samples (n, *input_shape).

    Raises:
        FieldError: the network has a layer that can't be quantized.
    """
    prepared = prepare(model)
    sites = find_sites(prepared)
    ranges = Ranges(prepared, sites, x, "max")
    written = {}
    for site in sites:
        name = site.layer.name
        if "activation" in site.keys:
            written[name] = {"activation": ranges.width(name, "activation", bits.activation)}
            if "input" in site.optional:
                written[name]["input"] = ranges.width(name, "input", _input_bits(site.layer, bits))
        else:
            written[name] = {key: FixedWidth(bits.weight) for key in site.keys}
    return ranges.types(ranges.width("", "input", bits.input), written)


def _integers(low: NDArray[np.floating], high: NDArray[np.floating], type_: FixedWidth) -> NDArray[np.int64]:
    """The fewest integer bits of `type_` that hold all from `low` to `high` (channels,); 1 where all is zero."""
    found = np.full(len(low), _INTEGERS[-1])
    for integer in reversed(_INTEGERS):
        each = type_.at(integer)
        found[(each.min - each.step / 2 <= low) & (high <= each.max + each.step / 2)] = integer
    found[(low == 0) & (high == 0)] = 1
    return found


def _exponents(type_: FixedWidth | Levels) -> tuple[int, int]:
    """The least and the greatest exponent that are tried: floats of weights have hardly more."""
    return (_INTEGERS[0], _INTEGERS[-1]) if isinstance(type_, FixedWidth) else (-MAX_EXPONENT, MAX_EXPONENT)


def _values(site: Site, key: str) -> dict[str, NDArray[np.floating]]:
    """The weights of a layer that have its type `key`, `weight` or `bias`, by their names."""
    found = {"bias": site.layer.bias} if key == "bias" else kernels(site.layer)
    return {name: variable.numpy() for name, variable in found.items()}


def _input_bits(layer: Any, bits: Bits) -> int:
    """The bits of what a function or an average gets: sums for an average have the more bits, the more values."""
    from fpga_flow.hls.lower.activation import MAX_TABLE_BITS  # it loads TensorFlow

    if count := averaged(layer):
        return max(2, min(bits.activation, MAX_TABLE_BITS - (count - 1).bit_length()))
    return min(bits.activation + 2, MAX_TABLE_BITS)


def _observe(model: Any, layers: list[Any], x: NDArray[np.floating], which: str) -> dict[str, Seen]:
    """What each layer gives (or gets), in all of its uses.

    Args:
        which: `output` or `input`.
    """
    tensors = [
        (layer.name, getattr(layer, f"get_{which}_at")(use))
        for layer in layers
        for use in range(len(layer.inbound_nodes))
    ]
    if not tensors:
        return {}
    sizes = [math.prod(tensor.shape[1:]) for _, tensor in tensors]
    inside = keras.Model(model.inputs, [tensor for _, tensor in tensors])
    batch = max(1, _BATCH_NUMBERS // sum(sizes))
    found: dict[str, list[Seen]] = {}
    for start in doing.each(range(0, len(x), batch), "batches of samples, whose ranges are looked at"):
        values = inside.predict(x[start : start + batch], batch_size=min(batch, 1024), verbose=0)
        for (name, _), size, each in zip(tensors, sizes, values if isinstance(values, list) else [values], strict=True):
            step = _coprime(-(-size * len(x) // _RESULTS), size)
            flat = each.ravel()
            numbers = flat[::step].copy()  # a view would keep all of the batch in memory
            found.setdefault(name, []).append(Seen(flat.min(), flat.max(), numbers))
    return {
        name: Seen(
            np.array([min(each.low for each in parts)]),
            np.array([max(each.high for each in parts)]),
            np.concatenate([each.numbers for each in parts])[:, None],
        )
        for name, parts in found.items()
    }


def _coprime(step: int, size: int) -> int:
    """`step` or the next one that has no factor in common with `size`: it comes by all channels, not by a few."""
    step = max(step, 1)
    while math.gcd(step, size) > 1 and step > 1:
        step += 1
    return step
