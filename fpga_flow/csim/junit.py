"""Results of checks as JUnit XML, which continuous integration servers read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from fpga_flow import runs

#: Characters that XML can't hold, escaped or not.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


Outcome = Literal["passed", "failed", "error"]


@dataclass(frozen=True)
class Case:
    """A test case: what was tested, of which project, how long it took, and the report.

    `failed` means that a check did not pass, `error` that it could not be made.
    """

    name: str
    project: str
    seconds: float
    outcome: Outcome
    report: str


def write(cases: Sequence[Case], path: Path) -> None:
    """Write the cases as one test suite.

    Raises:
        OSError: the file can't be written.
    """
    counts = {kind: sum(case.outcome == kind for case in cases) for kind in ("failed", "error")}
    attributes = {
        "name": "fpga-flow csim",
        "tests": str(len(cases)),
        "failures": str(counts["failed"]),
        "errors": str(counts["error"]),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    for case in cases:
        described = {"classname": _text(case.project), "name": _text(case.name), "time": f"{case.seconds:.3f}"}
        element = ElementTree.SubElement(suite, "testcase", described)
        if case.outcome == "passed":
            ElementTree.SubElement(element, "system-out").text = _text(case.report)
        else:
            kind = "failure" if case.outcome == "failed" else "error"
            first = _text(case.report.split("\n")[0])
            ElementTree.SubElement(element, kind, {"message": first}).text = _text(case.report)
    ElementTree.indent(suites)
    path.parent.mkdir(parents=True, exist_ok=True)
    runs.write_text(path, ElementTree.tostring(suites, "unicode", xml_declaration=True) + "\n")


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("?", text)
