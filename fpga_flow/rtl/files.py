"""The texts of the Verilog and VHDL files of a pipeline.

The pipeline and its stages are written by da4ml, with wires as wide as their values need; around it is a top module
whose inputs and outputs have the types that the HLS code has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import da4ml.codegen.rtl
import jinja2
from da4ml.codegen.rtl import verilog, vhdl
from da4ml.types import Pipeline, QInterval, minimal_kif

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.rtl.pipeline import latency_cycles

#: First and last bit of a wire, as both languages write them: the higher one first.
Bits = tuple[int, int]

_LANGUAGES: dict[str, tuple[Any, str]] = {"verilog": (verilog, "v"), "vhdl": (vhdl, "vhd")}


@dataclass(frozen=True)
class Port:
    """Values of one type that come in or go out together."""

    count: int
    type: FixedPoint


def texts(pipeline: Pipeline, top: str, inputs: Port, outputs: Port) -> dict[str, str]:
    """The files by their paths, `verilog/...` and `vhdl/...`; tables lie beside what reads them."""
    tables = {name: text for stage in pipeline.solutions for name, text in verilog.table_mem_gen(stage).items()}
    made: dict[str, str] = {}
    for language, (generator, suffix) in _LANGUAGES.items():
        modules = generator.pipeline_logic_gen(pipeline, f"{top}_pipeline")
        modules[top] = _top(pipeline, top, inputs, outputs, suffix)
        modules |= {path.stem: path.read_text(encoding="utf-8") for path in _parts(language, suffix)}
        made |= {f"{language}/{name}.{suffix}": text for name, text in modules.items()}
        made |= {f"{language}/{name}": text for name, text in tables.items()}
    return made


def _parts(language: str, suffix: str) -> list[Path]:
    """The files of adders, multiplexers and the like that come with da4ml."""
    return sorted((Path(da4ml.codegen.rtl.__file__).parent / language / "source").glob(f"*.{suffix}"))


def _top(pipeline: Pipeline, top: str, inputs: Port, outputs: Port, suffix: str) -> str:
    ins, outs = _places(pipeline.inp_qint), _places(pipeline.out_qint)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701  (the text is Verilog or VHDL, not HTML)
    )
    wires_in = [(packed, _within(inputs.type, i, kif)) for i, (packed, kif) in enumerate(ins) if packed]
    wires_out = [(_within(outputs.type, i, kif), packed) for i, (packed, kif) in enumerate(outs) if packed]
    return environment.get_template(f"top.{suffix}.j2").render(
        title=f"{top}: a neural network, unrolled and pipelined",
        top=top,
        inputs=inputs.count,
        input_type=inputs.type,
        outputs=outputs.count,
        output_type=outputs.type,
        latency=latency_cycles(pipeline),
        packed_in=sum(_width(kif) for _, kif in ins),
        packed_out=sum(_width(kif) for _, kif in outs),
        wires_in=wires_in,
        wires_out=wires_out,
        fills_out=list(_fills(outputs, outs)),
    )


#: Whether there is a sign bit, bits left of the binary point without it, and right of it, as da4ml counts them.
Kif = tuple[bool, int, int]
#: Where a value lies among the packed ones, None if it needs no bits; and its type.
Place = tuple[Bits | None, Kif]


def _width(kif: Kif) -> int:
    return sum(kif)


def _places(intervals: Sequence[QInterval]) -> list[Place]:
    """Where each value lies: one beside the other, each as wide as it needs."""
    made: list[Place] = []
    first = 0
    for kif in map(minimal_kif, intervals):
        width = _width(kif)
        made.append(((first + width - 1, first) if width else None, kif))
        first += width
    return made


def _within(type_: FixedPoint, number: int, kif: Kif) -> Bits:
    """Where the bits of a value lie in a port whose values are of a wider type."""
    first = number * type_.width + type_.fraction - kif[2]
    return first + _width(kif) - 1, first


def _fills(port: Port, places: Sequence[Place]) -> Iterator[tuple[Bits, int | None]]:
    """The bits of a port that a narrower value leaves open, and the bit that they repeat; None for zeros."""
    for number, (packed, kif) in enumerate(places):
        first, last = number * port.type.width, (number + 1) * port.type.width - 1
        if packed is None:
            yield (last, first), None
            continue
        high, low = _within(port.type, number, kif)
        if low > first:
            yield (low - 1, first), None
        if high < last:
            yield (last, high + 1), packed[0] if kif[0] else None
