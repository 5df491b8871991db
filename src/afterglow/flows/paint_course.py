"""Painting within a course: the last visit before the treatment is painted, later visits are measured in its zones."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose
from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.keys import versions
from afterglow.flows.method import Method
from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.paint import SecondScan, paint_visit, with_dosimetry
from afterglow.flows.paint_orders import NO_ORDERS, PaintOrders
from afterglow.flows.place import Place
from afterglow.flows.regions import share_on
from afterglow.flows.visit import Done
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written
from afterglow.io.manifest import ManifestEntry, fingerprint, is_finished_on_disk, output_entry, record
from afterglow.io.measurements import remove_zone_measurements, write_measurements, zone_measurements_path
from afterglow.io.painted import read_painted_visit, write_painted_visit
from afterglow.io.zones import PaintedPlace
from afterglow.lesions.measure import Labels, measure_visit
from afterglow.records.alignment import QualityLine
from afterglow.records.course import Treatment
from afterglow.records.errors import AfterglowError, MissingInput
from afterglow.records.lesion import Lesion, ZoneKind
from afterglow.records.measurement import Measurement
from afterglow.records.painted import PaintedVisit
from afterglow.records.result import ExamResult
from afterglow.records.space import PatientSpace
from afterglow.records.zones import Zone, ZoneMap

_HALF = 0.5  # of a voxel that a zone must fill to count
_REGIONS: tuple[tuple[ZoneKind, tuple[Zone, ...]], ...] = (
    ("aggressive", (Zone.AGGRESSIVE,)),
    ("penumbra", (Zone.PENUMBRA,)),
    ("passive", (Zone.PASSIVE,)),
    ("not assessed", (Zone.NOT_ASSESSED,)),
    ("not aggressive", (Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)),
)


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
    try:
        if is_finished_on_disk(place.out, key, wanted):
            stored = read_painted_visit(own)
            painted = replace(with_dosimetry(stored, spec), figures=stored.figures)
            return replace(painted, response=_response(painted.zones, visits[index:], done[index:], space, method, spec)), told
        second = _second(orders, visit, visits, done, space)
        painted = paint_visit(visit, result, spec, progress=progress, mrs=method.mrs, orders=orders, second=second)
        response = _response(painted.zones, visits[index:], done[index:], space, method, spec)
    except AfterglowError as error:
        if orders != NO_ORDERS:  # a person's own file or choice: what an earlier run painted, and its report, stay as they are
            raise
        record(place.out, ManifestEntry(key, "failed", method.name, wanted, (), (), {}, versions(), message=str(error)))
        return None, [*told, QualityLine("painting", "not made", "warning", str(error))]
    painted = replace(painted, response=response)
    for one in visits[:index]:  # an earlier run may have painted an earlier visit
        remove_zone_measurements(place.out, subject, one.session)
    written: list[Written] = list(write_painted_visit(own, painted))
    for one in visits[index:]:
        rows = [row for row in response if row.session_id == one.session]
        written += write_measurements(zone_measurements_path(place.out, subject, one.session), rows)
    outputs = tuple(output_entry(one, place.out) for one in written)
    sentences = " ".join(dict.fromkeys(one.sentence for one in painted.provenance))
    record(place.out, ManifestEntry(key, "done", method.name, wanted, (), outputs, {}, versions(), methods_text=sentences))
    return painted, told


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


def _response(
    zones: ZoneMap,
    visits: Sequence[CourseVisit],
    done: Sequence[Done],
    space: PatientSpace | None,
    method: Method,
    spec: PaintSpec,
) -> tuple[Measurement, ...]:
    """The method's quantities in the zones of the first visit, at each visit that can be laid on it."""
    made: list[Measurement] = []
    for visit, one in zip(visits, done, strict=True):
        way = np.eye(4) if visit is visits[0] else None if space is None else space.between(visit.session, visits[0].session)
        if way is not None:
            made += _measured(zones, visit, one.result, compose(visit.maps_to_anchor, way), method, spec)
    return tuple(made)


def _measured(
    zones: ZoneMap, visit: CourseVisit, result: ExamResult, matrix: NDArray[np.float64], method: Method, spec: PaintSpec
) -> tuple[Measurement, ...]:
    parts = tuple((name, share_on(zones.mask(*kinds), zones.grid, result.grid, matrix) >= _HALF) for name, kinds in _REGIONS)
    whole = np.any([part for _, part in parts], axis=0)
    note = "" if whole.any() else "the zones lie outside the field of view of this visit"
    lesion = Lesion("all", whole, result.grid, "zones of the painted visit", note, parts)
    labels = Labels(result.subject, result.session, result.day, result.space, result.method, "zones")
    wanted = [
        replace(one.record(), regions=tuple(name for name, _ in _REGIONS), normalised=False, rim_mm=None)
        for one in method.measure
        if one.quantity in spec.response
    ]
    maps = {one.quantity.name: one for one in reversed(result.maps)}
    rows = measure_visit(maps, (lesion,), None, wanted, labels=labels)
    return tuple(row for row in rows if row.region != "reference")
