"""The pieces that a profile with bounds is made of: what it depends on near a rate, and its slope under given bounds.

While the same amplitudes are held on their bounds the profile is smooth; where another one meets its bound, the curvature
jumps.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.boxed import Boxed, best_in_box
from afterglow.kernels.dictionary import Dictionary, taylor
from afterglow.kernels.types import Array, Index, Mask


class Curves(NamedTuple):
    """Curves in the dictionary's coordinates."""

    z: Array  # (n, R)
    a: Array  # (n,) along the unit fixed column
    energy: Array  # (n,) sum of squares of the whole curve

    def of(self, rows: Index) -> "Curves":
        """Some of them."""
        return Curves(*(column.take(rows, axis=0) for column in self))


class Problem(NamedTuple):
    d: Dictionary
    curves: Curves
    alpha_max: float
    amplitude_max_per_rate: float

    def of(self, rows: Index) -> "Problem":
        return self._replace(curves=self.curves.of(rows))


class Held(NamedTuple):
    """Which amplitudes are held on a bound: the fixed column's, at which value, and the searched one's at its upper limit."""

    alpha: Mask  # (n,)
    alpha_at: Array  # (n,)
    beta: Mask  # (n,)

    def of(self, rows: Index) -> "Held":
        return Held(self.alpha[rows], self.alpha_at[rows], self.beta[rows])

    def and_also(self, other: "Held") -> "Held":
        """What either of two holds."""
        at = np.where(self.alpha, self.alpha_at, other.alpha_at)
        return Held(self.alpha | other.alpha, at, self.beta | other.beta)

    def beyond(self, other: "Held") -> Mask:
        """Where this holds what the other does not."""
        beyond: Mask = (self.alpha & ~other.alpha) | (self.beta & ~other.beta)
        return beyond

    def where(self, chosen: Mask, other: "Held") -> "Held":
        """This where chosen, the other elsewhere."""
        return Held(*(np.where(chosen, mine, theirs) for mine, theirs in zip(self, other, strict=True)))

    def same(self, other: "Held") -> Mask:
        same: Mask = (self.alpha == other.alpha) & (self.beta == other.beta) & (~self.alpha | (self.alpha_at == other.alpha_at))
        return same


def look_up(table: Array, index: Array) -> Array:
    """Third-order Taylor look-up of a (4, F) table at fractional indices (n,)."""
    cell = np.rint(index).astype(np.intp)
    off = index - cell.astype(index.dtype)
    bend = 0.5 * table[2].take(cell) + (1 / 6) * off * table[3].take(cell)
    value: Array = table[0].take(cell) + off * (table[1].take(cell) + off * bend)
    return value


def upper_limit(d: Dictionary, index: Array, log_norm: Array, amplitude_max_per_rate: float) -> Array:
    """The largest unit amplitude (n,) of the searched column at fine indices (n,)."""
    if not np.isfinite(amplitude_max_per_rate):
        return np.full_like(index, np.inf)
    limit: Array = np.exp(np.log(amplitude_max_per_rate) + d.log_rate_low + d.log_step * index + log_norm)
    return limit


class Cell(NamedTuple):
    """Value and first three derivatives by fine index of what the amplitudes depend on, each (4, n)."""

    centre: Array  # (n,)
    s: Array
    rho: Array
    log_limit: Array


class Place(NamedTuple):
    """What the amplitudes depend on at one place, and its derivatives by fine index, each (n,)."""

    s: Array
    s1: Array
    rho: Array
    rho1: Array
    limit: Array
    growth: Array  # of log limit


def cell_at(problem: Problem, index: Array) -> Cell:
    d = problem.d
    cell = np.rint(index).astype(np.intp)
    log_limit = d.fine_log_norm.take(cell, axis=1)
    if np.isfinite(problem.amplitude_max_per_rate):
        log_limit[0] += np.log(problem.amplitude_max_per_rate) + d.log_rate_low + d.log_step * cell
    else:
        log_limit[0] = np.inf
    log_limit[1] += d.log_step
    s = np.einsum("nr,nqr->qn", problem.curves.z, d.fine_unit.take(cell, axis=0))
    return Cell(cell.astype(index.dtype), s, d.fine_rho.take(cell, axis=1), log_limit)


def place_in(cell: Cell, index: Array) -> Place:
    off = index - cell.centre
    (s, s1), (rho, rho1), (log_limit, growth) = (taylor(column, off) for column in (cell.s, cell.rho, cell.log_limit))
    return Place(s, s1, rho, rho1, np.exp(log_limit), growth)


def slope_of(at: Place, alpha: Array, beta: Array, tied: Mask) -> Array:
    """Slope of the gain by fine index. The amplitudes are optimal, so only the columns and the moving bound count (envelope)."""
    pull = np.where(tied, (at.s - at.rho * alpha - beta) * at.growth, 0)
    slope: Array = 2 * beta * (at.s1 - alpha * at.rho1 + pull)
    return slope


def boxed_at(problem: Problem, at: Place) -> tuple[Boxed, Array, Held]:
    box = best_in_box(problem.curves.a, at.s, at.rho, alpha_max=problem.alpha_max, beta_max=at.limit)
    held = held_by(problem, box, at.limit)
    return box, slope_of(at, box.alpha, box.beta, held.beta), held


def held_by(problem: Problem, box: Boxed, limit: Array) -> Held:
    return Held((box.alpha <= 0) | (box.alpha >= problem.alpha_max), box.alpha, box.beta >= limit)


def amplitudes_under(held: Held, a: Array, s: Array, rho: Array, limit: Array) -> tuple[Array, Array]:
    """The best amplitudes where those that are held stay on their bounds and the others know none."""
    free = np.where(held.alpha, s - rho * held.alpha_at, (s - rho * a) / (1 - rho * rho))
    beta = np.where(held.beta, limit, free)
    return np.where(held.alpha, held.alpha_at, a - rho * beta), beta
