"""Every case of the matrix is what `fpga-flow layers` says: exact, or refused with this reason.

GOLDEN_RUN=1 writes what is refused anew; what is exact is for the C simulation to say (here for some cases, for all of
them under `make test-all`, and in benchmarks/layers.py).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fpga_flow.hls.support import MATRIX, matrix
from tests.hls.cases import CASES, model
from tests.hls.matrix import EXACT, IO_TYPES, refusal, refusal_of, simulate

ROOT = Path(__file__).parents[2]
PAIRS = [(name, io_type) for name in CASES for io_type in IO_TYPES]
#: Simulated in every test run: one in nineteen, of both io types.
SOME = PAIRS[::19]


def test_every_case_is_listed() -> None:
    assert [entry["case"] for entry in matrix()] == list(CASES)
    assert len(PAIRS) >= 400


@pytest.mark.skipif(not os.environ.get("GOLDEN_RUN"), reason="GOLDEN_RUN is not set")
def test_write_the_matrix_anew() -> None:
    found = []
    for name, case in CASES.items():
        reasons = {io_type: refusal(case, io_type) for io_type in IO_TYPES}
        found.append({"case": name, **{key: f"refused: {why}" if why else EXACT for key, why in reasons.items()}})
    MATRIX.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_refused_as_listed(name: str) -> None:
    listed = next(entry for entry in matrix() if entry["case"] == name)
    made = model(CASES[name])
    for io_type in IO_TYPES:
        why = refusal_of(made, io_type)
        assert listed[io_type] == (f"refused: {why}" if why else EXACT)


@pytest.mark.parametrize(
    ("name", "io_type"), [pytest.param(*pair, marks=[] if pair in SOME else [pytest.mark.slow]) for pair in PAIRS]
)
def test_what_is_not_refused_is_exact(tmp_path, name: str, io_type: str) -> None:
    if refusal(CASES[name], io_type):
        return  # test_refused_as_listed says how
    result = simulate(CASES[name], io_type, tmp_path)
    assert result.exact, result.first
