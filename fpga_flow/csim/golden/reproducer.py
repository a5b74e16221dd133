"""A mismatch as a small case of its own: one sample as golden record, and a C++ program that shows it by itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from fpga_flow import runs
from fpga_flow.csim.compare import Comparison
from fpga_flow.csim.design import Design
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden.values import Golden, Signal

RECORD, PROGRAM = "sample.npz", "reproduce.cpp"


def write(folder: Path, design: Design, expected: Golden, comparison: Comparison, allowed: list[float]) -> list[Path]:
    """Write the first sample that differs as `sample.npz`, and, if its outputs do, `reproduce.cpp`.

    Args:
        folder: is made, or its files of these names are replaced.
        expected: the record that the design was compared with.
        allowed: the tolerance of each output.

    Returns:
        What was written: nothing if no value differs, but layers are missing.
    """
    sample = comparison.first_sample
    if sample is None:
        return []
    one = expected.select([sample])
    golden_file.save(one, folder / RECORD)
    (folder / PROGRAM).unlink(missing_ok=True)  # of another mismatch
    if not comparison.differing:
        return [folder / RECORD]
    runs.write_text(folder / PROGRAM, program(design, one, sample, allowed))
    return [folder / RECORD, folder / PROGRAM]


def program(design: Design, one: Golden, sample: int, allowed: list[float]) -> str:
    """The text of the program: it computes the one sample of `one`, number `sample` of its record, through the
    project's bridge, and returns 1 if an output differs by more than its tolerance.
    """
    root = design.folder.resolve()
    sources = [source.relative_to(design.folder) for source in design.sources]
    includes = [".", "firmware", *design.simulation.includes]
    values = [value for signal in one.outputs for value in signal.values[0]]
    tolerances = [most for signal, most in zip(one.outputs, allowed, strict=True) for _ in range(signal.size)]
    arguments = [*_pointers("in", one.inputs), *_pointers("out", one.outputs)]
    if design.simulation.sizes:
        arguments += ["size"] * (len(one.inputs) + len(one.outputs))
    folder = "".join(f' -I"$P/{include}"' for include in includes).replace("/.", "")
    return "\n".join([
        f"// P={shlex.quote(str(root))}; g++ -std=c++14 -w -O1{folder} -DWEIGHTS_DIR='\"'\"$P\"'/firmware/weights\"' "
        f"{PROGRAM} -o reproduce && ./reproduce",
        "//",
        f"// Sample {sample} of a golden record of {design.top}, which the project in $P computed otherwise.",
        "// Prints the outputs that differ, and returns 1 if any does.",
        "",
        *(f'#include "{source}"' for source in sources),
        "#include <cmath>",
        "#include <cstdio>",
        "",
        f"static double in[] = {{{_numbers(one.samples[0])}}};",
        f"static const double expected[] = {{{_numbers(values)}}};",
        f"static const double tolerance[] = {{{_numbers(tolerances)}}};",
        "",
        "int main() {",
        f"    const int outputs = {len(values)};",
        "    double out[outputs] = {};",
        "    unsigned short size = 0; // some bridges take sizes, and look at none",
        "    (void)size;",
        f"    {design.top}_double({', '.join(arguments)});",
        "    int differing = 0;",
        "    for (int i = 0; i < outputs; i++)",
        "        if (!(std::fabs(out[i] - expected[i]) <= tolerance[i])) {",
        '            std::printf("output %d: expected %.17g, got %.17g\\n", i, expected[i], out[i]);',
        "            differing++;",
        "        }",
        '    std::printf("%d of %d outputs differ\\n", differing, outputs);',
        "    return differing ? 1 : 0;",
        "}",
        "",
    ])  # fmt: skip


def _pointers(name: str, signals: Iterable[Signal]) -> list[str]:
    """The place of each input or output in the one array of all."""
    *starts, _ = accumulate((signal.size for signal in signals), initial=0)
    return [f"{name} + {start}" for start in starts]


def _numbers(values: Iterable[float]) -> str:
    """C++'s text for doubles, ten a line, that gives the same doubles."""
    texts = [f"{float(value):.17g}" for value in values]
    lines = [", ".join(texts[start : start + 10]) for start in range(0, len(texts), 10)]
    return lines[0] if len(lines) == 1 else "\n    " + ",\n    ".join(lines) + "\n"
