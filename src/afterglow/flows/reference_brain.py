"""White matter of a visit as reference tissue: found in its anatomy, carried onto the dynamic series, kept off lesions and vessels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.align.mirror import Mirror, find_mirror
from afterglow.align.resample import compose, resample
from afterglow.align.rigid import register
from afterglow.flows.regions import share_of
from afterglow.flows.work import Work
from afterglow.kernels.types import Mask
from afterglow.lesions.reference import filled, numbers_of
from afterglow.lesions.side import FoundTissue, halves_apart_mm, other_side, plane_of, whole_brain, without_vessels
from afterglow.lesions.white_matter import WhiteMatter, find_white_matter
from afterglow.records.alignment import Alignment
from afterglow.records.errors import MissingInput
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.series import Series

_STRUCTURES = ("T1w", "CE-T1w")  # before contrast first: what enhances more is brighter after it, and would be preferred
_BASELINE = 5  # frames before contrast in any sensible protocol
_HALVES_MM = 15.0  # apart, and the plane is no midline; a large tumour with its oedema moves the halves of the brain by 11 mm


class _Seen(NamedTuple):
    """White matter found in an image, and how a point of the dynamic series (RAS mm) comes to that image."""

    white: WhiteMatter
    on: Series | None  # None: in the dynamic series itself
    matrix: NDArray[np.float64]
    image: NDArray[np.float32]
    words: str
    doubts: tuple[str, ...]


def white_matter_reference(work: Work, lesions: tuple[Lesion, ...]) -> Reference:
    """Normal-appearing white matter of the other hemisphere, or of the whole brain where the method asks for it or no side is healthy.

    MissingInput where no white matter is found or too little of it is left.
    """
    work.progress("reference tissue", 0, 1)
    seen = _look(work, lesions)
    lesion = np.any([one.mask for one in lesions], axis=0)
    share = seen.white.mask.astype(np.float32) if seen.on is None else share_of(seen.white.mask, seen.on, work)
    white = without_vessels(filled(share, lesions) & work.subject_mask(), peak_of(work))
    found, doubts = _chosen(work, seen, white, lesion)
    mean = work.data.mean(axis=-1, dtype=np.float64).astype(np.float32)
    purity = (("tissue_share", float(share[found.mask].mean())), ("contrast", seen.white.contrast))
    quality = (*numbers_of(found.mask, work.grid, mean), *purity, *found.numbers)
    where = "in the other hemisphere, nearest to the mirrored lesion" if found.kind.startswith("contra") else "of the whole brain"
    how = f"found automatically: white matter by its brightness in {seen.words}, {where}"
    reference = Reference(found.mask, work.grid, found.kind, how, quality)
    _tell(work, reference, where, (*seen.doubts, *doubts))
    return reference


def _chosen(work: Work, seen: _Seen, white: Mask, lesion: Mask) -> tuple[FoundTissue, tuple[str, ...]]:
    """The other side where there is one and the method wants it; else all white matter, and why."""
    limits = work.method.reference.limits
    if work.method.reference.kind == "whole-brain white matter":
        return whole_brain(white, lesion, work.grid, limits), ()
    grid = work.grid if seen.on is None else seen.on.grid
    mirror = find_mirror(seen.image, grid)
    if not mirror.trusted:
        return whole_brain(white, lesion, work.grid, limits), (
            f"{mirror.remark}, so the white matter of the whole brain was taken",
        )
    reflection = compose(seen.matrix, mirror.reflection, back(seen.matrix))
    try:
        found = other_side(white, lesion, work.grid, reflection, limits)
    except MissingInput as error:
        return whole_brain(white, lesion, work.grid, limits), (f"{error}; the white matter of the whole brain was taken",)
    halves_mm = halves_apart_mm(seen.white.brain, grid, mirror.reflection)
    normal, offset_mm = plane_of(reflection)
    plane = zip(("midline_x", "midline_y", "midline_z", "midline_offset_mm"), (*normal, offset_mm), strict=True)
    numbers = (
        *found.numbers,
        ("midline_halves_mm", halves_mm),
        *_of_mirror(mirror),
        *((name, float(value)) for name, value in plane),
    )
    doubt = (f"the midline lies {halves_mm:.0f} mm from the plane that halves the brain",) if halves_mm > _HALVES_MM else ()
    return FoundTissue(found.mask, found.kind, numbers), doubt


def _of_mirror(mirror: Mirror) -> tuple[tuple[str, float], ...]:
    return tuple((f"midline_{name}", value) for name, value in mirror.quality if name in ("involution_mm", "sharpness"))


def _tell(work: Work, reference: Reference, where: str, doubts: Sequence[str]) -> None:
    numbers = dict(reference.quality)
    words = f"none outlined: {numbers['volume_ml']:.1f} mL of white matter {where} ({int(numbers['n_voxels'])} voxels)"
    advice = "; ".join(doubts) or "look at its picture; a label-reference mask of your own wins"
    work.note("reference tissue", words, "warning" if doubts else "note", advice)


def _look(work: Work, lesions: tuple[Lesion, ...]) -> _Seen:
    """White matter in the best image that the visit has."""
    edge_mm = work.method.reference.limits.edge_mm
    series = next((work.exam.series[role][0] for role in _STRUCTURES if role in work.exam.series), None)
    lesion = np.any([one.mask for one in lesions], axis=0)
    if series is None:
        image, words = _own_image(work)
        doubt = f"there is no T1-weighted anatomy: {words} stood in for it"
        white = find_white_matter(image, work.grid, flair=None, lesion=lesion, edge_mm=edge_mm)
        return _Seen(white, None, np.eye(4), image, words, (doubt,))
    image, (matrix, doubts) = series.load(), placed(work, series)
    there = resample(lesion, work.grid, series.grid, back(matrix), "nearest")
    flair, words = None, series.role
    other = work.exam.series.get("FLAIR", ())
    if other:
        by, more = placed(work, other[0])
        flair = resample(other[0].load(), other[0].grid, series.grid, compose(back(matrix), by)).astype(np.float32)
        words, doubts = f"{series.role} and FLAIR", (*doubts, *more)
    white = find_white_matter(image, series.grid, flair=flair, lesion=there, edge_mm=edge_mm)
    return _Seen(white, series, matrix, image, words, doubts)


def _own_image(work: Work) -> tuple[NDArray[np.float32], str]:
    """A T1-weighted picture from the dynamic series: 1 / T1 where it was measured, else the frames before contrast. MissingInput for DSC."""
    if work.arms:
        raise MissingInput("there is no T1-weighted image to find white matter in")
    if work.t1 is not None and float(np.nanstd(work.t1.values)) > 0:
        t1_s = np.nan_to_num(work.t1.values)
        return np.divide(1.0, t1_s, out=np.zeros(t1_s.shape, np.float32), where=t1_s > 0), "the map of T1"
    early: NDArray[np.float32] = work.data[..., :_BASELINE].mean(axis=-1, dtype=np.float64).astype(np.float32)
    return early, "the mean of the frames before contrast"


def placed(work: Work, series: Series) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Matrix from a point of the dynamic series to that image, registered onto the anatomy where no step did it; and doubts."""
    known = next((one for one in work.alignments.values() if one.source == series.source), None)
    alignment = _registered(work, series) if known is None else known
    if alignment.trusted:
        return alignment.matrix, ()
    return np.eye(4), (f"{series.source} could not be registered: it was left where its header puts it",)


