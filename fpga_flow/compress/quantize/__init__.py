"""`quantize`: weights, biases and activations get number types, and the network is retrained knowing them.

Source: quantisation-aware training with straight-through gradients, as in QKeras (Coelho et al. 2021); without epochs
it is post-training quantisation. What becomes of each kind of layer: `networks/sites.py`. How types that are left open
are found from data: `networks/ranges.py`. How widths are found by an accuracy budget: `widths.py`. A layer without an
activation function, such as the one that gives the logits, keeps the full precision of its sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.base import Context, keep, retrain
from fpga_flow.compress.quantize.widths import Widths, narrower, search
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, quantizer_of, weight
from fpga_flow.networks.quantized import quantize_model, types_of, with_types
from fpga_flow.networks.ranges import Rule, Types
from fpga_flow.networks.rebuild import opened
from fpga_flow.networks.sites import Site, find_sites, prepare, refusals, written_types
from fpga_flow.number_types import is_open
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import PositiveFloat, Retraining

__all__ = ["Options", "apply", "check", "quantize_model", "uses"]

#: So many training samples are enough to know the ranges of activations.
_SAMPLES = 2048
_WHAT = {
    "weight": "weights", "weight_per": "weights", "bias": "a bias", "activation": "an activation function",
    "input": "a function or an average that is looked up",
    "result": "sums that reach other layers with weights unrounded",
}  # fmt: skip


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ("precision",)


class Options(Retraining):
    """Retraining of the quantized network. Its types stand in the spec's `precision` section.

    learning_rate  of retraining
    ranges         how types that are left open are found: by the least squared error, or so that they hold all numbers
    widths         narrow the weights as far as an accuracy budget allows; left out: they have the widths of the spec
    """

    learning_rate: PositiveFloat | None = 5e-4
    ranges: Rule = "mse"
    widths: Widths | None = None


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Every layer must be of a kind that can be quantized and find its types; every given type must be used."""
    if precision is None:
        yield FieldError(path, "expected a section `precision` with the types of the input and of the layers, got none")
        return
    flat = opened(model)
    if errors := list(refusals(flat)):
        yield from errors
        return
    sites = find_sites(prepare(flat))
    yield from _check_precision(sites, precision, flat)
    widths, written = options.widths, [written_types(site, precision) for site in sites]
    if widths and not any(narrower(types["weight"], widths.least) for types in written if "weight" in types):
        yield FieldError(
            (*path, "widths"),
            f"expected a layer whose weights can be narrowed, of a fixed or po2 type of more than {widths.least} bits, "
            "got none",
        )


def _check_precision(sites: Sequence[Site], precision: Any, model: Any) -> Iterator[FieldError]:
    names = {name for site in sites for name in site.names}
    everything = [layer.name for layer in model.layers]
    for pattern, message in unmatched(precision.layers, sorted(names), "layer with types", everything).items():
        yield FieldError(("precision", "layers", pattern), message)
    for pattern, types in precision.layers.items():
        matched = [site for site in sites if matching({pattern: True}, *site.names)]
        for key in types.model_fields_set if matched and pattern != "*" else ():
            if not any(key in (*site.keys, *site.optional) for site in matched):
                layers = ", ".join(site.layer.name for site in matched)
                yield FieldError(
                    ("precision", "layers", pattern, key), f"expected a layer with {_WHAT[key]}, got {layers}"
                )
    for site in sites:
        yield from _check_types(site, written_types(site, precision))


def _check_types(site: Site, types: dict[str, Any]) -> Iterator[FieldError]:
    if missing := [key for key in site.keys if key not in types]:
        yield FieldError(
            ("precision", "layers"),
            f'expected a pattern that gives layer "{site.layer.name}" its type of {" and ".join(missing)}'
            f"{site.why}, got none",
        )
    elif site.signed and not types["activation"].signed:
        yield FieldError(
            ("precision", "layers"),
            f"expected a signed type of activation for {site.signed}, which has negative values, "
            f"got {types['activation']}",
        )
    elif "result" in types and not types["result"].signed:
        yield FieldError(
            ("precision", "layers"),
            f'expected a signed type of result for layer "{site.layer.name}", whose sums have negative values, '
            f"got {types['result']}",
        )
    elif types.get("weight_per") == "channel" and not is_open(types["weight"]):
        yield FieldError(
            ("precision", "layers"),
            f'expected a weight type that is found from data for layer "{site.layer.name}" with weight_per channel, '
            f"for example fixed<4,auto> or ternary, got {types['weight']}",
        )


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """The same network of QKeras layers, each with its types, retrained.

    Raises:
        FieldError: the precision does not fit the layers, which before the passes ran could not be known (low rank
            factors only where that saves something); or weights of the types can't keep what was promised of them, for
            example zeros of a binary layer.
    """
    flat = opened(network.model)
    for error in _check_precision(find_sites(prepare(flat)), context.precision, flat):
        raise error
    x = calibration(dataset)
    if options.widths:
        made, told = search(network, dataset, options, context, x, check_promises)
        return made.network, {"history": made.history, "types": made.types.to_dict(), "widths": told}
    prepared = prepare(network.model)
    types = types_of(prepared, context.precision, x, options.ranges)
    quantized = Network(with_types(prepared, types), network.promises)
    check_promises(quantized, types)
    history = retrain(quantized, dataset, options, context)
    return quantized, {"history": history, "types": types.to_dict()}


def calibration(dataset: Dataset) -> NDArray[np.float32]:
    """The training samples by which ranges are found, from all over the set."""
    return dataset.train.x[:: -(-len(dataset.train.x) // _SAMPLES)]


def check_promises(network: Network, types: Types) -> None:
    """Refuse, before any training, types that would break what earlier passes promised.

    Raises:
        FieldError: see `apply`.
    """
    keep(network)
    for promise in network.promises:
        variable = weight(network.model, promise.layer, promise.weight)
        quantizer = quantizer_of(network.model.get_layer(promise.layer), promise.weight)
        key = "bias" if promise.weight == "bias" else "weight"
        if quantizer is not None and (why := promise.broken(np.asarray(quantizer(variable)))):
            raise FieldError(
                ("precision", "layers"),
                f'layer "{promise.layer}", {promise.weight}: the type {types.layers[promise.layer][key]} can\'t keep '
                f"what {promise.made_by} promised: {why}",
            )
