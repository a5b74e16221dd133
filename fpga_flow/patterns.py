"""Layer names matched by glob patterns, the most specific pattern first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from fpga_flow.errors import suggest

T = TypeVar("T")


def specificity(pattern: str) -> tuple[bool, int]:
    """Patterns in this order go from vague to specific: names without wildcards last, others by plain characters."""
    wild = any(character in pattern for character in "*?[")
    return (not wild, sum(character not in "*?[]" for character in pattern))


def matching(patterns: Mapping[str, T], *names: str) -> list[T]:
    """The values of the patterns that match any of a layer's `names`, from the most to the least specific.

    Of equally specific patterns the one for the earlier name, then the one written later, comes first.
    """
    found = []
    for order, (pattern, value) in enumerate(patterns.items()):
        matched = [number for number, name in enumerate(names) if fnmatchcase(name, pattern)]
        if matched:
            found.append((specificity(pattern), -matched[0], order, value))
    return [value for *_, value in sorted(found, key=lambda each: each[:3], reverse=True)]


def unmatched(
    patterns: Iterable[str], names: Iterable[str], what: str = "layer", others: Iterable[str] = ()
) -> dict[str, str]:
    """A message for each pattern that matches none of `names`; `others` are those of layers that can't be meant."""
    names, others = list(names), list(others)
    found = {}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            wrong = [pattern] if any(fnmatchcase(name, pattern) for name in others) else []
            said = suggest(pattern, names, wrong)
            found[pattern] = f'expected a pattern that matches a {what}, got "{pattern}": {said}'
    return found
