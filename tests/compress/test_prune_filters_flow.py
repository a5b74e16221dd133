"""`prune_filters` in the whole flow: smaller C++ that is exact, and reuse factors checked with the shapes that come."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_flow import flow
from fpga_flow.errors import InputError
from fpga_flow.spec.check import check
from fpga_flow.spec.load import Loaded, load

SPEC = """
name: fewer
seed: 3
data: {name: digits, scale: 16}
network: {family: mlp, hidden: [16, 12]}
training: {epochs: 6, batch_size: 32, learning_rate: 5.0e-3}
compress:
  - prune_filters: {%s, epochs: 2}
  - quantize: {epochs: 2}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<7,3>"}
hls: {board: zcu104, strategy: resource, layers: {dense_2: {reuse_factor: %s}}}
csim: {samples: 100}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of all tests: they share the float training."""
    return tmp_path_factory.mktemp("runs")


def loaded(folder: Path, options: str, reuse_factor: int) -> Loaded:
    (folder / "fewer.yaml").write_text(SPEC % (options, reuse_factor))
    return load(str(folder / "fewer.yaml"))


def test_the_project_is_smaller_and_exact(folder):
    """48 is a reuse factor of the 8 inputs and 6 neurons that are left."""
    outcome = flow.run(loaded(folder, "amount: 0.5", 48), folder)
    made = outcome.record
    assert made["csim"]["mismatches"] == 0
    assert made["csim"]["exact"]
    shapes = {layer["name"]: layer["shape"] for layer in made["layers"]}
    assert (shapes["dense_1"], shapes["dense_2"]) == ([8], [6])
    assert made["size"]["parameters"] == 64 * 8 + 8 + 8 * 6 + 6 + 6 * 10 + 10
    entry = made["passes"][0]
    assert entry["after"]["parameters"] == made["size"]["parameters"]
    assert entry["after"]["macs"] == made["size"]["macs"]
    assert entry["filters"]["dense_1"] == {"before": 16, "after": 8}
    assert made["metrics"]["final"]["accuracy"] > 0.6


def test_reuse_factors_are_checked_as_soon_as_the_shapes_are_known(folder):
    with pytest.raises(InputError, match=r'layer "dense_2": expected .* 48 as reuse factor .*, got 192'):
        check(loaded(folder, "amount: 0.5", 192))  # all of 16 inputs and 12 neurons
    spec = loaded(folder, "parameters: 0.5", 192)
    check(spec)  # that depends on what is left
    with pytest.raises(InputError) as error:
        flow.run(spec, folder, until="hls")
    assert "fewer.yaml:14:61: hls.layers.dense_2.reuse_factor: " in str(error.value)
    assert 'layer "dense_2": expected ' in str(error.value)
