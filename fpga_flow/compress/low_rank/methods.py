"""How a kernel is written as a chain of smaller ones: `svd`, `tucker` and `cp`.

Kernels are (height, width, channels in, channels out), those of dense layers (1, 1, in, out).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fpga_flow.compress.low_rank import matrices
from fpga_flow.compress.low_rank.geometry import Factor, Geometry, Shape
from fpga_flow.compress.low_rank.matrices import Doubles, Matrix
from fpga_flow.keras import quietly

Kernel = NDArray[np.floating]
Name = Literal["svd", "tucker", "cp"]
Ranks = tuple[int, ...]
#: Of alternating least squares and of orthogonal iteration; the latter converges in a few.
_CP_ITERATIONS, _TUCKER_ITERATIONS = 200, 20
#: At so many ranks, evenly from 1 to the largest on a logarithmic scale, cp's errors are measured.
_MEASURED = 10


class Factored(NamedTuple):
    """For each factor its weights by the layer's attribute, and the relative error: the Frobenius norm of the kernel
    less the factors' product, over that of the kernel.
    """

    weights: list[dict[str, Doubles]]
    error: float


class Method(ABC):
    """One way to write a kernel as a chain of factors."""

    @abstractmethod
    def full(self, shape: Shape) -> Ranks:
        """The ranks that are enough for any kernel of this shape."""

    def fitting(self, shape: Shape, ranks: Ranks) -> Ranks:
        """The ranks, but none larger than the others allow."""
        return ranks

    @abstractmethod
    def factors(self, geometry: Geometry, ranks: Ranks) -> tuple[Factor, ...]:
        """The layers in the place of one; where a rank is full, with one layer less."""

    @abstractmethod
    def unfolded(self, kernel: Kernel) -> list[Matrix]:
        """For each rank, the matrix that needs it."""

    @abstractmethod
    def factored(self, kernel: Kernel, geometry: Geometry, ranks: Ranks, seed: int) -> Factored:
        """The factors' weights."""

    def energies(self, kernel: Kernel, most: Ranks, seed: int) -> list[Doubles]:
        """For each rank the shares of the kernel's squared norm (at least `most` of that rank) that are kept with ranks
        1, 2, ... of it and full other ones.
        """
        return [_shares(matrices.squares(matrix)) for matrix in self.unfolded(kernel)]


class Svd(Method):
    """A dense layer by the nearest matrix of a rank (Denton et al. 2014, "Exploiting linear structure within
    convolutional networks for efficient evaluation", section 3.2); a convolution by one along the height, then one
    along the width (Jaderberg et al. 2014, "Speeding up convolutional neural networks with low rank expansions", scheme
    2), which the same decomposition of a matrix finds (Tai et al. 2016, "Convolutional neural networks with low-rank
    regularization", theorem 1).
    """

    @override
    def full(self, shape: Shape) -> Ranks:
        height, width, inputs, outputs = shape
        return (min(height * inputs, width * outputs),)

    @override
    def factors(self, geometry: Geometry, ranks: Ranks) -> tuple[Factor, ...]:
        (height, width, inputs, outputs), strides = geometry.shape, geometry.strides
        return (
            Factor("in", (height, 1), (strides[0], 1), inputs, ranks[0]),
            Factor("", (1, width), (1, strides[1]), ranks[0], outputs),
        )

    @override
    def unfolded(self, kernel: Kernel) -> list[Matrix]:
        height, width, inputs, outputs = kernel.shape
        return [kernel.transpose(0, 2, 1, 3).reshape(height * inputs, width * outputs)]

    @override
    def factored(self, kernel: Kernel, geometry: Geometry, ranks: Ranks, seed: int) -> Factored:
        height, width, inputs, outputs = kernel.shape
        (matrix,) = self.unfolded(kernel)
        left, right = matrices.truncated(matrix, *ranks)
        kept = float(np.sum(np.linalg.norm(left, axis=0) ** 2 * np.linalg.norm(right, axis=1) ** 2))
        return Factored(
            [
                {"kernel": left.reshape(height, 1, inputs, -1)},
                {"kernel": right.reshape(1, -1, width, outputs).transpose(0, 2, 1, 3)},
            ],
            _error(matrix, kept),
        )


class Tucker(Method):
    """A convolution by one over single pixels to fewer channels, one of the same window between few channels, and one
    over single pixels again: Tucker-2 (Kim et al. 2016, "Compression of deep convolutional neural networks for fast and
    low power mobile applications", section 3), by higher order orthogonal iteration.
    """

    @override
    def full(self, shape: Shape) -> Ranks:
        return self.fitting(shape, shape[2:])

    @override
    def fitting(self, shape: Shape, ranks: Ranks) -> Ranks:
        window = math.prod(shape[:2])
        return min(ranks[0], window * ranks[1]), min(ranks[1], window * ranks[0])

    @override
    def factors(self, geometry: Geometry, ranks: Ranks) -> tuple[Factor, ...]:
        (_, _, inputs, outputs), (of_inputs, of_outputs) = geometry.shape, ranks
        core = "core" if of_outputs < outputs else ""
        chain = [
            Factor("in", (1, 1), (1, 1), inputs, of_inputs),
            Factor(core, geometry.window, geometry.strides, of_inputs, of_outputs),
            Factor("", (1, 1), (1, 1), of_outputs, outputs),
        ]
        return tuple(chain[of_inputs == inputs : 3 if core else 2])

    @override
    def unfolded(self, kernel: Kernel) -> list[Matrix]:
        return [np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1) for axis in (2, 3)]

    @override
    def factored(self, kernel: Kernel, geometry: Geometry, ranks: Ranks, seed: int) -> Factored:
        from tensorly.decomposition import partial_tucker

        modes = [axis for axis, rank in zip((2, 3), ranks, strict=True) if rank < kernel.shape[axis]]
        tensor, wanted = kernel.astype(np.float64), [ranks[axis - 2] for axis in modes]
        (core, found), _ = partial_tucker(tensor, wanted, modes, n_iter_max=_TUCKER_ITERATIONS, random_state=seed)
        by_axis = dict(zip(modes, found, strict=True))
        weights = [{"kernel": core}]
        if 2 in by_axis:
            weights.insert(0, {"kernel": by_axis[2][None, None]})
        if 3 in by_axis:
            weights.append({"kernel": by_axis[3].T[None, None]})
        return Factored(weights, _error(kernel, float(np.sum(core**2))))


