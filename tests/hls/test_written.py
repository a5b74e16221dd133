"""Convolutions with groups or dilation: which C++ they become, and that it is exact with each valid reuse factor."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import boards
from fpga_flow.hls import preflight, settings
from fpga_flow.hls.backends import BACKENDS, VITIS
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject, generate
from fpga_flow.hls.strategy import possible
from fpga_flow.hls.written import with_zeros, written
from fpga_flow.spec.model import Hls
from tests.hls import cases
from tests.hls.cases import Case, chain, conv
from tests.hls.matrix import simulate

#: Two groups of two channels and three filters: eight weights a filter, six filters.
CASE = Case("grouped", chain(partial(conv, 6, 2, groups=2, dilation_rate=(2, 1))), (4, 4, 4))
#: They divide a filter's 8 weights, or are whole filters that divide all 6.
FACTORS = [1, 2, 4, 8, 16, 24, 48]
SOME = [("io_parallel", 4), ("io_stream", 24)]


def project(folder: Path, **options: object) -> HlsProject:
    model, hls = cases.model(CASE), Hls(**options)
    made = settings.settings("net", hls, boards.load(hls.board))
    backend = BACKENDS[made.backend]
    assert list(preflight.check(model, hls, backend)) == []
    layers = settings.apply(lower(model, io_type=hls.io_type), hls, backend)
    x = cases.samples(CASE)
    return generate(layers, made, x, Emulator(layers).predict(x), folder)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_what_each_strategy_can_have(io_type: str) -> None:
    (layer,) = lower(cases.model(CASE), io_type=io_type)
    assert (layer.kind, layer.groups, layer.dilation, layer.reach) == ("conv2d", 2, (2, 1), (3, 2))
    assert (layer.n_in, layer.n_out, layer.macs) == (8, 6, 48 * layer.positions)
    able = possible(layer, io_type, VITIS)
    assert able["resource"] == FACTORS
    assert able["latency"] == [1, 2, 3, 4, 6, 8, 12, 16, 24, 48]
    assert able["distributed_arithmetic"] == [1]
    # written out without its zeros, of the whole kernel: 24 inputs to 6 filters
    assert able.get("resource_unrolled") == ([2, 3, 4, 6, 8, 12, 24, 48, 72] if io_type == "io_stream" else None)
    assert possible(layer, io_type, BACKENDS["quartus"])["resource"][-1] == 144


@pytest.mark.parametrize(
    ("io_type", "factor"),
    [
        pytest.param(*each, marks=[] if each in SOME else [pytest.mark.slow])
        for each in [(io_type, factor) for io_type in ("io_parallel", "io_stream") for factor in FACTORS]
    ],
)
def test_each_reuse_factor_is_exact(tmp_path, io_type: str, factor: int) -> None:
    result = simulate(CASE, io_type, tmp_path, strategy="resource", reuse_factor=factor)
    assert result.exact, result.first


@pytest.mark.parametrize("factor", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_the_latency_strategy_with_reuse_is_exact(tmp_path, factor: int) -> None:
    result = simulate(CASE, "io_stream", tmp_path, strategy="latency", reuse_factor=factor)
    assert result.exact, result.first


def test_the_zeros_change_nothing() -> None:
    layers = lower(cases.model(CASE))
    x = cases.samples(CASE)
    whole = with_zeros(layers[0])
    assert whole.weights.shape == (3, 2, 4, 6)
    assert np.count_nonzero(whole.weights) == np.count_nonzero(layers[0].weights)
    np.testing.assert_array_equal(Emulator([whole]).predict(x), Emulator(layers).predict(x))
    assert written(layers[0], "latency", VITIS) is layers[0]
    assert written(layers[0], "distributed_arithmetic", VITIS).weights.shape == (3, 2, 4, 6)
    assert written(layers[0], "resource", BACKENDS["quartus"]).weights.shape == (3, 2, 4, 6)


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({}, True),
        ({"io_type": "io_stream", "strategy": "resource", "reuse_factor": 8}, True),
        ({"backend": "vivado_accelerator"}, True),
        ({"strategy": "distributed_arithmetic"}, False),
        ({"io_type": "io_stream", "strategy": "resource_unrolled", "reuse_factor": 6}, False),
        ({"board": "arria10-gx-devkit"}, False),
    ],
)
def test_the_cpp_that_is_written(tmp_path, options: dict[str, object], own: bool) -> None:
    made = project(tmp_path / "project", **options)
    firmware = made.folder / "firmware"
    assert (firmware / "nnet_utils" / "nnet_group_conv.h").exists() == (made.settings.backend != "quartus")
    code = (firmware / "net.cpp").read_text()
    assert ("nnet::group_conv<" in code) == own
    assert HlsProject.load(made.folder).layers[0].groups == 2
    if not own:
        return
    parameters = (firmware / "parameters.h").read_text()
    for line in (
        "groups = 2", "n_chan = 4", "n_filt = 6", "dilation_height = 2", "in_height = 4", "out_height = 2",
        f"reuse_factor = {options.get('reuse_factor', 1)}",
        f"strategy = nnet::{options.get('strategy', 'latency')}",
    ):  # fmt: skip
        assert f"static const unsigned {line};" in parameters
    if made.settings.io_type == "io_parallel":  # else the whole network would be one pipeline, all loops unrolled
        assert "#pragma HLS DATAFLOW" in code


def test_an_impossible_reuse_factor_is_refused() -> None:
    (error,) = preflight.check(cases.model(CASE), Hls(strategy="resource", reuse_factor=3))
    assert error.path == ("hls", "reuse_factor")
    assert error.message == 'layer "c": expected 1, 2, 4, 8, 16 or 24 as reuse factor with strategy resource, got 3'
