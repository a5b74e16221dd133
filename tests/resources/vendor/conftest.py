"""Hand-made reports in the form of the vendor's, a project without TensorFlow, and the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.project import HlsProject, _layer_to_json
from fpga_flow.hls.settings import HlsSettings

REPORTS = Path(__file__).parent / "reports"


def report(name: str) -> str:
    """The text of a hand-made report."""
    return (REPORTS / name).read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> HlsProject:
    """The folder of a project named `net`, with stand-ins for hls4ml's scripts."""
    return project_of("vitis", tmp_path / "run" / "4-hls" / "project")


def project_of(backend: str, folder: Path) -> HlsProject:
    """The same, of any backend, in `folder`."""
    folder.mkdir(parents=True)
    layer = HlsLayer(
        name="fc", kind="dense", function="", inputs=(), input_shape=(4,), output_shape=(2,),
        input_type=FixedPoint(8, 4), result_type=FixedPoint(16, 8), weight_type=FixedPoint(4, 1),
        bias_type=FixedPoint(4, 1), accum_type=FixedPoint(16, 8), weights=np.ones((4, 2), np.int64),
        biases=np.zeros(2, np.int64), strategy="latency",
    )  # fmt: skip
    settings = HlsSettings("net", "pynq-z2", "xc7z020clg400-1", 10.0, "io_parallel", "latency", backend)
    manifest = {"settings": asdict(settings), "tolerance": 0.0, "layers": [_layer_to_json(layer)]}
    (folder / "project.json").write_text(json.dumps(manifest))
    np.savez(folder / "weights.npz", **{"fc.weights": layer.weights, "fc.biases": layer.biases})
    for name in BACKENDS[backend].scripts:
        (folder / name).write_text(f"# {name} as it was generated\n")
    return HlsProject.load(folder)


def place(project: HlsProject, name: str, path: str) -> Path:
    """Copy a hand-made report to where the tools leave it."""
    target = project.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REPORTS / name, target)
    return target
