"""Outlines as they lie on disk -> lesions, reference and arterial region on the grid of the dynamic series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.align.mirror import find_mirror
from afterglow.align.resample import compose, resample
from afterglow.flows.work import Work
from afterglow.io.outlines import Outline, read_mask
from afterglow.lesions.reference import given_reference, mirrored_reference
from afterglow.records.errors import GridMismatch, MissingInput
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.series import Series


@dataclass(frozen=True, eq=False)
class Carried:
    """Lesions of another visit, with the matrix that takes a point of this visit to that one (RAS mm)."""

    lesions: tuple[Lesion, ...]
    session: str
    matrix: NDArray[np.float64]


def lesions_of(work: Work, outlines: tuple[Outline, ...], carried: Carried | None) -> tuple[Lesion, ...]:
    """Every lesion outlined at this visit; those of another visit carried over where this one has none."""
    given = tuple(_lesion(work, outline) for outline in outlines if outline.label == "lesion")
    if given or carried is None:
        return given
    made = []
    for lesion in carried.lesions:
        mask = resample(lesion.mask, lesion.grid, work.grid, carried.matrix, "nearest")
        note = "" if mask.any() else "it lies outside the field of view of this visit"
        made.append(Lesion(lesion.lesion_id, mask, work.grid, f"carried from ses-{carried.session} by rigid registration", note))
    return tuple(made)


def reference_of(work: Work, outlines: tuple[Outline, ...], lesions: tuple[Lesion, ...]) -> Reference | None:
    """The outlined reference; else the mirrored lesion where the method allows it; else None, with a warning."""
    spec = work.method.reference
    given = [outline for outline in outlines if outline.label == "reference"]
    if given:
        masks = [on_dynamic_grid(work, outline) for outline in given]
        names = ", ".join(outline.path.name for outline in given)
        return given_reference(np.any(masks, axis=0), work.grid, kind=spec.kind, source=names, lesions=lesions)
    seen = tuple(lesion for lesion in lesions if lesion.mask.any())
    if not seen:
        return None
    if not spec.mirror_when_missing:
        work.note(
            "reference tissue", "none outlined", "warning", f"ratios to {spec.kind} need a label-reference mask; none were made"
        )
        return None
    mean = work.data.mean(axis=-1, dtype=np.float64).astype(np.float32)
    mirror = find_mirror(mean, work.grid)
    if not mirror.trusted:
        work.note(
            "reference tissue",
            "none outlined, and no plane of symmetry found",
            "warning",
            f"{mirror.remark}; outline a label-reference mask",
        )
        return None
    try:
        reference = mirrored_reference(
            seen,
            mirror.reflection,
            work.subject_mask(),
            how="no outline was given: the lesion mirrored through the plane of symmetry found in the image",
        )
    except MissingInput as error:
        work.note("reference tissue", "none outlined", "warning", str(error))
        return None
    work.note(
        "reference tissue",
        f"none outlined: the lesion was mirrored ({int(reference.mask.sum())} voxels)",
        "note",
        "outline normal white matter for a reference that is the same at every visit",
    )
    return reference


def arterial_region(work: Work, outlines: tuple[Outline, ...]) -> tuple[NDArray[np.bool_], str] | None:
    """Voxels that a person marked as artery."""
    for outline in outlines:
        if outline.label == "aif":
            return on_dynamic_grid(work, outline), outline.path.name
    return None


def on_dynamic_grid(work: Work, outline: Outline) -> NDArray[np.bool_]:
    """The outline's mask (i, j, k) on the dynamic grid, through the registration of the image it was drawn on.

    GridMismatch where it was drawn on neither the dynamic series nor an anatomy of this visit.
    """
    mask = read_mask(outline)
    if outline.image.grid.same_as(work.grid):
        return mask
    anatomies = [one for role in ("CE-T1w", "T1w", "T2w", "FLAIR") for one in work.exam.series.get(role, ())]
    drawn_on = next((one for one in anatomies if one.grid.same_as(outline.image.grid)), None)
    if drawn_on is None:
        known = "; ".join(f"{one.source}: {one.grid}" for one in (work.dynamic, *anatomies))
        raise GridMismatch(
            f"{outline.path}: its grid ({outline.image.grid}) is that of no image of this visit ({known}); resample the mask onto one of them"
        )
    moved = _share(mask, drawn_on, work)
    inside: NDArray[np.bool_] = moved >= 0.5
    if not inside.any():
        raise GridMismatch(
            f"{outline.path}: after registration none of its {int(mask.sum())} voxels lies inside {work.source}; check the outline's space"
        )
    return inside


def _share(mask: NDArray[np.bool_], drawn_on: Series, work: Work) -> NDArray[np.float32]:
    """How much of each dynamic voxel the mask fills: the mean over points inside the voxel."""
    alignment = work.alignments.get("anatomy")
    matrix = alignment.matrix if alignment is not None and alignment.trusted else np.eye(4)
    counts = [max(1, round(big / small)) for big, small in zip(work.grid.spacing_mm, _along(drawn_on, work), strict=True)]
    total = np.zeros(work.grid.shape, dtype=np.float32)
    points = 0
    for shift in np.ndindex(*counts):
        offset = [(s + 0.5) / n - 0.5 for s, n in zip(shift, counts, strict=True)]
        moved = np.eye(4)
        moved[:3, 3] = work.grid.affine[:3, :3] @ np.array(offset)
        total += resample(mask.astype(np.float32), drawn_on.grid, work.grid, compose(moved, matrix), "linear", outside=0.0)
        points += 1
    mean: NDArray[np.float32] = total / np.float32(points)
    return mean


def _along(drawn_on: Series, work: Work) -> tuple[float, ...]:
    """Voxel size of the drawn image along the dynamic grid's axes."""
    unit = work.grid.affine[:3, :3] / np.linalg.norm(work.grid.affine[:3, :3], axis=0)
    steps = np.abs(np.linalg.inv(drawn_on.grid.affine[:3, :3]) @ unit)
    return tuple(float(1 / max(column)) for column in steps.T)


def _lesion(work: Work, outline: Outline) -> Lesion:
    return Lesion(outline.lesion_id, on_dynamic_grid(work, outline), work.grid, f"given mask {outline.path.name}")
