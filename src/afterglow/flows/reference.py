"""Where a visit's reference tissue comes from: the ways of the method file in their order, the first that succeeds."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.mirror import find_mirror
from afterglow.flows.reference_brain import white_matter_reference
from afterglow.flows.reference_spine import vertebra_reference
from afterglow.flows.regions import on_dynamic_grid
from afterglow.flows.work import Drawn, Work
from afterglow.lesions.reference import given_reference, mirrored_reference, numbers_of
from afterglow.records.errors import MissingInput
from afterglow.records.lesion import Lesion, Reference


def reference_of(work: Work, outlines: tuple[Drawn, ...], lesions: tuple[Lesion, ...]) -> Reference | None:
    """The first of the method's ways that gives a reference; None, with a warning that says why, where none does.

    A given mask wins wherever the method names it first. Nothing is searched for where no lesion is seen: there is nothing to divide.
    """
    spec, seen = work.method.reference, tuple(lesion for lesion in lesions if lesion.mask.any())
    given = tuple(drawn for drawn in outlines if drawn.label == "reference")
    refused = []
    for way in spec.ways:
        try:
            if way == "given" and given:
                return _given(work, given, lesions)
            if way == "automatic" and seen:
                return vertebra_reference(work, seen) if spec.kind == "adjacent vertebra" else white_matter_reference(work, seen)
            if way == "mirrored lesion" and seen:
                return _mirrored(work, seen)
        except MissingInput as error:
            if way == "given":
                raise
            refused.append(f"{way}: {error}")
    if seen:
        why = "; ".join(refused) or f"ratios to {spec.kind} need a label-reference mask"
        work.note(
            "reference tissue", "none outlined" + ", and none found" * bool(refused), "warning", f"{why}; no ratio was made"
        )
    return None


def _given(work: Work, given: tuple[Drawn, ...], lesions: tuple[Lesion, ...]) -> Reference:
    masks = [on_dynamic_grid(work, drawn) for drawn in given]
    names = ", ".join(drawn.name for drawn in given)
    kind = work.method.reference.kind
    return given_reference(np.any(masks, axis=0), work.grid, kind=kind, source=names, lesions=lesions)


def _mirrored(work: Work, lesions: tuple[Lesion, ...]) -> Reference:
    mean: NDArray[np.float32] = work.data.mean(axis=-1, dtype=np.float64).astype(np.float32)
    mirror = find_mirror(mean, work.grid)
    if not mirror.trusted:
        raise MissingInput(f"{mirror.remark}; outline a label-reference mask")
    how = "no outline was given: the lesion mirrored through the plane of symmetry found in the image"
    found = mirrored_reference(lesions, mirror.reflection, work.subject_mask(), how=how)
    reference = Reference(found.mask, found.grid, found.kind, found.method, numbers_of(found.mask, work.grid, mean))
    advice = "outline normal tissue for a reference that is the same at every visit"
    work.note("reference tissue", f"none outlined: the lesion was mirrored ({int(reference.mask.sum())} voxels)", "note", advice)
    return reference
