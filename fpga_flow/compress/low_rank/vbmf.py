"""The rank of a noisy matrix by empirical variational Bayesian matrix factorization.

Source: Nakajima, Sugiyama, Babacan, Tomioka 2013, "Global Analytic Solution of Fully-observed Variational Bayesian
Matrix Factorization", JMLR 14, section 3.2 and 3.3: theorem 2 (which components stay), corollary 2 and theorem 3 (the
noise's variance). Kim et al. 2016 take it for the ranks of Tucker decompositions.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

Doubles = NDArray[np.float64]
#: Squared singular values below this share of the greatest one are rounding errors of float32.
_ROUNDING = 1e-13


def rank(squares: Doubles, rows: int, columns: int) -> int:
    """How many components of a matrix are more than noise; 0 if none is.

    Args:
        squares: all its squared singular values (min(rows, columns),), falling.
    """
    short, long = sorted((rows, columns))
    if not squares[0] > 0:
        return 0
    alpha = short / long
    tau = _least_tau(alpha)
    least_x = (1 + tau) * (1 + alpha / tau)
    scale = squares.mean()  # so that the variances have about one size
    x = np.maximum(squares / scale, _ROUNDING * squares[0] / scale) / long
    variance = _variance(x, alpha, least_x)
    return int(np.count_nonzero(x > variance * least_x))


def _least_tau(alpha: float) -> float:
    """The zero of Phi(t) + Phi(t / alpha), with Phi(z) = log(z + 1) / z - 1/2: equation 12."""

    def phi(z: float) -> float:
        return float(np.log1p(z) / z - 0.5)

    return float(brentq(lambda tau: phi(tau) + phi(tau / alpha), 1e-6, 10.0))


def _variance(x: Doubles, alpha: float, least_x: float) -> float:
    """The noise's variance that minimises the free energy, between the bounds of theorem 3.

    Args:
        x: squared singular values over the length of the matrix (short,).
    """
    last = min(int(np.ceil(len(x) / (1 + alpha))) - 1, len(x) - 1)
    high = float(x.sum()) / len(x)
    low = max(float(x[last]) / least_x, float(x[last:].mean()))
    if not low < high:
        return high

    def energy(logarithm: float) -> float:
        over = x / np.exp(logarithm)
        noise, kept = over[over <= least_x], over[over > least_x]
        b = kept - (1 + alpha)
        tau = 0.5 * (b + np.sqrt(b * b - 4 * alpha))
        of_noise = np.sum(noise - np.log(noise))
        of_kept = np.sum(kept - tau + np.log((tau + 1) / kept) + alpha * np.log1p(tau / alpha))
        return float(of_noise + of_kept)

    # the energy has a minimum between any two places where a component changes sides: look at each of them
    edges = np.log(np.unique(np.clip([low, high, *(x / least_x)], low, high)))
    starts = np.linspace(edges[0], edges[-1], 65) if len(edges) > 64 else edges
    found = [
        minimize_scalar(energy, bounds=(left, right), method="bounded", options={"xatol": 1e-6})
        for left, right in pairwise(starts)
    ]
    return float(np.exp(min(found, key=lambda each: each.fun).x))
