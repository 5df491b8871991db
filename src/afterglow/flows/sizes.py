"""Sizes of the lesions of one visit, measured on the image that each was outlined on: that of the maps is coarser."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.work import Drawn, Work
from afterglow.lesions.measure import Labels
from afterglow.lesions.size import sizes, sizes_in_space
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement


def lesion_sizes(work: Work, lesions: tuple[Lesion, ...], labels: Labels) -> tuple[Measurement, ...]:
    """Sizes of every lesion; where its vertebra was outlined on the same image, also its extent outside that bone."""
    made: list[Measurement] = []
    for lesion in lesions:
        drawn = next((one for one in work.drawn if one.label == "lesion" and one.lesion_id == lesion.lesion_id), None)
        own, here = (lesion, labels) if drawn is None else _as_drawn(work, drawn, lesion, labels)
        bone = None if drawn is None else _vertebra(work, drawn)
        made += [*sizes(own, labels=here), *sizes_in_space(own, labels=here, bone=bone)]
    return tuple(made)


def _as_drawn(work: Work, drawn: Drawn, lesion: Lesion, labels: Labels) -> tuple[Lesion, Labels]:
    if drawn.on is work.dynamic:
        return lesion, labels
    note = lesion.note or ("" if drawn.mask.any() else "the outline is empty")
    return Lesion(lesion.lesion_id, drawn.mask, drawn.on.grid, drawn.how, note), replace(labels, space=drawn.on.role)


def _vertebra(work: Work, lesion: Drawn) -> NDArray[np.bool_] | None:
    """The bone that the lesion lies in, where it was outlined; one on another image is left out with a remark."""
    bone = next((one for one in work.drawn if one.label == "vertebra"), None)
    if bone is None:
        return None
    if not bone.on.grid.same_as(lesion.on.grid):
        work.note(
            f"extent of lesion {lesion.lesion_id} outside the bone", f"{bone.name} is drawn on {bone.on.source}", "warning",
            f"it was not measured; outline the vertebra on {lesion.on.source}, as the lesion is",
        )  # fmt: skip
        return None
    return bone.mask
