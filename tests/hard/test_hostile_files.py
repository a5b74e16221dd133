"""Specs, data, projects and folders made to do harm: refused by one message, in little time and memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import boards, datasets, fits, storage
from fpga_flow.csim import inputs
from fpga_flow.csim.design import Design
from fpga_flow.datasets import idx
from fpga_flow.errors import FlowError, InputError
from fpga_flow.hls import described
from fpga_flow.hls.project import HlsProject
from fpga_flow.networks import model_file
from fpga_flow.resources.vendor import found as vendor
from fpga_flow.runs import Run, Stage
from fpga_flow.spec import yaml_file
from fpga_flow.spec.load import load

HEAD = "name: a\ndata: {name: digits}\nnetwork: {family: mlp, hidden: [4]}\n"


def memory() -> int:
    """The most that the process has had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x0: &x0 [1, 1]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40)),
         "expected at most 100,000 values, got more"),
        ("a: &a [*a]", "expected values that come to an end, got the alias *a inside of what it stands for"),
        ("a: &a {b: &b {c: [1, *a]}}", "expected values that come to an end, got the alias *a inside"),
        ("[" * 60 + "]" * 60, "expected at most 50 levels, got more"),
        ("{a: " * 5000 + "}" * 5000, "expected at most 50 levels, got more"),
        ("a: !!python/object/apply:os.system ['touch harm']", "expected a value without a tag"),
        ("a: !!python/name:os.system", "expected a value without a tag"),
        ("a: !!binary eA==", "expected a value without a tag"),
        ("a: " + "9" * 5000, "expected a whole number of at most 100 digits"),
        ("a: .nan", "expected a finite number"),
        ("a: 1e999", "expected a finite number"),
        ("a: \0", "got the control character 0x00"),
        ("a: '\\0'\n? [b]\n: 1", "expected a name as key"),
        ("x" * 1_000_001, "expected at most 1,000,000 bytes"),
    ],
)  # fmt: skip
def test_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    file, before = tmp_path / "a.yaml", memory()
    file.write_text(text)
    try:
        said = "\n".join(map(str, yaml_file.read(file).problems))
    except InputError as error:
        said = str(error)
    assert message in said
    assert not (tmp_path / "harm").exists()
    assert memory() - before < 200_000