class Cp(Method):
    """A convolution by one over single pixels, one along the height and one along the width of each channel by itself,
    and one over single pixels: a sum of outer products (Lebedev et al. 2015, "Speeding-up convolutional neural networks
    using fine-tuned CP-decomposition", section 3), by alternating least squares. A window of one axis needs but one of
    the two between; for a Conv1D that is the depthwise part of a separable one.
    """

    @override
    def full(self, shape: Shape) -> Ranks:
        return (math.prod(shape) // max(shape),)

    @override
    def factors(self, geometry: Geometry, ranks: Ranks) -> tuple[Factor, ...]:
        (height, width, inputs, outputs), rank = geometry.shape, ranks[0]
        first, last = Factor("in", (1, 1), (1, 1), inputs, rank), Factor("", (1, 1), (1, 1), rank, outputs)
        if geometry.axes == 1:
            return first, Factor("", geometry.window, geometry.strides, rank, outputs, "separable")
        if 1 in geometry.window:
            return first, Factor("core", geometry.window, geometry.strides, rank, rank, "depthwise"), last
        return (
            first,
            Factor("rows", (height, 1), (geometry.strides[0], 1), rank, rank, "depthwise"),
            Factor("columns", (1, width), (1, geometry.strides[1]), rank, rank, "depthwise"),
            last,
        )

    @override
    def unfolded(self, kernel: Kernel) -> list[Matrix]:
        """The most square one: no kernel has a smaller rank than that."""
        return Svd().unfolded(kernel)

    @override
    def factored(self, kernel: Kernel, geometry: Geometry, ranks: Ranks, seed: int) -> Factored:
        rows, columns, of_inputs, of_outputs, error = _parafac(kernel, ranks[0], seed)
        first, last = {"kernel": of_inputs[None, None]}, {"kernel": of_outputs.T[None, None]}
        window = np.einsum("hr,wr->hwr", rows, columns)[..., None]
        kinds = [factor.kind for factor in self.factors(geometry, ranks)]
        if kinds[-1] == "separable":
            return Factored([first, {"depthwise_kernel": window, "pointwise_kernel": last["kernel"]}], error)
        if len(kinds) == 3:
            return Factored([first, {"depthwise_kernel": window}, last], error)
        between = (rows[:, None, :, None], columns[None, :, :, None])
        return Factored([first, *({"depthwise_kernel": each} for each in between), last], error)

    @override
    def energies(self, kernel: Kernel, most: Ranks, seed: int) -> list[Doubles]:
        """Measured at some ranks; between them along straight lines."""
        measured = np.unique(np.geomspace(1, most[0], _MEASURED).round().astype(int))
        kept = [1 - _parafac(kernel, int(rank), seed)[-1] ** 2 for rank in measured]
        return [np.interp(np.arange(1, most[0] + 1), measured, np.maximum.accumulate(kept))]


METHODS: dict[Name, Method] = {"svd": Svd(), "tucker": Tucker(), "cp": Cp()}


def _parafac(kernel: Kernel, rank: int, seed: int) -> tuple[Any, ...]:
    """Matrices (length, rank) for each of the four axes, and the relative error. Each product has the same norm in all
    axes that are longer than one.
    """
    from tensorly.decomposition import parafac

    tensor = kernel.astype(np.float64)
    norm = float(np.linalg.norm(tensor)) or 1.0
    axes = [axis for axis in range(4) if tensor.shape[axis] > 1]
    with quietly():  # it tells that it begins with random vectors where an axis is shorter than the rank
        found = parafac(np.squeeze(tensor) / norm, rank, _CP_ITERATIONS, tol=1e-8, random_state=seed, linesearch=True)
    matrices_ = [np.ones((length, rank)) for length in tensor.shape]
    for axis, factor in zip(axes, found.factors, strict=True):
        matrices_[axis] = factor
    norms = [np.linalg.norm(matrices_[axis], axis=0) for axis in axes]
    weights = np.prod(norms, axis=0) * found.weights * norm
    for axis, each in zip(axes, norms, strict=True):
        matrices_[axis] = matrices_[axis] / np.where(each > 0, each, 1) * np.abs(weights) ** (1 / len(axes))
    matrices_[axes[-1]] = matrices_[axes[-1]] * np.sign(weights)
    made = np.einsum("hr,wr,ir,or->hwio", *matrices_, optimize=True)
    return *matrices_, float(np.linalg.norm(made - tensor)) / norm


def _shares(squares: Doubles) -> Doubles:
    total = squares.sum()
    return np.cumsum(squares) / total if total else np.ones(len(squares))


def _error(values: Sequence[Any] | Kernel, kept: float) -> float:
    total = float(np.sum(np.square(values, dtype=np.float64)))
    return math.sqrt(max(1 - kept / total, 0.0)) if total else 0.0
