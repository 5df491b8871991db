"""One lesion over the whole course: volume and perfusion on their days, treatments, events, and every rule's calls below."""

from collections.abc import Sequence

from afterglow.records.clock import unit_of_time
from afterglow.records.course import Course, Treatment
from afterglow.records.document import Figure
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import CATEGORIES, Repeatability, Rule, Verdict
from afterglow.records.track import Event
from afterglow.report.course_numbers import SIZES, Asked, DatedValue, asked_of, lesion_ids, points_of, volumes_of
from afterglow.report.figures.canvas import LESION_COLOURS, PAGE_INCHES, box, finished, sheet, write
from afterglow.report.figures.change import band_of, limits_of
from afterglow.report.figures.timeline_parts import (
    EVENT_INK,
    LANE_IN,
    LEFT_IN,
    PLOT_IN,
    ROW_IN,
    TITLE_PT,
    TREATMENT_INK,
    Flag,
    Line,
    Span,
    draw_calls,
    draw_days,
    draw_flags,
    draw_key,
    draw_panel,
    draw_visits,
    flag_lanes,
    visit_lanes,
)
from afterglow.report.words import day_words, lesion_title, number, symbol_math, title_math

PANEL_IN = 1.05
GAP_IN = 0.14
BEFORE = 0.15  # share of the visits' span that a treatment may lie before the first visit and still be drawn


def timeline_figure(
    course: Course,
    lesion_id: str,
    verdicts: Sequence[Verdict],
    rules: Sequence[Rule],
    repeatability: Sequence[Repeatability],
    *,
    panel: Sequence[str] = (),
    ink: str = LESION_COLOURS[0][0],
) -> Figure | None:
    """Panels over one axis of days; None where the lesion was measured at fewer than two visits."""
    about = [v for v in verdicts if v.lesion_id == lesion_id or v.lesion_id not in lesion_ids(course)]
    shown = _panels(course, lesion_id, about, rules, repeatability, panel)
    if max((len(points) for _, points, _ in shown), default=0) < 2:
        return None
    span = _span(course)
    flags = sorted((*_treatments(course.treatments, span), *_events(course.events, lesion_id)), key=lambda flag: flag.day)
    rows = list(dict.fromkeys(v.rule for v in about))
    sessions = [(visit.session_id, visit.day) for visit in course.visits]
    radiation = _first_radiation(course)
    head = 0.24 + LANE_IN * (1 + max((lane for lane, _ in flag_lanes(flags, span)), default=-1)) + 0.03
    body = head + len(shown) * (PANEL_IN + GAP_IN)
    calls = 0.1 + ROW_IN * len(rows)
    below = body + calls + 0.12 + 0.15 * (1 + max(visit_lanes(sessions, span)))
    key_top = below + 0.36 + (0.34 if radiation is not None else 0.0)
    figure = sheet(PAGE_INCHES, key_top + (0.24 if rows else 0.0))
    write(figure, 0.05, 0.06, f"{lesion_title(lesion_id)}", size_pt=TITLE_PT, colour=ink)
    draw_flags(figure, flags, span, head)
    for n, (title, points, lines) in enumerate(shown):
        axes = box(figure, LEFT_IN, head + n * (PANEL_IN + GAP_IN), PLOT_IN, PANEL_IN)
        draw_panel(axes, points, span, title, ink=ink, lines=lines, flags=flags)
    if rows:
        days = {visit.session_id: visit.day for visit in course.visits}
        draw_calls(box(figure, LEFT_IN, body, PLOT_IN, calls), about, rows, days, span)
        draw_key(figure, key_top, [c for c in CATEGORIES if any(v.category == c for v in about)])
    draw_visits(figure, sessions, span, body + calls + 0.1)
    unit, per = unit_of_time(span.last - span.first)
    draw_days(box(figure, LEFT_IN, below, PLOT_IN, 0.06), span, unit, 0.0, per)
    if radiation is not None:
        since, step = ("weeks", 7.0) if unit == "day" else ("months", per)
        draw_days(box(figure, LEFT_IN, below + 0.34, PLOT_IN, 0.06), span, f"{since} after radiation", radiation, step)
    return finished(
        figure,
        name=f"lesion-{lesion_id}_timeline",
        caption=_caption(course, lesion_id, shown, span),
        alt=_alt(lesion_id, shown, about),
    )


def _first_radiation(course: Course) -> float | None:
    return min((t.day for t in course.treatments if t.kind in ("radiotherapy", "radiosurgery")), default=None)


_Panel = tuple[str, list[DatedValue], list[Line]]


def _panels(
    course: Course,
    lesion_id: str,
    verdicts: Sequence[Verdict],
    rules: Sequence[Rule],
    repeatability: Sequence[Repeatability],
    panel: Sequence[str],
) -> list[_Panel]:
    """The volume, then each number that is asked: title, values, thresholds."""
    wanted = [Asked("volume", "value", False), *asked_of(course, rules, panel)]
    panels = []
    for asked in wanted:
        points = volumes_of(course, lesion_id) if asked.quantity == "volume" else points_of(course, lesion_id, asked)
        if points:
            panels.append((_title(asked), points, _lines(asked, points, verdicts, rules, repeatability)))
    return panels


