"""`low_rank`: the kernels of dense layers and convolutions are written as chains of smaller ones, so that a layer
becomes two to four plain Keras layers with fewer weights and multiplications. The last of them keeps the layer's name,
its bias and its activation function; those before it are called `<name>_in`, `<name>_core` and so on.

Ranks come from one of

    layers              given by name
    energy              the smallest ones that keep this share of each kernel's squared norm
    vbmf                what is more than noise, by variational Bayesian matrix factorization
    macs                shared out among all layers so that this share of the network's multiplications is left
    max_accuracy_drop   the same in rounds, with less from round to round, until validation accuracy has fallen by more;
                        each round factors the network that came in and retrains it, and the last good one is kept

and where `layers` gives some, those hold. Layers that would not be smaller are left as they are, and listed. Dense
layers and convolutions over single pixels have a single method, `svd`; others one of `methods.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fpga_flow.compress.base import Context
from fpga_flow.compress.low_rank import surgery
from fpga_flow.compress.low_rank.methods import Name, Ranks
from fpga_flow.compress.low_rank.plan import Plan, is_matrix, untouchable, uses_of
from fpga_flow.compress.low_rank.ranks import ranking, show, why_left
from fpga_flow.compress.rounds import in_rounds
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import flat
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import Fraction, PositiveInt, Retraining, Section

#: Rounds with `max_accuracy_drop`.
_STEPS = 10
_ABLE = "layer that can be factored"
#: Layers of other shapes can't keep what was promised of the old ones.
ANEW = True
PACKAGES = ("tensorly", "scipy")

Share = Annotated[float, Field(gt=0, lt=1)]
#: The options by which ranks are found where none are given, of which there is one.
_RULES = ("energy", "vbmf", "macs", "max_accuracy_drop")


class Layer(Section):
    """What is done with a layer.

    rank    one rank, or two for `tucker`: of the input and the output channels
    method  of this layer; `none`: it is left as it is
    """

    rank: PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)] | None = None
    method: Literal["svd", "tucker", "cp", "none"] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Layer:
        if self.rank is None and self.method is None:
            raise ValueError("expected rank, method or both, got none of them")
        if self.rank is not None and self.method == "none":
            raise ValueError("expected no rank with the method none, got one")
        return self


class Options(Retraining):
    """Where the ranks come from: one of `energy`, `vbmf`, `macs` and `max_accuracy_drop`, or `layers`.

    method             of convolutions over more than one position
    layers             ranks and methods by glob pattern of layer names
    energy             the share of each kernel's squared norm that stays
    vbmf               what is more than noise, by variational Bayesian matrix factorization
    macs               the share of the network's multiplications that is left
    max_accuracy_drop  how far validation accuracy may fall, as a share of 1
    steps              with `max_accuracy_drop`, rounds of factoring and retraining; left out: 10
    """

    method: Name = "tucker"
    layers: dict[str, Layer] = Field(default_factory=dict)
    energy: Share | None = None
    vbmf: bool = False
    macs: Share | None = None
    max_accuracy_drop: Fraction | None = None
    steps: PositiveInt | None = None

    @model_validator(mode="after")
    def _says_ranks_once(self) -> Options:
        rules = [name for name in _RULES if getattr(self, name) not in (None, False)]
        ranks = any(layer.rank is not None for layer in self.layers.values())
        if len(rules) != 1 and not (ranks and not rules):
            got = " and ".join(rules) or "none of them"
            raise ValueError(f"expected one of {', '.join(_RULES)}, or ranks in layers, got {got}")
        if self.steps is not None and self.max_accuracy_drop is None:
            raise ValueError("expected steps only with max_accuracy_drop, got them without")
        return self

    @property
    def has_rule(self) -> bool:
        """Whether layers without a given rank get one."""
        return any(getattr(self, name) not in (None, False) for name in _RULES)


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be layers to factor, patterns must match some, ranks must be possible and make at least one layer
    smaller, and so many multiplications must be left.
    """
    model = flat(model)
    plan = Plan.of(options, model)
    able = [layer for layer in uses_of(model) if untouchable(layer) is None]
    reasons = "; ".join(f'"{name}": {why}' for name, why in plan.left.items()) or "no layer has weights"
    if not able:
        yield FieldError(path, f"expected a network with a layer that can be factored, got none: {reasons}")
        return
    if errors := [*_check_patterns(options, able, plan, path), *_check_ranks(options, plan, path)]:
        yield from errors
        return
    if any(target.given is None or target.saves(target.given) for target in plan.targets.values()):
        yield from _check_macs(options, model, plan, path)
        return
    given = [f'"{name}" with {show(target.given)}' for name, target in plan.targets.items() if target.given]
    yield FieldError(path, f"expected a layer that gets smaller, got none: {'; '.join(given) or reasons}")


def _check_patterns(options: Options, able: Sequence[Any], plan: Plan, path: FieldPath) -> Iterator[FieldError]:
    for pattern, message in unmatched(options.layers, [layer.name for layer in able], _ABLE).items():
        why = "; ".join(f'"{name}": {plan.left[name]}' for name in plan.left if matching({pattern: True}, name))
        yield FieldError((*path, "layers", pattern), f"{message.rpartition(': ')[0]}: {why}" if why else message)
    for pattern, each in options.layers.items():
        matched = [layer for layer in able if matching({pattern: True}, layer.name)]
        if matched and each.method in ("tucker", "cp") and all(map(is_matrix, matched)):
            yield FieldError(
                (*path, "layers", pattern, "method"),
                f'expected svd or none for "{matched[0].name}", whose weights are a matrix, got {each.method}',
            )


