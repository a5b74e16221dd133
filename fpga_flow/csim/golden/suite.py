"""`*.csim.yaml`: which golden records a project must agree with, as tests that pytest collects.

project: build/my_project            # or `spec: my.yaml`, which is run first; paths are relative to the file
golden: [golden/typical.npz, golden/extreme.npz]
tolerance: {softmax_out: 0.001}      # or one number for all outputs; left out: bit for bit
stock_headers: false
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from fpga_flow.csim import command
from fpga_flow.csim.design import Design
from fpga_flow.errors import InputError
from fpga_flow.spec import messages, yaml_file
from fpga_flow.spec.base import Section

Name = Annotated[str, Field(min_length=1)]
Distance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Content(Section):
    """What the file says."""

    project: Name | None = None
    spec: Name | None = None
    golden: Name | Annotated[list[Name], Field(min_length=1)]
    tolerance: Distance | dict[str, Distance] = 0.0
    stock_headers: bool = False

    @model_validator(mode="after")
    def _one_design(self) -> Content:
        if (self.project is None) == (self.spec is None):
            got = "neither" if self.project is None else "both"
            raise ValueError(f'expected either "project" or "spec", got {got}')
        return self


@dataclass(frozen=True)
class Suite:
    """The tests of a file."""

    path: Path
    content: Content

    @property
    def records(self) -> tuple[Path, ...]:
        """The golden records."""
        named = self.content.golden
        return tuple(self.path.parent / name for name in ([named] if isinstance(named, str) else named))

    def design(self, runs: Path) -> Design:
        """The design that is tested; a spec is run in the folder `runs` up to its HLS project, or read back.

        Raises:
            InputError: there is none, or the spec is wrong.
            ToolError: hls4ml failed.
        """
        if self.content.project is not None:
            return command.find_design(self.path.parent / self.content.project)
        from fpga_flow import flow
        from fpga_flow.spec.load import load

        spec = load(self.path.parent / str(self.content.spec))
        return command.find_design(flow.run(spec, runs, until="hls").folder)


def read(path: Path) -> Suite:
    """Read a file of this form.

    Raises:
        InputError: all that is wrong with it, with line and column.
    """
    document = yaml_file.read(path)
    problems = list(document.problems)
    if not isinstance(document.data, dict):
        got = messages.show(document.data)
        raise InputError.at(str(path), f"expected a mapping with the keys of a test, got {got}", line=1, column=1)
    content = None
    try:
        content = Content.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        mistakes = messages.mistakes(error, Content)
        paths = [*document.wrong, *(each.path for each in mistakes)]
        known = {path[:length] for path in paths for length in range(1, len(path))}
        known.update(document.wrong)  # and what holds a wrong value is not told to be wrong, too
        problems += [document.problem(each.path, each.message) for each in mistakes if each.path not in known]
    if problems or content is None:
        raise InputError(problems)
    return Suite(path, content)
