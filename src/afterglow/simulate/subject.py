"""A digital patient's body through all visits, head or spine: the scene of each visit, its outlines, its lesion's true numbers."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.head_scene import contralateral, scene_of
from afterglow.simulate.scene import Scene
from afterglow.simulate.spine import Spine, make_spine
from afterglow.simulate.spine_lesion import SpineLesion, grow_spine_lesions, reference_body
from afterglow.simulate.spine_scene import spine_scene
from afterglow.simulate.story import Story
from afterglow.simulate.template import Template, load_template
from afterglow.simulate.tissues import tissues_at, with_barrier
from afterglow.simulate.tumour import Lesion, Seat, choose_seat, grow

Map = NDArray[np.float32]
Point = NDArray[np.float64]

_REFERENCE_MM = 16.0
_HEAD_CENTRE_MM = np.array([0.0, -18.0, 10.0])
_SLAB_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_ANATOMY_CENTRE_MM = np.array([0.0, -6.0, 18.0])


@dataclass(frozen=True, eq=False)
class Field:
    """What a technologist plans: extents along right-left, back-front, foot-head and centre in the body's mm, and the tilt of axial slabs."""

    dynamic_mm: tuple[float, float, float]  # the size along the slices comes from the protocol
    anatomy_mm: tuple[float, float, float]
    dynamic_centre_mm: Point
    anatomy_centre_mm: Point
    turn_centre_mm: Point  # about which the body moves
    tilt_deg: float


class Subject(Protocol):
    """A body with its lesion at every visit."""

    @property
    def field(self) -> Field: ...
    @property
    def snr_in(self) -> str: ...
    def scene(self, visit: int) -> Scene: ...
    def regions(self, visit: int) -> dict[str, tuple[Map, Grid]]: ...
    def values(self, visit: int) -> dict[str, float]: ...


@dataclass(frozen=True, eq=False)
class HeadSubject:
    """A head, and a lesion that grows, is treated, comes back."""

    head: Head
    seat: Seat
    lesions: tuple[Lesion, ...]
    field_t: float
    brain_leak: float

    snr_in = "white"
    field = Field((224.0, 224.0, 0.0), (196.0, 232.0, 164.0), _SLAB_CENTRE_MM, _ANATOMY_CENTRE_MM, _HEAD_CENTRE_MM, tilt_deg=-7.0)

    def scene(self, visit: int) -> Scene:
        return scene_of(self.head, self.lesions[visit], with_barrier(self.brain_leak, tissues_at(self.field_t)))

    def regions(self, visit: int) -> dict[str, tuple[Map, Grid]]:
        """Shares by label: the enhancing lesion, white matter of the other side, and where the disease will have come back."""
        lesion, last = self.lesions[visit], self.lesions[-1]
        found = {"lesion": (lesion.enhancing, lesion.grid)} if lesion.enhancing.any() else {}
        found["reference"] = (contralateral(self.head, self.seat, radius_mm=_REFERENCE_MM), self.head.grid)
        back = [place for nest, place in zip(last.state.nests, last.nests, strict=True) if nest.tissue == "tumour"]
        if back:
            found["recurrence"] = (np.max(back, axis=0), last.grid)
        return found

    def values(self, visit: int) -> dict[str, float]:
        """Volumes in mL of the lesion's parts."""
        lesion = self.lesions[visit]
        own = {nest.own_tissue: nest.tissue for nest in lesion.state.nests}
        volumes: dict[str, float] = {}
        for name, part in lesion.fractions.items():
            column = f"{own.get(name, name)}_ml"
            volumes[column] = volumes.get(column, 0.0) + float(part.sum()) * lesion.grid.voxel_ml
        return volumes


@dataclass(frozen=True, eq=False)
class SpineSubject:
    """A spine with a metastasis in one vertebra."""

    spine: Spine
    lesions: tuple[SpineLesion, ...]
    field_t: float

    snr_in = "muscle"
    field = Field((0.0, 240.0, 320.0), (0.0, 240.0, 320.0), np.zeros(3), np.zeros(3), np.zeros(3), tilt_deg=0.0)

    def scene(self, visit: int) -> Scene:
        return spine_scene(self.spine, self.lesions[visit], field_t=self.field_t)

    def regions(self, visit: int) -> dict[str, tuple[Map, Grid]]:
        """Shares by label: the lesion in and outside bone, and a healthy vertebral body next to it."""
        lesion = self.lesions[visit]
        found = {"lesion": (lesion.share, lesion.grid)} if (lesion.share > 0.5).any() else {}
        _, body = reference_body(self.spine, self.lesions)
        found["reference"] = (body.astype(np.float32), self.spine.grid)
        return found

    def values(self, visit: int) -> dict[str, float]:
        return self.lesions[visit].values()


def make_subject(
    story: Story, site: str, *, body_mm: float, field_t: float, brain_leak: float, seed: np.random.SeedSequence
) -> Subject:
    """The body behind a story; the same story, size and seed give the same body. BadInput for a site that is not simulated."""
    rng = np.random.default_rng(seed)
    states = tuple(visit.lesion for visit in story.visits)
    match site:
        case "brain":
            seat = choose_seat(rng)
            head = make_head(_template(), spacing_mm=body_mm, rng=rng, pushed_from=seat.push(states[0]))
            return HeadSubject(head, seat, grow(head, seat, states, rng), field_t, brain_leak)
        case "spine":
            level, age = story.participant.get("level"), story.participant.get("age_years")
            if not isinstance(level, str) or not isinstance(age, int | float):
                raise BadInput(
                    f"sub-{story.subject}: a spine needs level and age_years, found {level!r} and {age!r}; give the cohort both as columns"
                )
            spine = make_spine(spacing_mm=body_mm, rng=rng, level=level, age_years=float(age))
            lesions = grow_spine_lesions(spine, level, states, rng)
            return SpineSubject(spine, lesions, field_t)
        case _:
            raise BadInput(f"{site!r} is no site that is simulated; there are brain and spine")


@cache
def _template() -> Template:
    return load_template()


FIELDS = {"brain": HeadSubject.field, "spine": SpineSubject.field}
