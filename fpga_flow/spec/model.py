"""The whole spec: one section per part of the flow. Families, passes and data sets bring their own options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, create_model, model_validator

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
        "csim csim_top light "
    ).split()
)
_NAME = Form(r"[A-Za-z][A-Za-z0-9_]*", "a name of letters, digits and _ that begins with a letter", 64, _TAKEN)
Name = Annotated[str, _NAME]
#: `fit` chooses strategy and reuse factor by the board.
Strategy = Literal["latency", "resource", "resource_unrolled", "distributed_arithmetic", "fit"]


class LayerPrecision(Section):
    """The types of the layers that a pattern matches.

    weight      of the kernel
    weight_per  whether all weights of a layer have the same range, or those of each channel of the output have their
                own; left out: the same
    bias        of the biases
    activation  of the output, after the activation function
    input       into which what a function or an average gets is rounded first, so that its table is small; left out: it
                is not rounded
    result      into which sums are rounded that reach other layers with weights; left out: they are exact
    """

    weight: WeightTypeField | None = None
    weight_per: Literal["tensor", "channel"] | None = None
    bias: TypeField | None = None
    activation: TypeField | None = None
    input: TypeField | None = None
    result: TypeField | None = None


class Precision(Section):
    """Types of the network.

    A network with quantizers of its own, which goes without a quantize pass, needs at most a type of its input.

    input   of the network's input
    layers  types by glob pattern of layer names; of several that match, the most specific one wins
    """

    input: TypeField
    layers: dict[str, LayerPrecision] = Field(default_factory=dict)


class LayerHls(Section):
    """HLS settings of the layers that a pattern matches.

    strategy      of these layers instead of the network's
    reuse_factor  of these layers instead of the network's
    """

    strategy: Strategy | None = None
    reuse_factor: PositiveInt | None = None


class Hls(Section):
    """How the network becomes HLS C++.

    board              the name of a board (see `fpga-flow boards`), or a file that describes one
    backend            of hls4ml; left out: by the board's toolchain
    io_type            all values of a layer at once, or a stream of pixels
    strategy           `latency`: as fast as possible; `resource`: multipliers are used again; `resource_unrolled`: the
                       same, without those of zeros; `distributed_arithmetic`: shifts and adders instead of multipliers;
                       `fit`: by the board. Left out: latency, or the only one that the backend has
    reuse_factor       how many multiplications share a multiplier; left out: 1, or what the strategy fit chooses
    clock_ns           the clock period in nanoseconds; left out: the board's
    softmax            compute softmax in the FPGA; left out: its inputs, the logits, come out, exactly
    softmax_tolerance  how far the outputs of softmax may be from the network's
    layers             settings by glob pattern of layer names
    """

    board: str = "pynq-z2"
    backend: backends.Name | None = None
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    strategy: Strategy | None = None
    reuse_factor: PositiveInt | None = None
    clock_ns: PositiveFloat | None = None
    softmax: bool = False
    softmax_tolerance: PositiveFloat = 0.02
    layers: dict[str, LayerHls] = Field(default_factory=dict)


class Csim(Section):
    """The C simulation.

    samples        how many of the test samples are simulated; left out: all. With 0 nothing is proven of the C++
    stock_headers  compile with the fixed-point types that hls4ml bundles, not with the light ones, which have the same
                   results
    """

    samples: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    stock_headers: bool = False


class _OnePass(Section):
    """One entry of `compress`: the name of a pass and its options."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

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
        __doc__=_OnePass.__doc__,
        **{name: (module.Options, None) for name, module in compress.PASSES.items()},
    )
    DataOptions = tagged_of(datasets.DATASETS, "name")


class FlowSpec(Section):
    """A spec: from a data set and a network to an HLS project and its proof.

    name       of the runs' folder and of the C++ function
    seed       of everything random: two runs with the same one are alike
    data       the samples that the network learns and is tested on
    network    the architecture, or a trained model
    training   of the float network
    compress   the passes that make the network small, in their order
    precision  the number types of the network
    hls        the board, and how the network becomes C++ for it
    csim       the simulation of the C++
    sweep      fields that `fpga-flow sweep` varies, and what it looks for
    """

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
