"""Weights: read from a run's folders, counted, and drawn."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.report import histogram, pictures, weights

TYPE = FixedPoint(6, 1)


def layer(final: np.ndarray, type_: FixedPoint = TYPE, **earlier: np.ndarray) -> weights.LayerWeights:
    return weights.LayerWeights("layer", type_, final, earlier)


def pixels(picture: pictures.Picture) -> np.ndarray:
    """The colours (rows, columns, 3) in a picture's PNG file."""
    data = base64.b64decode(picture.uri.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        place += 12 + length
    columns, rows = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[lines[:, 1:]].astype(int)


def test_reads_kernels_and_no_biases(tmp_path: Path, keras_h5) -> None:
    kernel = np.arange(6.0).reshape(2, 3)
    keras_h5(tmp_path / "model.h5", {"dense_1": kernel})
    found = weights.kernels(tmp_path / "model.h5")
    assert list(found) == ["dense_1"]
    np.testing.assert_array_equal(found["dense_1"], [kernel])


def test_collects_what_the_stages_left(fake_run) -> None:
    collected = weights.collect(fake_run.record["layers"], fake_run.finished)
    assert [each.name for each in collected] == ["conv_1", "dense_1", "output"]
    for each in collected:
        assert list(each.earlier) == ["float", "prune"]
        assert each.type_.holds(each.final)
        assert np.all((each.earlier["prune"] == 0) <= (each.final == 0))


def test_leaves_out_what_has_another_shape(fake_run, keras_h5) -> None:
    keras_h5(fake_run.stage("float").folder / "model.h5", {"dense_1": np.zeros((2, 2))})
    collected = weights.collect(fake_run.record["layers"], fake_run.finished)
    assert [list(each.earlier) for each in collected] == [["prune"]] * 3


def test_counts_each_value_of_the_type() -> None:
    final = np.array([0.0, 0.0, 0.0, -1.0, 0.96875, 0.03125])
    counted = histogram.count(layer(final, float=np.array([0.01, -0.02, 0.0, -1.5, 2.0, 0.03])))
    assert counted.levels is not None
    assert len(counted.levels) == 64
    assert (counted.levels[0], counted.levels[-1]) == (-1.0, 0.96875)
    assert np.isin(counted.levels, counted.final.middles).all()
    filled = counted.final.counts > 0
    assert dict(zip(counted.final.middles[filled], counted.final.counts[filled], strict=True)) == {
        -1.0: 1, 0.0: 3, 0.03125: 1, 0.96875: 1,
    }  # fmt: skip
    assert counted.used == 4
    assert counted.final.zeros == 0.5
    (earlier,) = counted.earlier
    assert earlier.counts.sum() == 6
    assert earlier.outside == 2


@pytest.mark.parametrize("name", ["fixed<16,6>", "fixed<8,1>", "fixed<2,1>", "ufixed<3,0>"])
def test_loses_no_weight(name: str) -> None:
    type_ = FixedPoint.parse(name)
    values = np.random.default_rng(0).normal(0, 0.5, 5000)
    counted = histogram.count(layer(type_.quantize(values), type_, float=values))
    assert counted.final.counts.sum() == 5000
    assert counted.earlier[0].counts.sum() == 5000
    assert (counted.levels is None) == (type_.width > 8)
    assert len(counted.final.middles) <= 600


def test_counts_weights_that_are_all_equal_and_no_weights() -> None:
    assert histogram.count(layer(np.zeros((3, 3)), FixedPoint(16, 6))).final.counts.sum() == 9
    assert histogram.count(layer(np.zeros((0, 3)))).final.counts.sum() == 0


def test_draws_zero_white_and_signs_in_their_colours() -> None:
    picture = pictures.draw(layer(np.array([[0.0, 0.03125, 1.0], [-1.0, -0.03125, 0.0], [0, 0, 0], [0, 0, 0]])))
    drawn = pixels(picture)
    assert drawn.shape == (3, 4, 3)  # rows are the 3 outputs, columns the 4 inputs
    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn[1, 1, 2] > drawn[1, 1, 0]  # a small negative weight is bluish,
    assert drawn[1, 0, 0] > drawn[1, 0, 2]  # a small positive one orange,
    assert drawn[1, 0].max() < 255  # and neither is white
    assert drawn[2, 0].sum() < drawn[1, 0].sum()  # large ones are darker
    assert (picture.limit, picture.density, picture.axes) == (1.0, False, "Columns are inputs, rows are outputs.")


def test_draws_weights_that_are_all_zero() -> None:
    picture = pictures.draw(layer(np.zeros((4, 4))))
    assert (pixels(picture) == 255).all()
    assert picture.zeros == 1.0


def test_draws_each_kernel_as_a_tile() -> None:
    final = np.zeros((3, 3, 2, 5))
    final[0, 2, 1, 4] = 0.5  # first row, last column, channel 1, filter 4
    picture = pictures.draw(layer(final))
    drawn = pixels(picture)
    assert drawn.shape == (2 * 30 + 2, 5 * 30 + 4 * 2, 3)
    coloured = np.argwhere(drawn[:, :, 0] > drawn[:, :, 2])
    assert coloured.min(axis=0).tolist() == [32, 4 * 32 + 20]
    assert coloured.max(axis=0).tolist() == [41, 4 * 32 + 29]
    expected = "Columns are filters, rows are channels; each tile is one 3\u202f×\u202f3 kernel."  # noqa: RUF001
    assert picture.axes == expected


@pytest.mark.parametrize("shape", [(5, 1, 4), (1, 1, 8, 4), (3, 3, 4, 1), (7,)])
def test_draws_other_shapes(shape: tuple[int, ...]) -> None:
    assert pictures.draw(layer(np.ones(shape))).zeros == 0


def test_draws_784_by_300_weight_by_weight() -> None:
    final = TYPE.quantize(np.random.default_rng(0).normal(0, 0.2, (784, 300)))
    picture = pictures.draw(layer(final))
    assert pixels(picture).shape == (300, 784, 3)
    assert not picture.density
    assert len(picture.uri) < 300_000


def test_draws_what_is_larger_in_blocks_and_says_so() -> None:
    final = np.zeros((2000, 1001))
    final[:2, :3] = 0.5
    picture = pictures.draw(layer(final))
    drawn = pixels(picture)
    assert drawn.shape == (334, 1000, 3)
    assert drawn[0, 0].sum() < 200
    assert (drawn[1:] == 255).all()
    assert picture.density
    assert "each pixel is a block of 3\u202f×\u202f2 weights" in picture.note  # noqa: RUF001


def test_draws_many_kernels_as_one_pixel_each() -> None:
    picture = pictures.draw(layer(np.ones((3, 3, 128, 256))))
    assert pixels(picture).shape == (128, 256, 3)
    assert picture.density
    assert "each pixel is one 3\u202f×\u202f3 kernel" in picture.note  # noqa: RUF001
