"""The file of margins and factors, made from the reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from hls_reports import margins, synthesis
from hls_reports.left_out import LeftOut

HEAD = '''"""How sure the estimates are, and what logic synthesis leaves of them; see interval.py and stages.py.

Written by `benchmarks/resource_estimate.py --calibrate` from published reports. Margins are logarithms of ratios.

MARGINS         of csynth's numbers, by kind of part and of whole projects; what is not named, a kind does not need
UNSEEN          of kinds that no report has: the widest of all
FACTORS         post-synthesis by csynth
FACTOR_MARGINS  of the factors
"""

from collections.abc import Mapping

Margins = Mapping[str, float]
'''


def text(reports: LeftOut, truth: Path) -> str:
    """The file."""
    of_kinds = margins.margins(margins.sound(reports.of_all()))
    pairs = synthesis.pairs(truth)
    of_factors = margins.margins(synthesis.estimated(pairs))[synthesis.KIND]
    factors = {name: float(f"{factor:.3g}") for name, factor in synthesis.factors(pairs).items()}
    parts = [HEAD, "MARGINS: Mapping[str, Margins] = {"]
    parts += [f'    "{kind}": {_code(_rounded_up(of_kind))},' for kind, of_kind in of_kinds.items()]
    parts += ["}\n", f"UNSEEN: Margins = {_code(_rounded_up(margins.unseen(of_kinds)))}\n"]
    parts += [f"FACTORS: Mapping[str, float] = {_code(factors)}\n"]
    return "\n".join([*parts, f"FACTOR_MARGINS: Margins = {_code(_rounded_up(of_factors))}\n"])


def _rounded_up(of_kind: Mapping[str, float]) -> dict[str, float]:
    return {name: math.ceil(1000 * margin) / 1000 for name, margin in of_kind.items()}


def _code(values: Mapping[str, float]) -> str:
    return "{" + ", ".join(f'"{name}": {value!r}' for name, value in sorted(values.items())) + "}"
