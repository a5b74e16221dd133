"""Checking a spec's sections against each other, the data, the board and the network: before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from fpga_flow import boards, compress, datasets, doing
from fpga_flow.errors import FieldError, InputError, Problem
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import backends, fit
from fpga_flow.hls.backends import Backend
from fpga_flow.keras import qkeras, seed_everything
from fpga_flow.networks import fold, from_spec, own_quantizers
from fpga_flow.networks.network import weight
from fpga_flow.networks.rebuild import opened
from fpga_flow.networks.sites import Site, find_sites, prepare, written_types
from fpga_flow.number_types import Levels, is_open
from fpga_flow.spec import sweeps, teachers, training
from fpga_flow.spec.advice import advice
from fpga_flow.spec.load import Loaded, load
from fpga_flow.spec.model import LayerPrecision, Precision
from fpga_flow.sweep import space

#: Samples that an untrained network sees where types are left to the data.
_SAMPLES = 64


def check(
    loaded: Loaded,
    *,
    trust_code: bool = False,
    dataset: datasets.Dataset | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> datasets.Dataset:
    """Find everything that is wrong with a spec, and load its data (unless they are given).

    The network is built, quantized and lowered with untrained weights, which shows what its layers, patterns,
    precisions and reuse factors will meet. `note` gets what is right, but worth knowing.

    Raises:
        InputError: the spec's problems, all of them, each with its place.
    """
    found = _Collector(loaded)
    sections = loaded.sections
    doing.now("reading the data")
    if dataset is None and "data" in sections:
        dataset = found.call(lambda: datasets.load(sections["data"], sections.get("seed", 0)))
    doing.now("checking the spec")
    backend = found.call(lambda: _backend(sections)) if "hls" in sections else None
    if "hls" in sections and sections.get("sweep") is not None:
        found.all(sweeps.check_boards(sections["sweep"], sections["hls"].backend))
    if sections.get("sweep") is not None and "compress" in sections:
        found.all(sweeps.check_strategy(sections["sweep"], sections["compress"]))
    if backend is not None:
        board = boards.load(sections["hls"].board)
        found.all(fit.check(sections["hls"], board))
        if sections.get("sweep") is not None:
            found.all(sweeps.check_board(sections["sweep"], board))
    if dataset is not None and "csim" in sections:
        found.all(_check_samples(sections["csim"].samples, len(dataset.test.x)))
    if dataset is not None and not len(dataset.validation.x):
        found.all(_check_budgets(sections.get("compress")))
    if backend is not None and "csim" in sections:
        found.all(_check_simulated(sections["csim"].samples, backend))
    if "network" in sections and "training" in sections:
        found.all(training.check_epochs(sections["training"], sections["network"].family))
    if dataset is not None and "training" in sections:
        found.all(training.check_augment(sections["training"].augment, dataset.input_shape))
    if dataset is not None and "network" in sections:
        seed_everything(sections.get("seed", 0))  # the bounds of sums depend on the untrained weights
        model = found.call(lambda: from_spec.build(sections["network"], dataset, trust_code=trust_code))
        if model is not None:
            _check_layers(model, sections, backend or backends.VITIS, found, dataset.train.x[:_SAMPLES])
        if model is not None and sections.get("sweep") is not None:
            found.all(_check_varied(loaded, model))
            found.all(sweeps.check_samples(sections["sweep"], dataset))
        if "compress" in sections:
            student = partial(_student, sections, model, dataset.train.x[:_SAMPLES]) if not found.problems else None
            settings = sections.get("training")
            found.all(teachers.check(sections["compress"], model, settings, dataset, student, trust_code=trust_code))
    if found.problems or dataset is None:
        raise InputError(found.problems)
    outlined, _ = _outlined(model, sections["compress"], fits=True)
    told = [dataset.note] if dataset.note else []
    for text in (*told, *advice(sections, opened(outlined), backend or backends.VITIS)):
        note(text)
    return dataset


def typed_layers(loaded: Loaded, dataset: datasets.Dataset, *, trust_code: bool = False) -> list[Site]:
    """The layers of a valid spec's network, as its passes leave it, that have types."""
    sections = loaded.sections
    seed_everything(sections["seed"])
    return _sites(from_spec.build(sections["network"], dataset, trust_code=trust_code), sections["compress"])


