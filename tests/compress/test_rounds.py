"""What passes go on from between their rounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpga_flow.compress.base import Context
from fpga_flow.compress.rounds import Rounds, once
from fpga_flow.keras import tf
from fpga_flow.spec.base import Training

START = {"failed": 0}


def rounds(folder: Path, *shapes: tuple[int, ...], told: dict[str, int] = START) -> tuple[Rounds, list]:
    variables = [tf.Variable(tf.zeros(shape)) for shape in shapes]
    return Rounds(Context(Training(), None, 1, folder / "checkpoint.npz"), variables, dict(told)), variables


def saved(folder: Path) -> Path:
    """The file of rounds that went on to ones."""
    made, variables = rounds(folder, (2,), (3,))
    for variable in variables:
        variable.assign(tf.ones(variable.shape))
    made.keep()
    made.told["failed"] = 1
    made.save()
    return folder / "rounds.npz"


def test_rounds_go_on_from_the_last_good_one(tmp_path):
    saved(tmp_path)
    made, variables = rounds(tmp_path, (2,), (3,))
    assert made.told == {"failed": 1}
    assert all((variable.numpy() == 1).all() for variable in variables)


@pytest.mark.parametrize("left", [0, 10, 200, -30])
def test_a_cut_file_is_no_file(tmp_path, left):
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:left])
    made, variables = rounds(tmp_path, (2,), (3,))
    assert made.told == START
    assert all((variable.numpy() == 0).all() for variable in variables)


@pytest.mark.parametrize(
    ("shapes", "told"), [([(2,), (4,)], START), ([(2,)], START), ([(2,), (3,)], {"failed": 0, "step": 1})]
)
def test_nor_is_one_of_another_pass_and_no_variable_is_changed(tmp_path, shapes, told):
    saved(tmp_path)
    made, variables = rounds(tmp_path, *shapes, told=told)
    assert made.told == told
    assert all((variable.numpy() == 0).all() for variable in variables)


def test_work_of_other_shapes_is_done_again(tmp_path):
    variable = tf.Variable(tf.zeros(2))
    assert once(tmp_path / "work.npz", [variable], lambda: 1) == 1
    assert once(tmp_path / "work.npz", [variable], lambda: 2) == 1
    assert once(tmp_path / "work.npz", [tf.Variable(tf.zeros(3))], lambda: 3) == 3


def test_several_trainings_have_files_of_their_own(tmp_path):
    context = Context(Training(), None, 1, tmp_path / "checkpoint.npz")
    names = [context.of_training(number).checkpoint for number in range(2)]
    assert names[0] != names[1]
    for name in names:
        np.savez(name)
    context.forget_training(0)
    assert [each.exists() for each in names] == [False, True]
