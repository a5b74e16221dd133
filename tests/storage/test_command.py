"""`fpga-flow unpack`, and .fpz files where a trained model is named."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.errors import FieldError
from fpga_flow.networks import imported, model_file
from fpga_flow.networks.network import Network
from tests.storage import nets


@pytest.fixture
def unpack(command_line):
    """Call `fpga-flow unpack`: exit code, standard output, standard error."""
    return partial(command_line, "unpack")


@pytest.fixture
def stored(tmp_path) -> Path:
    file = tmp_path / "model.fpz"
    storage.write(file, storage.encode(nets.made("cnn")))
    return file


def test_it_shows_what_a_file_holds(unpack, stored):
    code, out, err = unpack(stored)
    assert (code, err) == (0, "")
    for expected in ("conv_1", "kernel", "3x3x2x6", "architecture", "checksums", "times smaller than float32"):
        assert expected in out
    code, out, err = unpack(stored, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["bytes_encoded"] == stored.stat().st_size == sum(told["parts"].values())
    assert [each["weight"] for each in told["layers"]] == ["kernel", "bias"] * 2
    assert sum(each["bytes"] for each in told["layers"]) < told["bytes_encoded"]
    assert unpack(stored, "--quiet") == (0, "", "")


def test_it_unpacks(unpack, stored, tmp_path):
    folder = tmp_path / "unpacked" / "here"
    assert unpack(stored, "--out", folder, "--quiet") == (0, "", "")
    assert sorted(each.name for each in folder.iterdir()) == ["fpz.h", "model.h5", "promises.npz"]
    storage.verify(nets.made("cnn"), Network.load(folder))
    assert len(Network.load(folder).promises) == 2


def test_wrong_files_give_one_line(unpack, tmp_path):
    file = tmp_path / "model.fpz"
    file.write_bytes(b"FPZ\x01\x05abc")
    assert unpack(file) == (
        2, "", f"error: {file}: architecture, byte 5: expected 5 bytes of a section, but 3 are left\n"
    )  # fmt: skip
    assert unpack(tmp_path / "no.fpz")[0] == 2


def test_a_spec_can_name_it(stored):
    options = imported.Options(family="imported", path=str(stored))
    model = imported.build(options, (8, 8, 2), 4)
    for one, other in zip(model.get_weights(), nets.made("cnn").model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert imported.sources(options) == [stored]
    assert imported.untrusted(options) is None
    with pytest.raises(FieldError, match=r"expected no weights beside"):
        model_file.read(str(stored), "weights.h5")
    stored.write_bytes(stored.read_bytes()[:-3])
    with pytest.raises(FieldError, match=r"expected a whole model file, but .* is damaged: layer 2, byte"):
        model_file.read(str(stored), None)
