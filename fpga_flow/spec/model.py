"""The whole spec: one section per part of the flow. Families, passes and data sets bring their own options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, create_model, model_validator

from fpga_flow import compress, datasets
from fpga_flow.hls import backends
from fpga_flow.networks.from_spec import NetworkOptions
from fpga_flow.spec.base import (
    Form,
    PositiveFloat,
    PositiveInt,
    Section,
    Training,
    TypeField,
    WeightTypeField,
    tagged_of,
)
from fpga_flow.spec.messages import show
from fpga_flow.sweep.options import Sweep

#: The name of a spec becomes that of a C++ function and of files: no keyword, no name that generated code uses.
_TAKEN = frozenset(
    (  # noqa: SIM905  (a word a line would fill two screens)
        "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t "
        "class co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue "
        "decltype default delete do double dynamic_cast else enum explicit export extern false float for friend "
        "goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private "
        "protected public register reinterpret_cast requires return short signed sizeof static static_assert "
        "static_cast struct switch template this thread_local throw true try typedef typeid typename union "
        "unsigned using virtual void volatile wchar_t while xor xor_eq main std nnet hls defines parameters "
    ).split()
)
_NAME = Form(r"[A-Za-z][A-Za-z0-9_]*", "a name of letters, digits and _ that begins with a letter", 64, _TAKEN)
Name = Annotated[str, _NAME]
#: `fit` chooses strategy and reuse factor by the board.
Strategy = Literal["latency", "resource", "resource_unrolled", "distributed_arithmetic", "fit"]


class LayerPrecision(Section):
    """The types of one layer. `activation` is the type of its output, after its activation function; `input` is one
    into which what a function or an average gets is rounded first (left out: it is not), so that its table is small;
    `result` is one into which sums are rounded that reach other layers with weights (left out: they are exact).
    With `weight_per` channel, each channel of the output has a weight type with a range of its own.
    """

    weight: WeightTypeField | None = None
    weight_per: Literal["tensor", "channel"] | None = None
    bias: TypeField | None = None
    activation: TypeField | None = None
    input: TypeField | None = None
    result: TypeField | None = None


class Precision(Section):
    """Types of the network: of its input, and of its layers by glob pattern. The most specific pattern wins.

    A network with quantizers of its own, which goes without a quantize pass, needs at most a type of its input.
    """

    input: TypeField
    layers: dict[str, LayerPrecision] = Field(default_factory=dict)


class LayerHls(Section):
    """HLS settings of the layers that a pattern matches."""

    strategy: Strategy | None = None
    reuse_factor: PositiveInt | None = None


class Hls(Section):
    """How the network becomes HLS C++."""

    board: str = "pynq-z2"
    #: Left out: by the board's toolchain.
    backend: backends.Name | None = None
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    #: Left out: latency, or the only one that the backend has.
    strategy: Strategy | None = None
    #: Left out: 1, or what the strategy fit chooses.
    reuse_factor: PositiveInt | None = None
    #: Nanoseconds; left out: the board's.
    clock_ns: PositiveFloat | None = None
    #: Compute softmax in the FPGA; its outputs may differ by `softmax_tolerance` (left out: logits, exact).
    softmax: bool = False
    softmax_tolerance: PositiveFloat = 0.02
    layers: dict[str, LayerHls] = Field(default_factory=dict)


class Csim(Section):
    """The C simulation."""

    #: How many of the test samples are simulated; left out: all. With 0 nothing is proven of the C++.
    samples: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    #: Compile with the fixed-point types that hls4ml bundles, not with the light ones, which have the same results.
    stock_headers: bool = False


class _OnePass(Section):
    """One entry of `compress`: the name of a pass and its options."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            got = f"{len(value)}: {', '.join(value)}" if isinstance(value, dict) and value else show(value)
            raise ValueError(f"expected one pass with its options, for example - prune: {{sparsity: 0.5}}, got {got}")
        if (name := next(iter(value))) in compress.PASSES.broken:
            raise ValueError(compress.PASSES.broken[name])
        return value

    @property
    def name(self) -> str:
        """The name of the pass."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The options of the pass: the `Options` of its module."""
        return getattr(self, self.name)


if TYPE_CHECKING:  # the real ones are made of what the registries hold
    OnePass = _OnePass
    DataOptions: TypeAlias = Any
else:
    OnePass = create_model(
        "OnePass",
        __base__=_OnePass,
        **{name: (module.Options, None) for name, module in compress.PASSES.items()},
    )
    DataOptions = tagged_of(datasets.DATASETS, "name")


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
    sweep: Sweep | None = None
