"""What every section of a spec is made of: the strict base model and the field types that are written as text."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from fpga_flow.fixed_point import FixedPoint


class Section(BaseModel):
    """A part of a spec. Unknown keys and wrong types are errors; values can't be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ser_json_inf_nan="strings")


def _parse_type(value: Any) -> FixedPoint:
    if isinstance(value, FixedPoint):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got {value!r}")
    return FixedPoint.parse(value)


#: A fixed-point type, written `fixed<W,I>` or `ufixed<W,I>`.
TypeField = Annotated[
    FixedPoint,
    BeforeValidator(_parse_type),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*u?fixed\s*<\s*-?\d+\s*,\s*-?\d+\s*>\s*$"}),
]

Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Retraining(Section):
    """How a compression pass retrains. What is left out is taken from the spec's `training` section."""

    epochs: Annotated[int, Field(ge=0)] = 10
    learning_rate: PositiveFloat | None = None
    batch_size: PositiveInt | None = None
    patience: PositiveInt | None = None


class Training(Section):
    """The float training: cross-entropy by Adam, the weights of the best validation epoch kept."""

    epochs: PositiveInt = 50
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3
    #: Epochs without a better validation loss after which training stops; left out: never.
    patience: PositiveInt | None = None

    def adapted(self, retraining: Retraining) -> Training:
        """These settings with those of a pass in their place where the pass gives them."""
        given = {key: value for key in Retraining.model_fields if (value := getattr(retraining, key)) is not None}
        return self.model_copy(update=given)
