"""Checking the passes of the section `compress` against each other, the data and the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fpga_flow import compress
from fpga_flow.errors import FieldError
from fpga_flow.keras import qkeras
from fpga_flow.networks import fold
from fpga_flow.networks.network import weight
from fpga_flow.networks.rebuild import opened
from fpga_flow.networks.sites import Site, find_sites, prepare, written_types
from fpga_flow.number_types import Levels


def check(passes: Sequence[Any] | None, model: Any, precision: Any) -> Iterator[FieldError]:
    """Each pass with its options; where there are no passes, or none that quantizes, `precision` all the same."""
    yield from check_each(passes or (), model, precision)
    if any(one.name == "quantize" for one in passes or ()):
        yield from refused(_check_zeros, passes, model, precision)
        return
    if passes is not None:
        yield FieldError(("compress",), "expected a quantize pass, since HLS code needs fixed-point types, got none")
    if precision is not None:
        yield from refused(compress.quantize.check, compress.quantize.Options(), model, precision, ("compress",))


def check_each(passes: Sequence[Any], model: Any, precision: Any) -> Iterator[FieldError]:
    """Each pass with its options, its place among the others, and the network as it reaches the pass."""
    models = []
    for number, one in enumerate(passes):
        path = ("compress", number, one.name)
        models.append(model)
        errors = [
            *_check_order(passes, number),
            *refused(compress.PASSES[one.name].check, one.options, model, precision, path),
        ]
        yield from errors
        model = model if errors else outlined(model, [one], fits=True)[0]
    yield from _check_shared(passes, models)


def _check_order(passes: Sequence[Any], number: int) -> Iterator[FieldError]:
    """A pass that puts new layers in the place of old ones can't keep what was promised of their weights."""
    one = passes[number]
    if not getattr(compress.PASSES[one.name], "ANEW", False):
        return
    for each in passes[:number]:
        if each.name in ("prune", "quantize") or hasattr(compress.PASSES[each.name], "shared"):
            yield FieldError(
                ("compress", number, one.name),
                f"expected it before {each.name}, since the layers that it makes anew keep nothing of what "
                f"{each.name} makes of weights, got it behind",
            )
            return


def _check_zeros(passes: Sequence[Any], model: Any, precision: Any) -> Iterator[FieldError]:
    """Weights that are pruned need a type with a zero."""
    if precision is None:
        return
    for site in find_sites(prepare(model)):
        type_ = written_types(site, precision).get("weight")
        if not (isinstance(type_, Levels) and type_.kind == "binary"):
            continue
        if any(one.name == "prune" and compress.prune.prunes(one.options, site.layer.name) for one in passes):
            yield FieldError(
                ("precision", "layers"),
                f'expected a weight type with a zero for layer "{site.layer.name}", since the pass prune makes weights '
                f"zero, for example ternary, got {type_}",
            )


def _check_shared(passes: Sequence[Any], models: Sequence[Any]) -> Iterator[FieldError]:
    """Weights can share values in one way only, and not if normalisations are multiplied into them afterwards, or a
    constraint of Keras may change them in training (the quantize pass makes layers without those).

    Args:
        models: the network as it reaches each of the passes.
    """
    sharing = {number: one for number, one in enumerate(passes) if hasattr(compress.PASSES[one.name], "shared")}
    last = max((number for number, one in enumerate(passes) if one.name == "quantize"), default=-1)
    taken: dict[str, str] = {}
    for number, one in sharing.items():
        path, model = ("compress", number, one.name), models[number]
        normalized = any(type(layer).__name__ in fold.NORMALIZATIONS for layer in model.layers)
        if normalized and number < last:
            yield FieldError(
                path,
                "expected it behind the quantize pass, which multiplies the network's BatchNormalization into its "
                "weights, got it before",
            )
        keys = compress.PASSES[one.name].shared(one.options, model)
        for layer, name in keys if number < last or last < 0 else ():
            constraint = weight(model, layer, name).constraint
            if constraint is not None and not isinstance(constraint, qkeras.Clip):
                yield FieldError(
                    path,
                    f'expected weights that are free to share values, got "{layer}" with the constraint '
                    f"{type(constraint).__name__}: put the pass behind quantize, which drops it",
                )
        layers = {layer for layer, _ in keys}
        for layer in sorted(layers & taken.keys()):
            yield FieldError(
                path, f'expected layers whose weights share no values yet, got "{layer}", see {taken[layer]}'
            )
        taken |= dict.fromkeys(layers, one.name)


def check_budgets(passes: Sequence[Any] | None) -> Iterator[FieldError]:
    """What accuracy limits must be measured on samples that nothing is trained on."""
    for number, one in enumerate(passes or ()):
        section = () if getattr(one.options, "widths", None) is None else ("widths",)
        options = one.options.widths if section else one.options
        drop = getattr(options, "max_accuracy_drop", None)
        if drop is not None or getattr(options, "placement", None) == "auto":
            yield FieldError(
                ("compress", number, one.name, *section, "max_accuracy_drop" if drop is not None else "placement"),
                "expected validation samples to measure it on, got none: give some as data.split.validation",
            )


def outlined(model: Any, passes: Sequence[Any] | None, *, fits: bool) -> tuple[Any, bool]:
    """The model with the shapes that the passes give it, and whether they are known before the passes are run; what
    depends on shapes that are not is checked when they are, see `stages`.
    """
    known = True
    for one in passes or ():
        module = compress.PASSES[one.name]
        if (outline := getattr(module, "outline", None)) is not None:
            if not fits:
                return model, False
            made = outline(one.options, model)
            if made is None:
                known, made = False, module.sketch(one.options, model) if hasattr(module, "sketch") else model
            model = made
    return model, known


def sites(model: Any, passes: Sequence[Any]) -> list[Site]:
    """The layers with types of the network as the passes leave it; none of one that has quantizers of its own."""
    if not any(one.name == "quantize" for one in passes):
        return []
    made, _ = outlined(model, passes, fits=True)
    return find_sites(prepare(opened(made)))


def refused(check: Callable[..., Iterable[FieldError]], *arguments: Any) -> Iterator[FieldError]:
    """What a check yields or raises."""
    try:
        yield from check(*arguments)
    except FieldError as error:
        yield error
