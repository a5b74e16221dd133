"""The jets: ARFF, Parquet and .npz files, where they are looked for, their download from OpenML, damaged files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

from fpga_flow import datasets, doing
from fpga_flow.datasets import download, jets, openml
from fpga_flow.datasets.base import Dataset, Samples
from fpga_flow.errors import FieldError, InputError

COUNT = 60
TABLE = "hls4ml_lhc_jets_hlf.arff"


def samples() -> Samples:
    """Random jets, of which the first feature is ten times the class."""
    generator = np.random.default_rng(3)
    y = np.arange(COUNT) % 5
    x = generator.normal(size=(COUNT, 16)).astype(np.float32)
    x[:, 0] = 10 * y
    return Samples(x, y)


def arff(data: Samples, order: str = "gqwzt") -> bytes:
    """The table as OpenML's ARFF file, whose classes are listed in another order than the package's."""
    header = ["@RELATION hls4ml_lhc_jets_hlf", "", *(f"@ATTRIBUTE {name} REAL" for name in jets.FEATURES)]
    header += [f"@ATTRIBUTE class {{{', '.join(order)}}}", "", "@DATA"]
    rows = [",".join([*map(repr, x.tolist()), jets.CLASSES[y]]) for x, y in zip(data.x, data.y, strict=True)]
    return "\n".join([*header, *rows, ""]).encode()


def write_npz(path: Path, data: Samples) -> None:
    np.savez(path, allow_pickle=False, x=data.x, y=data.y)


def write_parquet(path: Path, data: Samples) -> None:
    columns: dict[str, Any] = {name: data.x[:, place] for place, name in enumerate(jets.FEATURES)}
    columns["class"] = pyarrow.array([jets.CLASSES[y] for y in data.y]).dictionary_encode()
    parquet.write_table(pyarrow.table(columns), path)


def load(path: Path | None, **options: Any) -> Dataset:
    return datasets.load(jets.Options(name="jets", path=path and str(path), **options), 1)


def everything(data: Dataset) -> NDArray[np.float32]:
    """All samples with their class numbers behind them, in the order of their values."""
    parts = (data.train, data.validation, data.test)
    rows = np.concatenate([np.column_stack([part.x, part.y.argmax(axis=1)]) for part in parts])
    return rows[np.lexsort(rows.T)]


def expected() -> NDArray[np.float32]:
    rows = np.column_stack([samples().x, samples().y]).astype(np.float32)
    return rows[np.lexsort(rows.T)]


WRITERS: Mapping[str, Callable[[Path], Any]] = {
    "arff": lambda path: path.write_bytes(arff(samples())),
    "gz": lambda path: path.write_bytes(gzip.compress(arff(samples()))),
    "pq": lambda path: write_parquet(path, samples()),
    "npz": lambda path: write_npz(path, samples()),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_of_each_kind(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"jets.{kind}"
    WRITERS[kind](path)
    data = load(path, scale="none")
    assert data.input_shape == (16,)
    assert data.classes == ("g", "q", "t", "w", "z")
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [45, 5, 10]
    np.testing.assert_array_equal(everything(data), expected())


def test_all_kinds_are_the_same_data(tmp_path: Path) -> None:
    paths = [tmp_path / f"jets.{kind}" for kind in ("arff", "gz", "npz")]
    for path, kind in zip(paths, ("arff", "gz", "npz"), strict=True):
        WRITERS[kind](path)
    assert len({load(path).digest for path in paths}) == 1


def test_standardised_on_the_training_samples(tmp_path: Path) -> None:
    WRITERS["arff"](tmp_path / TABLE)
    data = load(tmp_path)
    assert data.scaling["method"] == "standard"
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.x.std(axis=0), 1, atol=1e-6)
    assert (
        load(tmp_path).digest == data.digest != datasets.load(jets.Options(name="jets", path=str(tmp_path)), 2).digest
    )


def test_columns_in_another_order_with_quotes_and_comments(tmp_path: Path) -> None:
    data = samples()
    names = [*jets.FEATURES[::-1], "jet type"]
    header = ["% a comment", "@relation x", *(f"@attribute '{name}' numeric" for name in names), "@data", ""]
    rows = [
        ", ".join([*map(repr, x[::-1].tolist()), f"'{jets.CLASSES[y]}'"]) for x, y in zip(data.x, data.y, strict=True)
    ]
    path = tmp_path / "jets.arff"
    path.write_text("\r\n".join([*header, "% another", *rows]))
    np.testing.assert_array_equal(everything(load(path, scale="none")), expected())


def test_classes_by_name_in_npz(tmp_path: Path) -> None:
    path = tmp_path / "jets.npz"
    np.savez(path, allow_pickle=False, x=samples().x, y=np.array(jets.CLASSES)[samples().y])
    np.testing.assert_array_equal(everything(load(path, scale="none")), expected())


def test_a_part_of_the_data_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITERS["npz"](tmp_path / "jets_600.npz")
    assert load(tmp_path).note == (
        "data: jets_600.npz has 60 of the data set's 830000 jets: its accuracies can't be compared with published ones"
    )
    monkeypatch.setattr(jets, "ROWS", COUNT)
    assert load(tmp_path).note == ""


def test_where_files_are_looked_for(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    monkeypatch.setenv("FPGA_FLOW_DATA", str(mine))
    for folder, name in [
        (mine / "jsc", "jets_600.npz"),
        (no_data / "jets", "hls4ml_lhc_jets_hlf.npz"),  # the whole is taken before a sample
        (Path("data/jets"), "hls4ml_lhc_jets_hlf.npz"),
        (mine / "jets", "hls4ml_lhc_jets_hlf.npz"),
    ]:
        folder.mkdir(parents=True)
        write_npz(folder / name, samples())
        assert str(folder / name).endswith(load(None).note.split()[1])
        assert jets._find() == folder / name


def field_error(path: Path | None = None) -> str:
    with pytest.raises(FieldError) as caught:
        load(path)
    return str(caught.value)


WANTED = (
    "expected hls4ml_lhc_jets_hlf.npz, dataset_42468.pq, hls4ml_lhc_jets_hlf.arff, hls4ml_lhc_jets_hlf.arff.gz "
    'in "{folder}", or the file or its folder here'
)


class Server(ThreadingHTTPServer):
    """Stands in for OpenML: what it answers, by path, and what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def has(self, table: bytes, **changes: str) -> None:
        """Describe and hand out a table as OpenML does."""
        url = f"/data/v1/download/22111854/{TABLE}"
        self.answers[url] = table
        description = {
            "id": "42468",
            "name": "hls4ml_lhc_jets_hlf",
            "version": "1",
            "format": "ARFF",
            "status": "active",
            "url": self.address + url,
            "md5_checksum": hashlib.md5(table, usedforsecurity=False).hexdigest(),
            **changes,
        }
        self.answers["/api/v1/json/data/42468"] = json.dumps({"data_set_description": description}).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers what the server has, or 404."""

    server: Server

    def do_GET(self) -> None:
        """Answer one request."""
        self.server.asked.append(self.path)
        content = self.server.answers.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's name)
        """Say nothing."""


@pytest.fixture
def server(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A stand-in for OpenML, with nothing in any folder; the whole data set has `COUNT` jets."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.delenv("FPGA_FLOW_MIRROR")
        monkeypatch.setattr(openml, "API", f"{server.address}/api/v1/json/data")
        monkeypatch.setattr(jets, "ROWS", COUNT)
        yield server
        server.shutdown()
        thread.join()


def test_download_once(server: Server, no_data: Path) -> None:
    server.has(arff(samples()))
    data = load(None, scale="none")
    np.testing.assert_array_equal(everything(data), expected())
    assert data.note == ""
    assert server.asked == ["/api/v1/json/data/42468", f"/data/v1/download/22111854/{TABLE}"]
    assert [path.name for path in (no_data / "jets").iterdir()] == ["hls4ml_lhc_jets_hlf.npz"]
    assert load(None, scale="none").digest == data.digest
    assert len(server.asked) == 2  # from the cache


def test_a_download_says_how_far_it_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.has(arff(samples()))
    table = len(arff(samples()))
    monkeypatch.setattr(download, "_CHUNK", 1000)  # in place of a MB
    monkeypatch.setattr(openml, "_SAID", 20)
    heard: list[doing.Doing] = []
    with doing.heard(heard.append):
        load(None)
    found = [(each.done, each.total) for each in heard if each.text == f"MB of {TABLE} downloaded"]
    assert found[0] == (0, None)
    assert found[1] == (1, -(-table // 1000))
    assert found[-1] == (-(-table // 1000), -(-table // 1000))
    assert any(each.text.startswith("reading the table: 40 lines") for each in heard)


def test_download_from_a_mirror(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jets, "ROWS", COUNT)
    (tmp_path / "mirror" / "jets").mkdir(parents=True)
    (tmp_path / "mirror" / "jets" / TABLE).write_bytes(arff(samples()))
    np.testing.assert_array_equal(everything(load(None, scale="none")), expected())


def few() -> bytes:
    return arff(Samples(samples().x[:50], samples().y[:50]))


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda server: None, "HTTP Error 404: Not Found"),
        (lambda server: server.has(b"", url=f"{server.address}/gone"), "HTTP Error 404: Not Found"),
        (lambda server: server.has(few()), "expected 60 jets, got 50"),
        (lambda server: server.has(b"<html>"), f"/{TABLE}:1: damaged ARFF table: expected a header with @attribute"),
        (
            lambda server: server.has(few(), md5_checksum="0" * 32),
            f"/{TABLE}: expected content with MD5 {'0' * 32}, got ",
        ),
        (lambda server: server.has(few(), url="file:///etc/hostname"), "expected a URL of https or http, got file:///"),
        (
            lambda server: server.answers.update({"/api/v1/json/data/42468": b'{"error": {"code": "111"}}'}),
            "expected a description with url and md5_checksum",
        ),
        (lambda server: server.answers.update({"/api/v1/json/data/42468": b"<html>"}), "Expecting value: line 1"),
        (
            lambda server: server.answers.update({"/api/v1/json/data/42468": b"[" * 100_000}),
            "expected a description with url and md5_checksum",
        ),
    ],
    ids=[
        "nothing",
        "no table",
        "a part",
        "no ARFF",
        "other content",
        "own file",
        "no description",
        "no JSON",
        "deep JSON",
    ],
)
def test_downloads_that_fail(server: Server, no_data: Path, prepare: Callable[[Server], None], reason: str) -> None:
    prepare(server)
    message = field_error()
    assert message.startswith(f"data.path: jets can't be downloaded ({server.address}/api/v1/json/data/42468: ")
    assert reason in message
    assert message.endswith("): " + WANTED.format(folder=no_data / "jets"))
    assert list((no_data / "jets").iterdir()) == []


def test_a_download_that_is_too_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.has(few())
    monkeypatch.setattr(openml, "MOST_TABLE", 1000)
    assert "expected at most 1000 bytes, got more" in field_error()


def test_no_network(no_data: Path, tmp_path: Path) -> None:
    message = field_error()
    assert message.startswith(f"data.path: jets can't be downloaded ({(tmp_path / 'mirror').as_uri()}/jets/{TABLE}: ")
    assert message.endswith("): " + WANTED.format(folder=no_data / "jets"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": damaged ARFF table: expected a header with @attribute for each column and @data at its end, got none"),
        (b"x" * 70000, ":1: damaged ARFF table: expected lines of less than 65536 characters"),
        (b"% \n" * 2000, ":1001: damaged ARFF table: expected a header with @attribute for each column and @data at "),
        (b"\x1f\x8bnothing", ": the file can't be read: "),
        (gzip.compress(b"@data", mtime=0)[:-3], ": the file can't be read: Compressed file ended before "),
        (b"@attribute\n@attribute ''\n@data\n", ":3: damaged ARFF table: expected the columns zlogz, "),
        (b"@relation \xff\n", ":1: damaged ARFF table: 'utf-8' codec can't decode byte 0xff"),
        (b"@data\n", ":1: damaged ARFF table: expected the columns zlogz, "),
    ],
)
def test_damaged_arff(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "jets.arff"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_every_truncation_is_an_input_error_or_fewer_rows() -> None:
    content = arff(Samples(samples().x[:3], samples().y[:3]))
    for length in range(0, len(content), 7):
        try:
            _, y = openml._arff(io.BytesIO(content[:length]), "x", jets.FEATURES, jets.CLASSES)
        except InputError:
            continue
        assert len(y) in (1, 2, 3)


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "jets.arff.gz"
    path.write_bytes(gzip.compress(bytes(100_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(InputError, match="expected lines of less than 65536 characters"):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "dataset_42468.pq"
    write_parquet(path, samples())
    content = path.read_bytes()
    generator = np.random.default_rng(5)
    for length in (4, 100, len(content) - 9, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="damaged Parquet table: "):
            load(tmp_path)
    for _ in range(100):  # what a changed byte does depends on where it is, but it is never a traceback
        damaged = bytearray(content)
        damaged[generator.integers(len(content))] ^= int(generator.integers(1, 256))
        path.write_bytes(damaged)
        try:
            load(tmp_path)
        except (InputError, FieldError):
            continue


def test_parquet_of_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "jets.pq"
    parquet.write_table(pyarrow.table({"zlogz": [1.0]}), path)
    with pytest.raises(
        InputError, match=r"damaged Parquet table: expected the columns zlogz, .*, got no c1_b0_mmdt, .*, multiplicity$"
    ):
        load(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": samples().x}, "expected the arrays x and y, got x"),
        ({"x": samples().x, "y": samples().y[:9]}, "y: expected 60 labels, as there are samples in x, got 9"),
        (
            {"x": samples().x, "y": samples().y + 1},
            'y: expected a class (0 or g, 1 or q, 2 or t, 3 or w, 4 or z), got "5"',
        ),
        (
            {"x": samples().x, "y": np.array(["b"] * COUNT)},
            'y: expected a class (0 or g, 1 or q, 2 or t, 3 or w, 4 or z), got "b"',
        ),
    ],
)
def test_wrong_npz(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = tmp_path / "jets.npz"
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_real_sample(real_data: Path, no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 600 jets are found offline; as an ARFF file they are the same; top jets are the heavy ones."""
    monkeypatch.setenv("FPGA_FLOW_DATA", str(real_data))
    data = load(None)
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [433, 47, 120]
    assert data.note.startswith("data: jets_600.npz has 600 of the data set's 830000 jets: ")
    with np.load(real_data / "jsc" / "jets_600.npz") as arrays:
        raw = Samples(arrays["x"], arrays["y"])
    (tmp_path / TABLE).write_bytes(arff(raw))
    assert load(tmp_path / TABLE).digest == data.digest
    mass = [raw.x[raw.y == number, jets.FEATURES.index("mass_mmdt")].mean() for number in range(5)]
    assert jets.CLASSES[int(np.argmax(mass))] == "t"
    assert mass[jets.CLASSES.index("w")] < mass[jets.CLASSES.index("z")]
