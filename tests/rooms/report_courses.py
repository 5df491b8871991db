"""An invented patient with many visits for the report's tests: two lesions, treatments, events, two rules, one lost visit."""

from dataclasses import replace

import numpy as np
import report_patients as made
from numpy.typing import NDArray

from afterglow.records.alignment import Alignment
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.lead import LeadTime
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.records.result import CourseView, ExamResult, PatientResult, VisitView
from afterglow.records.space import PatientSpace
from afterglow.records.track import Event, Sighting, Track

PERFUSION = made.RULE
SIZE = Rule("volume_growth", "change", ("volume",), "value", False, "percent", 40.0, "only", "%", "invented for the tests")
REPEATABILITY = (Repeatability("vp", True, "brain", 0.077, "invented for the tests", confirmed=False),)
_STRENGTHS = (1.0, 0.55, 0.35, 0.42, 0.8, 1.25)
_RADII = (17.0, 15.5, 13.0, 13.5, 14.5, 18.5)
LOST = "04"  # the visit that could not be laid on the others


def _second(place: made.Head, radius_mm: float) -> NDArray[np.bool_]:
    x, y, z = np.moveaxis(place.grid.to_mm(np.moveaxis(np.indices(place.grid.shape), 0, -1).astype(float)), -1, 0)
    return np.sqrt((x + 28) ** 2 + (y - 34) ** 2 + (z - 8) ** 2) < radius_mm


def exam(n: int, visits: int, shape: tuple[int, int, int]) -> ExamResult:
    """Visit `n` of so many; the second lesion is there from the half of the course on."""
    step = n * (len(_RADII) - 1) / max(visits - 1, 1)
    radius_mm, strength = (float(np.interp(step, range(len(_RADII)), numbers)) for numbers in (_RADII, _STRENGTHS))
    one = made.exam(f"{n + 1:02d}", day_of(n), shape=shape, radius_mm=radius_mm, strength=strength)
    if n < visits // 2:
        return one
    mask = _second(made.head(shape, radius_mm, seed=7), 7.0 + 1.5 * (n - visits // 2))
    return replace(one, lesions=(*one.lesions, Lesion("2", mask, one.grid, "given mask")))


def day_of(n: int) -> float:
    return float((3, 62, 118, 190, 271, 365)[n]) if n < 6 else 365.0 + 61.0 * (n - 5)


def measurements(visit: ExamResult) -> tuple[Measurement, ...]:
    """Those of the invented patient for each lesion."""
    rows: list[Measurement] = []
    for n, lesion in enumerate(visit.lesions):
        own = made.measurements(replace(visit, lesions=(lesion,)))
        rows += [replace(m, lesion_id=lesion.lesion_id) for m in own if n == 0 or m.region == "lesion"]
    return tuple(rows)


def _value(visit: Visit, lesion_id: str, quantity: str, normalised: bool) -> float | None:
    return next(
        (
            m.value
            for m in visit.measurements
            if (m.lesion_id, m.quantity, m.is_normalised) == (lesion_id, quantity, normalised)
            and m.statistic in ("mean", "value")
        ),
        None,
    )


def _verdict(rule: Rule, first: Visit, now: Visit, lesion_id: str) -> Verdict:
    before, after = (_value(v, lesion_id, rule.quantities[0], rule.normalised) for v in (first, now))
    change = None if before is None or after is None else 100 * (after / before - 1)
    category: Category = "cannot tell"
    if change is not None:
        near = abs(change) < 20
        category = "no change" if near else "progression" if change > rule.threshold else "response"
    sentence = (
        f"Cannot tell, because {rule.quantities[0]} of lesion {lesion_id} was not measured at ses-{first.session_id}."
        if change is None
        else f"{category.capitalize()}: {rule.quantities[0]} of lesion {lesion_id} changed by {change:+.1f} %."
    )
    return Verdict(
        "01", lesion_id, rule.name, first.session_id, now.session_id, category, change, "%", rule.threshold,
        None if change is None else (change - rule.threshold) / 21.3, "invented for the tests", sentence,
        ((f"ses-{first.session_id}", before), (f"ses-{now.session_id}", after)),
        label="PD" if category == "progression" and rule is SIZE else "",
    )  # fmt: skip


def _space(exams: tuple[ExamResult, ...]) -> PatientSpace:
    placed = tuple(
        Alignment(
            f"ses-{e.session}", "patient", np.eye(4), (("forward-backward error in mm", 0.1 + 0.03 * n), ("overlap", 0.97)),
            e.session != LOST, "the heads do not overlap" if e.session == LOST else "",
        )
        for n, e in enumerate(exams)
    )  # fmt: skip
    return PatientSpace(exams[0].grid, placed, (), "pairs of visits, averaged")


def _view(exams: tuple[ExamResult, ...]) -> CourseView:
    wanted = ("ktrans", "vp")
    return CourseView(
        exams[0].grid,
        tuple(
            VisitView(
                e.session, e.day, e.session != LOST, e.backdrop, tuple((x.lesion_id, x.mask) for x in e.lesions),
                tuple((m.quantity, np.array(m.values)) for m in e.maps if m.quantity.name in wanted and (e.session, m.quantity.name) != ("03", "ktrans")),
            )
            for e in exams
        ),
    )  # fmt: skip


def _course(exams: tuple[ExamResult, ...]) -> Course:
    visits = tuple(Visit(e.session, e.day, measurements(e)) for e in exams)
    tracks = tuple(
        Track(one, f"2.25.{one}", tuple(
            Sighting(e.session, e.day, one, lesion.volume_ml, "first" if n == 0 else "overlap", None if n == 0 else 0.7, None)
            for n, (e, lesion) in enumerate((e, x) for e in exams for x in e.lesions if x.lesion_id == one)
        ))
        for one in ("1", "2")
    )  # fmt: skip
    new = next(e for e in exams if len(e.lesions) > 1)
    events = (
        Event("new", new.session, new.day, (), ("2",), f"Lesion 2 is new at ses-{new.session}."),
        Event("unseen", exams[-2].session, exams[-2].day, ("2",), (), "Lesion 2 lies outside the field of view."),
    )
    treatments = (
        Treatment("surgery", -240.0),
        Treatment("radiotherapy", 10.0, 60.0, 30),
        Treatment("drug", 24.0, agent="temozolomide"),
        Treatment("radiosurgery", exams[-1].day - 70.0, 20.0, 1),
    )
    return Course("01", visits, treatments, tracks, events)


def long_patient(visits: int = 6, shape: tuple[int, int, int] = (24, 28, 8)) -> PatientResult:
    """So many visits; calls of two rules at every visit after the first."""
    exams = tuple(exam(n, visits, shape) for n in range(visits))
    course = _course(exams)
    first = course.visits[0]
    verdicts = tuple(
        _verdict(rule, first, now, one)
        for rule in (PERFUSION, SIZE)
        for now in course.visits[1:]
        for one in sorted({m.lesion_id for m in now.measurements if m.region == "lesion"})
    )
    return PatientResult(
        "01", "demo-glioma", exams, course, verdicts, None, "T1 was mapped from variable flip angles.", ("10.1002/jmri.1880070113",),
        _space(exams), _view(exams),
    )  # fmt: skip


LEAD = LeadTime("1", PERFUSION.name, SIZE.name, 190.0, 365.0, 10.4, 26.5)
