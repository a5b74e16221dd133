"""Smaller kernels of convolutions.

A kernel without its border is one with zeros there: what comes out has the same size, and each value looks at the same
place as before. So where there was no padding, the border of what comes in is cropped, and where padding `same` would
begin at another place for the smaller kernel (which it can with strides), it is done by layers of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpga_flow.compress.base import Key
from fpga_flow.keras import keras
from fpga_flow.networks.graph import calls
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Promise
from fpga_flow.networks.rebuild import copy, rebuild
from fpga_flow.patterns import matching

#: Of convolutions, the weight whose first axes are the window.
_WEIGHTS = {
    **dict.fromkeys(("Conv1D", "Conv2D"), "kernel"),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"), "depthwise_kernel"),
}


@dataclass(frozen=True)
class Cut:
    """What is left of a kernel; each tuple has a number for each axis of the window.

    before, after  sizes
    dilation       between the taps that are left
    taps           which taps those are
    pads           zeros before and behind each axis that the smaller kernel needs, so that what comes out looks at the
                   same places; below 0: what is cropped. None where the layer's own padding does it
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]
    taps: tuple[slice, ...]
    pads: tuple[tuple[int, int], ...] | None

    def to_dict(self) -> dict[str, Any]:
        """What there is to tell, as JSON values."""
        return {"before": list(self.before), "after": list(self.after), "dilation": list(self.dilation)}


def is_convolution(layer: Any) -> bool:
    """Whether a layer has a kernel that this module can cut."""
    return _class(layer) in _WEIGHTS


def find(model: Any, sizes: Mapping[str, int], *, dilated: bool) -> tuple[dict[str, Cut], dict[str, str]]:
    """For each convolution of a flat model that the patterns `sizes` match how its kernel gets smaller, and for those
    that stay as they are, why.
    """
    cuts: dict[str, Cut] = {}
    left: dict[str, str] = {}
    shapes = {call.name: call.shape for call in calls(model)}
    for call in calls(model):
        layer = call.layer
        found = matching(sizes, layer.name) if is_convolution(layer) else []
        if not found or layer.name in left:
            continue
        made = _cut(layer, shapes[call.inputs[0]], found[0], dilated=dilated)
        if isinstance(made, Cut) and cuts.get(layer.name, made) != made:
            made = "is used several times, for maps of other sizes"
        if isinstance(made, Cut):
            cuts[layer.name] = made
        else:
            left[layer.name] = made
            cuts.pop(layer.name, None)
    return cuts, left


def cut(network: Network, cuts: Mapping[str, Cut]) -> Network:
    """A network with a flat model, with smaller kernels and what is left of its promises."""
    names = {layer.name for layer in network.model.layers}

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        if layer.name not in cuts:
            return [copy(layer)]
        each = cuts[layer.name]
        changes = {"kernel_size": each.after, "dilation_rate": each.dilation}
        if each.pads is None:
            return [copy(layer, **changes)]
        return [*_padding(layer.name, each.pads, names), copy(layer, padding="valid", **changes)]

    model = rebuild(network.model, replace)
    weights: dict[Key, Cut] = {}
    for name, each in cuts.items():
        old, new = network.model.get_layer(name), model.get_layer(name)
        attribute = _WEIGHTS[_class(old)]
        weights[name, attribute] = each
        for variable in ("kernel", "depthwise_kernel", "pointwise_kernel", "bias"):
            if getattr(old, variable, None) is not None:
                values = getattr(old, variable).numpy()
                getattr(new, variable).assign(values[each.taps] if variable == attribute else values)
    return Network(model, tuple(_left(promise, weights) for promise in network.promises))


def _class(layer: Any) -> str:
    return type(layer).__name__.removeprefix("Q")


def _left(promise: Promise, weights: Mapping[Key, Cut]) -> Promise:
    each = weights.get((promise.layer, promise.weight))
    return promise if each is None else promise.cut(lambda values: values[each.taps])


def _cut(layer: Any, shape: tuple[int, ...], size: int, *, dilated: bool) -> Cut | str:
    """How the kernel of a layer that gets maps of `shape` becomes one of at most `size` taps along each axis; the
    reason if it does not.
    """
    before = tuple(layer.kernel_size)
    after = tuple(min(size, each) for each in before)
    strides, dilation = _each(layer.strides, before), _each(layer.dilation_rate, before)
    if after == before:
        return f"has none above {size}: its size is {'x'.join(map(str, before))}"
    if layer.padding not in ("valid", "same"):
        return f"has padding {layer.padding}"
    if layer.data_format == "channels_first":
        return "has its channels first"
    if dilated:
        return _dilated(before, after, strides, dilation)
    first = [(old - new) // 2 for old, new in zip(before, after, strict=True)]
    pads, own = [], []
    for axis, each in enumerate(first):
        old, new = (
            _pads(layer.padding, shape[axis], taps[axis], strides[axis], dilation[axis]) for taps in (before, after)
        )
        behind = before[axis] - after[axis] - each
        pads.append((old[0] - each * dilation[axis], old[1] - behind * dilation[axis]))
        own.append(new)
    taps = tuple(slice(start, start + count) for start, count in zip(first, after, strict=True))
    return Cut(before, after, dilation, taps, None if pads == own else tuple(pads))


def _dilated(
    before: tuple[int, ...], after: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> Cut | str:
    steps = []
    for old, new in zip(before, after, strict=True):
        if old > new and (new == 1 or (old - 1) % (new - 1)):
            fitting = [str(count) for count in range(2, old) if (old - 1) % (count - 1) == 0]
            return f"has {old} taps, which {new} can't span dilated: expected {' or '.join(fitting) or 'its own size'}"
        steps.append((old - 1) // (new - 1) if old > new else 1)
    if max(strides) > 1:
        return "has strides, and can't be dilated, too"
    taps = tuple(slice(0, None, step) for step in steps)
    return Cut(before, after, tuple(step * rate for step, rate in zip(steps, dilation, strict=True)), taps, None)


def _pads(padding: str, size: int, taps: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros that a layer puts before and behind an axis of this size."""
    if padding == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _padding(name: str, pads: tuple[tuple[int, int], ...], names: set[str]) -> list[Any]:
    """Layers that pad with zeros, and crop."""
    made = []
    for kind, sign in (("ZeroPadding", 1), ("Cropping", -1)):
        amounts = tuple((max(sign * first, 0), max(sign * last, 0)) for first, last in pads)
        if any(map(any, amounts)):
            of = getattr(keras.layers, f"{kind}{len(pads)}D")
            free = f"{name}_{kind.lower()}"
            while free in names:
                free += "_"
            made.append(of(amounts if len(pads) > 1 else amounts[0], name=free))
    return made


def _each(value: Any, like: tuple[int, ...]) -> tuple[int, ...]:
    """Depthwise layers of Keras may hold one number for all axes."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * len(like)
