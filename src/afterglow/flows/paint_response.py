"""What becomes of the zones of a painted visit: quantities in them, and how they look, at that visit and at every later one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose, resample
from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.method import Method
from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.regions import share_on
from afterglow.lesions.measure import Labels, measure_visit
from afterglow.records.lesion import Lesion, ZoneKind
from afterglow.records.measurement import Measurement
from afterglow.records.painted import SeenVisit
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


@dataclass(frozen=True, eq=False)
class FollowedVisit:
    """A visit that the painted one can be laid on. `matrix`: a point of its maps (RAS mm) -> the anatomy of the painted visit."""

    visit: CourseVisit
    result: ExamResult
    matrix: NDArray[np.float64]

    def filled(self, zones: ZoneMap, *kinds: Zone) -> NDArray[np.bool_]:
        """Voxels (i, j, k) of its own maps that these zones fill by half."""
        share = share_on(zones.mask(*kinds), zones.grid, self.result.grid, self.matrix)
        return np.asarray(share >= _HALF)


def followed(
    visits: Sequence[CourseVisit], results: Sequence[ExamResult], space: PatientSpace | None
) -> tuple[FollowedVisit, ...]:
    """The painted visit, which comes first, and those after it that the patient's space holds."""

    def found() -> Iterator[FollowedVisit]:
        for visit, result in zip(visits, results, strict=True):
            way = np.eye(4) if visit is visits[0] else None if space is None else space.between(visit.session, visits[0].session)
            if way is not None:
                yield FollowedVisit(visit, result, compose(visit.maps_to_anchor, way))

    return tuple(found())


def response_of(zones: ZoneMap, visits: Sequence[FollowedVisit], method: Method, spec: PaintSpec) -> tuple[Measurement, ...]:
    """The method's quantities in the zones of the first visit, at each visit, measured on its own maps."""
    made: list[Measurement] = []
    for one in visits:
        made += _measured(zones, one, method, spec)
    return tuple(made)


def _measured(zones: ZoneMap, one: FollowedVisit, method: Method, spec: PaintSpec) -> tuple[Measurement, ...]:
    result = one.result
    parts = tuple((name, one.filled(zones, *kinds)) for name, kinds in _REGIONS)
    whole = np.any([part for _, part in parts], axis=0)
    note = "" if whole.any() else "the zones lie outside the field of view of this visit"
    lesion = Lesion("all", whole, result.grid, "zones of the painted visit", note, parts)
    labels = Labels(result.subject, result.session, result.day, result.space, result.method, "zones")
    wanted = [
        replace(measure.record(), regions=tuple(name for name, _ in _REGIONS), normalised=False, rim_mm=None)
        for measure in method.measure
        if measure.quantity in spec.response
    ]
    maps = {found.quantity.name: found for found in reversed(result.maps)}
    rows = measure_visit(maps, (lesion,), None, wanted, labels=labels)
    return tuple(row for row in rows if row.region != "reference")


def seen_visits(zones: ZoneMap, visits: Sequence[FollowedVisit], spec: PaintSpec) -> tuple[SeenVisit, ...]:
    """The first quantity that the method follows, and the anatomy below it, laid on the planning grid for the eye."""
    made = []
    for one in visits:
        found = one.result.map_of(spec.response[0]) if spec.response else None
        if found is None:
            continue
        back = np.asarray(np.linalg.inv(one.matrix), dtype=np.float64)
        laid = resample(found.values, found.grid, zones.grid, back, "nearest").astype(np.float32)
        backdrop = resample(one.result.backdrop, one.result.grid, zones.grid, back).astype(np.float32)
        made.append(SeenVisit(one.result.session, one.result.day, backdrop, found.quantity, laid))
    return tuple(made)
