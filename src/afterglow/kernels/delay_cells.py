"""Models with one exponential and a delay: exact columns for any delay between two kinks, from one table.

The sampled artery is straight between its samples, so as long as no frame crosses one of them, a delay that is d shorter
turns the plasma column c into c + d c' and the convolution E into exp(-k d) E + d w c + d^2 r c', with the ramp's weights
w = (1 - exp(-x)) / x and r = (1 - w) / x at x = k d. Everything lies in the span of E(k), c and c'; delays between which a frame
crosses a sample are the edges of a cell.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.convolution import sample
from afterglow.kernels.dictionary import Dictionary, build_dictionary, span, taylor
from afterglow.kernels.problem import Artery
from afterglow.kernels.types import Array, Float

_MOST_CELLS = 512  # beyond, a cell may hold kinks: it is then so narrow that they do not matter
_SAME = 1e-6  # of the frame spacing: kinks closer than this are one
_RANK_TOLERANCE: dict[Float, float] = {np.float32: 3e-8, np.float64: 1e-9}


class DelayCell(NamedTuple):
    """The columns at the longest delay of a cell, in R coordinates."""

    right_s: float
    dictionary: Dictionary
    plasma: Array  # (R,)
    slope: Array  # (R,) per second


class Terms(NamedTuple):
    """Inner products at a rate and delay, each (n,): y curve, u plasma, e convolution, l its derivative by log rate, s plasma's slope."""

    yu: Array
    ye: Array
    yl: Array
    ys: Array
    uu: Array
    ue: Array
    ul: Array
    us: Array
    ee: Array
    el: Array
    es: Array
    ll: Array
    ls: Array
    ss: Array


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
    return DelayCell(right_s, d, (plasma @ basis).astype(dtype), (slope @ basis).astype(dtype))


def _unit(columns: Array) -> Array:
    norm = np.linalg.norm(columns, axis=-1, keepdims=True)
    unit: Array = columns / np.where(norm > 0, norm, 1.0)
    return unit


def terms_at(cell: DelayCell, z: Array, log_rate: Array, delay_s: Array) -> Terms:
    """Inner products for curves z (n, R) at log rates and delays (n,)."""
    early = cell.right_s - delay_s
    e, by_rate = _convolution(cell, log_rate, early, z.dtype.type)
    both = np.stack([cell.plasma, cell.slope], axis=1)
    uu, us, ss = (float(a @ b) for a, b in ((cell.plasma, cell.plasma), (cell.plasma, cell.slope), (cell.slope, cell.slope)))
    (yc, ys), (ec, es), (lc, ls) = (np.asarray((v @ both).T, dtype=np.float64) for v in (z, e, by_rate))
    ye, yl, ee, el, ll = (
        np.einsum("nr,nr->n", a, b).astype(np.float64)
        for a, b in ((z, e), (z, by_rate), (e, e), (e, by_rate), (by_rate, by_rate))
    )
    return Terms(
        yu=yc + early * ys,
        ye=ye,
        yl=yl,
        ys=ys,
        uu=uu + early * (2 * us + early * ss),
        ue=ec + early * es,
        ul=lc + early * ls,
        us=us + early * ss,
        ee=ee,
        el=el,
        es=es,
        ll=ll,
        ls=ls,
        ss=np.full_like(early, ss),
    )


def _convolution(cell: DelayCell, log_rate: Array, early: Array, dtype: Float) -> tuple[Array, Array]:
    """Convolution with the exponential (n, R) and its derivative by log rate."""
    d = cell.dictionary
    index = (log_rate - d.log_rate_low) / d.log_step
    middle = np.rint(index)
    off = (index - middle)[:, None].astype(dtype)
    middle = middle.astype(np.intp)
    rows = d.fine_unit.take(middle, axis=0)
    bent = off * rows[:, 3]
    e = rows[:, 0] + off * (rows[:, 1] + off * (0.5 * rows[:, 2] + (1 / 6) * bent))
    turn = (rows[:, 1] + off * (rows[:, 2] + 0.5 * bent)) * (1 / d.log_step)
    log_norm, growth = taylor(d.fine_log_norm.take(middle, axis=1).astype(np.float64), index - middle)
    growth = growth / d.log_step
    x = np.exp(log_rate) * early
    decayed = np.exp(log_norm - x)
    safe = np.clip(x, 1e-9, np.inf)  # digits lost below stand before d^2, which is smaller still
    whole = -np.expm1(-safe) / safe
    rising = (1 - whole) / safe
    d_whole, d_rising = rising - whole, (whole - 2 * rising) / safe

    def mixed(unit: Array, by_unit: Array, by_plasma: Array, by_slope: Array) -> Array:
        weights: Array = np.stack([by_plasma, by_slope], axis=1).astype(dtype)
        own: Array = by_unit[:, None].astype(dtype)
        out: Array = weights @ np.stack([cell.plasma, cell.slope]) + own * unit
        return out

    convolved = mixed(e, decayed, early * whole, early * early * rising)
    turn += (growth - x)[:, None].astype(dtype) * e
    return convolved, mixed(turn, decayed, early * x * d_whole, early * early * x * d_rising)
