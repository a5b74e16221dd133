"""Weights that hls4ml writes in other forms than numbers are read as its own types read them."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import csim
from fpga_flow.csim import run
from tests import stock_hls4ml
from tests.hls import cases


@pytest.mark.parametrize("name", ["QDense, kernel quantized_po2(4)", "QDense, kernel binary, alpha=auto_po2"])
def test_powers_of_two_as_pairs_of_sign_and_exponent(name, tmp_path):
    stock_hls4ml.write(cases.model(cases.CASES[name]), tmp_path / "project")
    design = csim.Design.read(tmp_path / "project")
    assert "{" in "".join(file.read_text() for file in (tmp_path / "project/firmware/weights").glob("*.txt"))
    x = np.random.default_rng(1).uniform(-4, 4, (50, csim.build(design).input_size))
    fast, own = (run.run(csim.build(design, stock_headers=stock), x) for stock in (False, True))
    np.testing.assert_array_equal(fast, own)
    assert len(np.unique(fast)) > 20
