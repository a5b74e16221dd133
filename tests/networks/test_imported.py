"""Models from files: every form through the whole flow, and every bad file with its one clear message."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fpga_flow import flow, importing
from fpga_flow.errors import FieldError, InputError
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import imported, model_file
from fpga_flow.spec.check import check
from fpga_flow.spec.load import load
from tests.conftest import ROOT

SHAPE, CLASSES = (8, 8, 1), 10
L = keras.layers
QUANTIZER = "quantized_bits(6,1,alpha=1.0)"


def float_model() -> Any:
    """Branches, a nested model, batch normalisation, an average over nine values, softmax at the end."""
    seed_everything(1)
    inputs = keras.Input(SHAPE, name="pixels")
    x = L.BatchNormalization(name="norm")(L.Conv2D(3, 3, use_bias=False, name="conv")(inputs))
    x = L.Flatten(name="flat")(L.AveragePooling2D(3, name="pool")(L.LeakyReLU(0.1, name="leaky")(x)))
    inner = keras.Sequential([keras.Input((12,)), L.Dense(12, "tanh", name="hidden")], name="inner")
    x = L.Add(name="sum")([x, inner(x)])
    return keras.Model(inputs, L.Dense(CLASSES, "softmax", name="out")(x))


def qkeras_model(input_quantizer: bool = True) -> Any:
    seed_everything(1)
    inputs = x = keras.Input(SHAPE, name="pixels")
    if input_quantizer:
        x = qkeras.QActivation(QUANTIZER, name="rounded")(x)
    x = L.Flatten(name="flat")(x)
    x = qkeras.QDense(8, kernel_quantizer=QUANTIZER, bias_quantizer=QUANTIZER, name="first")(x)
    x = qkeras.QActivation(qkeras.quantized_relu(6, 3), name="relu")(x)
    x = qkeras.QDense(CLASSES, kernel_quantizer=QUANTIZER, bias_quantizer=QUANTIZER, name="out")(x)
    return keras.Model(inputs, L.Softmax(name="softmax")(x))


MODELS = {"float": float_model, "qkeras": qkeras_model, "qkeras without": lambda: qkeras_model(input_quantizer=False)}
#: Models and forms of files that always go through the whole flow.
WHOLE = [("float", "keras"), ("qkeras", "json"), ("qkeras without", "h5")]


def save(model: Any, folder: Path, form: str) -> dict[str, str]:
    """The files of a model: what the spec's `network` section says of them."""
    path = folder / f"model.{form}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form != "json":
            model.save(path)
            return {"path": str(path)}
        path.write_text(model.to_json())
        model.save_weights(folder / "weights.h5")
    return {"path": str(path), "weights": str(folder / "weights.h5")}


def build(files: dict[str, str], **options: Any) -> Any:
    return imported.build(imported.Options(family="imported", **files), SHAPE, CLASSES, **options)


def refused(files: dict[str, str], folder: Path, **options: Any) -> str:
    """The message without the folder's name, and without what h5py, zipfile or Keras say in the end."""
    with pytest.raises(FieldError) as error:
        build(files, **options)
    return error.value.message.replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        pytest.param(name, form, marks=[] if (name, form) in WHOLE else [pytest.mark.slow])
        for name in MODELS
        for form in ("h5", "keras", "json")
    ],
)
def test_the_whole_flow(tmp_path, monkeypatch, name, form):
    monkeypatch.chdir(tmp_path)
    files = save(MODELS[name](), tmp_path, form)
    made = importing.make(
        files["path"], "digits", "own", weights=files.get("weights"),
        changes=["data.scale=16", "data.test_samples=60", "data.train_samples=300"],
    )  # fmt: skip
    assert made.quantized == (name != "float")
    importing.write(made, tmp_path / "own.yaml")
    loaded = load("own.yaml")
    assert loaded.spec is not None
    assert [one.name for one in loaded.spec.compress] == (["quantize"] if name == "float" else [])
    assert (loaded.spec.precision is None) == (name == "qkeras")
    outcome = flow.run(loaded, tmp_path / "runs")
    assert outcome.failures == ()
    assert outcome.record["csim"]["exact"]
    assert outcome.record["csim"]["samples"] == 60
    assert outcome.record["metrics"]["float"]["accuracy"] == made.accuracy


