"""Golden records come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pickle
import re
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import sizes
from fpga_flow.csim.compare import compare
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden.values import Golden, Signal, fixed_point
from fpga_flow.errors import InputError


def make(samples: int = 5, seed: int = 0) -> Golden:
    """A record with types of every kind."""
    rng = np.random.default_rng(seed)

    def signal(name: str, type_: str, size: int) -> Signal:
        fixed = fixed_point(type_)
        values = rng.normal(0, 1, (samples, size))
        return Signal(name, type_, values if fixed is None else fixed.quantize(values))

    return Golden(
        "net",
        (signal("x", "ufixed<5,0>", 4), signal("y", "float", 2)),
        (signal("out", "fixed<16,6>", 3),),
        (signal("dense", "fixed<24,12>", 6), signal("odd", "fixed<40,20>", 2), signal("wide", "fixed<80,40>", 2)),
        "0123",
        "light",
        "0.1.0",
    )


def assert_same(one: Golden, other: Golden) -> None:
    for field in dataclasses.fields(Golden):
        old, new = getattr(one, field.name), getattr(other, field.name)
        if not isinstance(old, tuple):
            assert old == new
            continue
        for before, after in zip(old, new, strict=True):
            assert (before.name, before.type) == (after.name, after.type)
            np.testing.assert_array_equal(before.values, after.values)


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as error:
        golden_file.load(path)
    return str(error.value).removeprefix(f"{path}: ")


def test_round_trip(tmp_path):
    made, path = make(), tmp_path / "new" / "folder" / "x.npz"
    golden_file.save(made, path)
    assert_same(made, golden_file.load(path))
    assert [file.name for file in path.parent.iterdir()] == ["x.npz"]


def test_values_are_stored_as_the_smallest_whole_numbers(tmp_path):
    made = make()
    golden_file.save(made, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        dtypes = {name: str(file[name].dtype) for name in file.files if "." in name}
        np.testing.assert_array_equal(file["outputs.0"], made.outputs[0].values * 2**10)
    assert dtypes == {
        "inputs.0": "uint8", "inputs.1": "float64", "outputs.0": "int16", "layers.0": "int32", "layers.1": "int64",
        "layers.2": "float64",
    }  # fmt: skip


def test_inputs_between_the_steps_of_their_type_stay_as_they_are(tmp_path):
    made = make()
    values = made.inputs[0].values + 1e-9
    made = dataclasses.replace(made, inputs=(dataclasses.replace(made.inputs[0], values=values), made.inputs[1]))
    golden_file.save(made, tmp_path / "x.npz")
    assert_same(made, golden_file.load(tmp_path / "x.npz"))


def test_the_same_record_gives_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        golden_file.save(make(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    golden_file.save(make(seed=1), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()


def test_some_samples(tmp_path):
    made = make()
    some = made.select([3, 1])
    assert len(some) == 2
    np.testing.assert_array_equal(some.samples, made.samples[[3, 1]])
    np.testing.assert_array_equal(some.layers[2].values, made.layers[2].values[[3, 1]])


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    golden_file.save(make(), tmp_path / "x.npz")
    before = (tmp_path / "x.npz").read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left") as error:
        golden_file.save(make(seed=1), tmp_path / "x.npz")
    assert error.value.filename == str(tmp_path / "x.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz"]
    assert (tmp_path / "x.npz").read_bytes() == before


def test_what_could_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(golden_file, "MAX_VALUES", 90)
    with pytest.raises(InputError, match=r"expected at most 90 values, got \d+: record fewer samples"):
        golden_file.save(make(), tmp_path / "x.npz")
    monkeypatch.undo()
    monkeypatch.setattr(sizes, "_SMALL", 100)
    monkeypatch.setattr(sizes, "_RATIO", 0.01)
    with pytest.raises(InputError, match=r"the record can't be written: expected at most 0\.01 times"):
        golden_file.save(make(), tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_no_record(tmp_path):
    assert error_of(tmp_path) == "expected a golden record (made by fpga-flow csim --record), got a folder"
    assert (
        error_of(tmp_path / "no.npz") == "expected a golden record (made by fpga-flow csim --record), got no such file"
    )
    (tmp_path / "text.npz").write_text("hello")
    assert error_of(tmp_path / "text.npz") == "the golden record can't be read: File is not a zip file"
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    assert error_of(tmp_path / "other.npz") == (
        "the golden record can't be read: it is no golden record of fpga_flow: it has no metadata"
    )


class Forged:
    """A record's file whose metadata and arrays can be changed, with right checksums."""

    def __init__(self, folder: Path):
        self.path = folder / "forged.npz"
        golden_file.save(make(), self.path)
        with np.load(self.path) as file:
            self.arrays = {name: file[name] for name in file.files if name not in ("metadata", "sha256")}
            self.metadata = json.loads(file["metadata"].tobytes())

    def error(self, text: bytes | None = None, checksum: bytes | None = None) -> str:
        text = json.dumps(self.metadata).encode() if text is None else text
        own = {
            "metadata": np.frombuffer(text, np.uint8),
            "sha256": np.frombuffer(checksum or hashlib.sha256(text).digest(), np.uint8),
        }
        np.savez_compressed(self.path, **own, **self.arrays)
        return error_of(self.path)


