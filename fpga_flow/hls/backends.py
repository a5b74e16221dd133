"""The HLS backends: one entry per backend of hls4ml, with everything that the flow must know of it.

What is known to be exact was measured: every network of the layers' test matrix was converted with the backend, its C++
compiled by g++, and its outputs compared bit for bit. What an entry does not list is refused before anything is
generated. hls4ml 1.3 has no backend VitisUnified, and its SymbolicExpression computes formulas, not networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fpga_flow.errors import FieldError

if TYPE_CHECKING:
    from fpga_flow.boards import Board

Name = Literal["vitis", "vivado", "vivado_accelerator", "quartus", "oneapi", "catapult", "libero"]


@dataclass(frozen=True)
class Simulation:
    """How the C simulation of a project is compiled and called; `{top}` stands for the project's name.

    includes    folders in the project with the headers of the fixed-point types
    sources     files of the project that are compiled, as one unit
    sizes       whether the bridge wants a number for each input and output, too
    traced      the io_types with which the outputs of the single layers can be read
    """

    includes: tuple[str, ...]
    sources: tuple[str, ...] = ("firmware/{top}.cpp", "{top}_bridge.cpp")
    sizes: bool = False
    traced: tuple[str, ...] = ("io_parallel", "io_stream")


@dataclass(frozen=True)
class Backend:
    """A backend of hls4ml.

    name        as specs name it
    tool        that makes hardware of its projects
    hls4ml      as hls4ml names it
    inherits    the backend of hls4ml, too, whose layers it generates; own layers must be registered with both
    types       the library of its fixed-point types: `ap` is AMD's, `ac` the one of Siemens, which Intel uses, too
    toolchains  of the boards that it makes projects for
    default_for the toolchain whose boards get it where a spec names no backend
    layers      kinds of layers (`kind` or `kind function`) that are known to be exact
    parallel    kinds that are exact with io_parallel only
    group_conv  whether its projects can have the own HLS layer for convolutions with groups or dilation
    strategies  that its layers have; the first one holds where a spec names none
    parts       by board, where it knows only these; else None
    options     more options for hls4ml; `{board}` stands for the board's name
    fixed_names of projects, for boards that work with no other
    scripts     files of the project that its HLS tool and Vivado run; () where `resources --build` can't run the tool
    top         of the hardware; `{top}` stands for the project's name
    widest      bits that inputs and outputs may have, where something narrower than their types lies on their way
    simulation  None: its projects can't be simulated here
    testbench   the template of what the project's test bench does with a sample; None: hls4ml's own test bench stays,
                which compares nothing
    unsimulated why its projects can't be simulated here
    unusable    why it can't be used at all
    """

    name: Name
    tool: str
    hls4ml: str
    types: str
    toolchains: tuple[str, ...]
    default_for: str = ""
    layers: frozenset[str] = frozenset()
    parallel: frozenset[str] = frozenset()
    group_conv: bool = False
    inherits: str = ""
    strategies: tuple[str, ...] = ("latency", "resource")
    parts: Mapping[str, str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    fixed_names: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    top: str = "{top}"
    widest: int | None = None
    simulation: Simulation | None = None
    testbench: str | None = None
    unsimulated: str = ""
    unusable: str = ""

    def exact(self, kind: str, io_type: str) -> bool:
        """Whether a kind of layers (`kind` or `kind function`) is known to be exact, or a plugin says so of its own."""
        from fpga_flow.hls.layers import plugin

        built_in = kind in self.layers or (io_type == "io_parallel" and kind in self.parallel)
        return built_in or plugin.exact(kind, self.types, io_type)


_AMD = ("vitis", "vivado")
_AMD_STRATEGIES = ("latency", "resource", "resource_unrolled", "distributed_arithmetic")
_INTEL = ("quartus", "oneapi")

_AMD_LAYERS = frozenset(
    {
        "dense", "conv1d", "conv2d", "depthwise1d", "depthwise2d", "reshape", "permute", "zero_pad", "crop", "upsample",
        "shuffle", "crelu",
        "activation relu", "activation linear", "activation lookup", "activation softmax",
        "pool max", "pool average", "global_pool max", "global_pool average",
        "merge add", "merge subtract", "merge average", "merge multiply", "merge maximum", "merge minimum",
        "merge concatenate", "deformable",
    }
)  # fmt: skip
#: hls4ml's code for Quartus drops bits of averages, and leaves out depthwise convolutions and croppings without a word.
_QUARTUS_LAYERS = frozenset(
    {
        "dense", "conv1d", "conv2d", "reshape", "zero_pad", "upsample", "shuffle", "crelu",
        "activation relu", "activation linear", "activation lookup",
        "pool max", "global_pool max",
        "merge add", "merge subtract", "merge average", "merge multiply", "merge maximum", "merge minimum",
        "merge concatenate", "deformable",
    }
)  # fmt: skip
_VIVADO_SCRIPTS = ("build_prj.tcl", "project.tcl", "vivado_synth.tcl")
_ALVEO = {
    "alveo-u50": "xcu50-fsvh2104-2-e",
    "alveo-u200": "xcu200-fsgd2104-2-e",
    "alveo-u250": "xcu250-figd2104-2L-e",
    "alveo-u280": "xcu280-fsvh2892-2L-e",
}

_TABLE = (
    Backend(
        "vitis", "Vitis HLS", "Vitis", "ap", _AMD, "vitis",
        layers=_AMD_LAYERS,
        group_conv=True,
        strategies=_AMD_STRATEGIES,
        scripts=("build_prj.tcl", "build_opt.tcl", "project.tcl", "vivado_synth.tcl"),
        simulation=Simulation(("firmware/ap_types",)),
        testbench="sample_arrays.cpp.j2",
    ),
    Backend(
        "vivado", "Vivado HLS", "Vivado", "ap", _AMD, "vivado",
        layers=_AMD_LAYERS,
        group_conv=True,
        strategies=_AMD_STRATEGIES,
        scripts=_VIVADO_SCRIPTS,
        simulation=Simulation(("firmware/ap_types",)),
        testbench="sample_arrays.cpp.j2",
    ),
    Backend(
        "vivado_accelerator", "Vivado HLS and Vivado", "VivadoAccelerator", "ap", _AMD,
        layers=_AMD_LAYERS,
        group_conv=True,
        parts={"pynq-z2": "xc7z020clg400-1", "zcu102": "xczu9eg-ffvb1156-2-e", **_ALVEO},
        inherits="Vivado",
        options={"board": "{board}"},
        # the kernel's Verilog is copied under this name, but its script looks for one with the project's
        fixed_names=dict.fromkeys(_ALVEO, "myproject"),
        scripts=_VIVADO_SCRIPTS,
        top="{top}_axi",
        widest=24,  # the AXI stream carries 32-bit floats
        simulation=Simulation(
            ("firmware/ap_types",), ("firmware/{top}.cpp", "firmware/{top}_axi.cpp", "{top}_bridge.cpp")
        ),
        testbench="sample_axi.cpp.j2",
    ),
    Backend(
        "quartus", "Intel HLS Compiler", "Quartus", "ac", _INTEL, "quartus",
        layers=_QUARTUS_LAYERS,
        parallel=frozenset({"permute"}),
        strategies=("resource",),
        simulation=Simulation(
            ("firmware/ac_types", "firmware/ap_types"),
            sizes=True,
            traced=("io_parallel",),  # with io_stream hls4ml records the last layer's output for every layer
        ),
        testbench="sample_quartus.cpp.j2",
    ),
    Backend(
        "oneapi", "Intel oneAPI DPC++", "oneAPI", "ac", _INTEL, "oneapi",
        layers=_QUARTUS_LAYERS,  # of none is it known; these are exact in the code that oneAPI's was made from
        strategies=("resource",),
        unsimulated="its projects are SYCL, which Intel's icpx compiles with its FPGA headers, and g++ does not",
    ),
    Backend(
        "catapult", "Siemens Catapult", "Catapult", "ac", _AMD,
        unusable="hls4ml 1.3 widens the layer before a pooling by mistake, and writes the folder where a project was "
        "made into its C++",
    ),
    Backend(
        "libero", "Microchip SmartHLS", "Libero", "ap", ("libero",), "libero",
        unusable="hls4ml 1.3 fails to write its projects, since its package lacks their templates/libero/build_lib.sh; "
        "with io_stream it has no code for them",
    ),
)  # fmt: skip
BACKENDS: Mapping[str, Backend] = {backend.name: backend for backend in _TABLE}
VITIS = BACKENDS["vitis"]


def choose(name: str | None, board: Board, project: str = "") -> Backend:
    """The backend of a spec's `hls.backend`; without a name, that of the board's toolchain.

    Args:
        project: the project's name; left out, it is not checked.

    Raises:
        FieldError: there is none, it can't be used, or it makes no projects for the board.
    """
    if name is not None:
        backend, field = BACKENDS[name], "backend"
    else:
        backend, field = _default(board), "board"
    if backend.unusable:
        raise FieldError(
            ("hls", field),
            f"no projects can be made for {backend.tool}: {backend.unusable}; expected another {field}, "
            f'got "{name or board.name}"',
        )
    if board.toolchain not in backend.toolchains:
        able = [each.name for each in BACKENDS.values() if board.toolchain in each.toolchains and not each.unusable]
        expected = f"one of {', '.join(able)}" if able else "another board, since none makes projects for it"
        raise FieldError(
            ("hls", "backend"),
            f'expected for the board "{board.name}" of the toolchain "{board.toolchain}" {expected}, got "{name}"',
        )
    _check_parts(backend, board)
    fixed = backend.fixed_names.get(board.name, project)
    if project not in ("", fixed):
        raise FieldError(
            ("name",),
            f'expected "{fixed}", since hls4ml\'s bitstream scripts for {board.name} work with no other name, '
            f'got "{project}"; or another backend than {backend.name}',
        )
    return backend


def _default(board: Board) -> Backend:
    """The backend of the board's toolchain."""
    for backend in BACKENDS.values():
        if backend.default_for == board.toolchain:
            return backend
    known = ", ".join(each.default_for for each in BACKENDS.values() if each.default_for and not each.unusable)
    raise FieldError(
        ("hls", "board"),
        f"expected a board of one of the toolchains {known}, since hls4ml makes no projects for others, "
        f'got "{board.name}" of the toolchain "{board.toolchain}"',
    )


def _check_parts(backend: Backend, board: Board) -> None:
    """Raise a FieldError if the backend knows only other boards, or this one with another part."""
    if backend.parts is None:
        return
    if board.name not in backend.parts:
        known = ", ".join(backend.parts)
        raise FieldError(
            ("hls", "board"),
            f'expected for the backend {backend.name} one of the boards {known}, got "{board.name}"',
        )
    part = backend.parts[board.name]
    if board.part != part:
        raise FieldError(
            ("hls", "board"),
            f'the backend {backend.name} knows "{board.name}" with the part {part} only, got {board.part}: '
            "expected that part, or another backend",
        )
