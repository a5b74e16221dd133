"""Commands that share a time limit, after which nothing that they started goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.errors import ToolError


@dataclass(frozen=True)
class Deadline:
    """Until when commands may run: `end` on the clock of `time.monotonic`, `minutes` after it was set."""

    end: float
    minutes: float

    @classmethod
    def after(cls, minutes: float) -> Deadline:
        """So many minutes from now."""
        return cls(time.monotonic() + 60 * minutes, minutes)

    def run(
        self, command: Sequence[str], folder: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; what it says on both outputs is in the result's `stdout`.

        Args:
            variables: of its environment, beside those of this process.

        Raises:
            ToolError: it can't be started, or did not end in time.
        """
        try:
            process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **(variables or {})}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", process_group=0,
            )  # fmt: skip
        except OSError as error:
            raise ToolError(f"{command[0]} can't be started: {error.strerror}") from error
        with process:
            try:
                said, _ = process.communicate(timeout=max(0.0, self.end - time.monotonic()))
            except BaseException as error:  # Ctrl-C, too
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    name = Path(command[0]).name
                    raise ToolError(f"{name} did not end within {self.minutes:g} minutes: stopped") from None
                raise
        return subprocess.CompletedProcess(command, process.returncode, said)
