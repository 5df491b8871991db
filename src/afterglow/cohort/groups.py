"""Two groups compared: normality, spread, means, distributions; every test under the name of its rule."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import all_equal, measured, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

SHAPIRO_UP_TO = 5000
KS_EXACT_UP_TO = 10_000  # numbers of one group times numbers of the other


def shapiro(values: ArrayLike, *, about: str = "") -> Tested:
    """Shapiro-Wilk test of whether numbers could be normal; from 3 to 5000 of them."""
    v, missing = measured(values)
    rule, n = "Royston's approximation", (v.size,)
    why = ""
    if v.size < 3:
        why = f"{v.size} numbers; it needs three"
    elif v.size > SHAPIRO_UP_TO:
        why = f"{v.size} numbers; its P is known up to {SHAPIRO_UP_TO}, and among so many any small departure counts"
    elif all_equal(v):
        why = "all values are equal"
    if why:
        return Tested("Shapiro-Wilk", rule, n, "W", None, None, about=about, note=together(why, missing))
    w, p = stats.shapiro(v)
    return Tested("Shapiro-Wilk", rule, n, "W", float(w), float(p), about=about, note=missing)


def levene(*groups: ArrayLike, centre: str = "median", about: str = "") -> Tested:
    """Levene's test of equal spread; `centre` mean is SPSS's form, median that of Brown and Forsythe."""
    if centre not in ("mean", "median"):
        raise BadInput(f"Levene: no centre {centre!r}; there are mean (as in SPSS) and median (Brown-Forsythe)")
    kept, note = _groups(groups)
    rule = "centre: mean (as in SPSS)" if centre == "mean" else "centre: median (Brown-Forsythe)"
    n = tuple(g.size for g in kept)
    centred = [np.abs(g - (g.mean() if centre == "mean" else np.median(g))) for g in kept if g.size]
    why = _too_few(kept, 2)
    if not why and all(all_equal(c) for c in centred):
        why = "within each group all numbers lie equally far from the centre"
    name = f"F({len(kept) - 1}, {sum(n) - len(kept)})"
    if why:
        return Tested("Levene", rule, n, name, None, None, about=about, note=together(why, note))
    made = stats.f_oneway(*centred)
    return Tested("Levene", rule, n, name, float(made.statistic), float(made.pvalue), about=about, note=note)


def student(
    first: ArrayLike, second: ArrayLike, *, log: bool = False, level: float = 0.95, unit: str = "1", about: str = ""
) -> Tested:
    """Student's t test of two groups with equal spread; difference first less second, or ratio of geometric means with `log`."""
    return _t_test(first, second, equal=True, log=log, level=level, unit=unit, about=about)


def welch(
    first: ArrayLike, second: ArrayLike, *, log: bool = False, level: float = 0.95, unit: str = "1", about: str = ""
) -> Tested:
    """Welch's t test of two groups whose spreads may differ; difference first less second, or ratio of geometric means."""
    return _t_test(first, second, equal=False, log=log, level=level, unit=unit, about=about)


def t_from_summaries(
    first: tuple[float, float, int],
    second: tuple[float, float, int],
    *,
    equal: bool,
    level: float = 0.95,
    unit: str = "1",
    about: str = "",
) -> Tested:
    """Student's (`equal`) or Welch's t test from mean, SD and n of each group, as papers print them."""
    for mean, sd, n in (first, second):
        if n < 2 or not math.isfinite(mean) or not sd >= 0:
            raise BadInput(
                f"t test from summaries: mean {mean:g}, SD {sd:g}, n {n}; it needs n of two or more and an SD from zero up"
            )
    return _from_moments(first, second, equal=equal, level=level, unit=unit, about=about, note="from printed mean, SD and n")


def kolmogorov_smirnov(first: ArrayLike, second: ArrayLike, *, about: str = "") -> Tested:
    """Two-sample Kolmogorov-Smirnov; exact up to 10,000 pairs of numbers, else asymptotic."""
    kept, note = _groups((first, second))
    m, n = (g.size for g in kept)
    exact = m * n <= KS_EXACT_UP_TO
    rule = "exact" if exact else "asymptotic"
    if not (m and n):
        return Tested("Kolmogorov-Smirnov", rule, (m, n), "D", None, None, about=about, note=together("a group is empty", note))
    if np.unique(np.concatenate(kept)).size < m + n:
        note = together("values tie, so that P is too high rather than too low", note)
    made = stats.ks_2samp(kept[0], kept[1], method="exact" if exact else "asymp")
    return Tested(
        "Kolmogorov-Smirnov", rule, (m, n), "D", float(made.statistic), min(1.0, float(made.pvalue)), about=about, note=note
    )


