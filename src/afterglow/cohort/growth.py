"""How much a lesion grew between two days: fold, per cent, per day, doubling time; one lesion, and many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afterglow.cohort.measured import measured, together
from afterglow.cohort.signed_rank import wilcoxon_of
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested


@dataclass(frozen=True)
class VolumeGrowth:
    """From a first to a second volume. None where it has no value: nothing to begin with, nothing left, or no time between."""

    first: float
    second: float
    days: float | None
    ratio: float | None  # second over first
    fold_increase: float | None  # (second - first) / first: "grew 14-fold" means 15 times as large
    percent: float | None
    percent_per_day: float | None  # of steady exponential growth
    doubling_days: float | None  # negative: days to halve; None where the size stayed


def growth(first: float, second: float, *, days: float | None = None) -> VolumeGrowth:
    """Growth from one size to another. BadInput for a size below zero or for days that are not above zero."""
    if not (first >= 0 and second >= 0) or math.isinf(first) or math.isinf(second):
        raise BadInput(f"growth: sizes of {first:g} and {second:g}; a size is a number from zero up")
    if days is not None and not days > 0:
        raise BadInput(f"growth: {days:g} days between the sizes; the second comes later")
    if first == 0:
        return VolumeGrowth(first, second, days, None, None, None, None, None)
    ratio = second / first
    rate = None if days is None or ratio == 0 else math.log(ratio) / days
    daily = None if rate is None else 100 * math.expm1(rate)
    doubling = math.log(2) / rate if rate else None
    return VolumeGrowth(first, second, days, ratio, (second - first) / first, percent_change(first, second), daily, doubling)


def percent_change(before: float, after: float) -> float:
    """Change in per cent of the first number. BadInput where that is zero or not known."""
    if before == 0 or not (math.isfinite(before) and math.isfinite(after)):
        raise BadInput(f"per cent change from {before:g} to {after:g} has no value")
    return 100 * (after - before) / before


def growth_of_many(first: Sequence[float], second: Sequence[float], *, level: float = 0.95, about: str = "") -> Tested:
    """Wilcoxon's signed rank test of the logarithms of the ratios, with the Hodges-Lehmann ratio and its interval.

    The ratio is that of typical growth: 1.4 means that volumes came to 1.4 times what they were. Pairs with an empty volume
    have no ratio; they are left out and counted.
    """
    if len(first) != len(second):
        raise BadInput(f"growth: {len(first)} first and {len(second)} second volumes; each lesion has both")
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = ~(np.isnan(x) | np.isnan(y))
    if (x[known] < 0).any() or (y[known] < 0).any():
        raise BadInput("growth: a volume below zero")
    empty = known & ((x == 0) | (y == 0))
    usable = known & ~empty
    logs = measured(np.log(y[usable]) - np.log(x[usable]))[0]
    note = together(
        f"{int((~known).sum())} pairs not measured and left out" if not known.all() else "",
        f"{int(empty.sum())} pairs with an empty volume have no ratio and are left out" if empty.any() else "",
    )
    made = wilcoxon_of(logs, level=level, about=about, note=note)
    return Tested(
        made.name, f"{made.rule}; of logarithms of ratios", made.n, made.statistic_name, made.statistic, made.p,
        tuple(_as_ratio(e) for e in made.effects), about=about, note=made.note,
    )  # fmt: skip


def _as_ratio(effect: Estimated) -> Estimated:
    if "Hodges" not in effect.name or effect.value is None:
        return effect
    low, high = (None if e is None else math.exp(e) for e in (effect.low, effect.high))
    return Estimated(
        "Hodges-Lehmann ratio",
        math.exp(effect.value),
        low,
        high,
        effect.rule,
        effect.n,
        "1",
        effect.level,
        effect.note,
        effect.achieved,
    )
