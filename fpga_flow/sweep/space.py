"""The space that a sweep searches: from the parameters of a spec to its dimensions, and from a point to its spec."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fpga_flow import number_types
from fpga_flow.errors import FieldError, FieldPath, InputError
from fpga_flow.networks.sites import Site, written_types
from fpga_flow.number_types import FixedWidth, Levels, NumberType
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec import changes, load, messages, yaml_file
from fpga_flow.spec.base import MAX_WIDTH
from fpga_flow.spec.load import Loaded
from fpga_flow.spec.model import FlowSpec
from fpga_flow.sweep.options import MOST_VALUES, Bits, Parameter, Span
from fpga_flow.sweep.result import Parameter as Shown

#: What a parameter is at a point, by the names of the dimensions.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of the spec that a dimension sets: the keys that lead to it, and the type that stands there now, if it is
    its width that is varied.
    """

    keys: tuple[str, ...]
    type: NumberType | None = None

    def value(self, given: Any) -> Any:
        """What is written into the field for a value of its dimension."""
        return given if self.type is None else str(replace(self.type, width=given))


@dataclass(frozen=True)
class Dimension:
    """One number, word or other value that is varied.

    section  where its parameter stands in the spec
    choices  all that it can be; None where it is drawn from `span`
    layer    the layer that it belongs to, if its parameter became one for each layer
    """

    name: str
    section: FieldPath
    fields: tuple[Field, ...]
    choices: tuple[Any, ...] | None
    span: Span | None
    layer: str | None = None

    def shown(self) -> Shown:
        """The dimension as a part of the result."""
        paths = tuple(".".join(_quoted(key) for key in field.keys) for field in self.fields)
        return Shown(self.name, paths, self.choices, self.layer)


@dataclass(frozen=True)
class Space:
    """The dimensions of a sweep, the spec that they vary, and what is changed of it at all points."""

    base: yaml_file.Document
    dimensions: tuple[Dimension, ...]
    always: tuple[tuple[tuple[str, ...], Any], ...] = ()

    @property
    def size(self) -> int | None:
        """How many points there are; None if a dimension is continuous."""
        counts = [len(each.choices) for each in self.dimensions if each.choices is not None]
        return math.prod(counts) if len(counts) == len(self.dimensions) else None

    def grid(self) -> Iterator[dict[str, Any]]:
        """All points of a space without continuous dimensions; the last dimension varies fastest."""
        names = [each.name for each in self.dimensions]
        for values in itertools.product(*(each.choices or () for each in self.dimensions)):
            yield dict(zip(names, values, strict=True))

    def document(self, values: Values) -> yaml_file.Document:
        """The spec of a point, without its sweep. Values that are not given stay as they are in the spec.

        Raises:
            InputError: a path leads nowhere.
        """
        made = yaml_file.Document(self.base.file, copy.deepcopy(self.base.data), dict(self.base.places))
        made.data.pop("sweep", None)
        for each in self.dimensions:
            if each.name in values:
                place = self.base.place(each.section)
                for field in each.fields:
                    changes.assign(made, field.keys, field.value(values[each.name]), place)
        for keys, value in self.always:
            changes.assign(made, keys, value, self.base.place(()))
        return made

    def loaded(self, values: Values) -> Loaded:
        """The spec of a point, checked by itself; what is wrong with it is in the result's `problems`."""
        return load.from_document(self.document(values))

    def spec(self, values: Values) -> FlowSpec:
        """The spec of a point.

        Raises:
            InputError: it is none.
        """
        made = self.loaded(values)
        if made.spec is None:
            raise InputError(made.problems)
        return made.spec

    def base_point(self, spec: Any) -> dict[str, Any]:
        """The point that is the spec itself: of each dimension the value that its fields have there.

        Raises:
            FieldError: a dimension's fields differ there, or have none.
        """
        data = spec.model_dump(mode="json", exclude_none=True)  # an entry of `compress` then has its own pass alone
        found = {}
        for each in self.dimensions:
            values = [field.type.width if field.type else changes.value_at(data, field.keys) for field in each.fields]
            if any(value != values[0] for value in values) or values[0] is None:
                got = ", ".join(map(messages.show, dict.fromkeys(map(str, values))))
                raise FieldError(each.section, f"expected one value in the spec, from which to begin, got {got}")
            found[each.name] = values[0]
        return found

    def with_choices(self, point: Values) -> Space:
        """The space with the values of a point among the choices of each dimension."""

        def extended(dimension: Dimension) -> Dimension:
            choices, value = dimension.choices, point[dimension.name]
            if choices is None:
                raise FieldError((*dimension.section, "range"), "expected a step, or another strategy")
            if value in choices:
                return dimension
            numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (*choices, value))
            return replace(dimension, choices=tuple(sorted((*choices, value)) if numbers else (value, *choices)))

        return replace(self, dimensions=tuple(map(extended, self.dimensions)))

    def key(self, values: Values) -> str:
        """What tells points apart, as text."""
        return json.dumps({each.name: values[each.name] for each in self.dimensions})


