"""What every section of a spec is made of: the strict base model and the field types that are written as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from fpga_flow import number_types
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.number_types import FixedWidth, Levels, NumberType
from fpga_flow.plugins import Registry
from fpga_flow.spec.messages import show

#: Weights and activations are trained in float32, whose 24 significant bits hold no wider type exactly.
MAX_WIDTH = 24


class Section(BaseModel):
    """A part of a spec. Unknown keys and wrong types are errors; values can't be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ser_json_inf_nan="strings")


def tagged(sections: Sequence[type[Section]], tag: str) -> Any:
    """The type of a section that is one of several, by the name that its key `tag` has."""
    members = tuple(sections)
    return Annotated[Union[members], Field(discriminator=tag)] if len(members) > 1 else members[0]  # noqa: UP007


def tagged_of(registry: Registry, tag: str, *more: type[Section]) -> Any:
    """The type of a section that is the `Options` of one of a registry's modules, or one of `more`, see `tagged`."""

    def named(value: Any) -> Any:
        name = value.get(tag) if isinstance(value, dict) else None
        if isinstance(name, str) and name in registry.broken:
            raise ValueError(registry.broken[name])
        return value

    return Annotated[tagged([*more, *(module.Options for module in registry.values())], tag), BeforeValidator(named)]


@dataclass(frozen=True)
class Form:
    """An annotation of text that must have a form: a regular expression, and the form in words for messages."""

    pattern: str
    words: str
    max_length: int | None = None
    refused: Collection[str] = ()

    def check(self, text: str) -> str:
        """The text, if it has the form. Raises ValueError with the message if not."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"expected {self.words}, got {show(text)}")
        if self.max_length and len(text) > self.max_length:
            raise ValueError(f"expected at most {self.max_length} characters, got {len(text)}")
        if text in self.refused:
            raise ValueError(f"expected a name that means nothing else in C++, got {show(text)}")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        limit = {"maxLength": self.max_length} if self.max_length else {}
        taken = {"not": {"enum": sorted(self.refused)}} if self.refused else {}
        return {**handler(schema), "pattern": f"^({self.pattern})$", **limit, **taken}


def _parsing(*, weight: bool) -> Callable[[Any], NumberType]:
    """A function that reads a type, one for weights or for other numbers."""
    words = number_types.words(weight=weight)

    def parse(value: Any) -> NumberType:
        if isinstance(value, (FixedPoint, FixedWidth)) or (weight and isinstance(value, Levels)):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected {words}, for example fixed<6,1>, got {show(value)}")
        if re.fullmatch(r"\s*(u?fixed|po2)\s*<\s*\d+\s*", value):  # YAML cut it at the comma
            raise ValueError(f"expected {words}, got {show(value)}: inside of {{ }} it must be in quotes")
        return number_types.parse(value, MAX_WIDTH, weight=weight)

    return parse


#: Widths up to `MAX_WIDTH` as editors check them; what is wrong with an integer part or exponent, the flow says itself.
_WIDTH = r"0*([2-9]|1\d|2[0-4])"
_INTEGER = r"\s*,\s*([+-]?\d+|auto)\s*"
_FIXED_PATTERN = rf"fixed\s*<\s*\+?{_WIDTH}{_INTEGER}>|ufixed\s*<\s*\+?(0*1|{_WIDTH}){_INTEGER}>"
_LEVELS_PATTERN = r"(binary|ternary)\s*(<\s*[+-]?\d+\s*>)?|po2\s*<\s*0*[2-5]\s*(,\s*[+-]?\d+\s*)?>"
_FIXED_EXAMPLES = ["fixed<8,2>", "ufixed<8,4>", "fixed<8,auto>"]
_WEIGHT_EXAMPLES = ["fixed<6,1>", "fixed<6,auto>", "binary", "ternary", "po2<4>"]

#: A fixed-point type, written `fixed<W,I>` or `ufixed<W,I>`; with `auto` in place of I it is found from data.
TypeField = Annotated[
    FixedPoint | FixedWidth,
    PlainValidator(_parsing(weight=False)),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*({_FIXED_PATTERN})\s*$", "examples": _FIXED_EXAMPLES}),
]
#: The type of weights: also `binary`, `ternary` and `po2<W>`, which may have an exponent (see `number_types.Levels`).
WeightTypeField = Annotated[
    FixedPoint | FixedWidth | Levels,
    PlainValidator(_parsing(weight=True)),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^\s*({_FIXED_PATTERN}|{_LEVELS_PATTERN})\s*$",
            "examples": _WEIGHT_EXAMPLES,
        }
    ),
]

Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1, lt=2**31)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Retraining(Section):
    """How a compression pass retrains.

    epochs         of retraining; 0: none
    learning_rate  left out: that of the section `training`
    batch_size     left out: that of the section `training`
    patience       epochs without a better one after which it stops; left out: as in the section `training`
    """

    epochs: Annotated[int, Field(ge=0, lt=2**31)] = 10
    learning_rate: PositiveFloat | None = None
    batch_size: PositiveInt | None = None
    patience: PositiveInt | None = None


class Augment(Section):
    """Changes made to the training images at random, anew in each epoch, in retraining too.

    shift  the most pixels by which they are moved in each direction
    flip   whether they are mirrored left to right
    """

    shift: Annotated[int, Field(ge=0, le=64)] = 0
    flip: bool = False


class Training(Section):
    """The float training: cross-entropy by Adam, the weights of the best validation epoch kept.

    epochs         at most so many; an imported network, which is trained already, may do with 0
    batch_size     samples a step
    learning_rate  of Adam
    patience       epochs without a better one (by validation accuracy, then loss) after which training stops; left out:
                   never
    weight_decay   decoupled weight decay of all weights but biases (AdamW, Loshchilov & Hutter 2019); 0: plain Adam
    augment        random changes of the training images; left out: none
    """

    epochs: Annotated[int, Field(ge=0, lt=2**31)] = 50
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3
    patience: PositiveInt | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    augment: Augment | None = None

    def adapted(self, retraining: Retraining) -> Training:
        """These settings with those of a pass in their place where the pass gives them."""
        given = {key: value for key in Retraining.model_fields if (value := getattr(retraining, key)) is not None}
        return self.model_copy(update=given)
