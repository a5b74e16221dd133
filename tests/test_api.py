"""What `import fpga_flow` gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fpga_flow


def test_every_public_name_is_there() -> None:
    for name in fpga_flow.__all__:
        value = getattr(fpga_flow, name)
        assert value.__name__ == name
        assert value.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fpga_flow.nothing  # noqa: B018  (it is what raises)


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, fpga_flow; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["tensorflow", "tf_keras", "qkeras", "hls4ml", "sklearn", "plotly", "numpy"]
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_run_from_python(tmp_path) -> None:
    few = ["training.epochs=2", "compress.prune.epochs=1", "compress.quantize.epochs=1", "csim.samples=20"]
    outcome = fpga_flow.run(fpga_flow.load("digits_mlp", few), tmp_path)
    outcome.raise_failures()
    assert outcome.record["csim"]["samples"] == 20
    assert outcome.record["csim"]["exact"]