def check_all(
    names: Sequence[str],
    changes: Sequence[str] = (),
    *,
    trust_code: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[list[Loaded], list[Problem]]:
    """Load and check several specs, each of them a path or the name of an example: the good ones, and all problems.
    `note` gets what is right, but worth knowing.
    """
    specs: list[Loaded] = []
    problems: list[Problem] = []
    for name in names:
        try:
            loaded = load(name, changes)
            told: list[str] = []
            with doing.within(name):
                check(loaded, trust_code=trust_code, note=told.append)
            for text in told:
                note(f"{name}: {text}")
            specs.append(loaded)
        except InputError as error:
            problems += error.problems
    return specs, problems


def explained(loaded: Loaded, error: FieldError, *, trust_code: bool = False) -> InputError:
    """All that is wrong with a spec of which one error is known; or that error with its place."""
    try:
        check(loaded, trust_code=trust_code)
    except InputError as found:
        return found
    return InputError([loaded.place(error)])


class _Collector:
    """Gathers what goes wrong instead of stopping at it."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.problems = loaded, list(loaded.problems)

    def call(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, or None after noting its problems."""
        try:
            return work()
        except FieldError as error:
            self.all([error])
        except InputError as error:
            self.problems.extend(error.problems)
        return None

    def all(self, errors: Iterable[FieldError]) -> bool:
        """Note all errors that don't just follow from others; whether there were none at all."""
        errors = list(errors)
        self.problems.extend(self.loaded.place(error) for error in errors if not self.loaded.may_follow(error))
        return not errors


def _check_samples(samples: int | None, there: int) -> Iterator[FieldError]:
    if samples is not None and samples > there:
        yield FieldError(
            ("csim", "samples"), f"expected at most {there}, as many as there are test samples, got {samples}"
        )


def _check_varied(loaded: Loaded, model: Any) -> Iterator[FieldError]:
    """What the sweep varies must be there."""
    try:
        sites = _sites(model, loaded.sections.get("compress") or ())
    except FieldError:
        return  # the passes or the network are wrong, which is said elsewhere
    parameters = loaded.sections["sweep"].parameters
    yield from space.check(loaded.document, parameters, sites, loaded.sections.get("precision"))


def _sites(model: Any, passes: Sequence[Any]) -> list[Site]:
    """The layers with types of the network as the passes leave it; none of one that has quantizers of its own."""
    if not any(one.name == "quantize" for one in passes):
        return []
    outlined, _ = _outlined(model, passes, fits=True)
    return find_sites(prepare(opened(outlined)))


def _backend(sections: dict[str, Any]) -> Backend:
    """The backend that the `hls` section and its board choose."""
    hls = sections["hls"]
    return backends.choose(hls.backend, boards.load(hls.board), sections.get("name", ""))


def _check_simulated(samples: int | None, backend: Backend) -> Iterator[FieldError]:
    """Nothing is called proven that is not: without a C simulation, none must be asked for."""
    if backend.simulation is None and samples != 0:
        yield FieldError(
            ("csim", "samples"),
            f"the backend {backend.name} can't be simulated here: {backend.unsimulated}; expected 0, to have the "
            f"project made with nothing proven of it, or another backend, got {samples or 'all'}",
        )


def _check_budgets(passes: Sequence[Any] | None) -> Iterator[FieldError]:
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


def _check_layers(model: Any, sections: dict[str, Any], backend: Backend, found: _Collector, x: Any) -> None:
    """Check what the sections say of the network's layers; `x` are samples."""
    quantizing = any(one.name == "quantize" for one in sections.get("compress") or ())
    if "compress" in sections and not quantizing and own_quantizers.are_there(model):
        found.all(_check_quantized(model, sections, backend))
        return
    precision, stand_in = sections.get("precision"), _stand_in()
    passes = _check_passes(sections.get("compress"), model, precision or stand_in)
    if "precision" in sections and precision is None:
        passes = _check_passes(sections.get("compress"), model, None)
    elif precision is None:
        passes = (error for error in passes if error.path[0] != "precision")
    fits = found.all(passes)
    if "hls" not in sections:
        return
    model, known = _outlined(model, sections.get("compress"), fits=fits)
    if fits and precision is not None:
        found.all(_check_hls(model, precision, sections["hls"], backend, x, shapes_known=known))
    else:  # settings of layers can be checked with any types
        errors = _check_hls(model, stand_in, sections["hls"], backend, x, shapes_known=known)
        found.all(error for error in errors if error.path[0] == "hls")


def _outlined(model: Any, passes: Sequence[Any] | None, *, fits: bool) -> tuple[Any, bool]:
    """The model with the shapes that the passes give it, and whether they are known before the passes are run; what
    depends on shapes that are not is checked when they are, see `stages`.
    """
    known = True
    for one in passes or ():
        module = compress.PASSES[one.name]
        if (outline := getattr(module, "outline", None)) is not None:
            if not fits:
                return model, False
            outlined = outline(one.options, model)
            if outlined is None:
                known, outlined = False, module.sketch(one.options, model) if hasattr(module, "sketch") else model
            model = outlined
    return model, known


def _student(sections: dict[str, Any], model: Any, x: Any, number: int) -> Any | None:
    """The model as the pass of this number gets it, but for its values; None if its shapes depend on them."""
    before = sections["compress"][:number]
    outlined, known = _outlined(model, before, fits=True)
    if not known:
        return None
    if any(one.name == "quantize" for one in before):
        return compress.quantize.quantize_model(outlined, sections.get("precision"), x)
    return outlined


def _check_passes(passes: Sequence[Any] | None, model: Any, precision: Any) -> Iterator[FieldError]:
    """Each pass with its options; where there are no passes, or none that quantizes, `precision` all the same."""
    yield from _check_each(passes or (), model, precision)
    if any(one.name == "quantize" for one in passes or ()):
        yield from _refused(_check_zeros, passes, model, precision)
        return
    if passes is not None:
        yield FieldError(("compress",), "expected a quantize pass, since HLS code needs fixed-point types, got none")
    if precision is not None:
        yield from _refused(compress.quantize.check, compress.quantize.Options(), model, precision, ("compress",))


def _check_each(passes: Sequence[Any], model: Any, precision: Any) -> Iterator[FieldError]:
    """Each pass with its options, its place among the others, and the network as it reaches the pass."""
    models = []
    for number, one in enumerate(passes):
        path = ("compress", number, one.name)
        models.append(model)
        errors = [
            *_check_order(passes, number),
            *_refused(compress.PASSES[one.name].check, one.options, model, precision, path),
        ]
        yield from errors
        model = model if errors else _outlined(model, [one], fits=True)[0]
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


def _check_quantized(model: Any, sections: dict[str, Any], backend: Backend | None) -> Iterator[FieldError]:
    """A network that goes on with quantizers of its own: nothing but its input may be given a type."""
    from fpga_flow.hls import preflight

    precision = sections.get("precision")
    errors = list(_check_each(sections["compress"], model, precision))
    yield from errors
    if precision is not None and precision.layers:
        yield FieldError(
            ("precision", "layers"), "expected no types for a network with quantizers of its own, or a quantize pass"
        )
    if precision is not None and (type_ := own_quantizers.input_type(model)) is not None:
        yield FieldError(("precision", "input"), f"expected none, as the network rounds its input itself, into {type_}")
    elif precision is not None and is_open(precision.input):
        yield FieldError(
            ("precision", "input"),
            f"expected a type with integer bits, as only a quantize pass finds them from data, got {precision.input}",
        )
    elif precision is None and own_quantizers.input_type(model) is None:
        yield FieldError(
            ("precision",),
            "expected the type of the input, for example precision: {input: fixed<8,1>}, since the network does not "
            "round its input itself, got none",
        )
    elif backend is not None:
        outlined, known = _outlined(model, sections["compress"], fits=not errors)
        with_input = own_quantizers.with_quantized_input(outlined, precision)
        yield from _refused(partial(preflight.check, shapes_known=known), with_input, sections["hls"], backend)


def _check_hls(
    model: Any, precision: Any, hls: Any, backend: Backend, x: Any, *, shapes_known: bool
) -> Iterator[FieldError]:
    """What is wrong with the HLS code to come. By the samples `x` ranges are found that the precision leaves open."""
    from fpga_flow.hls import preflight

    def checked() -> Iterator[FieldError]:
        quantized = compress.quantize.quantize_model(model, precision, x)
        return preflight.check(quantized, hls, backend, shapes_known=shapes_known)

    yield from _refused(checked)


def _refused(check: Callable[..., Iterable[FieldError]], *arguments: Any) -> Iterator[FieldError]:
    """What a check yields or raises."""
    try:
        yield from check(*arguments)
    except FieldError as error:
        yield error


def _stand_in() -> Precision:
    """Types with which any network can be quantized."""
    type_ = FixedPoint(8, 1)
    return Precision(input=type_, layers={"*": LayerPrecision(weight=type_, bias=type_, activation=type_)})
