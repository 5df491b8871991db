"""Standard errors of two amplitudes for unit noise."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array


def amplitude_errors(
    q_norm: float, e_norm: float, rho: float, q_held: NDArray[np.bool_], e_held: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Standard errors for unit noise of two amplitudes of columns with those norms and cosine, either of them held."""
    spread = np.sqrt(1 - rho * rho)
    q = np.where(q_held, np.nan, 1 / q_norm / np.where(e_held, 1.0, spread))
    e = np.where(e_held, np.nan, 1 / e_norm / np.where(q_held, 1.0, spread))
    return q, e
