"""The user's own function: that it runs only when it is trusted, and what its model becomes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow.errors import FieldError, InputError
from fpga_flow.networks import custom
from fpga_flow.spec.check import check
from fpga_flow.spec.load import load

CODE = """\
from pathlib import Path
from tf_keras import Model, Sequential, layers
from helper import WIDTH

Path("was_run").touch()


def sequential(shape, classes, width=WIDTH):
    print("building")
    return Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(width, "relu"), layers.Dense(classes)])


def functional(shape, classes):
    inputs = layers.Input(shape)
    hidden = layers.ReLU()(layers.Dense(6)(layers.Flatten()(inputs)))
    return Model(inputs, layers.Dense(classes)(hidden), name="mine")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("helper", "my_package", "my_package.nets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "nets.py").write_text(CODE)
    (tmp_path / "helper.py").write_text("WIDTH = 5\n")
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helper.py").write_text("WIDTH = 7\n")
    (package / "nets.py").write_text(CODE.replace("from helper", "from .helper"))
    return tmp_path


def options(function: str, **arguments: Any) -> custom.Options:
    return custom.Options(family="custom", function=function, options=arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "width"),
    [
        ("nets.py:sequential", {}, 5),
        ("nets.py:sequential", {"width": 3}, 3),
        ("my_package.nets:sequential", {}, 7),
        ("my_package/nets.py:functional", {}, 6),
        ("my_package.nets:functional", {}, 6),
    ],
)
def test_models(
    folder: Path, capsys: pytest.CaptureFixture[str], function: str, arguments: dict[str, Any], width: int
) -> None:
    if function == "my_package/nets.py:functional":  # a file by itself is in no package
        (folder / "my_package" / "nets.py").write_text(CODE)
    before = list(sys.path)
    model = custom.build(options(function, **arguments), (2, 3), 4)
    assert model.get_layer("dense").units == width
    assert model.input_shape == (None, 2, 3)
    assert model.output_shape == (None, 4)
    assert model.layers[0].name == "inputs"
    assert capsys.readouterr().out == ""  # --json promises that nothing else is on standard output
    assert sys.path == before
    again = custom.build(options(function, **arguments), (2, 3), 4)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


def test_weights_of_the_user_are_kept(folder: Path) -> None:
    (folder / "trained.py").write_text(
        "from nets import functional\n"
        "def trained(shape, classes):\n"
        "    model = functional(shape, classes)\n"
        "    model.set_weights([w * 0 + 0.5 for w in model.get_weights()])\n"
        "    return model\n"
    )
    model = custom.build(options("trained.py:trained"), (4,), 3)
    assert all(np.all(weights == 0.5) for weights in model.get_weights())


SPEC = """\
name: custom
data: {name: digits, scale: 16}
network:
  family: custom
  function: %s
compress: [quantize: {}]
precision:
  input: ufixed<5,1>
  layers: {"*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<8,4>"}}
"""


def write_spec(folder: Path, function: str) -> Path:
    path = folder / "spec.yaml"
    path.write_text(SPEC % function)
    return path


@pytest.mark.parametrize("function", ["nets.py:sequential", "my_package.nets:sequential"])
def test_code_runs_only_if_it_is_trusted(folder: Path, function: str) -> None:
    loaded = load(write_spec(folder, function))
    assert custom.source(loaded.sections["network"]).is_file()
    with pytest.raises(InputError) as caught:
        check(loaded)
    assert str(caught.value) == (
        f"{loaded.document.file}:5:3: network.function: {function} is Python code, which would be run: "
        "pass --trust-code if you trust it"
    )
    assert not (folder / "was_run").exists()
    check(loaded, trust_code=True)
    assert (folder / "was_run").exists()


@pytest.mark.parametrize("name", ["none", "my_package.none", "json.none"])
def test_missing_modules(folder: Path, name: str) -> None:
    with pytest.raises(FieldError) as caught:
        custom.source(options(f"{name}:build"))
    assert caught.value.message == f'expected a Python module on the path, got "{name}"'


def test_code_that_is_no_python(folder: Path) -> None:
    (folder / "broken.py").write_text("def build(shape, classes)\n")
    with pytest.raises(FieldError) as caught:
        custom.build(options("broken.py:build"), (4,), 3)
    assert caught.value.message == "broken.py:build failed: SyntaxError: expected ':' (broken.py, line 1)"


@pytest.mark.parametrize("function", ["nets.py", ":build", "nets.py:", "nets.py:a b", "..:build", "a-b:build", "a:b:c"])
def test_wrong_forms(function: str) -> None:
    with pytest.raises(ValueError, match=r"expected module:function or path/file\.py:function"):
        options(function)