def _title(asked: Asked) -> str:
    if asked.quantity == "volume":
        return "volume [mL]"
    row = QUANTITIES[asked.quantity]
    statistic = "" if asked.statistic == "value" else f"{asked.statistic}\n"
    return f"{statistic}{symbol_math(row)}\nover reference" if asked.normalised else f"{statistic}{title_math(row)}"


def _lines(
    asked: Asked,
    points: Sequence[DatedValue],
    verdicts: Sequence[Verdict],
    rules: Sequence[Rule],
    repeatability: Sequence[Repeatability],
) -> list[Line]:
    """The thresholds of the rules that read this number and compare it with a fixed value or with one earlier visit."""
    lines: dict[float, Line] = {}
    for rule in rules:
        reads = asked.quantity in rule.quantities and (asked.quantity in SIZES or asked == _as_read(rule, asked.quantity))
        if not reads or rule.kind not in ("change", "ratio state", "level"):
            continue
        calls = [v for v in verdicts if v.rule == rule.name]
        before = calls[-1].from_session if calls else ""
        centre, limit = limits_of(rule, next((p.value for p in points if p.session == before), None))
        if limit is None or limit in lines:
            continue
        band = band_of(centre, rule, asked.quantity, repeatability)
        sign = "%" if rule.change == "percent" else ""
        said = f"{rule.threshold:+g} {sign}" if sign else f"{number(limit)}"
        lines[limit] = Line(limit, f"{said} ({rule.name})" if len(rule.name) < 10 else f"{said}\n{rule.name[:22]}", band)
    return list(lines.values())


def _as_read(rule: Rule, quantity: str) -> Asked:
    return Asked(quantity, rule.statistic, rule.normalised)


def _span(course: Course) -> Span:
    """From the first visit, or a treatment shortly before it, to the last visit, with a little room at both ends."""
    days = [visit.day for visit in course.visits]
    wide = (max(days) - min(days)) or 1.0
    days += [t.day for t in course.treatments if min(days) - BEFORE * wide <= t.day <= max(days)]
    wide = max(days) - min(days) or 1.0
    return Span(min(days) - 0.025 * wide, max(days) + 0.035 * wide)


def treatment_words(treatment: Treatment) -> str:
    """ "radiotherapy 60 Gy in 30", "drug temozolomide"."""
    dose = f" {treatment.dose_gy:g} Gy" if treatment.dose_gy is not None else ""
    parts = f" in {treatment.fractions}" if treatment.fractions is not None and dose else ""
    return f"{treatment.kind}{f' {treatment.agent}' if treatment.agent else ''}{dose}{parts}"


def _treatments(treatments: Sequence[Treatment], span: Span) -> list[Flag]:
    return [Flag(t.day, treatment_words(t), TREATMENT_INK, dashed=True) for t in treatments if span.first <= t.day <= span.last]


def _events(events: Sequence[Event], lesion_id: str) -> list[Flag]:
    return [
        Flag(event.day, event_short(event), EVENT_INK, dashed=False)
        for event in events
        if lesion_id in (*event.before, *event.after)
    ]


def event_short(event: Event) -> str:
    """ "new", "split: 1 into 1, 2", "merged: 1, 2 into 1"."""
    if event.kind in ("split", "merged"):
        return f"{event.kind}: {', '.join(event.before)} into {', '.join(event.after)}"
    return event.kind


def _caption(course: Course, lesion_id: str, panels: Sequence[_Panel], span: Span) -> str:
    earlier = [t for t in course.treatments if t.day < span.first]
    later = [t for t in course.treatments if t.day > span.last]
    outside = [f"{treatment_words(t)} on {day_words(t.day)}" for t in (*earlier, *later)]
    parts = [
        f"{lesion_title(lesion_id)} over {len(course.visits)} visits.",
        "Bars: 95 % intervals within each visit." if any(p.low is not None for _, points, _ in panels for p in points) else "",
        "Red dashed: thresholds of the rules, as they stand for the last visit." if any(lines for _, _, lines in panels) else "",
        "Grey band: what repeating the scan alone gives." if any(one.band for _, _, ls in panels for one in ls) else "",
        f"Outside the picture: {'; '.join(outside)}." if outside else "",
    ]
    return " ".join(part for part in parts if part)


def _alt(lesion_id: str, panels: Sequence[_Panel], verdicts: Sequence[Verdict]) -> str:
    said = [
        f"{title.replace(chr(10), ' ').replace('$', '')}: "
        + ", ".join(f"{number(p.value)} on {day_words(p.day)}" for p in points)
        for title, points, _ in panels
    ]
    calls = [f"{v.rule} at ses-{v.to_session}: {v.category}" for v in verdicts]
    return f"Timeline of {lesion_title(lesion_id).lower()}. " + "; ".join([*said, *calls]) + "."
