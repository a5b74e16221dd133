from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_flow.sweep import pareto

POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=12)


def test_front_leaves_out_what_is_worse_and_what_is_the_same_again() -> None:
    points = np.array([[3, 1], [1, 3], [2, 2], [3, 3], [2, 2], [1, 4]], float)
    assert pareto.front(points) == [0, 1, 2]


@given(POINTS)
def test_front_by_its_definition(rows: list[tuple[int, ...]]) -> None:
    points = np.array(rows, float)
    chosen = pareto.front(points)
    for number, point in enumerate(points):
        dominated = any((other <= point).all() and (other < point).any() for other in points)
        first = not any((points[earlier] == point).all() for earlier in range(number))
        assert (number in chosen) == (not dominated and first)


@given(POINTS)
def test_hypervolume_counts_unit_cubes(rows: list[tuple[int, ...]]) -> None:
    points, reference = np.array(rows, float), np.array([5.0, 6.0, 7.0])
    cubes = np.stack(np.meshgrid(*(np.arange(end) for end in reference), indexing="ij"), axis=-1).reshape(-1, 3)
    dominated = (points[:, None, :] <= cubes[None, :, :]).all(axis=2).any(axis=0)
    assert pareto.hypervolume(points, reference) == pytest.approx(dominated.sum())


def test_hypervolume_of_one_objective_is_a_length() -> None:
    assert pareto.hypervolume(np.array([[3.0], [1.0]]), np.array([4.0])) == 3.0
    assert pareto.hypervolume(np.array([[5.0]]), np.array([4.0])) == 0.0


@given(POINTS)
def test_growth_never_falls_and_stays_a_share(rows: list[tuple[int, ...]]) -> None:
    grown = pareto.growth(np.array(rows, float))
    assert len(grown) == len(rows)
    assert all(0 <= share <= 1 for share in grown)
    assert grown == sorted(grown)


def test_growth_where_nothing_differs() -> None:
    assert pareto.growth(np.ones((3, 2))) == [1.0, 1.0, 1.0]
