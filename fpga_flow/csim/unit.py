"""The text of the one C++ unit that a project is compiled as, with what the runner must know of it."""

from __future__ import annotations

from pathlib import Path

from fpga_flow.csim.design import Design
from fpga_flow.csim.instrument import instrumented


def write(design: Design, folder: Path, *, traced: bool, code_gen: str | None = None) -> Path:
    """Write the unit into `folder`; its path. It names the project's files as they are found from its folder.

    Args:
        traced: whether the top function is an instrumented copy.
        code_gen: what is compiled instead of the project's own nnet_code_gen.h.
    """
    first, *others = (source.relative_to(design.folder).as_posix() for source in design.sources)
    if traced:
        text = instrumented((design.folder / first).read_text(encoding="utf-8"), design)
        first = "instrumented.cpp"
        (folder / first).write_text(text, encoding="utf-8")
    top = design.top
    lines = [
        "#define CSIM_AC" if design.backend.types == "ac" else "",
        "#define CSIM_TRACE" if traced else "",
        code_gen or "",
        '#include "firmware/defines.h"',
        '#include "nnet_utils/nnet_helpers.h"',
        '#include "record.h"',
        f'#include "{first}"',
        # what happens to values on their way into the top function is not the first layer's doing
        # (names that begin with _ are none that the top function can have)
        "template <class... _types> auto csim_top(_types &&..._given) "
        f'{{ csim::take_events("inputs"); return {top}(_given...); }}',
        f"#define {top} csim_top" if traced else "",
        *(f'#include "{source}"' for source in others),
        f"#undef {top}",
        f"using namespace {design.namespace};" if design.namespace else "",
        *_description(design),
        '#include "unit.h"',
        "",
    ]
    path = folder / "csim.cpp"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _description(design: Design) -> list[str]:
    """The definitions that unit.h asks for."""
    arguments, sizes, ports = [], {}, []
    for kind, pointer, of_kind in (("input", "in", design.inputs), ("output", "out", design.outputs)):
        before = "0"
        for port in of_kind:
            arguments.append(f"{pointer} + {before}")
            before += f" + ({port.size})"
            ports.append(f'X("{kind}", "{port.name}", {port.type}, {port.size})')
        sizes[kind] = before
    if design.simulation.sizes:
        arguments += ["size"] * len(ports)
    return [
        f"#define CSIM_CALL {design.top}_double({', '.join(arguments)})",
        f"#define CSIM_INPUT_SIZE {sizes['input']}",
        f"#define CSIM_OUTPUT_SIZE {sizes['output']}",
        f"#define CSIM_PORTS {' '.join(ports)}",
    ]