NAMES = [
    "../x",
    "/tmp/x",
    "a/b",
    "a;touch x",
    "$(touch x)",
    "a b",
    "a\nb",
    "é",
    "a\u202eb",
    "a\0b",
    "-x",
    "",
    ".",
    "9a",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_projects(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps({"name": name, "data": {"name": "digits"}, "network": {"family": "mlp", "hidden": [4]}}))
    assert any(problem.field == "name" for problem in load(file).problems)


PARTS = ["a;touch x", "$(touch x)", "[exec touch x]", "a b", 'a"b', "a\nb", "../x", "a}b", "é", "-x", "a\\b", ""]


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_boards(tmp_path: Path, part: str) -> None:
    """They reach Tcl scripts."""
    whole = yaml_file.read(Path(boards.__file__).parents[1] / "boards" / "pynq-z2.yaml").data
    for name in ("part", "name"):
        file = tmp_path / "mine.yaml"
        file.write_text(json.dumps({**whole, name: part}))
        with pytest.raises(FlowError):
            boards.load(str(file))


def load_data(**options: Any) -> Any:
    section = {"name": options.pop("kind"), **options}
    text = {"name": "a", "data": section, "network": {"family": "mlp", "hidden": [4]}}
    spec = load_text(text)
    if spec.problems:
        raise InputError(spec.problems)
    return datasets.load(spec.sections["data"], 1)


def load_text(tree: Any) -> Any:
    from fpga_flow.spec.load import from_document

    return from_document(yaml_file.parse(json.dumps(tree), "a.yaml"))


def test_a_bomb_as_data(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in (("x", (300, 2**20)), ("y", (300,))):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
                for _ in range(100):
                    file.write(bytes(int(np.prod(shape)) // 100))
    before = memory()
    with pytest.raises(InputError, match="expected at most 256 times the size of the file"):
        load_data(kind="npz", path=str(path))
    assert memory() - before < 50_000


def test_a_bomb_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "_MOST", 1000)
    images = gzip.compress(bytes([0, 0, 8, 1, 0, 1, 0, 0]) + bytes(2**16))
    with pytest.raises(InputError, match="expected at most 1,000 bytes of data, got more"):
        idx.parse(images, "bomb", 1)


def npy(descr: str, shape: tuple[int, ...], content: bytes) -> bytes:
    """An array's file with these bytes, whatever they mean."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("character", "message"),
    [
        (b"\xff\xff\xff\x7f", "expected classes of characters of Unicode, got something else"),
        (b"\x00\xd8\x00\x00", "expected classes of characters of Unicode, got something else"),
        (b"\x1b\x00\x00\x00", r"expected classes without control characters, got .\\x1b"),
        (b"\x2e\x20\x00\x00", r"expected classes without control characters, got .\\u202e"),
    ],
)
def test_classes_that_are_no_text(tmp_path: Path, character: bytes, message: str) -> None:
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy("<f8", (4, 2), bytes(64)))
        archive.writestr("y.npy", npy("<U1", (4,), 2 * (character + b"a\0\0\0")))
    with pytest.raises(InputError, match=message):
        load_data(kind="npz", path=str(path))


def test_an_archive_that_needs_a_dictionary_of_gigabytes(tmp_path: Path) -> None:
    for name, members in (("a.npz", ["x.npy", "y.npy"]), ("a.keras", ["metadata.json", "config.json"])):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_LZMA) as archive:
            for member in members:
                archive.writestr(member, b"{}")
    with pytest.raises(InputError, match=r'expected files compressed by deflate, got another method for "x\.npy"'):
        load_data(kind="npz", path=str(tmp_path / "a.npz"))
    with pytest.raises(FlowError, match=r'by deflate, got another method for "metadata\.json"'):
        model_file.read(str(tmp_path / "a.keras"), None)


def test_a_model_with_damaged_deflate(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(list(range(100))))
    content = bytearray(path.read_bytes())
    start = content.find(b"config.json") + len("config.json")
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    with pytest.raises(FlowError, match="is damaged: Error -3 while decompressing"):
        model_file.read(str(path), None)


#: What reads a file by a path of the user's, or one in a folder that the user names.
READERS = {
    "model.fpz": storage.content,
    "run.json": lambda path: fits.read(path),
    "model.json": lambda path: model_file.read(str(path), str(path.with_name("other.h5"))),
    "x.csv": lambda path: load_data(kind="csv", path=str(path)),
    "x.txt": lambda path: inputs.read(path, 4),
    "project.json": lambda path: HlsProject.load(path.parent),
    "hls4ml_config.yml": lambda path: Design.read(path.parent),
    "csynth.rpt": vendor.read_text,
}


@pytest.mark.parametrize("kind", ["pipe", "device", "huge", "folder"])
@pytest.mark.parametrize("name", READERS)
def test_what_gives_no_end_of_bytes(tmp_path: Path, name: str, kind: str) -> None:
    """Nothing waits for a pipe, or reads a device or a disk full of zeros."""
    path, before = tmp_path / name, memory()
    (tmp_path / "other.h5").write_bytes(b"")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "huge":
        with open(path, "wb") as file:
            file.truncate(2**40)
    else:
        path.mkdir()
    with pytest.raises((FlowError, OSError)) as caught:  # of an OSError the command line says the file and the reason
        READERS[name](path)
    assert isinstance(caught.value, FlowError) or caught.value.filename == str(path)
    assert memory() - before < 100_000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", "../../x"),
        ("part", "x;exec touch"),
        ("backend", "nobody"),
        ("board", "/etc/passwd"),
        ("clock_ns", "5"),
        ("io_type", 5),
    ],
)
def test_settings_of_projects(key: str, value: Any) -> None:
    good = {"project": "net", "board": "zcu104", "part": "xczu7ev-ffvc1156-2-e", "clock_ns": 5,
            "io_type": "io_parallel", "strategy": "latency", "backend": "vitis"}  # fmt: skip
    assert described.settings(good).project == "net"
    with pytest.raises(ValueError, match=f"^{key}: .*, got "):
        described.settings({**good, key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../x"),
        ("inputs", 5),
        ("input_shape", ["a"]),
        ("input_shape", []),
        ("output_shape", [-1]),
        ("groups", 0),
    ],
)
def test_layers_of_projects(key: str, value: Any) -> None:
    good = {"name": "a", "kind": "dense", "function": "", "inputs": ["inputs"], "input_shape": [2], "output_shape": [3],
            "input_type": "fixed<8,2>", "result_type": "fixed<8,2>"}  # fmt: skip
    assert described.layers([good], {})[0].output_shape == (3,)
    with pytest.raises(ValueError, match=f"^{key}: .*, got "):
        described.layers([{**good, key: value}], {})


@pytest.mark.parametrize(("shape", "window"), [([5], [3]), ([5, 5, 1], [3]), ([5, 1], [3, 3])])
def test_windows_of_projects(shape: list[int], window: list[int]) -> None:
    values = {"name": "a", "kind": "conv2d", "function": "", "inputs": ["inputs"], "input_shape": shape,
              "output_shape": shape, "window": window, "input_type": "fixed<8,2>",
              "result_type": "fixed<8,2>"}  # fmt: skip
    with pytest.raises(ValueError, match=r"^a: expected a window with the axes of the input, "):
        described.layers([values], {})


@pytest.mark.parametrize("columns", [50_000, pytest.param(10**6, marks=pytest.mark.slow)])
def test_many_columns(tmp_path: Path, columns: int) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("1," * columns + "a\n" + "1," * columns + "b\n" + "x," * columns + "b\n")
    with pytest.raises(FlowError) as caught:
        load_data(kind="csv", path=str(path))
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "{", "null", '{"layers": 5}', "\0"])
def test_projects_with_other_descriptions(tmp_path: Path, content: str) -> None:
    (tmp_path / "project.json").write_text(content)
    for read in (HlsProject.load, Design.read):
        with pytest.raises(InputError):
            read(tmp_path)
    (tmp_path / "project.json").rename(tmp_path / "hls4ml_config.yml")
    with pytest.raises(InputError):
        Design.read(tmp_path)


def test_links_among_the_runs(tmp_path: Path) -> None:
    """Nothing is written where a link in the folder of runs leads to."""
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "runs"
    elsewhere.mkdir()
    run = Run(out, "name", "digest", (Stage(1, "work", "d"),))
    for link in (out / ".locks", out / "name", out / "name" / "digest", out / "name" / "digest" / ".1-work.partial"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(elsewhere)
        with pytest.raises(InputError, match="expected a folder, got a link to "), run.locked():
            pass
        assert os.listdir(elsewhere) == []
        link.unlink()
    linked = tmp_path / "linked"
    linked.symlink_to(elsewhere)  # which the user names
    with Run(linked, "name", "digest", ()).locked():
        assert (elsewhere / "name" / "digest").is_dir()


def test_a_link_in_the_place_of_a_file(tmp_path: Path) -> None:
    from fpga_flow.runs import write_text

    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "run.json").symlink_to(target)
    write_text(tmp_path / "run.json", "{}")
    assert target.read_text() == "mine"
    assert (tmp_path / "run.json").read_text() == "{}"


@pytest.mark.parametrize("kind", ["csv", "npz", "mnist", "jets"])
@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "x/" * 3000])
def test_paths_that_no_file_can_have(kind: str, name: str) -> None:
    with pytest.raises(FlowError):
        load_data(kind=kind, path=name)
