"""Water that diffuses around one magnetised vessel: Bloch-Torrey outside an infinite cylinder, by harmonics and a fine radius.

Lengths are in radii R and times in echo times TE, so two numbers say all: the phase a = dw TE sin^2(angle to the field) that
water at the wall gathers, dw = gamma B0 dchi / 2 (SI), and the diffusion b = D TE / R^2. The field outside falls as
cos(2 phi) / rho^2 and the wall lets nothing through. In the dilute limit a voxel with the volume fraction zeta of such vessels
has S = exp(-zeta f), where f is the deficit of magnetisation around one vessel in units of its own cross-section.

Static limit: f = a - 1 for large a (doi:10.1002/mrm.1910320610). The field turns its sign with phi -> phi + pi/2, so even
harmonics of 2 phi stay real and odd ones imaginary: everything here is real arithmetic on a quarter of the circle.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import expm

from afterglow.kernels.types import Array

_OUTER = 100.0  # radii; beyond it water only gathers phase, and that is added in closed form
_SERIES_TERMS = 30


class Attenuation(NamedTuple):
    """Deficit f of the gradient echo and of the spin echo, both of the shape of the phases."""

    ge: Array
    se: Array


class _Disc(NamedTuple):
    """The quarter circle and the radii: transforms of even and odd harmonics (j, j), phase per unit a (j, r), weights (r,)."""

    even: Array
    odd: Array
    phase: Array
    weights: Array
    laplace: Array  # (r, r) d^2/dx^2 with x = ln rho and both walls reflecting
    inverse_square: Array  # (r,) 1 / rho^2


def cylinder_attenuation(
    phases: Sequence[float] | Array, diffusion: float, *, steps: int = 192, radii: int = 128, harmonics: int = 48
) -> Attenuation:
    """f of one cylinder at phases a (k,) and one diffusion b, for gradient and spin echo, both at TE -> (k,), (k,).

    Strang splitting with `steps` (divisible by 4) and with half as many, extrapolated to none; the spin echo is the
    conjugate at TE / 2. `radii` Chebyshev nodes in ln rho. Harmonics go to 2 x `harmonics`, to stand above the largest phase.
    """
    a = np.asarray(phases, dtype=np.float64)
    if a.ndim != 1 or not (a > 0).all() or not diffusion > 0:
        raise ValueError(f"phases {a} and diffusion {diffusion:g} must be positive, the phases in one row")
    if a.max() > 1.5 * harmonics or steps % 4:
        raise ValueError(
            f"a phase of {a.max():g} needs {a.max() / 1.5:.0f} harmonics (got {harmonics}), and steps ({steps}) count by 4"
        )
    disc = _disc(radii, harmonics)
    fine, coarse = (_echoes(disc, a, diffusion, n) for n in (steps, steps // 2))
    ge, se = (f + (f - c) / 3 for f, c in zip(fine, coarse, strict=True))
    return Attenuation(ge + _beyond(a), se)


def _disc(radii: int, harmonics: int) -> _Disc:
    nodes, first, weights = _chebyshev(radii)
    half = np.log(_OUTER) / 2
    x = half * (1 + nodes)
    first = first / half
    free = first.copy()
    free[[0, -1]] = 0.0  # no flux through the vessel wall, nor through the outer circle
    psi = (np.arange(harmonics) + 0.5) * np.pi / (2 * harmonics)
    even, odd = (np.cos(np.outer(2 * np.arange(harmonics) + shift, psi)) for shift in (0, 1))
    phase = np.outer(np.cos(psi), np.exp(-2 * x))
    return _Disc(even.T, odd.T, phase, 2 * half * weights * np.exp(2 * x), first @ free, np.exp(-2 * x))


def _chebyshev(n: int) -> tuple[Array, Array, Array]:
    """Nodes rising from -1 to 1, the matrix of the first derivative, and Clenshaw-Curtis weights."""
    theta = np.pi * np.arange(n) / (n - 1)
    x = -np.cos(theta)
    scale = np.where((np.arange(n) == 0) | (np.arange(n) == n - 1), 2.0, 1.0) * (-1.0) ** np.arange(n)
    gap = x[:, None] - x[None, :] + np.eye(n)
    matrix = np.outer(scale, 1 / scale) / gap
    matrix -= np.diag(matrix.sum(axis=1))
    k = np.arange(0, n, 2)
    moments = np.zeros(n)
    moments[k] = 2.0 / (1.0 - k * k)
    weights = np.linalg.solve(np.cos(np.outer(np.arange(n), np.arccos(np.clip(x, -1, 1)))), moments)
    return x, matrix, weights


def _echoes(disc: _Disc, a: Array, diffusion: float, steps: int) -> tuple[Array, Array]:
    harmonics, radii = disc.phase.shape
    half = diffusion / steps / 2
    spread: list[Array] = []
    for shift in (0, 1):
        order = 2 * (2 * np.arange(harmonics) + shift)
        generator = disc.inverse_square[:, None] * (disc.laplace - (order**2)[:, None, None] * np.eye(radii))
        spread.append(expm(half * generator))
    angle = disc.phase[:, :, None] * (a / steps)
    turn = np.cos(angle), np.sin(angle)
    state: tuple[Array, Array] = np.zeros((harmonics, radii, a.size)), np.zeros((harmonics, radii, a.size))
    state = _evolve(disc, spread, turn, state, steps // 2)
    ge = _evolve(disc, spread, turn, state, steps // 2)
    se = _evolve(disc, spread, turn, (state[0], -state[1]), steps // 2)
    return -(disc.weights @ ge[0][0]), -(disc.weights @ se[0][0])


def _evolve(
    disc: _Disc, spread: list[Array], turn: tuple[Array, Array], state: tuple[Array, Array], steps: int
) -> tuple[Array, Array]:
    """Half a diffusion step, the phase, half a diffusion step, over and over.

    The state is what has changed from 1: harmonics (j, r, k), even ones real and odd ones imaginary. To carry the 1 along would
    cost digits: ten thousand cross-sections of still water lie around one vessel.
    """
    even, odd = state
    shape, count = even.shape, disc.even.shape[0]
    whole = [half @ half for half in spread]
    weight = np.where(np.arange(count) == 0, 1.0, 2.0)[:, None] / count
    back_even, back_odd = weight * disc.even.T, 2.0 / count * disc.odd.T
    even, odd = spread[0] @ even, spread[1] @ odd
    for step in range(steps):
        real = 1.0 + (disc.even @ even.reshape(count, -1)).reshape(shape)
        imaginary = (disc.odd @ odd.reshape(count, -1)).reshape(shape)
        turned = real * turn[0] + imaginary * turn[1] - 1.0, imaginary * turn[0] - real * turn[1]
        even = (back_even @ turned[0].reshape(count, -1)).reshape(shape)
        odd = (back_odd @ turned[1].reshape(count, -1)).reshape(shape)
        last = step == steps - 1
        even, odd = ((spread if last else whole)[i] @ part for i, part in enumerate((even, odd)))
    return even, odd


def _beyond(a: Array) -> Array:
    """Static deficit outside the outer circle: a integral of (1 - J0(x)) / x^2 up to a / rho^2, by its series."""
    x = a / _OUTER**2
    term, total = x / 4, x / 4
    for k in range(2, _SERIES_TERMS):
        term = -term * x * x * (2 * k - 3) / (4 * k * k * (2 * k - 1))
        total = total + term
    tail: Array = a * total
    return tail
