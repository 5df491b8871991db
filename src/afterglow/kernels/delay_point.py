"""What is known of a curve at a rate and a delay: its best amplitudes inside their bounds, slopes, and variances. Compiled.

With E the convolution at the longest delay of the cell, e its unit column and ' the derivative by log rate, all columns are
sums of e, e', the plasma c and its slope s (`delay_cells`), so their products follow from those of e with c and s, which
are tabulated, and from four products of the curve.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.delay_cells import DelayCell
from afterglow.kernels.search_loop import box, projections, taylor_at
from afterglow.kernels.types import Array


class Bounds(NamedTuple):
    """Of log rate, plasma amplitude, and amplitude over rate."""

    log_rate_low: float
    log_rate_high: float
    fixed_max: float
    ratio_max: float


class Terms(NamedTuple):
    """Inner products at a rate and delay: y curve, u plasma, e convolution, l its derivative by log rate, s plasma's slope."""

    yu: float
    ye: float
    yl: float
    ys: float
    uu: float
    ue: float
    ul: float
    us: float
    ee: float
    el: float
    es: float
    ll: float
    ls: float
    ss: float


class Point(NamedTuple):
    """What is known of a curve at a log rate and a delay."""

    log_rate: float
    delay_s: float
    rate: float  # per second
    terms: Terms
    fixed: float  # amplitude of the plasma column
    amplitude: float
    gain: float  # explained energy
    fixed_free: bool
    amplitude_free: bool
    tied: bool  # amplitude on its upper bound, which moves with the rate
    eased: bool  # held there, though less would be better
    bare: bool  # no fixed amplitude
    lifted: bool  # held so, though some would be better
    missed: float  # what holding them costs


class Columns(NamedTuple):
    """Inner products of the Jacobian's columns: a plasma, b amplitude, l log rate, d delay; r is the residual curve."""

    aa: float
    ab: float
    bb: float
    al: float
    ad: float
    bl: float
    bd: float
    ll: float
    ld: float
    dd: float
    rl: float
    rd: float


@compiled
def _terms(cell: DelayCell, z: Array, n: int, yc: float, ys: float, log_rate: float, rate: float, delay_s: float) -> Terms:
    index, early = (log_rate - cell.log_rate_low) / cell.log_step, cell.right_s - delay_s
    f = int(np.rint(index))
    off, per_step, t = index - f, 1 / cell.log_step, cell.numbers
    y_unit, y_turn = taylor_at(projections(z, n, cell.unit, f), off)
    log_norm, growth = taylor_at((t[f, 0], t[f, 1], t[f, 2], t[f, 3]), off)
    c_unit, c_turn = taylor_at((t[f, 4], t[f, 5], t[f, 6], t[f, 7]), off)
    s_unit, s_turn = taylor_at((t[f, 8], t[f, 9], t[f, 10], t[f, 11]), off)
    y_turn, growth, c_turn, s_turn = y_turn * per_step, growth * per_step, c_turn * per_step, s_turn * per_step
    turn = t[f, 12] + off * t[f, 13]
    # E = decayed e + ec c + es s and by log rate decayed (e' + swell e) + lc c + ls s
    x = rate * early
    safe = max(x, 1e-9)  # digits lost below stand before early^2, which is smaller still
    fallen = np.expm1(-safe)
    decayed, swell = np.exp(log_norm) * (1 + fallen), growth - x
    whole = -fallen / safe
    rising = (1 - whole) / safe
    ec, es = early * whole, early * early * rising
    lc, ls = early * x * (rising - whole), early * early * x * (whole - 2 * rising) / safe
    cc, cs, ss = cell.plasma_plasma, cell.plasma_slope, cell.slope_slope
    e_c, e_s = decayed * c_unit + ec * cc + es * cs, decayed * s_unit + ec * cs + es * ss
    e_unit, e_turn = decayed + ec * c_unit + es * s_unit, ec * c_turn + es * s_turn
    l_c = decayed * (swell * c_unit + c_turn) + lc * cc + ls * cs
    l_s = decayed * (swell * s_unit + s_turn) + lc * cs + ls * ss
    l_unit, l_turn = decayed * swell + lc * c_unit + ls * s_unit, decayed * turn + lc * c_turn + ls * s_turn
    return Terms(
        yu=yc + early * ys,
        ye=decayed * y_unit + ec * yc + es * ys,
        yl=decayed * (swell * y_unit + y_turn) + lc * yc + ls * ys,
        ys=ys,
        uu=cc + early * (2 * cs + early * ss),
        ue=e_c + early * e_s,
        ul=l_c + early * l_s,
        us=cs + early * ss,
        ee=decayed * e_unit + ec * e_c + es * e_s,
        el=decayed * (swell * e_unit + e_turn) + lc * e_c + ls * e_s,
        es=e_s,
        ll=decayed * (swell * l_unit + l_turn) + lc * l_c + ls * l_s,
        ls=l_s,
        ss=ss,
    )


