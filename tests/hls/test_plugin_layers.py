"""A layer that keeps the contract of plugins' layers, here the example's: computed exactly from end to end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow.errors import CheckFailed, FieldError, InputError, ToolError
from fpga_flow.hls import intervals, linear, preflight
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.layers import plugin
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject
from fpga_flow.networks import model_config
from fpga_flow.networks.network import Network
from fpga_flow.resources.energy import energy
from fpga_flow.resources.estimate import estimate
from fpga_flow.rtl.check import check as check_rtl
from fpga_flow.spec.model import Hls
from tests.hls import cases, matrix
from tests.installed import ACME


@pytest.fixture
def absolute(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of the layer, which stands among the built-in ones."""
    monkeypatch.syspath_prepend(str(ACME))
    from acme_flow import absolute

    monkeypatch.setattr(plugin.LAYERS, "built_in", {"Absolute": absolute})
    yield absolute
    for name in [each for each in sys.modules if each.startswith("acme_flow")]:
        del sys.modules[name]


def case(absolute: Any) -> cases.Case:
    """Sums, their magnitudes, rounded, and sums of those."""
    layer = partial(absolute.Absolute, name="magnitudes")
    chain = cases.chain(partial(cases.conv, 3), layer, cases.then(cases.relu), partial(cases.conv, 2, name="e"))
    return cases.Case("Absolute", chain, cases.IMAGE)


@pytest.mark.parametrize("io_type", ["io_parallel", pytest.param("io_stream", marks=pytest.mark.slow)])
def test_it_is_exact(absolute: Any, tmp_path: Path, io_type: str) -> None:
    assert matrix.refusal(case(absolute), io_type) == ""
    result = matrix.simulate(case(absolute), io_type, tmp_path)
    assert result.exact, result.first
    project = HlsProject.load(tmp_path / "project")
    assert project.layers[1].kind == "Absolute"
    assert project.layers[1].config == "{}"
    assert estimate(project.layers, io_type=io_type, clock_ns=5).lut > 0
    assert energy(project.layers) > 0
    with pytest.raises(InputError, match="got Absolute of a plugin, which has HLS code alone"):
        check_rtl(project)


def test_what_it_computes_and_reaches(absolute: Any) -> None:
    layers = lower(cases.model(case(absolute)))
    layer = layers[1]
    assert (layer.kind, layer.inputs, layer.output_shape) == ("Absolute", ("c",), layer.input_shape)
    assert not layer.result_type.signed
    assert layer.result_type.fraction == layer.input_type.fraction
    x = cases.samples(case(absolute)).astype(np.float64)
    outputs = Emulator(layers).predict_layers(layers[0].input_type.quantize(x))
    np.testing.assert_array_equal(outputs["magnitudes"], np.abs(outputs["c"]))
    np.testing.assert_array_equal(linear.ideal(layer, outputs["c"]), outputs["magnitudes"])
    slopes = linear.backward(layer, np.full_like(outputs["c"], 3.0), (outputs["c"],))
    np.testing.assert_array_equal(slopes[0], 3.0 * np.sign(outputs["c"]))
    bounds = intervals.analyse(layers)["magnitudes"].output
    assert (bounds.low <= outputs["magnitudes"].min(axis=0)).all()
    assert (bounds.high >= outputs["magnitudes"].max(axis=0)).all()
    assert (bounds.low >= 0).all()


def test_a_model_of_it_is_saved_and_loaded(absolute: Any, tmp_path: Path) -> None:
    made = cases.model(case(absolute))
    Network(made).save(tmp_path)
    x = cases.samples(case(absolute))
    np.testing.assert_array_equal(Network.load(tmp_path).model.predict(x, verbose=0), made.predict(x, verbose=0))


def test_files_may_name_it_from_its_own_module_only(absolute: Any) -> None:
    entry = {"class_name": "Absolute", "module": "acme_flow.absolute", "config": {"name": "a"}}
    assert model_config.findings({"layers": [entry]}) == []
    (found,) = model_config.findings({"layers": [{**entry, "module": "os"}]})
    assert found.what == 'of the unknown class "os.Absolute"'
    (found,) = model_config.findings({"layers": [{**entry, "class_name": "Relative"}]})
    assert found.what == 'of the unknown class "acme_flow.absolute.Relative"'


def test_backends_without_code_for_it_refuse_it(absolute: Any) -> None:
    said = [each.message for each in preflight.check(cases.model(case(absolute)), Hls(), BACKENDS["quartus"])]
    assert [text for text in said if "magnitudes" in text] == [
        'layer "magnitudes" (Absolute) is not known to be exact with the backend quartus and io_parallel: expected '
        "another layer, or a backend with which it is (vitis, vivado, vivado_accelerator)"
    ]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("fraction", lambda layer, bits: bits - 1),
        ("bounds", lambda layer, low, high: (low * 0, high * 0 + 0.5)),
    ],
)
def test_a_contract_that_is_not_kept_is_found(
    absolute: Any, monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(absolute, name, wrong)
    layers = lower(cases.model(case(absolute)))
    with pytest.raises(CheckFailed, match='layer "magnitudes": expected values of its type ufixed<'):
        Emulator(layers).predict(cases.samples(case(absolute)), jobs=1)


def test_layers_with_weights_are_refused(absolute: Any) -> None:
    class Absolute(absolute.Absolute):
        def build(self, shape: Any) -> None:
            self.add_weight("scale", ())

    chain = cases.chain(partial(cases.dense, 3), partial(Absolute, name="m"))
    with pytest.raises(FieldError) as caught:
        lower(cases.model(cases.Case("weights", chain, cases.VECTOR)))
    assert caught.value.message == 'layer "m" (Absolute): expected one input and no weights, got 1 and 1'


def test_a_registration_that_fails(absolute: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(backend: str, types: str) -> None:
        raise KeyError("nothing")

    monkeypatch.setattr(absolute, "register", fail)
    with pytest.raises(ToolError, match="failed to register: KeyError: 'nothing'"):
        plugin.register("Absolute", "Vitis of the test", "ap")
