"""The healthy vertebra beside a lesion's as reference tissue: found in sagittal anatomy, carried onto the dynamic series."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.reference_brain import back, peak_of, placed
from afterglow.flows.regions import share_of
from afterglow.flows.work import Work
from afterglow.lesions.reference import filled, numbers_of
from afterglow.lesions.side import without_vessels
from afterglow.lesions.vertebra import adjacent_vertebra
from afterglow.records.errors import MissingInput
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.series import Series


def vertebra_reference(work: Work, lesions: tuple[Lesion, ...]) -> Reference:
    """The nearest vertebral body without lesion that looks like the others. MissingInput where there is no such body, or no T1w."""
    work.progress("reference tissue", 0, 1)
    series = work.exam.series.get("T1w", ())
    if not series:
        raise MissingInput("a vertebra is looked for in a T1-weighted image before contrast, and the visit has none")
    lead, limits = series[0], work.method.reference.limits
    matrix, doubts = placed(work, lead)
    lesion = resample(np.any([one.mask for one in lesions], axis=0), work.grid, lead.grid, back(matrix), "nearest")
    others = [_like(one, lead) for one in work.exam.series.get("T2w", ())]
    found = adjacent_vertebra(lead.load(), lead.grid, lesion, limits, others=others)
    share = share_of(found.mask, lead, work)
    mask = without_vessels(filled(share, lesions) & work.subject_mask(), peak_of(work))
    if np.count_nonzero(mask) * work.grid.voxel_ml < limits.least_ml:
        raise MissingInput(
            f"the vertebra found fills {np.count_nonzero(mask) * work.grid.voxel_ml:.1f} mL of the dynamic series, fewer than {limits.least_ml:g} mL"
        )
    mean = work.data.mean(axis=-1, dtype=np.float64).astype(np.float32)
    quality = (*numbers_of(mask, work.grid, mean), ("tissue_share", float(share[mask].mean())), *found.numbers)
    levels = int(dict(found.numbers)["levels"])
    where = f"{abs(levels)} {'level' if abs(levels) == 1 else 'levels'} {'above' if levels > 0 else 'below'} the lesion"
    far = (f"the nearest body that matches is {abs(levels)} levels away",) if abs(levels) > 1 else ()
    words = f"none outlined: {dict(quality)['volume_ml']:.1f} mL of a vertebral body {where} ({int(mask.sum())} voxels)"
    advice = "; ".join((*doubts, *far)) or "look at its picture; a label-reference mask of your own wins"
    work.note("reference tissue", words, "warning" if doubts or far else "note", advice)
    how = f"found automatically: the vertebral body {where} in {lead.role}, away from disc, cortex and vein"
    return Reference(mask, work.grid, "adjacent vertebra", how, quality)


def _like(one: Series, lead: Series) -> NDArray[np.float32]:
    """Another contrast on the grid of the T1w, where the headers put it: bodies are compared by their medians, which a millimetre moves little."""
    seen: NDArray[np.float32] = resample(one.load(), one.grid, lead.grid).astype(np.float32)
    return seen
