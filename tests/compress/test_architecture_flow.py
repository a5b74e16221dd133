"""`replace_dense`, `shrink`, `downsample` in the whole flow: other layers, exact C++, patterns that match."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_flow import flow
from fpga_flow.spec.load import load

SPEC = """
name: other
seed: 3
data: {name: digits, scale: 16}
network:
  family: cnn
  conv:
    - {filters: 6, padding: same}
    - {filters: 8, pool: 2, padding: same}
    - {filters: 8}
  hidden: [12]
training: {epochs: 10, batch_size: 32, learning_rate: 5.0e-3}
compress:
  - replace_dense: {epochs: 6, first: %s, hidden: %s}
  - shrink: {width: 0.8, kernels: {conv_2: 2}, dilated: true, epochs: 0}
  - downsample: {placement: early, epochs: 4}
  - quantize: {epochs: 4}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<7,auto>", bias: "fixed<8,auto>", activation: "ufixed<8,auto>"}
    output: {weight: "fixed<8,auto>"}
hls: {io_type: %s}
csim: {samples: 100}
"""


@pytest.mark.parametrize(
    ("first", "hidden", "io_type"),
    [
        ("average", "drop", "io_stream"),
        pytest.param("convolution", "convolutions", "io_parallel", marks=pytest.mark.slow),
        pytest.param("convolution", "drop", "io_stream", marks=pytest.mark.slow),
    ],
)
def test_the_project_is_exact(tmp_path: Path, first: str, hidden: str, io_type: str) -> None:
    (tmp_path / "other.yaml").write_text(SPEC % (first, hidden, io_type))
    made = flow.run(load(str(tmp_path / "other.yaml")), tmp_path / "runs").record
    assert made["csim"]["mismatches"] == 0
    assert made["csim"]["exact"]
    shapes = {layer["name"]: layer["shape"] for layer in made["layers"]}
    assert shapes["conv_1"] == [8, 8, 5]
    assert shapes["conv_2"] == [4, 4, 6]
    assert ("dense_1" in shapes) == (hidden == "convolutions")
    replaced, shrunk, moved, _ = made["passes"]
    assert replaced["positions"] == [2, 2]
    assert shrunk["kernels"] == {"conv_2": {"before": [3, 3], "after": [2, 2], "dilation": [2, 2]}}
    assert moved["placements"][1]["at"] == {"pool_2": "conv_1"}
    assert moved["placements"][1]["resources"]["lut"] > 0
    assert made["metrics"]["final"]["accuracy"] > 0.5
