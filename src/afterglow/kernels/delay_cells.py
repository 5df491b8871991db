"""Models with one exponential and a delay: exact columns for any delay between two kinks, from one table.

The sampled artery is straight between its samples, so as long as no frame crosses one of them, a delay that is d shorter
turns the plasma column c into c + d c' and the convolution E into exp(-k d) E + d w c + d^2 r c', with the ramp's weights
w = (1 - exp(-x)) / x and r = (1 - w) / x at x = k d. Everything lies in the span of E(k), c and c'; delays between which a frame
crosses a sample are the edges of a cell.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.convolution import sample
from afterglow.kernels.dictionary import build_dictionary, span
from afterglow.kernels.problem import Artery
from afterglow.kernels.types import Array, Float

_MOST_CELLS = 512  # beyond, a cell may hold kinks: it is then so narrow that they do not matter
_SAME = 1e-6  # of the frame spacing: kinks closer than this are one
_RANK_TOLERANCE: dict[Float, float] = {np.float32: 3e-8, np.float64: 1e-9}


class DelayCell(NamedTuple):
    """The columns at the longest delay of a cell, in R coordinates, over F log rates."""

    right_s: float
    log_rate_low: float
    log_step: float
    basis: Array  # (T, R)
    plasma: Array  # (R,)
    slope: Array  # (R,) per second
    plasma_plasma: float
    plasma_slope: float
    slope_slope: float
    unit: Array  # (F, 4, R) unit convolution and its first three derivatives by fine index
    numbers: Array  # (F, 14) log |convolution|, unit . plasma, unit . slope with their derivatives; |unit'|^2 by log rate with its first


def cell_edges(feed: Artery, low_s: float, high_s: float) -> Array:
    """Delays (m + 1,) between low and high at which a frame meets an arterial sample, and the ends."""
    spacing = float(np.median(np.diff(feed.times_s)))
    frames = feed.times_s[feed.root_weights > 0]
    met = [lag[(lag > low_s) & (lag < high_s)] for lag in (frame - feed.aif_times_s for frame in frames)]
    kinks = np.sort(np.concatenate([[low_s, high_s], *met]))
    kept = kinks[np.concatenate([[True], np.diff(kinks) > _SAME * spacing])]
    if high_s - kept[-1] < _SAME * spacing:
        kept[-1] = high_s
    return kept if kept.size <= _MOST_CELLS + 1 else np.linspace(low_s, high_s, _MOST_CELLS + 1)


def build_cell(feed: Artery, rates_per_s: Array, at_knots: Array, right_s: float, dtype: Float) -> DelayCell:
    """The tables of the cell below a delay; `at_knots` (k, m) are the convolutions at the arterial samples."""
    at_edge = feed._replace(delay_s=right_s)
    x = feed.times_s - right_s
    near = _SAME * float(np.median(np.diff(feed.times_s)))
    knot = np.searchsorted(feed.aif_times_s, x + near, side="right") - 1
    inside = knot.clip(0, feed.aif_times_s.size - 1)
    x = np.where((knot >= 0) & (np.abs(x - feed.aif_times_s[inside]) <= near), feed.aif_times_s[inside], x)
    steps = np.append(np.diff(feed.plasma_mM) / np.diff(feed.aif_times_s), 0.0)
    slope = feed.root_weights * np.where(knot >= 0, steps[inside], 0.0)
    plasma = feed.root_weights * sample(feed.aif_times_s, feed.plasma_mM, at_s=x)
    columns = at_edge.exponentials(rates_per_s, at_knots=at_knots)
    unit = _unit(columns)
    basis = span(np.vstack([unit[::4], unit[-1:], _unit(plasma), _unit(slope)]), tolerance=_RANK_TOLERANCE[dtype])
    d = build_dictionary(rates_per_s, columns, None, dtype=dtype, basis=basis)
    plasma, slope = plasma @ basis, slope @ basis
    numbers = np.hstack([d.fine_log_norm.T, d.fine_unit @ plasma, d.fine_unit @ slope, d.fine_turn.T])
    products = float(plasma @ plasma), float(plasma @ slope), float(slope @ slope)
    return DelayCell(
        right_s, d.log_rate_low, d.log_step, basis, plasma, slope, *products, d.fine_unit, np.ascontiguousarray(numbers)
    )


def _unit(columns: Array) -> Array:
    norm = np.linalg.norm(columns, axis=-1, keepdims=True)
    unit: Array = columns / np.where(norm > 0, norm, 1.0)
    return unit