def _t_test(first: ArrayLike, second: ArrayLike, *, equal: bool, log: bool, level: float, unit: str, about: str) -> Tested:
    kept, note = _groups((first, second))
    if log:
        if any((g <= 0).any() for g in kept):
            raise BadInput(
                "t test of logarithms: a value is zero or below; only numbers above zero have a ratio of geometric means"
            )
        kept = tuple(np.log(g) for g in kept)
    why = _too_few(kept, 2)
    if not why and all(all_equal(g) for g in kept):
        why = "neither group has any spread"
    if why:
        n = tuple(g.size for g in kept)
        return Tested(*_named(equal, log), n, "t", None, None, about=about, note=together(why, note))
    first_moments, second_moments = ((float(g.mean()), float(g.std(ddof=1)), g.size) for g in kept)
    return _from_moments(
        first_moments, second_moments, equal=equal, log=log, level=level, unit=unit, about=about, note=note
    )  # fmt: skip


def _from_moments(
    first: tuple[float, float, int], second: tuple[float, float, int], *, equal: bool, level: float, unit: str, about: str,
    note: str, log: bool = False,
) -> Tested:  # fmt: skip
    (mean_1, sd_1, n_1), (mean_2, sd_2, n_2) = first, second
    v_1, v_2 = sd_1**2 / n_1, sd_2**2 / n_2
    if v_1 + v_2 == 0:
        return Tested(*_named(equal, log), (n_1, n_2), "t", None, None, about=about, note="neither group has any spread")
    if equal:
        df: float = n_1 + n_2 - 2
        se = math.sqrt(((n_1 - 1) * sd_1**2 + (n_2 - 1) * sd_2**2) / df * (1 / n_1 + 1 / n_2))
    else:
        df = welch_df(v_1, n_1, v_2, n_2)
        se = math.sqrt(v_1 + v_2)
    apart = mean_1 - mean_2
    half = float(stats.t.isf((1 - level) / 2, df)) * se
    ends = (apart, apart - half, apart + half)
    if log:
        ends = (math.exp(apart), math.exp(apart - half), math.exp(apart + half))
    effect = Estimated(
        "ratio of geometric means" if log else "difference of means", *ends, f"t with {df:.6g} degrees of freedom",
        n=n_1 + n_2, unit="1" if log else unit, level=level,
    )  # fmt: skip
    p = float(2 * stats.t.sf(abs(apart / se), df))
    return Tested(*_named(equal, log), (n_1, n_2), f"t({df:.6g})", apart / se, p, (effect,), about=about, note=note)


def welch_df(v_1: float, n_1: int, v_2: float, n_2: int) -> float:
    """Welch-Satterthwaite degrees of freedom from the squared standard errors of two means."""
    share = v_1 / (v_1 + v_2)
    return 1 / (share**2 / (n_1 - 1) + (1 - share) ** 2 / (n_2 - 1))


def _named(equal: bool, log: bool) -> tuple[str, str]:
    rule = "equal variances, pooled" if equal else "unequal variances, Welch-Satterthwaite degrees of freedom"
    return ("Student's t" if equal else "Welch's t"), f"two-sided, {rule}{', of logarithms' if log else ''}"


def _groups(groups: tuple[ArrayLike, ...]) -> tuple[tuple[Values, ...], str]:
    pairs = [measured(g, f"group {k}") for k, g in enumerate(groups, start=1)]
    return tuple(v for v, _ in pairs), together(*(s for _, s in pairs))


def _too_few(groups: tuple[Values, ...], least: int) -> str:
    if len(groups) < 2:
        return "there is one group only"
    small = [(k, g.size) for k, g in enumerate(groups, start=1) if g.size < least]
    return f"group {small[0][0]} has {small[0][1]} numbers; it needs {least}" if small else ""