def make(
    document: yaml_file.Document, parameters: Mapping[str, Parameter], sites: Sequence[Site], precision: Any
) -> Space:
    """The space of a spec's parameters.

    Args:
        document: the spec.
        parameters: of its section `sweep`.
        sites: the layers of its network that have types.
        precision: the spec's section of this name, or None.

    Raises:
        FieldError: the first thing that is wrong with them; `check` finds all.
    """
    dimensions = [each for name, one in parameters.items() for each in _dimensions(name, one, sites, precision)]
    return Space(document, tuple(dimensions))


def check(
    document: yaml_file.Document, parameters: Mapping[str, Parameter], sites: Sequence[Site], precision: Any
) -> Iterator[FieldError]:
    """All that is wrong with a spec's parameters: paths that lead nowhere, patterns that match no layer, widths of what
    has none, values that the field can't have, names that are taken twice.
    """
    names: dict[str, FieldPath] = {}
    for name, one in parameters.items():
        try:
            found = _dimensions(name, one, sites, precision)
        except FieldError as error:
            yield error
            continue
        yield from _check_values(document, one, found)
        for each in found:
            if each.name in names:
                yield FieldError(each.section, f'expected names that differ, got two parameters "{each.name}"')
            names[each.name] = each.section


def _check_values(
    document: yaml_file.Document, parameter: Parameter, dimensions: Iterable[Dimension]
) -> Iterator[FieldError]:
    """Each value by itself, in the spec as it is otherwise; the first that is wrong of each dimension. What is wrong
    with the spec anyway is found elsewhere.
    """
    base = Space(document, ())
    before = {problem.message for problem in base.loaded({}).problems}
    for each in dimensions:
        space = Space(document, (each,))
        for number, value in enumerate(_tested(each)):
            try:
                problems = space.loaded({each.name: value}).problems
            except InputError as error:  # the path leads nowhere
                yield FieldError((*each.section, "path"), f"{error.problems[0].field}: {error.problems[0].message}")
                break
            new = [problem for problem in problems if problem.message not in before]
            if new:
                where: FieldPath = ("values", number) if parameter.values is not None else ()
                yield FieldError((*each.section, *where), f"{new[0].field}: {new[0].message}")
                break


def _tested(dimension: Dimension) -> Sequence[Any]:
    if dimension.choices is not None:
        return dimension.choices
    return [dimension.span.least, dimension.span.most] if dimension.span else ()


def _dimensions(name: str, parameter: Parameter, sites: Sequence[Site], precision: Any) -> list[Dimension]:
    """The dimensions of one parameter: itself, or one for each layer.

    Raises:
        FieldError: a path is no path, matches no layer, or has no width.
    """
    section: FieldPath = ("sweep", "parameters", name)
    fields: list[tuple[Field, str | None]] = []
    for number, text in enumerate(parameter.paths):
        where = (*section, "path", *([number] if isinstance(parameter.path, list) else []))
        fields += _fields(text, where, parameter, sites, precision)
    choices, span = _choices(parameter)
    if not parameter.each_layer:
        return [Dimension(name, section, tuple(field for field, _ in fields), choices, span)]
    of_layers: dict[str, list[Field]] = {}
    for field, layer in fields:
        if layer is None:
            raise FieldError(
                (*section, "each_layer"),
                "expected only paths of precision.layers or hls.layers, got " + ".".join(map(_quoted, field.keys)),
            )
        of_layers.setdefault(layer, []).append(field)
    return [Dimension(f"{name}.{layer}", section, tuple(own), choices, span, layer) for layer, own in of_layers.items()]


