"""A measured value over the visits, against the rule's threshold and the spread of repeating."""

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from afterglow.records.clock import unit_of_time
from afterglow.records.course import Course, Treatment
from afterglow.records.document import Figure
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Repeatability, Rule, Verdict
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    LESION_INK,
    PAGE_INCHES,
    SMALL_PT,
    WARNING_INK,
    box,
    dress_plot,
    finished,
    sheet,
)
from afterglow.report.words import lesion_title, number, shown_in, symbol_math, symbol_of, title_math, unit_after

BAND = "#e2e5ea"


def points_of(course: Course, rule: Rule, verdict: Verdict, quantity: str) -> list[Measurement]:
    """The measurements the rule reads for that lesion, one for each visit that has a value, in the order of days.

    In the unit that the report shows.
    """
    return [
        _in_shown_unit(m)
        for visit in course.visits
        for m in visit.measurements
        if m.lesion_id == verdict.lesion_id
        and m.region == "lesion"
        and m.quantity == quantity
        and m.statistic == rule.statistic
        and m.is_normalised == rule.normalised
        and m.value is not None
    ]


def _in_shown_unit(m: Measurement) -> Measurement:
    factor = shown_in(m.unit)
    value, low, high = (None if number is None else number * factor for number in (m.value, m.ci_low, m.ci_high))
    return replace(m, value=value, ci_low=low, ci_high=high)


def _baseline(points: Sequence[Measurement], session: str) -> float | None:
    return next((m.value for m in points if m.session_id == session), None)


def limits_of(rule: Rule, baseline: float | None) -> tuple[float | None, float | None]:
    """The value that repeating spreads around, and the value at which the rule calls progression, in the unit shown."""
    threshold = rule.threshold * shown_in(rule.unit)
    if rule.kind in ("ratio state", "level"):
        return threshold, threshold
    if baseline is None:
        return None, None
    match rule.change:
        case "percent":
            return baseline, baseline * (1 + rule.threshold / 100)
        case "difference":
            return baseline, baseline + threshold
        case _:
            return baseline, threshold


def spread_of(rule: Rule, quantity: str, repeatability: Sequence[Repeatability]) -> Repeatability | None:
    """How well the number that the rule reads repeats; a row for its own statistic before one for any."""
    known = [r for r in repeatability if r.quantity == quantity and r.normalised == rule.normalised]
    own = [r for r in known if r.statistic == rule.statistic]
    return next((r for r in (*own, *known) if r.statistic in ("", rule.statistic)), None)


def band_of(
    centre: float | None, rule: Rule, quantity: str, repeatability: Sequence[Repeatability]
) -> tuple[float, float] | None:
    """Where repeating alone takes that value; None where nobody knows."""
    spread = spread_of(rule, quantity, repeatability)
    if spread is None or centre is None or centre == 0:
        return None
    down, up = spread.limits_percent
    low, high = sorted((centre * (1 + down / 100), centre * (1 + up / 100)))
    return low, high


def _treatments(axes: Axes, treatments: Sequence[Treatment]) -> None:
    """Treatments between the visits; one long before them would push the values into a corner."""
    first, last = axes.get_xlim()
    for treatment in treatments:
        if not first <= treatment.day <= last:
            continue
        dose = f" {treatment.dose_gy:g} Gy" if treatment.dose_gy is not None else ""
        axes.axvline(treatment.day, color=FAINT_INK, linewidth=0.9, linestyle=(0, (2, 2)))
        axes.annotate(
            f"{treatment.kind}{dose}", (treatment.day, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2),
            textcoords="offset points", fontsize=SMALL_PT, color=FAINT_INK, rotation=90, va="top", ha="left",
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip


def _draw(axes: Axes, points: Sequence[Measurement], limit: float | None, band: tuple[float, float] | None) -> None:
    days, values = [m.day for m in points], [m.value for m in points if m.value is not None]
    if band is not None:
        axes.axhspan(*band, color=BAND, linewidth=0, label="inside repeatability")
    if limit is not None:
        axes.axhline(limit, color=WARNING_INK, linewidth=1.2, linestyle="--", label=f"threshold {number(limit)}")
    for m in points:
        if m.value is not None and m.ci_low is not None and m.ci_high is not None:
            axes.plot([m.day, m.day], [m.ci_low, m.ci_high], color=LESION_INK, linewidth=1.4)
    axes.plot(days, values, "o-", color=LESION_INK, markersize=5.5, linewidth=1.2, label="lesion, 95 % interval")
    for m in points:
        axes.annotate(
            number(m.value), (m.day, m.value or 0.0), xytext=(7, 6), textcoords="offset points", fontsize=SMALL_PT + 1, color=INK
        )
    span = max(days) - min(days) or 1.0
    axes.set_xlim(min(days) - 0.08 * span, max(days) + 0.16 * span)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.0) if min(values) >= 0 else low, high + 0.08 * (high - low))


def _dress_time(axes: Axes) -> str:
    """Whole months on an axis that is longer than a year; what it counts in."""
    first, last = axes.get_xlim()
    unit, per = unit_of_time(last - first)
    if unit == "month":
        steps = MaxNLocator(nbins=7, integer=True).tick_values(first / per, last / per)
        shown = [step for step in steps if first <= step * per <= last]
        axes.set_xticks([step * per for step in shown], [f"{step:g}" for step in shown])
    return unit


def change_figure(course: Course, verdict: Verdict, rule: Rule, repeatability: Sequence[Repeatability]) -> Figure | None:
    """One panel for each quantity of the rule; None where fewer than two visits have a value."""
    series = [(name, points) for name in rule.quantities if len(points := points_of(course, rule, verdict, name)) >= 2]
    if not series:
        return None
    width = min(5.6, PAGE_INCHES / len(series))
    figure = sheet(width * len(series), 3.1)
    said = []
    for n, (name, points) in enumerate(series):
        spread = spread_of(rule, name, repeatability)
        centre, limit = limits_of(rule, _baseline(points, verdict.from_session))
        axes = box(figure, n * width + 0.7, 0.5, width - 0.85, 2.05)
        _draw(axes, points, limit, band_of(centre, rule, name, repeatability))
        _treatments(axes, course.treatments)
        quantity = QUANTITIES[name]
        title = f"{symbol_math(quantity)}, lesion / reference" if rule.normalised else title_math(quantity)
        dress_plot(axes, _dress_time(axes), title)
        axes.legend(
            fontsize=SMALL_PT, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handlelength=1.6,
            columnspacing=1.0,
        )  # fmt: skip
        unit = "" if rule.normalised else unit_after(quantity.unit)
        values = ", ".join(f"{number(m.value)}{unit} on day {m.day:g}" for m in points)
        said.append(f"{symbol_of(name)} {rule.statistic}{' ratio to reference' if rule.normalised else ''}: {values}")
        if spread is not None:
            down, up = spread.limits_percent
            within = f"below {number(up)} %" if up == -down else f"from {number(down)} to {number(up)} %"
            said.append(f"grey band: changes {within} come from repeating alone ({spread.source})")
    caption = f"{lesion_title(verdict.lesion_id)}, rule {rule.name}: {'; '.join(said)}. Threshold: {rule.source}."
    return finished(figure, name=f"lesion-{verdict.lesion_id}_{rule.name}_change", caption=caption, alt=caption)
