"""Least squares of two unit columns with both amplitudes in a box: the optimum itself, never a clipped free optimum.

A curve y is explained as alpha q + beta e with |q| = |e| = 1 and q.e = rho. With a = q.y and s = e.y the explained
energy is 2 alpha a + 2 beta s - alpha^2 - 2 rho alpha beta - beta^2, to be greatest over
0 <= alpha <= alpha_max, 0 <= beta <= beta_max.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.types import Array, Mask


class Boxed(NamedTuple):
    """Amplitudes and the explained energy, all of one shape."""

    alpha: Array
    beta: Array
    gain: Array


def _clipped(value: Array, high: Array | float) -> Array:
    # numpy's clip between two numbers is three times as fast as its maximum with one
    if isinstance(high, float):
        return np.clip(value, 0.0, high)
    clipped: Array = np.minimum(np.clip(value, 0.0, np.inf), high)
    return clipped


def best_in_box(a: Array, s: Array, rho: Array, *, alpha_max: Array | float, beta_max: Array) -> Boxed:
    """The box optimum, exactly, in three clips. Shapes broadcast together; either bound may be infinite.

    With alpha free, the best beta is the clipped projection. If the alpha that goes with it is inside its bounds, that
    is the optimum; if not, concavity puts the optimum on the bound that alpha would cross. Either way the last line
    gives the beta that goes with that alpha.
    """
    beta_if_free = _clipped((s - rho * a) / (1 - rho * rho), beta_max)
    alpha = _clipped(a - rho * beta_if_free, alpha_max)
    beta = _clipped(s - rho * alpha, beta_max)
    return Boxed(alpha, beta, gain_of(alpha, beta, a, s, rho))


def gain_of(alpha: Array, beta: Array, a: Array, s: Array, rho: Array) -> Array:
    """Energy explained by two amplitudes. Shapes broadcast together."""
    gain: Array = alpha * (2 * a - alpha) + beta * (2 * (s - rho * alpha) - beta)
    return gain


class GainTable(NamedTuple):
    """What `best_gain` needs over k samples of the searched column, each (k, n) in full: numpy broadcasts slowly."""

    rho: Array
    inverse: Array  # 1 / (1 - rho^2)
    beta_max: Array

    def first(self, n: int) -> "GainTable":
        """The table for n curves."""
        return self if n == self.rho.shape[1] else GainTable(*(np.ascontiguousarray(column[:, :n]) for column in self))


def gain_table(rho: Array, beta_max: Array, n: int) -> GainTable:
    """The table for n curves from rho and beta_max (k,)."""
    columns = rho, 1 / (1 - rho * rho), beta_max
    return GainTable(*(np.ascontiguousarray(np.broadcast_to(c[:, None], (c.size, n)), dtype=rho.dtype) for c in columns))


def best_gain(table: GainTable, a: Array, s: Array, *, alpha_max: float) -> tuple[Array, Mask]:
    """The gain of `best_in_box` alone, for a (n,) and s (k, n) -> (k, n), and where any beta is above zero (n,).

    All steps share two buffers.
    """
    rho, inverse, beta_max = table
    alpha = rho * a
    beta = s - alpha
    beta *= inverse
    np.minimum(np.clip(beta, 0.0, np.inf, out=beta), beta_max, out=beta)
    beta *= rho
    np.clip(np.subtract(a, beta, out=alpha), 0.0, alpha_max, out=alpha)
    pull = s - np.multiply(rho, alpha, out=beta)
    wanted = pull.max(axis=0) > 0
    np.minimum(np.clip(pull, 0.0, np.inf, out=beta), beta_max, out=beta)
    pull += pull
    pull -= beta
    pull *= beta
    np.subtract(2 * a, alpha, out=beta)
    beta *= alpha
    pull += beta
    return pull, wanted
