"""Painting within a course: the last visit before the treatment is painted, later visits are measured in its zones."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.keys import versions
from afterglow.flows.method import Method
from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.paint import SecondScan, paint_visit, with_dosimetry
from afterglow.flows.paint_by import steered, steering_of
from afterglow.flows.paint_curves import zone_curves
from afterglow.flows.paint_orders import NO_ORDERS, PaintOrders
from afterglow.flows.paint_response import FollowedVisit, followed, response_of, seen_visits
from afterglow.flows.place import Place
from afterglow.flows.visit import Done
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written
from afterglow.io.manifest import ManifestEntry, fingerprint, is_finished_on_disk, output_entry, record
from afterglow.io.measurements import remove_zone_measurements, write_measurements, zone_measurements_path
from afterglow.io.painted import read_painted_visit, write_painted_visit
from afterglow.io.zone_curves import read_zone_curves, remove_zone_curves, write_zone_curves, zone_curves_path
from afterglow.io.zones import PaintedPlace
from afterglow.records.alignment import QualityLine
from afterglow.records.course import Treatment
from afterglow.records.errors import AfterglowError, MissingInput
from afterglow.records.painted import PaintedVisit, ZoneCurve
from afterglow.records.space import PatientSpace


def paint_course(
    place: Place,
    subject: str,
    visits: Sequence[CourseVisit],
    done: Sequence[Done],
    space: PatientSpace | None,
    method: Method,
    method_text: str,
    *,
    progress: Progress,
    orders: PaintOrders = NO_ORDERS,
) -> tuple[PaintedVisit | None, list[QualityLine]]:
    """Paint the visit before the treatment, measure its zones at it and at every later visit, and write all of it.

    Nothing where the method does not paint; a quality line, and nothing, where the visit cannot be painted. What is on disk from
    the same inputs is read back.
    """
    spec = method.paint
    if spec is None:
        return None, []
    index, told = painted_index(visits, place.dataset.treatments.get(subject, ()), spec)
    visit, result = visits[index], done[index].result
    own = PaintedPlace(place.out, subject, visit.session)
    wanted = _fingerprint(done, method_text, orders)
    key = f"sub-{subject}_painting"
    later = followed(visits[index:], [one.result for one in done[index:]], space)
    try:
        if is_finished_on_disk(place.out, key, wanted):
            stored = read_painted_visit(own)
            painted = replace(with_dosimetry(stored, spec), figures=stored.figures)
            curves = [curve for one in later for curve in read_zone_curves(place.out, subject, one.visit.session)]
            return _with_response(painted, later, method, spec, curves), told
        steering = None if orders.by is None else steering_of(orders.by, visit, place.dataset.root)
        second = _second(orders, visit, visits, done, space)
        painted = paint_visit(visit, result, spec, progress=progress, mrs=method.mrs, orders=orders, second=second)
        painted = painted if steering is None else steered(painted, steering)
        curves = list(zone_curves(painted.zones, later, method, progress=progress))
        painted = _with_response(painted, later, method, spec, curves)
    except AfterglowError as error:
        if orders != NO_ORDERS:  # a person's own file or choice: what an earlier run painted, and its report, stay as they are
            raise
        record(place.out, ManifestEntry(key, "failed", method.name, wanted, (), (), {}, versions(), message=str(error)))
        return None, [*told, QualityLine("painting", "not made", "warning", str(error))]
    _store(
        place,
        painted,
        [one.session for one in visits],
        index,
        ManifestEntry(key, "done", method.name, wanted, (), (), {}, versions()),
    )
    return painted, told


def _with_response(
    painted: PaintedVisit, later: Sequence[FollowedVisit], method: Method, spec: PaintSpec, curves: Sequence[ZoneCurve]
) -> PaintedVisit:
    """The same with what became of its zones."""
    response = response_of(painted.zones, later, method, spec)
    return replace(painted, response=response, curves=tuple(curves), seen=seen_visits(painted.zones, later, spec))


def _store(place: Place, painted: PaintedVisit, sessions: Sequence[str], index: int, entry: ManifestEntry) -> None:
    """Write the painted visit and what became of it at the visits from `index` on, and record all of it."""
    for session in sessions[:index]:  # an earlier run may have painted an earlier visit
        remove_zone_measurements(place.out, painted.subject, session)
        remove_zone_curves(place.out, painted.subject, session)
    own = PaintedPlace(place.out, painted.subject, painted.session)
    written = [*write_painted_visit(own, painted), *_write_response(place, painted, sessions[index:])]
    outputs = tuple(output_entry(one, place.out) for one in written)
    sentences = " ".join(dict.fromkeys(one.sentence for one in painted.provenance))
    record(place.out, replace(entry, outputs=outputs, methods_text=sentences))


def _write_response(place: Place, painted: PaintedVisit, sessions: Sequence[str]) -> list[Written]:
    """What was measured in the zones at each of these visits, and its curves: beside the visit's own maps."""
    written: list[Written] = []
    for session in sessions:
        rows = [row for row in painted.response if row.session_id == session]
        written += write_measurements(zone_measurements_path(place.out, painted.subject, session), rows)
        curves = [curve for curve in painted.curves if curve.session == session]
        written += write_zone_curves(zone_curves_path(place.out, painted.subject, session), curves)
    return written


def painted_index(
    visits: Sequence[CourseVisit], treatments: Sequence[Treatment], spec: PaintSpec
) -> tuple[int, list[QualityLine]]:
    """The last visit on or before the first such treatment; the last of all where none is recorded, which is said."""
    days = [one.day for one in treatments if one.kind == spec.before]
    if not days:
        words = f"no {spec.before} is recorded, so the last visit was painted"
        return len(visits) - 1, [
            QualityLine("painted visit", words, "note", "add it to phenotype/treatments.tsv if it has taken place")
        ]
    before = [n for n, one in enumerate(visits) if one.anchor.day <= min(days)]
    if before:
        return before[-1], []
    words = f"no visit lies on or before day {min(days):g} of {spec.before}; the first visit was painted"
    return 0, [QualityLine("painted visit", words, "warning", "zones after treatment are not those that it was planned on")]


def _second(
    orders: PaintOrders, visit: CourseVisit, visits: Sequence[CourseVisit], done: Sequence[Done], space: PatientSpace | None
) -> SecondScan | None:
    """The second scan that the orders name. MissingInput where there is none, or it cannot be laid on the first."""
    if not orders.retest:
        return None
    found = next((n for n, one in enumerate(visits) if one.session == orders.retest), None)
    if found is None or visits[found] is visit:
        known = ", ".join(one.session for one in visits if one is not visit) or "no other"
        raise MissingInput(f"there is no second scan ses-{orders.retest} beside ses-{visit.session}; the patient has {known}")
    way = None if space is None else space.between(visit.session, orders.retest)
    if way is None:
        raise MissingInput(f"ses-{orders.retest} could not be laid on ses-{visit.session}; its zones cannot be compared")
    return SecondScan(visits[found], done[found].result, way)


def _fingerprint(done: Sequence[Done], method_text: str, orders: PaintOrders) -> str:
    """Everything that painting depends on: the finished visits, the method, and what a person added."""
    digest = hashlib.sha256(method_text.encode("utf-8")).hexdigest()
    settings: dict[str, object] = {
        "method_sha256": digest,
        "visits": [one.fingerprint for one in done],
        "orders": orders.digest(),
    }
    return fingerprint((), settings, versions())
