"""Singular values and truncated singular value decompositions, of large matrices too.

They come from the eigenvalues of the smaller Gram matrix, in double: no copy of a large matrix is made, and only as
many vectors as are wanted. The space that those span is exact to rounding, whatever the sizes of the singular values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Matrix = NDArray[np.floating]
Doubles = NDArray[np.float64]
#: So many numbers are made doubles at a time.
_CHUNK = 1 << 24


def squares(matrix: Matrix) -> Doubles:
    """The squared singular values (min(rows, columns),) of a matrix (rows, columns), falling."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    values = eigh(_gram(tall), eigvals_only=True, check_finite=True, overwrite_a=True)
    return np.asarray(np.maximum(values[::-1], 0.0))


def truncated(matrix: Matrix, rank: int) -> tuple[Doubles, Doubles]:
    """Matrices (rows, rank) and (rank, columns) whose product is the nearest one of that rank; each of its components
    is of the same norm in both.
    """
    if matrix.shape[0] < matrix.shape[1]:
        right, left = truncated(matrix.T, rank)
        return left.T, right.T
    count = matrix.shape[1]
    _, vectors = eigh(_gram(matrix), subset_by_index=[count - rank, count - 1], overwrite_a=True)
    vectors = _signed(vectors[:, ::-1])
    left = np.concatenate([part @ vectors for part in _parts(matrix)])
    norms = np.sqrt(np.linalg.norm(left, axis=0))
    norms[norms == 0] = 1  # components that are zero
    return left / norms, (vectors * norms).T


def _gram(tall: Matrix) -> Doubles:
    gram = np.zeros((tall.shape[1], tall.shape[1]))
    for part in _parts(tall):
        gram += part.T @ part
    return gram


def _parts(matrix: Matrix) -> Iterator[Doubles]:
    rows = max(_CHUNK // matrix.shape[1], 1)
    for start in range(0, len(matrix), rows):
        yield matrix[start : start + rows].astype(np.float64)


def _signed(vectors: Doubles) -> Doubles:
    """The largest entry of each vector is positive: LAPACK leaves the sign open."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return np.asarray(vectors * np.where(largest < 0, -1.0, 1.0))
