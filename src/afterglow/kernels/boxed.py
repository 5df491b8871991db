"""Least squares of two unit columns with both amplitudes in a box: the optimum itself, never a clipped free optimum.

A curve y is explained as alpha q + beta e with |q| = |e| = 1 and q.e = rho. With a = q.y and s = e.y the explained
energy is 2 alpha a + 2 beta s - alpha^2 - 2 rho alpha beta - beta^2, to be greatest over
0 <= alpha <= alpha_max, 0 <= beta <= beta_max.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.types import Array


class Boxed(NamedTuple):
    """Amplitudes and the explained energy, all of one shape."""

    alpha: Array
    beta: Array
    gain: Array


def best_in_box(a: Array, s: Array, rho: Array, alpha_max: Array | float, beta_max: Array | float) -> Boxed:
    """The box optimum, exactly, in three clips. Shapes broadcast together; either bound may be infinite.

    With alpha free, the best beta is the clipped projection. If the alpha that goes with it is inside its bounds, that
    is the optimum; if not, concavity puts the optimum on the bound that alpha would cross. Either way the last line
    gives the beta that goes with that alpha.
    """
    beta_if_free = np.minimum(np.maximum((s - rho * a) / (1 - rho * rho), 0.0), beta_max)
    alpha = np.minimum(np.maximum(a - rho * beta_if_free, 0.0), alpha_max)
    beta = np.minimum(np.maximum(s - rho * alpha, 0.0), beta_max)
    return Boxed(alpha, beta, alpha * (2 * a - alpha) + beta * (2 * (s - rho * alpha) - beta))
