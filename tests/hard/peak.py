"""Runs a command, and writes the most bytes that it or a process it began has had.

    python -m tests.hard.peak FILE COMMAND...

A process of its own, and a small one: what Linux says of a child is at least what the process that began it had.
"""

from __future__ import annotations

import resource
import subprocess
import sys

if __name__ == "__main__":
    code = subprocess.run(sys.argv[2:], check=False).returncode
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(str(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
    sys.exit(code)
