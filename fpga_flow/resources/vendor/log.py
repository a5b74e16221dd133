"""What a vendor tool printed: its own error messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ERROR = re.compile(r"\s*(ERROR:.*\S)")


@dataclass(frozen=True)
class Log:
    """The lines with which the tool reported errors, in their order, each once."""

    errors: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether there is an error. The tools end with exit code 0 after some of them."""
        return bool(self.errors)


def parse(text: str) -> Log:
    """Read a log, which may stop anywhere: a tool that is killed or crashes does not finish it."""
    found = (match[1] for line in text.splitlines() if (match := _ERROR.match(line)))
    return Log(tuple(dict.fromkeys(found)))
