"""What is known of a curve at a rate and a delay: its best amplitudes inside their bounds, slopes, and variances."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.boxed import Boxed, best_in_box, gain_of
from afterglow.kernels.delay_cells import Terms
from afterglow.kernels.types import Array, Mask


class Point(NamedTuple):
    """What is known of curves at their rates and delays, each (n,)."""

    terms: Terms
    fixed: Array  # amplitude of the plasma column
    amplitude: Array
    gain: Array  # explained energy
    fixed_free: Mask
    amplitude_free: Mask
    tied: Mask  # amplitude on its upper bound, which moves with the rate
    eased: Mask  # held there, though less would be better
    bare: Mask  # no fixed amplitude
    lifted: Mask  # held so, though some would be better
    missed: Array  # what holding them costs


def point_at(t: Terms, log_rate: Array, *, fixed_max: float, amplitude_max_per_rate: float, tied: Mask, bare: Mask) -> Point:
    """The amplitudes inside their bounds; where `tied` the searched one is held on its limit, where `bare` the fixed one on zero."""
    tiny = np.finfo(np.float64).tiny
    u_norm, e_norm = np.sqrt(np.maximum(t.uu, tiny)), np.sqrt(np.maximum(t.ee, tiny))
    a, s, rho = t.yu / u_norm, t.ye / e_norm, np.clip(t.ue / (u_norm * e_norm), -1 + 1e-9, 1 - 1e-9)
    limit, most = amplitude_max_per_rate * np.exp(log_rate) * e_norm, fixed_max * u_norm
    box = best_in_box(a, s, rho, alpha_max=most, beta_max=limit)
    eased, lifted, full = tied & (box.beta < limit), bare & (box.alpha > 0), box.gain
    if eased.any() or lifted.any():
        beta = np.where(tied, limit, np.where(bare, np.minimum(np.clip(s, 0, np.inf), limit), box.beta))
        alpha = np.where(bare, 0.0, np.where(tied, np.minimum(np.clip(a - rho * beta, 0, np.inf), most), box.alpha))
        box = Boxed(alpha, beta, gain_of(alpha, beta, a, s, rho))
    on_limit = box.beta >= limit
    free = (box.alpha > 0) & (box.alpha < most)
    return Point(
        terms=t,
        fixed=box.alpha / u_norm,
        amplitude=box.beta / e_norm,
        gain=box.gain,
        fixed_free=free,
        amplitude_free=(box.beta > 0) & ~on_limit,
        tied=on_limit,
        eased=eased,
        bare=box.alpha <= 0,
        lifted=lifted,
        missed=full - box.gain,
    )


class _Columns(NamedTuple):
    """Inner products of the Jacobian's columns: a plasma, b amplitude, l log rate, d delay; r is the residual curve."""

    aa: Array
    ab: Array
    bb: Array
    al: Array
    ad: Array
    bl: Array
    bd: Array
    ll: Array
    ld: Array
    dd: Array
    rl: Array
    rd: Array


def _columns(p: Point, rate: Array) -> _Columns:
    """The delay's column is -fixed * slope - amplitude (plasma - rate * convolution); the rate's holds a tied amplitude's too."""
    t, v, b = p.terms, p.fixed, p.amplitude
    with_tied = np.where(p.tied, 1.0, 0.0)
    # residual against u, e, l, s
    ru, re, rl, rs = (
        t.yu - v * t.uu - b * t.ue,
        t.ye - v * t.ue - b * t.ee,
        t.yl - v * t.ul - b * t.el,
        t.ys - v * t.us - b * t.es,
    )
    bk = b * rate
    # l column: b (l + tied e); d column: -v s - b u + bk e
    le, lu, ls = t.el + with_tied * t.ee, t.ul + with_tied * t.ue, t.ls + with_tied * t.es
    ll = t.ll + with_tied * (2 * t.el + t.ee)
    su, se, uu, ue = t.us, t.es, t.uu, t.ue
    du, de, dl = -v * su - b * uu + bk * ue, -v * se - b * ue + bk * t.ee, -v * ls - b * lu + bk * le
    dd = -v * (-v * t.ss - b * su + bk * se) - b * du + bk * de
    return _Columns(
        aa=uu,
        ab=ue,
        bb=t.ee,
        al=b * lu,
        ad=du,
        bl=b * le,
        bd=de,
        ll=b * b * ll,
        ld=b * dl,
        dd=dd,
        rl=b * (rl + with_tied * re),
        rd=-v * rs - b * ru + bk * re,
    )


