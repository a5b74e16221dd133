"""Training images changed at random: what is moved is moved whole, and the same seed does the same."""

from __future__ import annotations

import numpy as np

from fpga_flow import training
from fpga_flow.augment import augmented
from fpga_flow.keras import seed_everything
from fpga_flow.networks import mlp
from fpga_flow.spec.base import Augment, Training
from tests.conftest import blobs


def dots(count: int) -> np.ndarray:
    """Images of 6 x 7 pixels and two channels, black but for one pixel in the middle."""
    x = np.zeros((count, 6, 7, 2), np.float32)
    x[:, 3, 3] = [1.0, 2.0]
    return x


def test_shifts_reach_all_places_around_and_no_further():
    moved = augmented(dots(500), Augment(shift=2), [1])
    assert moved.dtype == np.float32
    places = np.argwhere(moved[..., 0] == 1)
    assert {tuple(place[1:]) for place in places} == {(row, column) for row in range(1, 6) for column in range(1, 6)}
    np.testing.assert_array_equal(moved[..., 1], 2 * moved[..., 0])
    assert moved[..., 0].sum() == 500


def test_what_leaves_the_image_is_gone_and_zeros_come_in():
    moved = augmented(np.ones((300, 3, 3, 1), np.float32), Augment(shift=1), [1])
    assert sorted({int(image.sum()) for image in moved}) == [4, 6, 9]


def test_half_of_the_images_are_mirrored():
    x = np.tile(np.arange(3, dtype=np.float32)[None, None, :, None], (400, 2, 1, 1))
    flipped = augmented(x, Augment(flip=True), [3])
    mirrored = flipped[:, 0, 0, 0] == 2
    assert 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(flipped[mirrored], x[mirrored][:, :, ::-1])
    np.testing.assert_array_equal(flipped[~mirrored], x[~mirrored])


def test_the_same_seed_does_the_same_and_nothing_asked_for_does_nothing():
    x = dots(50)
    both = Augment(shift=1, flip=True)
    np.testing.assert_array_equal(augmented(x, both, [1, 2]), augmented(x, both, [1, 2]))
    assert not np.array_equal(augmented(x, both, [1, 2]), augmented(x, both, [1, 3]))
    np.testing.assert_array_equal(augmented(x, Augment(), [1]), x)


def test_training_on_augmented_images_is_reproducible_and_different():
    data = blobs(shape=(6, 6, 1))
    found = []
    for augment in (Augment(shift=1), Augment(shift=1), None):
        seed_everything(1)
        model = mlp.build(mlp.Options(family="mlp", hidden=[8]), (6, 6, 1), 3)
        training.fit(model, data, Training(epochs=3, batch_size=16, augment=augment), seed=1)
        found.append(model.get_weights()[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
