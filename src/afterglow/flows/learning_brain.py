"""The brain of a patient in a T1-weighted image: by the average brain and by brightness together, and which of them was believed."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.align.head_template import AverageBrain, TemplateBrain, average_brain, lay_template_brain
from afterglow.io.average_brain import read_average_brain
from afterglow.lesions.brain_joined import AROUND_MM, FOLLOWED_MM, joined_region, share_followed
from afterglow.lesions.brain_region import brain_region
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid

Mask = NDArray[np.bool_]

_LAID = "brain: the average brain laid on"  # how the sentence of a mask begins that holds something of the template
_LEAST_FOLLOWED = 0.9  # of the brightness region that must lie in the average brain or close to it; .99 and more of digital heads


@cache
def average() -> AverageBrain:
    """Read once. MissingInput where it is not installed."""
    return average_brain(*read_average_brain())


def how_found() -> str:
    """What a case depends on beside its files and settings: another way to find the brain makes every case again."""
    return f"average brain with {AROUND_MM:g} mm around it, brightness up to {FOLLOWED_MM:g} mm beyond"


def holds_average_brain(remarks: Sequence[str]) -> bool:
    """Whether the brain of a case with these remarks was found with the average brain, whose notice then travels with it."""
    return any(one.startswith(_LAID) for one in remarks)


def found_brain(image: NDArray[Any], grid: Grid, lesion: Mask | None, *, name: str) -> tuple[Mask, str]:
    """The brain (i, j, k) with all that is outlined as lesion, and a sentence on how it was found.

    The average brain, registered, loses no lobe to shading, and brightness follows the patient's own shape. Where the registration is
    not trusted brightness stands alone, and the sentence says that lobes can be missing. MissingInput where neither finds a brain.
    """
    try:
        bright, why = brain_region(np.asarray(image, dtype=np.float32), grid, lesion), None
    except MissingInput as error:
        bright, why = np.zeros(grid.shape, dtype=bool), error
    middle_mm = None if why else grid.to_mm(np.argwhere(bright).astype(np.float64)).mean(axis=0)
    laid = lay_template_brain(image, grid, average(), name=name, near_mm=middle_mm)
    doubt = laid.remark if why else _doubt(laid, bright)
    if not doubt:
        whole = joined_region(laid.away_mm, bright, lesion)
        return whole, f"{_LAID} {name}, joined with what is bright beside it, {_ml(whole, grid)}"
    if why is not None:
        raise MissingInput(f"{why}; {doubt}")
    return (
        bright,
        f"brain: found in {name} by its brightness alone, {_ml(bright, grid)}; lobes in shade can be missing, look at it ({doubt})",
    )


def _doubt(laid: TemplateBrain, bright: Mask) -> str:
    """Why the average brain is not used; empty where it is."""
    if not laid.trusted:
        return laid.remark
    followed = share_followed(laid.away_mm, bright)
    if followed >= _LEAST_FOLLOWED:
        return ""
    return f"{100 * (1 - followed):.0f} % of what is bright as brain lies more than {FOLLOWED_MM:g} mm outside the average brain"


def _ml(mask: Mask, grid: Grid) -> str:
    return f"{np.count_nonzero(mask) * grid.voxel_ml:.0f} mL"