def _check_ranks(options: Options, plan: Plan, path: FieldPath) -> Iterator[FieldError]:
    given = {pattern: pattern for pattern, each in options.layers.items() if each.rank is not None}
    for name, target in plan.targets.items():
        if (ranks := target.given) is None:
            continue
        where = (*path, "layers", matching(given, name)[0], "rank")
        method, shape = target.method, target.geometry.shape
        full = method.full(shape)
        if len(ranks) != len(full):
            what = "two numbers, for input and output channels," if len(full) == 2 else "one number"
            yield FieldError(where, f'expected {what} for "{name}" with {target.name}, got {show(ranks)}')
        elif any(one > most for one, most in zip(ranks, full, strict=True)):
            yield FieldError(
                where,
                f'expected at most {show(full)} for "{name}", whose weights have no more, got {show(ranks)}',
            )
        elif (fitting := method.fitting(shape, ranks)) != ranks:
            yield FieldError(
                where,
                f'expected at most {show(fitting)} for "{name}", as the smaller of them allows no more, '
                f"got {show(ranks)}",
            )


def _check_macs(options: Options, model: Any, plan: Plan, path: FieldPath) -> Iterator[FieldError]:
    """The share of multiplications that is to be left must be one that the smallest ranks leave."""
    if (share := options.macs) is None:
        return
    start = channel_cut.size(model)["macs"]
    least = start
    for target in plan.targets.values():
        ranks = target.given or tuple(1 for _ in target.method.full(target.geometry.shape))
        least -= max(target.macs() - target.macs(ranks), 0)
    if least > math.floor(share * start):
        yield FieldError(
            (*path, "macs"),
            f"expected at least {math.ceil(1000 * least / start) / 1000:g}, what is left with the smallest ranks, "
            f"got {share:g}",
        )


def outline(options: Options, model: Any) -> Any | None:
    """The model as it will be after the pass, but for its values; None if the ranks depend on them."""
    model = flat(model)
    plan = Plan.of(options, model)
    if any(target.given is None for target in plan.targets.values()):
        return None
    return surgery.outlined(model, plan.targets, _given(plan))


def sketch(options: Options, model: Any) -> Any:
    """The model with all layers factored that may be, into the largest ranks that they may get."""
    model = flat(model)
    plan = Plan.of(options, model)
    ranks = {name: target.largest() for name, target in plan.targets.items() if target.given is None}
    free = {name: each for name, each in ranks.items() if each is not None}
    return surgery.outlined(model, plan.targets, {**_given(plan), **free})


def _given(plan: Plan) -> dict[str, Ranks]:
    """The ranks that the options give, where they save something."""
    return {name: each.given for name, each in plan.targets.items() if each.given and each.saves(each.given)}


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Factor layers and retrain the network; promises of other layers are carried over.

    Raises:
        FieldError: something was promised of a layer's weights, ranks are too large for the layers as they are now, or
            accuracy limits the ranks and there are no validation samples.
    """
    start = Network(flat(network.model), network.promises)
    plan = Plan.of(options, start.model)
    path = ("compress", "low_rank")
    errors = _check_ranks(options, plan, path), _promised(start, plan), _check_macs(options, start.model, plan, path)
    for error in chain(*errors):
        raise error
    chosen = ranking(options, start.model, plan, context.seed)

    def smaller(last: Network, progress: float) -> tuple[Network, dict[str, Any]] | None:
        ranks = chosen(progress)
        shapes = [weight.shape for weight in surgery.outlined(start.model, plan.targets, ranks).weights]
        if shapes == [weight.shape for weight in last.model.weights]:
            return None
        made = surgery.factored(start.model, plan.targets, ranks, context.seed)
        return Network(made.model, start.promises), {"factored": _told(plan, ranks, made)}

    steps = 1 if options.max_accuracy_drop is None else options.steps or _STEPS
    end, told = in_rounds(start, dataset, options, context, steps, smaller)
    factored: dict[str, Any] = next((row["factored"] for row in reversed(told["rounds"]) if row["kept"]), {})
    unchanged = {name: why_left(options, target) for name, target in plan.targets.items() if name not in factored}
    return end, {
        **told,
        "factored": factored,
        "left": {**plan.left, **unchanged},
        "before": channel_cut.size(start.model),
        "after": channel_cut.size(end.model),
    }


def _promised(network: Network, plan: Plan) -> Iterator[FieldError]:
    """What earlier passes promised of layers that may be factored, which nothing could keep."""
    for promise in network.promises:
        if promise.layer in plan.targets:
            yield FieldError(
                ("compress", "low_rank"),
                f'expected layers of which nothing was promised, got "{promise.layer}": put it before '
                f"{promise.made_by}",
            )


def _told(plan: Plan, ranks: Mapping[str, Ranks], made: surgery.Made) -> dict[str, Any]:
    """What there is to tell of each layer that is factored; the error is that of its weights before retraining."""
    told = {}
    for name, each in ranks.items():
        target, geometry = plan.targets[name], plan.targets[name].geometry
        factors = target.factors(each)
        told[name] = {
            "method": target.name,
            "shape": list(target.layer.kernel.shape),
            "ranks": list(each),
            "layers": made.names[name],
            "parameters": {"before": math.prod(geometry.shape), "after": sum(one.parameters for one in factors)},
            "macs": {"before": target.macs(), "after": target.macs(each)},
            "error": made.errors[name],
        }
    return told
