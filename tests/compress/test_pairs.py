"""Every ordered pair of passes goes down to C++ that computes the network, or is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_flow import compress, flow
from fpga_flow.errors import InputError
from fpga_flow.spec.load import load

SPEC = """\
name: pair
data: {name: digits, scale: 16, train_samples: 600}
network: {family: cnn, conv: [{filters: 6, pool: 2}], hidden: [12]}
training: {epochs: 3}
compress: [quantize: {}]
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<8,4>"}
csim: {samples: 40}
"""
OPTIONS = {
    "prune": "{sparsity: 0.5, epochs: 1}",
    "prune_filters": "{amount: 0.3, epochs: 1}",
    "quantize": "{epochs: 1}",
    "cluster": "{clusters: 5, epochs: 1}",
    "hash_share": "{values: 0.4, epochs: 1}",
    "circulant": "{block: 4, epochs: 1}",
    "replace_dense": "{epochs: 1}",
    "shrink": "{kernels: {conv_1: 2}, width: 0.7, epochs: 1}",
    "downsample": "{placement: late, epochs: 1}",
    "low_rank": "{energy: 0.6, epochs: 1}",
    "distil": "{epochs: 1}",
    "transfer": "{symmetry: rotate, epochs: 1}",
}
SHARING = ("cluster", "hash_share", "circulant", "transfer")
#: They share values in layers of other kinds.
APART = {"circulant", "transfer"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "pair.yaml").write_text(SPEC)
    return folder


def test_all_passes_are_there() -> None:
    assert set(OPTIONS) == set(compress.PASSES)


@pytest.mark.slow
@pytest.mark.parametrize("second", OPTIONS)
@pytest.mark.parametrize("first", OPTIONS)
def test_pair(folder: Path, first: str, second: str) -> None:
    names = [first, second, *(["quantize"] if "quantize" not in (first, second) else [])]
    passes = ", ".join(f"{{{name}: {OPTIONS[name]}}}" for name in names)
    loaded = load(folder / "pair.yaml", [f"compress=[{passes}]"])
    if first in SHARING and second in SHARING and {first, second} != APART:
        with pytest.raises(InputError, match="expected layers whose weights share no values yet"):
            flow.run(loaded, folder / "runs")
        return
    anew = getattr(compress.PASSES[second], "ANEW", False) and first in ("prune", "quantize", *SHARING)
    if anew or first == second == "replace_dense":
        with pytest.raises(InputError, match=f"expected it before {first}|expected dense layers to replace"):
            flow.run(loaded, folder / "runs")
        return
    outcome = flow.run(loaded, folder / "runs")
    assert outcome.record["csim"]["mismatches"] == 0
    assert outcome.record["csim"]["samples"] == 40