def _fields(
    text: str, where: FieldPath, parameter: Parameter, sites: Sequence[Site], precision: Any
) -> list[tuple[Field, str | None]]:
    """The fields that a path means, each with the layer that it belongs to."""
    try:
        keys = changes.keys_of(text)
    except ValueError as error:
        raise FieldError(where, f'{error}, got "{text}"') from error
    if keys[0] == "sweep":
        raise FieldError(where, f'expected a path outside of the section sweep, got "{text}"')
    of_layers = len(keys) == 4 and keys[1] == "layers" and keys[0] in ("precision", "hls")
    if keys == ["precision", "input"] and precision is not None:
        return [(Field(tuple(keys), _varied(precision.input, "the input", where, parameter)), None)]
    if not of_layers:
        if parameter.bits is not None:
            raise FieldError(
                where, f'expected a path of types, such as precision.layers.*.weight, for bits, got "{text}"'
            )
        return [(Field(tuple(keys)), None)]
    section, _, pattern, key = keys
    able = [site for site in sites if section == "hls" or key in (*site.keys, *site.optional)]
    if section == "hls":
        able = [site for site in able if "weight" in site.keys]
    if not able:
        return [(Field(tuple(keys)), None)]  # the key is unknown, which the check of values says
    names = {site: _name_of(site, able, precision) for site in able}
    matched = [site for site in able if matching({pattern: True}, *site.names)]
    if not matched:
        known, everything = ([name for site in each for name in site.names] for each in (able, sites))
        raise FieldError(where, next(iter(unmatched([pattern], known, f"layer with {key}", everything).values())))
    return [
        (Field((section, "layers", names[site], key), _type(site, key, where, parameter, precision)), names[site])
        for site in matched
    ]


def _name_of(site: Site, sites: Sequence[Site], precision: Any) -> str:
    """The name of a layer's entry in the spec: that of the layer with weights, also for the activation behind it, as
    long as that means this one alone and the spec has none of its own.
    """
    own, last = site.names[0], site.names[-1]
    shared = sum(last in each.names for each in sites) > 1
    return own if shared or (precision is not None and own in precision.layers) else last


def _type(site: Site, key: str, where: FieldPath, parameter: Parameter, precision: Any) -> NumberType | None:
    """The type of a layer whose width is varied; None if it is not a width that is."""
    written = written_types(site, precision).get(key) if precision is not None else None
    return _varied(written, f'{key} of layer "{site.names[-1]}"', where, parameter)


def _varied(type_: NumberType | None, of: str, where: FieldPath, parameter: Parameter) -> NumberType | None:
    """A type whose width is varied, as it is written in the spec or with integer bits from data; None if it is not a
    width that is.
    """
    if parameter.bits is None:
        return None
    if type_ is None or not hasattr(type_, "width") or getattr(type_, "kind", "po2") != "po2":
        got = "none" if type_ is None else str(type_)
        raise FieldError(where, f"expected a fixed or po2 type for {of}, whose width is varied, got {got}")
    if parameter.integer == "auto":
        type_ = replace(type_, exponent=None) if isinstance(type_, Levels) else FixedWidth(type_.width, type_.signed)
    least = min(_choices(parameter)[0] or (1,))
    try:
        number_types.parse(str(replace(type_, width=least)), MAX_WIDTH, weight=True)
    except ValueError as error:
        raise FieldError((*where[:3], "bits"), f"{of}: {error}") from error
    return type_


def _choices(parameter: Parameter) -> tuple[tuple[Any, ...] | None, Span | None]:
    if parameter.values is not None:
        return tuple(parameter.values), None
    bits, span = parameter.bits, parameter.range
    if isinstance(bits, Bits):
        return tuple(range(bits.least, bits.most + 1)), None
    if bits is not None:
        return tuple(bits), None
    if span is not None and span.step is not None:
        count = math.floor((span.most - span.least) / span.step + 1e-9) + 1
        values = [span.least + number * span.step for number in range(count)]
        return tuple(value if isinstance(value, int) else round(value, 12) for value in values), None
    if span is not None and _whole(span) and span.most - span.least < MOST_VALUES:
        return tuple(range(int(span.least), int(span.most) + 1)), None
    return None, span


def _whole(span: Span) -> bool:
    return isinstance(span.least, int) and isinstance(span.most, int)


def _quoted(key: str) -> str:
    return f'"{key}"' if "." in key or "=" in key else key
