"""The top function of a project with a call behind each layer that records what the layer gave.

hls4ml writes these calls itself for the layers that its `TraceOutput` names, as for all of our own projects. For others
a copy of the top function's file is made, for the simulation alone.
"""

from __future__ import annotations

import re

from fpga_flow.csim.design import Design

RECORD = "nnet::save_layer_output"
_ARRAY = re.compile(r"\s*([\w:]+) (\w+)\[(.+)\];")
_STREAM = re.compile(r"\s*hls::stream<([\w:]+)> (\w+)(?:\(\"[^\"]*\"\))?;")
_ALIAS = re.compile(r"\s*auto\s*& (\w+) = \w+;")
_OWN = re.compile(rf"^\s*{RECORD}<[^()]*>\((\w+),", re.MULTILINE)
_CALL = re.compile(r"\s*nnet::\w+<.*>\((.*)\);\s*(?://\s*(\S+))?\s*")


def instrumented(text: str, design: Design) -> str:
    """The text of a top function's file with a record behind each layer that has none of its own."""
    recorded = set(_OWN.findall(text))
    stream = design.io_type == "io_stream"
    # type and size of each variable that a layer can write
    variables = {port.name: (port.type, port.size) for port in design.outputs}
    written: set[str] = set()
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if match := (_STREAM if stream else _ARRAY).fullmatch(line):
            variables[match[2]] = (match[1], "0" if stream else match[3])  # a stream knows how much it holds
        elif match := _ALIAS.fullmatch(line):
            written.add(match[1])
        elif match := _CALL.fullmatch(line):
            arguments = [argument.strip() for argument in match[1].split(",")]
            # a variable is written by the first layer that it is given to
            for name in dict.fromkeys(arguments):
                if name in variables and name not in written:
                    written.add(name)
                    type_, size = variables[name]
                    if name not in recorded:
                        lines.append(f'    {RECORD}<{type_}>({name}, "{match[2] or name}", {size});')
    return "\n".join(lines) + "\n"
