"""Time from radiation to the first positive outcome where other outcomes, such as death, rule it out."""

from collections.abc import Sequence

import numpy as np

from afterglow.cohort.analyse_time import Followed
from afterglow.cohort.competing import cumulative_incidence
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.survival import log_rank
from afterglow.records.group import SurvivalPlot
from afterglow.records.statistic import Estimated, StepCurve, Tested

_WANTED, _INSTEAD = 1, 2
NO_GRAY = (
    "Gray's test of cumulative incidences is in no library that afterglow rests on and is not made; the log-rank test of the cause-specific hazard, "
    "which counts the other outcomes as last seen, answers another question"
)


def analyse_competing(
    name: str, followed: Sequence[Followed], words: str, instead: Sequence[str], days: Sequence[float], *, by: str = ""
) -> Part:
    """Cumulative incidence of the positive outcome and of what came instead; with `by` that of the first by its levels."""
    if not followed:
        return Part(name, cautions=(f"{name}: nobody was irradiated on a known day and followed after it",))
    others = " or ".join(instead)
    counted = {kind: sum(one.kind == kind for one in followed) for kind in (_WANTED, _INSTEAD)}
    when, kinds = [one.days for one in followed], [float(one.kind) for one in followed]
    curves = [cumulative_incidence(when, kinds, of=kind, name=said) for kind, said in ((_WANTED, words), (_INSTEAD, others))]
    estimates = [_at(curve, day, len(followed)) for curve in curves for day in days]
    families = [(f"{name}: share to whom it came", tuple(estimates))]
    tests: tuple[Tested, ...] = ()
    cautions = [f"{name}: {counted[_WANTED]} patients had {words} first, {counted[_INSTEAD]} {others}"]
    grouped = [(one, str(one.columns[by])) for one in followed if by and one.columns.get(by) is not None]
    levels = sorted({level for _, level in grouped})
    if len(levels) > 1:
        ticks = [day for day, _ in curves[0].at_risk]
        curves = [_of_level(grouped, by, level, ticks) for level in levels]
        families.append((f"{name}: {words}, by {by}", tuple(_at(curve, day, _size(grouped, level)) for curve, level in zip(curves, levels, strict=True) for day in days)))  # fmt: skip
        first = [float(one.kind == _WANTED) for one, _ in grouped]
        tests = (log_rank([one.days for one, _ in grouped], first, [level for _, level in grouped], about=f"cause-specific hazard of {words}, by {by}"),)  # fmt: skip
        cautions.append(f"{name}: {NO_GRAY}")
    if by and len(grouped) < len(followed):
        cautions.append(f"{name}: {len(followed) - len(grouped)} patients without {by} are in no curve by {by}")
    shown = f"cumulative incidence of {words}" if len(levels) > 1 else "cumulative incidence"
    return Part(
        name, tuple(estimates[:1]), tuple(families), ((f"{name}: by {by}", tests),) if tests else (),
        pictures=(SurvivalPlot(file_name(name), tuple(curves), shown, tests),), cautions=tuple(cautions),
    )  # fmt: skip


def _of_level(grouped: Sequence[tuple[Followed, str]], by: str, level: str, ticks: Sequence[float]) -> StepCurve:
    own = [one for one, at in grouped if at == level]
    return cumulative_incidence([one.days for one in own], [float(one.kind) for one in own], name=f"{by} {level}", at=ticks)


def _size(grouped: Sequence[tuple[Followed, str]], level: str) -> int:
    return sum(at == level for _, at in grouped)


def _at(curve: StepCurve, day: float, n: int) -> Estimated:
    """The curve on a day; nothing after the last one on which anybody was followed."""
    name = f"{curve.name} by day {day:g}"
    last = max(float(curve.times_days[-1]), *curve.censored_days, 0.0)
    if day > last:
        return Estimated(name, None, n=n, note=f"nobody was followed that long; the last day is {last:g}")
    k = int(np.searchsorted(curve.times_days, day, side="right")) - 1
    value, low, high = float(curve.values[k]), float(curve.low[k]), float(curve.high[k])
    if not 0 < value < 1 or not np.isfinite(low):
        return Estimated(name, value, n=n, note="none or all so far: no interval")
    return Estimated(name, value, low, high, curve.rule, n)
