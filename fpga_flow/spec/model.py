"""The whole spec: one section per part of the flow. Families, passes and data sets bring their own options."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model, model_validator

from fpga_flow import compress, datasets, networks
from fpga_flow.spec.base import PositiveFloat, PositiveInt, Section, Training, TypeField

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
Strategy = Literal["latency", "resource"]


class LayerPrecision(Section):
    """The types of one layer. `activation` is the type of its output, after its activation function."""

    weight: TypeField | None = None
    bias: TypeField | None = None
    activation: TypeField | None = None


class Precision(Section):
    """Types of the network: of its input, and of its layers by glob pattern. The most specific pattern wins."""

    input: TypeField
    layers: dict[str, LayerPrecision]


class LayerHls(Section):
    """HLS settings of the layers that a pattern matches."""

    strategy: Strategy | None = None
    reuse_factor: PositiveInt | None = None


class Hls(Section):
    """How the network becomes HLS C++."""

    board: str = "pynq-z2"
    backend: Literal["vitis"] = "vitis"
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    strategy: Strategy = "latency"
    reuse_factor: PositiveInt = 1
    #: Nanoseconds; left out: the board's.
    clock_ns: PositiveFloat | None = None
    #: Compute softmax in the FPGA; its outputs may differ by `softmax_tolerance` (left out: logits, exact).
    softmax: bool = False
    softmax_tolerance: PositiveFloat = 0.02
    layers: dict[str, LayerHls] = Field(default_factory=dict)


class Csim(Section):
    """The C simulation."""

    #: How many of the test samples are simulated; left out: all.
    samples: PositiveInt | None = None


class _OnePass(Section):
    """One entry of `compress`: the name of a pass and its options."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            raise ValueError(f"expected one pass with its options, as in - prune: {{sparsity: 0.5}}, got {len(value)}")
        return value

    @property
    def name(self) -> str:
        """The name of the pass."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The options of the pass: the `Options` of its module."""
        return getattr(self, self.name)


def _union(options: dict[str, Any], tag: str) -> Any:
    members = tuple(options.values())
    return Annotated[Union[members], Field(discriminator=tag)] if len(members) > 1 else members[0]  # noqa: UP007


OnePass = create_model(
    "OnePass",
    __base__=_OnePass,
    **{name: (module.Options, None) for name, module in compress.PASSES.items()},
)
NetworkOptions = _union({name: module.Options for name, module in networks.FAMILIES.items()}, "family")
DataOptions = _union({name: module.Options for name, module in datasets.DATASETS.items()}, "name")


class FlowSpec(Section):
    """A spec as a user writes it, complete with its defaults."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    data: DataOptions
    network: NetworkOptions
    training: Training = Training()
    compress: list[OnePass] = Field(default_factory=list)
    precision: Precision | None = None
    hls: Hls = Hls()
    csim: Csim = Csim()