def _projected(p: Point, c: _Columns) -> tuple[Array, Array, Array]:
    """Inner products ll, ld, dd with the free amplitudes' columns projected out."""
    aa, ab, bb = _amplitude_inverse(p, c)
    left_l, left_d = (aa * c.al + ab * c.bl, ab * c.al + bb * c.bl), (aa * c.ad + ab * c.bd, ab * c.ad + bb * c.bd)
    return (
        c.ll - c.al * left_l[0] - c.bl * left_l[1],
        c.ld - c.ad * left_l[0] - c.bd * left_l[1],
        c.dd - c.ad * left_d[0] - c.bd * left_d[1],
    )


def _amplitude_inverse(p: Point, c: _Columns) -> tuple[Array, Array, Array]:
    """Inverse of the 2 x 2 of the amplitudes that are free, zero for those that are not."""
    a, b = p.fixed_free, p.amplitude_free
    both = a & b
    determinant = np.where(both, np.maximum(c.aa * c.bb - c.ab * c.ab, 1e-12 * c.aa * c.bb), 1.0)
    alone_a, alone_b = (1 / np.where(v > 0, v, np.inf) for v in (c.aa, c.bb))
    return (
        np.where(both, c.bb / determinant, np.where(a, alone_a, 0.0)),
        np.where(both, -c.ab / determinant, 0.0),
        np.where(both, c.aa / determinant, np.where(b, alone_b, 0.0)),
    )


def variances(p: Point, rate: Array, *, rate_held: Mask, delay_held: Mask) -> Array:
    """Of the fixed amplitude, the log amplitude, log (amplitude / rate) and the delay, for unit noise (4, n)."""
    c = _columns(p, rate)
    none = p.amplitude <= 0
    ll, ld, dd = _projected(p, c)
    rate_held = rate_held | none
    with np.errstate(divide="ignore", invalid="ignore"):
        ld = np.where(rate_held | delay_held, 0.0, ld)
        ll, dd = np.where(rate_held, np.inf, ll), np.where(delay_held, np.inf, dd)
        reduced = 1 - np.where(np.isfinite(ll) & np.isfinite(dd), ld * ld / (ll * dd), 0.0)
        var_l, var_d = 1 / (ll * reduced), 1 / (dd * reduced)
        cov = -np.where(np.isfinite(ll) & np.isfinite(dd), ld / (ll * dd), 0.0) / reduced
        aa, ab, bb = _amplitude_inverse(p, c)
        # how the free amplitudes follow rate and delay
        a_l, a_d = aa * c.al + ab * c.bl, aa * c.ad + ab * c.bd
        b_l, b_d = ab * c.al + bb * c.bl, ab * c.ad + bb * c.bd
        var_a = aa + a_l**2 * var_l + 2 * a_l * a_d * cov + a_d**2 * var_d
        var_b = (bb + b_l**2 * var_l + 2 * b_l * b_d * cov + b_d**2 * var_d) / p.amplitude**2
        cov_bl = -(b_l * var_l + b_d * cov) / p.amplitude
        var_b = np.where(p.tied, var_l, var_b)
        var_ratio = np.where(p.tied, np.nan, var_b + var_l - 2 * cov_bl)
    out = np.stack([np.where(p.fixed_free, var_a, np.nan), var_b, var_ratio, np.where(delay_held, np.nan, var_d)])
    out[1:3, none] = np.nan
    out[~(out > 0)] = np.nan
    return out


def slopes(p: Point, rate: Array) -> Array:
    """Half the gain's gradient and the projected Hessian by log rate and delay: (5, n)."""
    c = _columns(p, rate)
    return np.stack([c.rl, c.rd, *_projected(p, c)])
