"""Numbers and short texts as a reader likes them. Nothing here escapes anything: templates and figures do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

#: Where a number is missing.
NONE = "\N{EN DASH}"
_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"

_UNITS = ("B", "kB", "MB", "GB")


def number(value: float | None) -> str:
    """A count with commas: 49,097."""
    return NONE if _missing(value) else f"{value:,}"


def span(low: float, high: float) -> str:
    """From a count to another, once if they are the same: 8,100 to 12,000."""
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def short(value: float | None) -> str:
    """A measured or representable value in up to six digits."""
    if value is None or _missing(value):
        return NONE
    return f"{value + 0.0:.6g}".replace("-", _MINUS)  # adding zero makes a negative zero a plain one


def exact(value: float) -> str:
    """A value of a fixed-point type, or the distance of two, with all its digits if they are not too many."""
    return f"{value + 0.0:.15g}".replace("-", _MINUS)


def percent(share: float | None, digits: int = 2) -> str:
    """A share of one in per cent."""
    return NONE if share is None or _missing(share) else f"{100 * share:.{digits}f}\u202f%"


def times(ratio: float | None) -> str:
    """How many times smaller or larger: 11.7 with a times sign."""
    return NONE if ratio is None or _missing(ratio) else f"{ratio:.3g}{_TIMES}"


def points(before: float | None, after: float | None) -> str:
    """The change from one share to another in percentage points, with its sign."""
    if before is None or after is None or _missing(before) or _missing(after):
        return NONE
    change = round(100 * (after - before), 2)
    return f"{'+' if change > 0 else _MINUS if change < 0 else '±'}{abs(change):.2f}"


def size(count: float | None) -> str:
    """A number of bytes, in units of 1000."""
    if count is None:
        return NONE
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g}\u202f{_UNITS[unit]}" if unit else f"{int(value)}\u202fB"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return NONE
    if value < 100:
        return f"{value:.3g}\u202fs"
    minutes, rest = divmod(int(value), 60)
    return f"{minutes}\u202fmin {rest}\u202fs" if minutes < 120 else f"{minutes // 60}\u202fh {minutes % 60}\u202fmin"


def time(nanoseconds: float | None) -> str:
    """A time on the FPGA."""
    if nanoseconds is None:
        return NONE
    for limit, unit in ((1e3, "ns"), (1e6, "µs"), (1e9, "ms")):
        if nanoseconds < limit:
            return f"{nanoseconds / limit * 1e3:.4g}\u202f{unit}"
    return f"{nanoseconds / 1e9:.4g}\u202fs"


def rate(per_second: float) -> str:
    """A frequency in plain words: 100 million."""
    for limit, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if per_second >= limit:
            return f"{per_second / limit:.3g} {name}"
    return f"{per_second:.3g}"


def shape(sizes: Sequence[int]) -> str:
    """Sizes with times signs between them."""
    return f"\u202f{_TIMES}\u202f".join(str(each) for each in sizes) or "scalar"


def shortened(values: Sequence[float], most: int = 8) -> str:
    """A list of numbers; of a long one its beginning, its length and its range."""
    if len(values) <= most:
        return ", ".join(short(each) for each in values)
    first = ", ".join(short(each) for each in values[: most // 2])
    return f"{first}, … ({len(values):,} values from {short(min(values))} to {short(max(values))}, one per feature)"


def clipped(value: str, most: int = 40) -> str:
    """A name that may be too long for a figure."""
    return value if len(value) <= most else f"{value[: most - 1]}…"


def options(values: Mapping[str, Any]) -> str:
    """A pass's options that are set, on one line."""
    given = {key: value for key, value in values.items() if value is not None and value != {}}
    return ", ".join(f"{key} {plain(value)}" for key, value in given.items()) or NONE


def plain(value: Any) -> str:
    """A value of a spec on one line, without quotation marks; 0.1 + 0.2 is 0.3, and 4.0 is 4."""
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {plain(each)}" for key, each in value.items() if each is not None) + ")"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(plain, value)) + "]"
    if isinstance(value, float):
        return f"{value:.12g}"
    return value if isinstance(value, str) else json.dumps(value)


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
