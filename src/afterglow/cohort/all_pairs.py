"""Every pair among several groups: Dunnett T3, Games-Howell, Dunn. P values and intervals hold for all pairs together."""

import math
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from afterglow.cohort.groups import welch_df
from afterglow.cohort.measured import measured, together
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.studentised import maximum_modulus_isf, maximum_modulus_sf, studentised_range_sf
from afterglow.records.statistic import Estimated, Groups, Tested, Values


class _Family(NamedTuple):
    """How a test makes P and its interval from |t|, for m pairs among k groups."""

    name: str
    rule: str
    p: Callable[[float, float, int, int], float]  # |t|, df, k, m
    critical: Callable[[float, float, int, int], float]  # tail, df, k, m


T3 = _Family(
    "Dunnett T3", "two-sided, Welch's fractional degrees of freedom, studentised maximum modulus",
    lambda t, df, _, m: maximum_modulus_sf(t, df, m), lambda tail, df, _, m: maximum_modulus_isf(tail, df, m),
)  # fmt: skip
GAMES_HOWELL = _Family(
    "Games-Howell", "two-sided, Welch's fractional degrees of freedom, studentised range",
    lambda t, df, k, _: studentised_range_sf(t * math.sqrt(2), k, df),
    lambda tail, df, k, _: float(stats.studentized_range.isf(tail, k, df)) / math.sqrt(2),
)  # fmt: skip


def dunnett_t3(groups: Groups, *, level: float = 0.95) -> tuple[Tested, ...]:
    """Each pair of groups by Dunnett's T3, for normal numbers whose spreads differ; difference of means first less second."""
    return _each_pair(groups, T3, level)


def games_howell(groups: Groups, *, level: float = 0.95) -> tuple[Tested, ...]:
    """Each pair of groups by Games and Howell; a little more power than T3 in large groups, a little too liberal in small ones."""
    return _each_pair(groups, GAMES_HOWELL, level)


def dunn(groups: Groups, *, adjust: str = "holm") -> tuple[Tested, ...]:
    """Each pair of groups by Dunn's test on the ranks of all, ties corrected; `p_adjusted` by `adjust`."""
    kept = _kept(groups)
    sizes, total = [g.size for g in kept], sum(g.size for g in kept)
    ranks = np.split(stats.rankdata(np.concatenate(kept)), np.cumsum(sizes)[:-1])
    counts = np.unique(np.concatenate(ranks), return_counts=True)[1].astype(np.float64) if total else np.zeros(0)
    spread = total * (total + 1) / 12 - (float((counts**3 - counts).sum()) / (12 * (total - 1)) if total > 1 else 0.0)
    found = []
    for i, j in combinations(range(len(kept)), 2):
        n, about = (sizes[i], sizes[j]), _about(groups, i, j)
        if not all(n) or spread <= 0:
            why = "a group is empty" if not all(n) else "all values are equal"
            found.append(Tested("Dunn", DUNN, n, "z", None, None, about=about, note=why))
            continue
        z = (float(ranks[i].mean()) - float(ranks[j].mean())) / math.sqrt(spread * (1 / n[0] + 1 / n[1]))
        found.append(Tested("Dunn", DUNN, n, "z", z, float(2 * stats.norm.sf(abs(z))), about=about))
    return adjusted(found, adjust)


DUNN = "two-sided, asymptotic, ties corrected"


def _each_pair(groups: Groups, family: _Family, level: float) -> tuple[Tested, ...]:
    kept = _kept(groups)
    pairs = list(combinations(range(len(kept)), 2))
    return tuple(_pair(groups, kept, i, j, family, len(pairs), level) for i, j in pairs)


def _pair(groups: Groups, kept: list[Values], i: int, j: int, family: _Family, m: int, level: float) -> Tested:
    x, y, k = kept[i], kept[j], len(kept)
    n, about, rule = (x.size, y.size), _about(groups, i, j), f"{family.rule} over {m} pairs"
    missing = int(np.isnan(groups.values[i]).sum() + np.isnan(groups.values[j]).sum())
    note = f"{missing} not measured and left out" if missing else ""
    v_x, v_y = (float(g.var(ddof=1)) / g.size if g.size > 1 else 0.0 for g in (x, y))
    if min(n) < 2 or v_x + v_y == 0:
        why = f"groups of {n[0]} and {n[1]}; each needs two" if min(n) < 2 else "neither group has any spread"
        return Tested(family.name, rule, n, "t", None, None, about=about, note=together(why, note))
    df, se = welch_df(v_x, n[0], v_y, n[1]), math.sqrt(v_x + v_y)
    apart = float(x.mean() - y.mean())
    half = family.critical(1 - level, df, k, m) * se
    effect = Estimated(
        "difference of means", apart, apart - half, apart + half, f"{family.name}, simultaneous over {m} pairs",
        n=sum(n), unit=groups.unit, level=level,
    )  # fmt: skip
    p = family.p(abs(apart) / se, df, k, m)
    return Tested(family.name, rule, n, f"t({df:.6g})", apart / se, p, (effect,), about=about, note=note)


def _kept(groups: Groups) -> list[Values]:
    return [measured(v, f"{groups.name}, {label}")[0] for label, v in zip(groups.labels, groups.values, strict=True)]


def _about(groups: Groups, i: int, j: int) -> str:
    return f"{groups.name}: {groups.labels[i]} against {groups.labels[j]}"
