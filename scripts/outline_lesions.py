"""Digital lesions for measure_outlines.py: blocks of digital heads about one lesion, imaged at 1 mm at two visits, with their truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.simulation_file import load_simulation
from afterglow.records.grid import Grid
from afterglow.simulate.acquisition import Acquisition, AnatomyProtocol
from afterglow.simulate.anatomy_images import LateContrast, acquire_anatomy
from afterglow.simulate.exam_plans import anatomy_plan
from afterglow.simulate.exam_visit import Visit, begin_visit
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.story import LesionState, Perfusion, VisitStory
from afterglow.simulate.subject import HeadSubject
from afterglow.simulate.template import load_template
from afterglow.simulate.tumour import Seat, choose_seat, grow

Array = NDArray[np.float32]

SIZES_ML = (0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 20.0, 40.0)
KINDS = ("solid", "ring", "patchwork", "resected")
CHANGES = (0.5, 0.75, 1.5, 2.2)  # of the volume, to the second visit
GONE = (1e-6,)
ROLES = ("T1w", "CE-T1w", "FLAIR")
_BODY_MM = 80.0  # half of the block of the head
_IMAGE_MM = 68.0  # half of the imaged block
_LESION = ("tumour", "scar", "core", "cavity")


@dataclass(frozen=True, eq=False)
class Seen:
    """One visit: images on the grid of CE-T1w (the others laid on it by their true poses), and the true shares there."""

    grid: Grid
    images: dict[str, Array]
    shares: dict[str, Array]
    brain: NDArray[np.bool_]  # healthy grey and white matter
    pose: NDArray[np.float64]  # scanner mm -> body mm

    def true(self, *names: str) -> NDArray[np.bool_]:
        """Voxels that these tissues fill by at least a half."""
        return np.asarray(sum(self.shares[name] for name in names) >= 0.5)

    def true_ml(self, *names: str) -> float:
        """What these tissues fill, partial voxels counted by their share."""
        return float(sum(self.shares[name].sum(dtype=float) for name in names)) * self.grid.voxel_ml


@dataclass(frozen=True, eq=False)
class DigitalLesion:
    """One lesion, what it is, and how it looks at two visits."""

    name: str
    kind: str
    size_ml: float
    visits: tuple[Seen, ...]


def state(kind: str, size_ml: float, rng: np.random.Generator) -> LesionState:
    """A lesion of that kind; perfusion and shape differ from lesion to lesion."""
    tumour = Perfusion(float(rng.uniform(0.03, 0.2)), 0.3, float(rng.uniform(0.02, 0.06)), spread=0.25)
    scar = Perfusion(float(rng.uniform(0.015, 0.06)), 0.25, 0.01, delay_s=1.2, spread=0.3)
    oedema = float(rng.uniform(4.0, 14.0))
    match kind:
        case "solid":
            return LesionState(size_ml, 1.0, tumour, scar, rim_mm=40.0, oedema_mm=oedema)
        case "ring":
            rim_mm = 0.4 * np.cbrt(size_ml * 1000 * 0.24)
            return LesionState(size_ml, 1.0, tumour, scar, rim_mm=float(rim_mm), oedema_mm=oedema)
        case "patchwork":
            return LesionState(size_ml, 0.4, tumour, scar, rim_mm=7.0, ragged_mm=1.5, oedema_mm=oedema)
    return LesionState(size_ml, 1.0, tumour, scar, rim_mm=40.0, oedema_mm=oedema, cavity_ml=1.2 * size_ml)


def digital_lesions(
    subjects: int, per_subject: int, seed: int, *, changes: tuple[float, ...] = CHANGES
) -> Iterator[DigitalLesion]:
    """`per_subject` lesions in each of so many heads; kinds and sizes go round, seats and all else is drawn.

    A second visit has the volume of the first times one of the changes; there is none without changes.
    """
    acquisition = load_simulation("ademola2025").acquisition
    number = 0
    for subject in range(subjects):
        rng = np.random.default_rng([seed, subject])
        first = choose_seat(rng)
        head = make_head(load_template(), spacing_mm=1.0, rng=rng, pushed_from=first.push(state("solid", 4.0, rng)))
        for n in range(per_subject):
            kind, size = KINDS[number % 4], SIZES_ML[(number // 4 + 3 * number) % 8]
            seat = first if n == 0 else choose_seat(rng)
            yield _lesion(f"head {subject} lesion {n}", head, seat, kind, size, acquisition, rng, changes)
            number += 1


def _lesion(
    name: str,
    head: Head,
    seat: Seat,
    kind: str,
    size: float,
    acquisition: Acquisition,
    rng: np.random.Generator,
    changes: tuple[float, ...],
) -> DigitalLesion:
    before = state(kind, size, rng)
    change = float(rng.choice(changes)) if changes else 1.0
    after = LesionState(**{**vars(before), "volume_ml": size * change})
    block = _block(head, seat)
    lesions = grow(block, seat, (before, after), rng)
    subject = HeadSubject(block, seat, lesions, acquisition.field_t, acquisition.scanner.brain_leak)
    entropy = int(rng.integers(2**31))
    seen = tuple(
        _seen(subject, n, one, acquisition, np.random.SeedSequence(entropy, spawn_key=(n + 1,)))
        for n, one in enumerate((before, after) if changes else (before,))
    )
    return DigitalLesion(name, kind, size, seen)


def _block(head: Head, seat: Seat) -> Head:
    """The part of the head about the seat."""
    away = ((head.template_mm - np.array(seat.centre_mm, np.float32).reshape(3, 1, 1, 1)) ** 2).sum(axis=0)
    middle = np.array(np.unravel_index(int(away.argmin()), head.grid.shape))
    reach = int(_BODY_MM / head.grid.spacing_mm[0])
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, head.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = head.grid.affine.copy()
    affine[:3, 3] = head.grid.to_mm(low.astype(float))
    i, j, k = (int(n) for n in high - low)
    cut = {role: part[box] for role, part in head.fractions.items()}
    return Head(Grid((i, j, k), affine), cut, head.template_mm[(slice(None), *box)], head.texture[box])


def _seen(subject: HeadSubject, number: int, now: LesionState, acquisition: Acquisition, seed: np.random.SeedSequence) -> Seen:
    visit = begin_visit(
        subject,
        number,
        VisitStory(str(number), 100.0 * number, now, ("dce", *ROLES)),
        acquisition,
        acquisition.size["full"],
        seed,
    )
    lesion, made = subject.lesions[number], {one.role: one for one in acquisition.anatomy}
    solid = sum(subject.lesions[0].fractions[part] for part in _LESION)
    centre = lesion.grid.to_mm(np.argwhere(solid > 0.5).mean(axis=0))
    scans = {role: _image(visit, made[role], centre) for role in ROLES}
    grid, pose = scans["CE-T1w"][1], visit.poses["CE-T1w"]
    laid = {
        role: image if role == "CE-T1w" else resample(image, own, grid, np.linalg.inv(visit.poses[role]) @ pose)
        for role, (image, own) in scans.items()
    }
    nothing = np.zeros(visit.scene.grid.shape, np.float32)
    there = {part: visit.scene.fractions.get(part, nothing) for part in (*_LESION, "grey", "white")}
    shares = {part: resample(share, visit.scene.grid, grid, pose, outside=0.0) for part, share in there.items()}
    return Seen(grid, laid, shares, shares["grey"] + shares["white"] > 0.9, pose)


def _image(visit: Visit, made: AnatomyProtocol, centre_mm: NDArray[np.float64]) -> tuple[Array, Grid]:
    pose, scanner = visit.poses[made.role], visit.acquisition.scanner
    plan = anatomy_plan(made, scanner.snr[made.role], visit.subject.snr_in)
    shape = [max(2, round(2 * _IMAGE_MM / step)) for step in made.voxel_mm]
    affine = np.diag([-made.voxel_mm[0], made.voxel_mm[1], made.voxel_mm[2], 1.0])
    affine[:3, 3] = (np.linalg.inv(pose) @ np.append(centre_mm, 1.0))[:3] - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = Grid((shape[0], shape[1], shape[2]), affine)
    late = None
    if made.role.startswith("CE-"):
        late = LateContrast(visit.plasma(made.start_s + 2.0), visit.acquisition.agent.record(), made.start_s)
    image = acquire_anatomy(visit.scene, grid, pose, plan, late=late, receive=visit.fields.receive, rng=visit.rng_of(made.role))
    return image.values(), grid