@pytest.fixture
def forged(tmp_path) -> Forged:
    return Forged(tmp_path)


def test_wrong_checksums_name_the_part(forged):
    assert forged.error(checksum=bytes(32)) == "metadata: the golden record can't be read: the checksum is wrong"
    forged.arrays["layers.1"] = forged.arrays["layers.1"].copy()
    forged.arrays["layers.1"][2, 1] += 1
    assert forged.error() == 'layers.1 ("odd"): the golden record can\'t be read: the checksum is wrong'


def test_a_newer_version(forged):
    forged.metadata = {"format": 2, "new": "things"}
    assert forged.error() == (
        "metadata: the golden record can't be read: expected the format 1, got 2: it was made by a newer fpga_flow"
    )
    forged.metadata = []
    assert forged.error() == "metadata: the golden record can't be read: expected the format 1, got nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 4}, r'inputs\.0 \("x"\): .*expected the shape \(4, 4\) of \|u1, got \(5, 4\)'),
        ({"samples": 0}, "metadata: .*samples: expected at least 1, got 0"),
        ({"samples": 10**9}, "metadata: .*expected at most 134,217,728 values, got 19,000,000,000"),
        ({"samples": "many"}, 'metadata: .*samples: expected a whole number, got "many"'),
        ({"headers": "own"}, 'metadata: .*headers: expected "kernels", "light" or "bundled", got "own"'),
        ({"top": "\x1b[2J"}, r"metadata: .*top: expected printable characters, got '\\x1b"),
        ({"extra": 1}, 'metadata: .*unknown key "extra"'),
        ({"layers": []}, 'metadata: .*it holds "layers.0", of which its metadata say nothing'),
        ({"outputs": []}, "metadata: .*outputs: expected at least 1 entry, got 0"),
    ],
)
def test_metadata_that_do_not_fit(forged, change, message):
    forged.metadata.update(change)
    assert re.match(message, forged.error(), re.DOTALL), forged.error()


def test_arrays_that_do_not_fit(forged):
    original = dict(forged.arrays)
    del forged.arrays["layers.2"]
    assert "the array layers.2 is missing" in forged.error()
    forged.arrays = {**original, "outputs.0": original["outputs.0"].astype("<i4")}
    assert "expected the shape (5, 3) of <i2, got (5, 3) of <i4" in forged.error()
    forged.arrays = {**original, "outputs.0": original["outputs.0"].astype("U3")}
    assert "expected numbers, got values of the type <U" in forged.error()
    forged.arrays = original
    forged.metadata["layers"][1]["name"] = "dense"
    assert "expected different names of the layers" in forged.error()