@compiled
def point_at(
    cell: DelayCell,
    z: Array,
    n: int,
    yc: float,
    ys: float,
    bounds: Bounds,
    log_rate: float,
    delay_s: float,
    tied: bool,
    bare: bool,
) -> Point:
    """Curve n of (n, R), with the amplitudes inside their bounds; where `tied` the searched one is held on its limit, where `bare`
    the fixed one on zero. yc and ys are the curve's products with plasma and slope.
    """
    rate = np.exp(log_rate)
    t = _terms(cell, z, n, yc, ys, log_rate, rate, delay_s)
    u_norm, e_norm = np.sqrt(max(t.uu, 1e-300)), np.sqrt(max(t.ee, 1e-300))
    a, s, rho = t.yu / u_norm, t.ye / e_norm, min(max(t.ue / (u_norm * e_norm), -1 + 1e-9), 1 - 1e-9)
    limit, most = bounds.ratio_max * rate * e_norm, bounds.fixed_max * u_norm
    alpha, beta, full = box(a, s, rho, most, limit)
    eased, lifted, gain = tied and beta < limit, bare and alpha > 0, full
    if eased or lifted:
        beta = limit if tied else min(max(s, 0.0), limit) if bare else beta
        alpha = 0.0 if bare else min(max(a - rho * beta, 0.0), most) if tied else alpha
        gain = alpha * (2 * a - alpha) + beta * (2 * (s - rho * alpha) - beta)
    on_limit, fixed_free = beta >= limit, 0 < alpha < most
    return Point(
        log_rate, delay_s, rate, t, alpha / u_norm, beta / e_norm, gain, fixed_free, beta > 0 and not on_limit,
        on_limit, eased, alpha <= 0, lifted, full - gain,
    )  # fmt: skip


@compiled
def columns_at(p: Point) -> Columns:
    """The delay's column is -fixed * slope - amplitude (plasma - rate * convolution); the rate's holds a tied amplitude's too."""
    t, v, b = p.terms, p.fixed, p.amplitude
    with_tied, bk = 1.0 if p.tied else 0.0, b * p.rate
    # residual against u, e, l, s
    ru, re = t.yu - v * t.uu - b * t.ue, t.ye - v * t.ue - b * t.ee
    rl, rs = t.yl - v * t.ul - b * t.el, t.ys - v * t.us - b * t.es
    # l column: b (l + tied e); d column: -v s - b u + bk e
    le, lu, ls = t.el + with_tied * t.ee, t.ul + with_tied * t.ue, t.ls + with_tied * t.es
    ll = t.ll + with_tied * (2 * t.el + t.ee)
    du, de, dl = -v * t.us - b * t.uu + bk * t.ue, -v * t.es - b * t.ue + bk * t.ee, -v * ls - b * lu + bk * le
    dd = -v * (-v * t.ss - b * t.us + bk * t.es) - b * du + bk * de
    return Columns(
        t.uu, t.ue, t.ee, b * lu, du, b * le, de, b * b * ll, b * dl, dd,
        b * (rl + with_tied * re), -v * rs - b * ru + bk * re,
    )  # fmt: skip


@compiled
def _amplitude_inverse(p: Point, c: Columns) -> tuple[float, float, float]:
    """Inverse of the 2 x 2 of the amplitudes that are free, zero for those that are not."""
    if p.fixed_free and p.amplitude_free:
        determinant = max(c.aa * c.bb - c.ab * c.ab, 1e-12 * c.aa * c.bb)
        return c.bb / determinant, -c.ab / determinant, c.aa / determinant
    return (1 / c.aa if p.fixed_free else 0.0), 0.0, (1 / c.bb if p.amplitude_free else 0.0)


@compiled
def projected(p: Point, c: Columns) -> tuple[float, float, float]:
    """Inner products ll, ld, dd with the free amplitudes' columns projected out."""
    aa, ab, bb = _amplitude_inverse(p, c)
    left_a, left_b = aa * c.al + ab * c.bl, ab * c.al + bb * c.bl
    ll, ld = c.ll - c.al * left_a - c.bl * left_b, c.ld - c.ad * left_a - c.bd * left_b
    return ll, ld, c.dd - c.ad * (aa * c.ad + ab * c.bd) - c.bd * (ab * c.ad + bb * c.bd)


@compiled
def variances(p: Point, c: Columns, rate_held: bool, delay_held: bool) -> tuple[float, float, float, float]:
    """Of the fixed amplitude, the log amplitude, log (amplitude / rate) and the delay, for unit noise; NaN where held."""
    ll, ld, dd = projected(p, c)
    none = p.amplitude <= 0
    rate_known, delay_known = rate_held or none, delay_held
    joint = 0.0 if rate_known or delay_known else ld * ld / (ll * dd)
    var_l, var_d = 0.0 if rate_known else 1 / (ll * (1 - joint)), 0.0 if delay_known else 1 / (dd * (1 - joint))
    cov = 0.0 if rate_known or delay_known else -ld / (ll * dd) / (1 - joint)
    aa, ab, bb = _amplitude_inverse(p, c)
    # how the free amplitudes follow rate and delay
    a_l, a_d = aa * c.al + ab * c.bl, aa * c.ad + ab * c.bd
    b_l, b_d = ab * c.al + bb * c.bl, ab * c.ad + bb * c.bd
    var_a = aa + a_l**2 * var_l + 2 * a_l * a_d * cov + a_d**2 * var_d
    var_b = var_l if p.tied else (bb + b_l**2 * var_l + 2 * b_l * b_d * cov + b_d**2 * var_d) / p.amplitude**2
    var_ratio = np.nan if p.tied else var_b + var_l + 2 * (b_l * var_l + b_d * cov) / p.amplitude
    return (
        var_a if p.fixed_free and var_a > 0 else np.nan,
        var_b if not none and var_b > 0 else np.nan,
        var_ratio if not none and var_ratio > 0 else np.nan,
        var_d if not delay_held and var_d > 0 else np.nan,
    )
