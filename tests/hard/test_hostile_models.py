"""Model files made to do harm: refused by one message, before Keras sees them, in little time and memory."""

from __future__ import annotations

import io
import json
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from fpga_flow.errors import FieldError
from fpga_flow.networks import model_file
from tests.networks.test_imported import qkeras_model, save

HUGE = 2**30  # values: 4 GB


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, model = tmp_path_factory.mktemp("models"), qkeras_model()
    return {form: Path(save(model, folder, form)["path"]) for form in ("h5", "keras")}


def message_of(path: Path) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FieldError) as caught:
        model_file.load(model_file.read(str(path), None))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


def many_ways(data: Any) -> None:
    """Fifty groups, each with two links to the next: more ways through them than can ever be gone."""
    group = data.create_group("way")
    for _ in range(50):
        following = group.create_group("left")
        group["right"] = following
        group = following


def virtual(data: Any) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", shape=(4,))
    data.create_virtual_dataset("other", layout)


HDF5: dict[str, tuple[Callable[[Any], Any], str]] = {
    "declared": (
        lambda data: data.create_dataset("x", (HUGE,), "f4"), "expected at most 256 times the size of the file"
    ),
    "chunked": (
        lambda data: data.create_dataset("x", (HUGE,), "f4", chunks=(2**16,), compression="gzip"),
        "expected at most 256 times the size of the file",
    ),
    "more than any memory": (
        lambda data: data.create_dataset("x", (2**50,), "f4", chunks=(2**16,)),
        "expected at most 256 times the size of the file",
    ),
    "a link to itself": (lambda data: data.__setitem__("x", h5py.SoftLink("/x")), "is damaged"),
    "a link out": (
        lambda data: data.__setitem__("x", h5py.ExternalLink("elsewhere.h5", "/x")),
        "expected no links into other files",
    ),
    "virtual data": (virtual, "expected no data of other files"),
    "data outside": (
        lambda data: data.create_dataset("x", (4,), "f4", external=[("/etc/hostname", 0, 16)]),
        "expected no data of other files",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HDF5)
@pytest.mark.parametrize("form", ["h5", "keras"])
def test_hdf5(saved: dict[str, Path], tmp_path: Path, form: str, name: str) -> None:
    edit, message = HDF5[name]
    assert message in message_of(edited(saved[form], tmp_path, edit))


def edited(file: Path, folder: Path, edit: Callable[[Any], Any]) -> Path:
    """The file with its HDF5 part changed."""
    path = folder / file.name
    if file.suffix == ".h5":
        shutil.copy(file, path)
        with h5py.File(path, "a") as data:
            edit(data)
        return path
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "a") as data:
        edit(data)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("form", ["h5", "keras"])
def test_groups_in_circles_are_gone_through_once(saved: dict[str, Path], tmp_path: Path, form: str) -> None:
    def circle(data: Any) -> None:
        many_ways(data)
        data["way"]["again"] = data["way"]

    read = model_file.read(str(edited(saved[form], tmp_path, circle)), None)
    assert model_file.load(read).count_params()


def test_a_zip_bomb(saved: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(saved["keras"]) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "model.weights.h5"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        with archive.open("model.weights.h5", "w") as file:
            for _ in range(300):
                file.write(bytes(2**20))
    assert "expected at most 256 times the size of the file" in message_of(path)


def test_two_files_of_one_name(saved: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "two.keras"
    shutil.copy(saved["keras"], path)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")
    assert message_of(path).endswith("it holds two files of one name")


def text(config: dict[str, Any]) -> str:
    return json.dumps(config)


def nested(config: dict[str, Any], levels: int, brackets: str = "[]") -> str:
    deep = brackets[0] * levels + brackets[1] * levels
    return text(config).replace('"config": {', f'"config": {{"x": {deep}, ', 1)


def changed(config: dict[str, Any], layer: str, **values: Any) -> str:
    for each in config["config"]["layers"]:
        if each["class_name"] == layer:
            each["config"].update(values)
            break
    return text(config)


HARM = "__import__('pathlib').Path('harm').touch()"
CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "nested without end": (lambda config: nested(config, 100_000), "is damaged: "),
    "nested deeply": (lambda config: nested(config, 900), "expected at most 200 levels of JSON, got more"),
    "nested": (lambda config: nested(config, 250), "expected at most 200 levels of JSON, got more"),
    "no number": (lambda config: changed(config, "QDense", units=float("nan")), "expected numbers, got NaN"),
    "an infinite number": (
        lambda config: changed(config, "QDense", units=float("inf")), "expected numbers, got Infinity"
    ),
    "a number of many digits": (
        lambda config: text(config).replace('"units": 8', f'"units": {"9" * 5000}'), "is damaged: "
    ),
    "a huge number": (lambda config: changed(config, "QDense", units=2**70), "is damaged: "),
    "code as a quantizer": (lambda config: changed(config, "QDense", kernel_quantizer=HARM), "unknown function"),
    "code in a quantizer": (
        lambda config: changed(config, "QDense", kernel_quantizer=f"quantized_bits({HARM})"), "unknown function"
    ),
    "arguments that QKeras would forget": (
        lambda config: changed(config, "QDense", kernel_quantizer="quantized_bits(4,0,(1))"), "unknown function"
    ),
    "code in an activation": (
        lambda config: changed(config, "QActivation", activation=f"quantized_relu(6,{HARM})"), "unknown function"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations(saved: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    edit, message = CONFIGS[name]
    path = tmp_path / "model.json"
    with h5py.File(saved["h5"]) as data:
        path.write_text(edit(json.loads(data.attrs["model_config"])))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FieldError) as caught:
        model_file.load(model_file.read(str(path), str(saved["h5"])))
    assert message in str(caught.value)
    assert not (tmp_path / "harm").exists()
