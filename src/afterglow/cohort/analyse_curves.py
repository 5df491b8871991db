"""Mean curves of lesions by group: concentration over the time since contrast came, before and after treatment."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from afterglow.cohort.part import Part, Sides, file_name
from afterglow.records.case import Case
from afterglow.records.group import LinePlot
from afterglow.records.statistic import PlainCurve, Values

Curve = tuple[Values, Values]  # seconds since contrast came to the artery, mM
ARRIVED = 0.1  # of the artery's peak
_STEP_S = 5.0
_FEWEST = 2


def since_arrival(times_s: Values, plasma_mM: Values) -> float:
    """When the arterial curve first reaches a tenth of its peak, in s on its own clock."""
    return float(times_s[int(np.argmax(plasma_mM >= ARRIVED * plasma_mM.max()))])


def analyse_curves(name: str, sides: Sides, curves: Mapping[tuple[str, str, str], Curve]) -> Part:
    """`curves` by patient, session and lesion. Each group's mean at each time that half of its cases or more reach, with its t interval."""
    panels: list[tuple[str, tuple[PlainCurve, ...]]] = []
    for when in ("before", "after"):
        drawn = [
            curve
            for words, kind in ((sides.positive, True), (sides.negative, False))
            if (curve := _mean(words, [_own(c, when, curves) for c in sides.cases if c.positive is kind])) is not None
        ]
        if drawn:
            panels.append((when, tuple(drawn)))
    missing = sum(_own(c, when, curves) is None for c in sides.cases for when in ("before", "after"))
    cautions = (f"{name}: {missing} of {2 * len(sides.cases)} curves are not there",) if missing else ()
    plot = (LinePlot(file_name(name), tuple(panels), caption=_CAPTION),) if panels else ()
    return Part(name, pictures=plot, cautions=cautions)


_CAPTION = f"Mean concentration of lesions by group; bands are pointwise 95 % t intervals. Time counts from where the artery reaches {ARRIVED:.0%} of its peak."


def _own(case: Case, when: str, curves: Mapping[tuple[str, str, str], Curve]) -> Curve | None:
    session = case.before_session if when == "before" else case.session_id
    return curves.get((case.participant_id, session, case.lesion_id)) if session else None


def _mean(words: str, found: Sequence[Curve | None]) -> PlainCurve | None:
    known = [curve for curve in found if curve is not None]
    if len(known) < _FEWEST:
        return None
    last = float(np.median([times[-1] for times, _ in known]))
    grid = np.arange(-20.0, last + _STEP_S / 2, _STEP_S)
    rows = np.array([np.interp(grid, times, values, left=np.nan, right=np.nan) for times, values in known])
    n = np.isfinite(rows).sum(axis=0)
    kept = n >= max(_FEWEST, math.ceil(len(known) / 2))
    rows, n = rows[:, kept], n[kept]
    mean = np.nanmean(rows, axis=0)
    half = stats.t.isf(0.025, n - 1) * np.nanstd(rows, axis=0, ddof=1) / np.sqrt(n)
    return PlainCurve(
        words, grid[kept], mean, "time since contrast came to the artery [s]", "mean concentration [mmol/L]", mean - half, mean + half, len(known),
        "pointwise 95 % t interval",
    )  # fmt: skip
