"""A plugin of pytest's that comes with the package: each golden record of a `*.csim.yaml` file is a test.

The files are described in `csim/golden/suite.py`. With `--csim-update` the records are written anew, or made where they
are missing, and what changed is shown at the end. All that is heavy is imported when such a file is met.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fpga_flow.errors import CheckFailed, FlowError
from fpga_flow.printing import printable_lines

if TYPE_CHECKING:
    from fpga_flow.csim.design import Design
    from fpga_flow.csim.golden.suite import Suite

SUFFIX = ".csim.yaml"
_PROPERTY = "fpga_flow_csim_updated"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--csim-update`."""
    parser.getgroup("fpga_flow").addoption(
        "--csim-update", action="store_true", help="write the golden records of *.csim.yaml files anew"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect `*.csim.yaml`."""
    return CsimFile.from_parent(parent, path=file_path) if file_path.name.endswith(SUFFIX) else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what `--csim-update` changed."""
    passed = terminalreporter.stats.get("passed", [])
    texts = [text for report in passed for name, text in report.user_properties if name == _PROPERTY]
    if texts:
        terminalreporter.section("golden records written")
        for text in texts:
            terminalreporter.line(printable_lines(text))


class CsimFile(pytest.File):
    """A `*.csim.yaml` file."""

    _design: Design | None = None

    def collect(self) -> Iterator[CsimItem]:
        """A test for each of its golden records."""
        from fpga_flow.csim.golden import suite

        try:
            found = suite.read(self.path)
        except FlowError as error:
            raise self.CollectError(printable_lines(str(error))) from error
        for record in found.records:
            yield CsimItem.from_parent(self, name=record.stem, suite=found, record=record)

    def design(self, suite: Suite) -> Design:
        """The design of the file, found once for all of its tests."""
        if self._design is None:
            runs = _cached(self.config, "fpga_flow_runs") or Path(tempfile.mkdtemp(prefix="fpga_flow_runs_"))
            self._design = suite.design(runs)
        return self._design


class CsimItem(pytest.Item):
    """The check of a design by one golden record."""

    def __init__(self, *, parent: CsimFile, suite: Suite, record: Path, **options: Any) -> None:
        super().__init__(parent=parent, **options)
        self.file, self.suite, self.record = parent, suite, record

    def runtest(self) -> None:
        """Check, or write anew.

        Raises:
            CheckFailed: the design computes something else; the message is the report.
            InputError: the record or the project is not as expected.
            ToolError: the compiler or the C++ failed.
        """
        from fpga_flow.csim.golden import file as golden_file
        from fpga_flow.csim.golden import regression

        content = self.suite.content
        design = self.file.design(self.suite)
        if not self.config.getoption("--csim-update"):
            cached = _cached(self.config, "fpga_flow_mismatch")
            folder = None if cached is None else cached / f"{self.path.name}-{self.name}"
            checked = regression.check(
                design, self.record, content.tolerance, stock_headers=content.stock_headers, reproducer_folder=folder
            )
            if not checked.passed:
                raise CheckFailed(checked.report())
        elif golden_file.file_of(self.record).exists():
            checked = regression.update(design, self.record, content.tolerance, stock_headers=content.stock_headers)
            self.user_properties.append((_PROPERTY, checked.report()))
        else:
            from fpga_flow.csim import command

            recorded = command.record(design, self.record, stock_headers=content.stock_headers)
            self.user_properties.append((_PROPERTY, recorded.report()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **options: Any) -> Any:
        """The message alone, if it is one for users."""
        if isinstance(excinfo.value, FlowError):
            return printable_lines(str(excinfo.value))
        return super().repr_failure(excinfo, *args, **options)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The file and the test's name."""
        return self.path, None, f"csim: {self.name}"


def _cached(config: pytest.Config, name: str) -> Path | None:
    """A folder in pytest's cache; None if that is switched off."""
    cache = getattr(config, "cache", None)
    return None if cache is None else Path(cache.mkdir(name))
