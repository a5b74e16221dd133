"""The reference: exact numbers, with QKeras as a witness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_flow.errors import CheckFailed
from fpga_flow.hls.lower import lower
from fpga_flow.hls.reference import predict
from tests.hls import cases


@pytest.mark.parametrize("name", ["QActivation quantized_tanh(5)", "QConv2D, then QActivation binary(alpha=1.0)"])
def test_a_table_that_is_not_the_networks_is_noticed(name: str) -> None:
    case = cases.CASES[name]
    model = cases.model(case)
    layers = lower(model)
    x = cases.samples(case)
    np.testing.assert_array_equal(predict(model, layers, x), model.predict(layers[0].input_type.quantize(x), verbose=0))
    wrong = [layer if layer.table is None else replace(layer, table=-layer.table) for layer in layers]
    with pytest.raises(
        CheckFailed, match="the network as it was lowered gives other outputs than QKeras in 40 of 40 samp"
    ):
        predict(model, wrong, x)