def _registered(work: Work, series: Series) -> Alignment:
    """Onto the anatomy, whose own place is known, or else onto the dynamic series; kept with the other alignments of the visit."""
    anatomy, way = work.series("anatomy"), work.alignments.get("anatomy")
    if anatomy and way is not None and way.trusted:
        lead = anatomy[0]
        found = register(series.load(), series.grid, lead.load(), lead.grid, names=(series.source, lead.source))
        alignment = Alignment(
            series.source, work.source, compose(way.matrix, found.matrix), found.quality, found.trusted, found.remark
        )
    else:
        mean = work.data.mean(axis=-1, dtype=np.float64).astype(np.float32)
        alignment = register(series.load(), series.grid, mean, work.grid, names=(series.source, work.source))
    work.alignments[series.role] = alignment
    return alignment


def peak_of(work: Work) -> NDArray[np.float32]:
    """How much contrast passes each voxel at most (i, j, k): rise of a DCE series, fall of a DSC series, over its baseline."""
    baseline = work.data[..., :_BASELINE].mean(axis=-1, dtype=np.float64)
    extreme = work.data.min(axis=-1) if work.arms else work.data.max(axis=-1)
    peak: NDArray[np.float32] = (np.abs(extreme - baseline) / np.where(baseline > 0, baseline, np.nan)).astype(np.float32)
    return peak


def back(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The way back: the inverse of a matrix (4, 4)."""
    return np.linalg.inv(matrix).astype(np.float64)