def test_numbers_that_are_not_finite(forged):
    array = forged.arrays["inputs.1"] = forged.arrays["inputs.1"].copy()
    array[1, 1] = np.nan
    forged.metadata["inputs"][1]["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
    assert forged.error() == 'inputs.1 ("y"): the golden record can\'t be read: expected finite numbers'


def test_whole_numbers_of_a_type_without_steps(forged):
    forged.metadata["outputs"][0]["type"] = "double"
    assert 'expected doubles for the type "double", got <i2' in forged.error()


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}', b"1" * 10_000])
def test_metadata_that_are_no_json(forged, text):
    assert forged.error(text).startswith("metadata: the golden record can't be read: ")


class Evil:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return (open, ("unpickled", "w"))


def test_pickles_are_not_loaded(tmp_path, forged, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty(1, object)
    array[0] = Evil()
    forged.arrays["outputs.0"] = array
    assert "expected numbers, got values of the type object" in forged.error()
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Evil()))
    assert error_of(tmp_path / "pickle.npz").endswith("File is not a zip file")
    assert not (tmp_path / "unpickled").exists()


def bomb(path: Path, name: str, header: bytes, zeros: int) -> None:
    """An archive with one more entry, which unpacks to many bytes."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as file:
        file.write(header)
        for _ in range(zeros // 2**20):
            file.write(bytes(2**20))


def header_of(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_bombs_allocate_nothing(tmp_path, forged):
    large = tmp_path / "large.npz"
    golden_file.save(make(), large)
    bomb(large, "layers.3.npy", header_of((2**28,)), 300 * 2**20)
    lying = tmp_path / "lying.npz"  # a header that promises more than there is
    del forged.arrays["outputs.0"]
    forged.error()
    lying.write_bytes(forged.path.read_bytes())
    bomb(lying, "outputs.0.npy", header_of((2**26,)), 0)
    tracemalloc.start()
    try:
        assert "expected at most 256 times the size of the file" in error_of(large)
        assert "expected 536,870,912 bytes for the shape (67108864,) of float64, got 0" in error_of(lying)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_two_arrays_of_one_name(tmp_path):
    path = tmp_path / "x.npz"
    golden_file.save(make(), path)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("outputs.0.npy", b"other")
    assert "expected each array once, got two of one name" in error_of(path)


def fuzz(folder: Path, count: int, seed: int) -> int:
    """Damage a record at random; how many files were refused. Those that were not hold what they held."""
    made, path = make(), folder / "x.npz"
    golden_file.save(made, path)
    content = path.read_bytes()
    rng = np.random.default_rng(seed)
    refused = 0
    for number in range(count):
        changed = bytearray(content)
        kind = number % 4
        if kind == 0:
            changed = changed[: rng.integers(len(changed))]
        elif kind == 1:
            start = rng.integers(len(changed))
            del changed[start : start + int(rng.integers(1, 200))]
        else:  # single bytes, at the end of the file, where the directory is, or anywhere
            for _ in range(int(rng.integers(1, 6))):
                place = rng.integers(len(changed)) if kind == 2 else len(changed) - 1 - rng.integers(700)
                changed[place] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            found = golden_file.load(path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
        else:
            assert_same(made, found)
    return refused


def test_damaged_files_are_refused_or_read_right(tmp_path):
    assert fuzz(tmp_path, 400, 1) > 300


@pytest.mark.slow
def test_thousands_of_damaged_files(tmp_path):
    assert fuzz(tmp_path, 8000, 2) > 6000


def changed(record: Golden, group: str, number: int, **changes: object) -> Golden:
    signals = list(getattr(record, group))
    signals[number] = dataclasses.replace(signals[number], **changes)
    return dataclasses.replace(record, **{group: tuple(signals)})


def moved(signal: Signal, sample: int, value: int, by: float) -> np.ndarray:
    values = signal.values.copy()
    values[sample, value] += by
    return values


def test_the_same_is_the_same():
    found = compare(make(), make())
    assert found.passed
    assert found.same
    assert found.lines() == ["0 of 5 samples and 0 of 15 outputs differ"]


def test_a_difference_is_told_with_layer_value_and_whole_number():
    old = make()
    old = changed(old, "outputs", 0, values=np.zeros((5, 3)))
    new = changed(old, "outputs", 0, values=moved(old.outputs[0], 2, 1, -0.5))
    new = changed(new, "layers", 1, values=moved(old.layers[1], 2, 0, 2.0**-20), type="fixed<41,20>")
    found = compare(old, new)
    assert not found.passed
    assert found.first_sample == 2
    value = old.layers[1].values[2, 0]
    assert found.lines() == [
        "1 of 5 samples and 1 of 15 outputs differ, by up to 0.5",
        "sample 2, output 1: expected 0 (0 in fixed<16,6>), got -0.5 (-512 in fixed<16,6>)",
        'the first layer that differs is "odd", in 1 of 10 values, of 1 of 5 samples, by up to 9.53674e-07: '
        f"sample 2, value 0: expected {value:.17g} ({value * 2**20:.0f} in fixed<40,20>), "
        f"got {value + 2.0**-20:.17g} ({value * 2**21 + 2:.0f} in fixed<41,20>)",
        'the layer "odd" was of the type fixed<40,20>, and is of fixed<41,20> now',
    ]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("float", "expected 1.5 (float), got 0 (float)"),
        ("other", "expected 1.5, got 0"),
        ("fixed<2,4>", "expected 1.5 (0.375 in fixed<2,4>), got 0 (0 in fixed<2,4>)"),
    ],
)
def test_values_of_types_without_whole_numbers(type_, text):
    old = Signal("out", type_, np.full((1, 1), 1.5))
    found = compare(
        dataclasses.replace(make(1), outputs=(old,)),
        dataclasses.replace(make(1), outputs=(dataclasses.replace(old, values=np.zeros((1, 1))),)),
    )
    assert found.lines()[1] == f"sample 0, output 0: {text}"


def test_a_layer_that_differs_behind_right_outputs_is_a_failure_unless_there_is_a_tolerance():
    old = make()
    new = changed(old, "layers", 0, values=moved(old.layers[0], 4, 5, 1.0))
    assert not compare(old, new).passed
    assert compare(old, new).first_sample == 4
    assert compare(old, new, 0.001).passed
    assert compare(old, new, {"out": 0.001}).passed
    assert compare(old, new, 0.001).first_layer.name == "dense"


def test_tolerances_of_outputs():
    old = make()
    new = changed(old, "outputs", 0, values=moved(old.outputs[0], 0, 0, 0.25))
    assert compare(old, new, 0.25).passed
    assert not compare(old, new, 0.24).passed
    assert compare(old, new, {"out": 0.25}).passed
    with pytest.raises(InputError, match='expected the name of an output, got "ot": did you mean "out"'):
        compare(old, new, {"ot": 1.0})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_differs_whatever_the_tolerance(value):
    old = make()
    new = changed(old, "outputs", 0, values=moved(old.outputs[0], 0, 0, value))
    found = compare(old, new, 1e300)
    assert not found.passed
    assert found.largest == np.inf
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["outputs"][0]["largest"] is None


def test_layers_that_are_renamed_new_missing_or_of_another_size():
    old = make()
    renamed = changed(old, "layers", 0, name="fc1")
    assert compare(old, renamed).passed
    assert not compare(old, renamed).same
    assert compare(old, renamed).changes == ('the layer "dense" is now called "fc1"',)
    more = dataclasses.replace(old, layers=(*old.layers, Signal("extra", "float", np.ones((5, 1)))))
    assert compare(old, more).passed
    assert compare(old, more).changes == ('the layer "extra" is new',)
    assert not compare(more, old).passed
    assert compare(more, old).lines()[1] == 'the layer "extra" of the record is missing'
    wider = changed(old, "layers", 0, values=np.zeros((5, 7)))
    assert not compare(old, wider).passed
    assert compare(old, wider).changes == ('the layer "dense" had 6 values, and has 7 now',)
