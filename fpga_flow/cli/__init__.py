"""The command line: one short function per command, which parses, calls and prints. No logic lives here."""

from __future__ import annotations

import os
import sys

import typer

from fpga_flow import process
from fpga_flow.cli import completion, jobs, lists, new, reports  # noqa: F401  (their commands, in the order of --help)
from fpga_flow.cli.options import app
from fpga_flow.errors import FlowError
from fpga_flow.printing import printable_lines, say
from fpga_flow.whole import own_temporary_files

__all__ = ["app", "main"]

#: The exit code of a command that Ctrl-C ended.
_INTERRUPTED = 130


def main() -> None:
    """The entry point: errors of the user's become their message and an exit code."""
    own_temporary_files()
    try:
        with completion.as_the_shell_wants(), process.terminable():
            code = app(prog_name="fpga-flow", standalone_mode=False)
        if code == _INTERRUPTED:  # newer versions of typer make this of Ctrl-C, and return it
            raise KeyboardInterrupt
        if code:
            raise typer.Exit(code)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("stopped; what was finished is kept", err=True)
        sys.exit(_INTERRUPTED)
    except FlowError as error:
        say(f"error: {error}" if "\n" not in str(error) else f"errors:\n{error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # what reads our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # for example a full disk, or a folder that can't be written
        say(f"error: {error.filename or 'system'}: {error.strerror or error}", err=True)
        sys.exit(2)
    except MemoryError:
        say("error: there is not enough memory for this", err=True)
        sys.exit(2)
    except Exception as error:  # click's errors of usage; anything else is a bug, and keeps its traceback
        if not hasattr(error, "show"):
            raise
        error.message = printable_lines(str(getattr(error, "message", "")))  # type: ignore[attr-defined]
        error.show()
        sys.exit(2)