def test_the_flow_goes_on_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = save(float_model(), tmp_path, "h5")
    changes = ["data.scale=16", "data.test_samples=60", "training.epochs=2"]
    importing.write(importing.make(files["path"], "digits", "own", changes=changes), tmp_path / "own.yaml")
    more = ["compress.quantize.epochs=1", "training.epochs=0"]
    outcome = flow.run(load("own.yaml", more), tmp_path / "runs", until="quantize")
    before = flow.plan(load("own.yaml", more).spec, _digits())
    save(qkeras_model(), tmp_path, "h5")  # another content under the same name is another stage
    assert flow.plan(load("own.yaml", more).spec, _digits())[0].digest != before[0].digest
    assert outcome.report is None


def _digits() -> Any:
    from fpga_flow import datasets

    return datasets.load(load("own.yaml").spec.data, 1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_what_is_built_gives_the_model_s_logits(tmp_path, name, form):
    model = MODELS[name]()
    built = build(save(model, tmp_path, form))
    assert built.layers[0].name == "inputs"
    x = np.random.default_rng(0).random((20, *SHAPE)).astype(np.float32)
    logits = built.predict(x, verbose=0)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files(tmp_path, form, share):
    files = save(float_model(), tmp_path, form)
    path = Path(files["path"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert refused(files, tmp_path).startswith(f'expected a whole model file, but "model.{form}" is damaged: ')


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_weights(tmp_path, share):
    files = save(float_model(), tmp_path, "json")
    path = Path(files["weights"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert refused(files, tmp_path).startswith('expected a whole model file, but "weights.h5" is damaged: ')


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_files_of_something_else(tmp_path, form):
    files = save(float_model(), tmp_path, form)
    rng = np.random.default_rng(1)
    for _ in range(5):
        Path(files["path"]).write_bytes(rng.bytes(3000))
        assert refused(files, tmp_path).startswith(f'expected a whole model file, but "model.{form}" is damaged: ')


@pytest.mark.parametrize("form", ["h5", "keras"])
def test_flipped_bytes_never_escape_as_another_error(tmp_path, form):
    files = save(qkeras_model(), tmp_path, form)
    path, rng = Path(files["path"]), np.random.default_rng(2)
    whole = path.read_bytes()
    for _ in range(40):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 20):
            content[place] = rng.integers(256)
        path.write_bytes(bytes(content))
        try:
            build(files)
        except FieldError:
            continue


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(tmp_path, form, value):
    model = float_model()
    model.get_layer("out").kernel.assign(np.full((12, CLASSES), value))
    files = save(model, tmp_path, form)
    assert refused(files, tmp_path) == "expected finite weights, got 120 of 120 that are not in out/kernel:0"


def nested(*layers: Any, shape: tuple[int, ...] = (64,)) -> Any:
    inner = keras.Sequential([keras.Input(shape), *layers], name="inner")
    middle = keras.Sequential([keras.Input(shape), inner], name="middle")
    first = L.Flatten(name="flat") if shape == (64,) else L.Reshape(shape, name="shaped")
    return keras.Sequential([keras.Input(SHAPE), first, middle, L.Dense(CLASSES, name="out")])


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_unsupported_layers_deep_inside(tmp_path, form):
    files = save(nested(L.LSTM(4, name="memory"), shape=(8, 8)), tmp_path, form)
    expected = (
        'layer "middle/inner/memory" (LSTM) can\'t become HLS code: expected a dense, convolution, activation, '
        "pooling, merging, reshaping, padding, cropping or upsampling layer"
    )
    assert refused(files, tmp_path) == expected
    assert refused(files, tmp_path, trust_code=True) == expected


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_lambda_layers(tmp_path, form):
    files = save(nested(L.Lambda(lambda x: 2 * x, name="twice")), tmp_path, form)
    assert refused(files, tmp_path) == (
        f'layer "middle/inner/twice" of "model.{form}" is a Lambda layer, whose code would be run: pass --trust-code '
        "if you trust it"
    )
    model = build(files, trust_code=True)
    assert "middle_inner_twice" in [layer.name for layer in model.layers]


@keras.utils.register_keras_serializable("mine")
class Mine(keras.layers.Layer):
    made = 0

    def __init__(self, **options: Any) -> None:
        Mine.made += 1
        super().__init__(**options)


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_unknown_objects_are_not_made(tmp_path, form):
    files = save(nested(Mine(name="own")), tmp_path, form)
    made = Mine.made
    assert "whose code would be run: pass --trust-code if you trust it" in refused(files, tmp_path)
    assert Mine.made == made
    assert any(isinstance(layer, Mine) for layer in build(files, trust_code=True).layers)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"activation": "os.system(1)"}, 'the unknown function "os.system(1)"'),
        ({"kernel_initializer": {"module": "os", "class_name": "system", "config": {}}},
         'of the unknown class "os.system"'),
        ({"kernel_initializer": {"module": "os.keras", "class_name": "Zeros", "config": {}}},
         'of the unknown class "os.keras.Zeros"'),
        ({"activation": {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}},
         'of the unknown class "os.function"'),
        ({"activation": {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"}},
         'the unknown function "eval"'),
        ({"activation": {"class_name": "__lambda__", "config": {"value": ["", None, None]}}}, "a Python lambda"),
        ({"kernel_quantizer": "__import__('os')"}, "the unknown function \"__import__('os')\""),
        ({"activation": {"class_name": ["Zeros"], "config": {}}}, "of a class without a name"),
    ],
)  # fmt: skip
def test_code_hidden_in_a_configuration(tmp_path, change, what):
    files = save(qkeras_model(), tmp_path, "json")
    config = json.loads(Path(files["path"]).read_text())
    layer = next(each for each in config["config"]["layers"] if each["config"]["name"] == "first")
    layer["config"].update(change)
    Path(files["path"]).write_text(json.dumps(config))
    assert refused(files, tmp_path) == (
        f'layer "first" of "model.json" is {what}, whose code would be run: pass --trust-code if you trust it'
    )


@pytest.mark.parametrize(
    ("quantizer", "what"),
    [
        ({"class_name": "quantized_po2", "config": {"bits": 4e10}},
         "(quantized_po2): expected bits of -16 to 16, got 40000000000.0"),
        ({"class_name": "quantized_ulaw", "config": {"bits": 10**11, "integer": 0}},
         "(quantized_ulaw): expected bits of -64 to 64, got 100000000000"),
        ({"class_name": "fpga_flow>ShiftedBits", "config": {"bits": 4, "integer": -65}},
         "(ShiftedBits): expected integer of -64 to 64, got -65"),
        ({"module": "qkeras.quantizers", "class_name": "quantized_bits", "registered_name": "quantized_po2",
          "config": {"bits": 35}}, "(quantized_bits): expected bits of -16 to 16, got 35"),
        ("quantized_po2(40000000000)", "(kernel_quantizer): expected bits of -16 to 16, got 40000000000"),
        ("quantized_bits(4,integer=1e99)", "(kernel_quantizer): expected integer of -64 to 64, got 1e+99"),
        ("ternary(number_of_unrolls=99999)", "(kernel_quantizer): expected number_of_unrolls of -64 to 64, got 99999"),
    ],
)  # fmt: skip
def test_quantizers_that_would_take_hours(tmp_path, quantizer, what):
    files = save(qkeras_model(), tmp_path, "json")
    config = json.loads(Path(files["path"]).read_text())
    layer = next(each for each in config["config"]["layers"] if each["config"]["name"] == "first")
    layer["config"]["kernel_quantizer"] = quantizer
    Path(files["path"]).write_text(json.dumps(config))
    assert refused(files, tmp_path) == f'layer "first" {what}'
    assert refused(files, tmp_path, trust_code=True) == f'layer "first" {what}'


def test_losses_and_optimizers_of_one_s_own_do_not_matter(tmp_path):
    model = qkeras_model()
    model.compile("adam", loss=lambda y, z: y - z)
    build(save(model, tmp_path, "keras"))


@pytest.mark.parametrize("name", ["../config.json", "/tmp/x", "assets/../../x", "data.pkl"])
def test_archives_with_other_files(tmp_path, name):
    files = save(float_model(), tmp_path, "keras")
    with zipfile.ZipFile(files["path"], "a") as archive:
        archive.writestr(name, "x")
    assert refused(files, tmp_path) == (
        f'expected only the files metadata.json, config.json, model.weights.h5 in "model.keras", got "{name}"'
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.keras"]


def test_archives_that_are_too_large(tmp_path, monkeypatch):
    files = save(float_model(), tmp_path, "keras")
    monkeypatch.setitem(model_file._MEMBERS, "config.json", 100)
    assert refused(files, tmp_path).startswith('expected at most 100 bytes in config.json of "model.keras", got ')


def test_links_out_of_a_file(tmp_path):
    files = save(float_model(), tmp_path, "h5")
    with h5py.File(files["path"], "a") as data:
        data["other"] = h5py.ExternalLink("elsewhere.h5", "/x")
    assert refused(files, tmp_path) == 'expected no links into other files in "model.h5", got some at other'


def test_wrong_files(tmp_path):
    files = save(float_model(), tmp_path, "json")
    only = {"path": files["path"]}
    assert refused(only, tmp_path) == (
        'expected weights for "model.json", which has none: give their .h5 file as `weights`'
    )
    assert refused({"path": files["weights"]}, tmp_path) == (
        'expected a whole model in "weights.h5", got none: give the .json of its model, and this as `weights`'
    )
    assert refused({**files, "weights": files["path"]}, tmp_path).startswith("expected a .h5 file, got ")
    assert refused({"path": f"{tmp_path}/none.h5"}, tmp_path) == 'no such file: "none.h5"'
    assert refused({"path": str(tmp_path)}, tmp_path).startswith("expected a file, got the folder ")
    other = tmp_path / "model.pkl"
    shutil.copy(files["path"], other)
    assert (
        refused({"path": str(other)}, tmp_path) == 'expected a file .keras, .h5, .hdf5, .json or .fpz, got "model.pkl"'
    )
    of_another = save(qkeras_model(), tmp_path, "json")
    text = 'expected the weights of the model in "weights.h5", which are damaged or do not fit: '
    Path(of_another["path"]).write_text(float_model().to_json())
    assert refused(of_another, tmp_path).startswith(text)


def test_models_of_keras_3(tmp_path):
    files = save(float_model(), tmp_path, "json")
    config = json.loads(Path(files["path"]).read_text())
    Path(files["path"]).write_text(json.dumps({**config, "keras_version": "3.6.0"}))
    assert refused(files, tmp_path) == (
        'expected a model of Keras 2 (tf_keras), but "model.json" was saved by Keras 3.6.0'
    )


def test_wrong_shapes(tmp_path):
    model = keras.Sequential([keras.Input((64,)), L.Dense(9)])
    assert refused(save(model, tmp_path, "h5"), tmp_path) == (
        "expected a model with the data's input and output shapes ((None, 8, 8, 1), (None, 10)), got ((None, 64), "
        "(None, 9))"
    )


def make(files: dict[str, str], data: str = "digits", *changes: str) -> str:
    with pytest.raises(InputError) as error:
        importing.make(files["path"], data, "own", changes=changes)
    return str(error.value)


def test_messages_of_import(tmp_path):
    files = save(
        nested(L.LSTM(8, name="memory", return_sequences=True), L.GRU(4, name="gate"), shape=(8, 8)), tmp_path, "h5"
    )
    rest = "can't become HLS code: expected a dense, convolution, activation, pooling, merging, reshaping, padding, "
    assert make(files) == "\n".join(
        f'{files["path"]}: layer "middle/inner/{name}" ({kind}) {rest}cropping or upsampling layer'
        for name, kind in (("gate", "GRU"), ("memory", "LSTM"))
    )
    files = save(qkeras_model(), tmp_path, "h5")
    assert make(files, "nowhere.npz") == '--data nowhere.npz: data.path: no such file: "nowhere.npz"'
    assert make(files, "digit").startswith("--data digit: data.name: expected ")
    assert make(files, "digits", "data.scale=false").startswith("--set data.scale=false: data.scale: expected ")


def test_nothing_is_replaced_or_half_written(tmp_path):
    out = tmp_path / "own.yaml"
    out.write_text("mine")
    made = importing.Made("text", (), quantized=False, accuracy=0.0)
    with pytest.raises(InputError, match="it is there already: pass --force to replace it"):
        importing.write(made, out)
    assert out.read_text() == "mine"
    importing.write(made, out, force=True)
    assert [each.name for each in tmp_path.iterdir()] == ["own.yaml"]
    assert out.read_text() == "text"
    with pytest.raises(InputError, match="no such folder"):
        importing.write(made, tmp_path / "none" / "own.yaml")


SPEC = """\
name: own
data: {name: digits, scale: 16, train_samples: 200, test_samples: 50}
network: {family: imported, path: model.h5}
training: {epochs: 0}
"""


def problems(folder: Path, text: str) -> str:
    (folder / "own.yaml").write_text(SPEC + text)
    with pytest.raises(InputError) as error:
        check(load("own.yaml"))
    return str(error.value)


def test_networks_with_quantizers_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(qkeras_model(), tmp_path, "h5")
    assert problems(tmp_path, "precision: {input: 'fixed<6,1>', layers: {'*': {weight: 'fixed<6,1>'}}}\n") == (
        "own.yaml:5:13: precision.input: expected none, as the network rounds its input itself, into fixed<6,2>\n"
        "own.yaml:5:34: precision.layers: expected no types for a network with quantizers of its own, or a quantize "
        "pass"
    )
    save(qkeras_model(input_quantizer=False), tmp_path, "h5")
    assert problems(tmp_path, "") == (
        "own.yaml:1:1: precision: expected the type of the input, for example precision: {input: fixed<8,1>}, since "
        "the network does not round its input itself, got none"
    )
    assert problems(tmp_path, "precision: {input: 'ufixed<5,auto>'}\n") == (
        "own.yaml:5:13: precision.input: expected a type with integer bits, as only a quantize pass finds them from "
        "data, got ufixed<5,auto>"
    )
    (tmp_path / "own.yaml").write_text(SPEC + "precision: {input: 'ufixed<5,1>'}\n")
    check(load("own.yaml"))
    save(float_model(), tmp_path, "h5")
    assert problems(tmp_path, "compress: []\n") == (
        "own.yaml:5:1: compress: expected a quantize pass, since HLS code needs fixed-point types, got none"
    )


def test_the_command_line(tmp_path):
    save(qkeras_model(), tmp_path, "h5")
    command = [
        sys.executable,
        "-m",
        "fpga_flow.cli",
        "import",
        "model.h5",
        "--data",
        "digits",
        "--set",
        "data.scale=16",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        options = {"capture_output": True, "text": True, "check": False, "cwd": tmp_path, "env": environment}
        return subprocess.run([*command, "--set", "data.scale=16", *more], **options)

    done = run("--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert [layer["kind"] for layer in told["layers"]] == ["QActivation", "Flatten", "QDense", "QActivation", "QDense"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.h5", "model.yaml"]
    again = run()
    assert (again.returncode, again.stderr) == (
        2, "error: model.yaml: it is there already: pass --force to replace it\n"
    )  # fmt: skip
    (tmp_path / "model.h5").write_bytes((tmp_path / "model.h5").read_bytes()[:5000])
    broken = run("--out", "other.yaml")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert broken.stderr.startswith('error: model.h5: expected a whole model file, but "model.h5" is damaged: ')
    assert not (tmp_path / "other.yaml").exists()
