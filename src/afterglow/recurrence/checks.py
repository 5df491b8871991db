"""What must hold of a case before a model learns from it or reads it, and of a learning set as a whole."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.recurrence import Channel, LearningCase

Mask = NDArray[np.bool_]
MOSTLY = 0.5  # of a label that must lie in the brain, and where the maps have a value
_SAID = 0.05  # of a label outside from which it is said
_THIN = 0.9  # of the brain that the maps cover, below which it is said
_SHALLOW_MM, _DEEP_MM = (4.0, 10.0), (12.0, 25.0)  # from the brain's border: mostly cortex, mostly white matter
_FLUID = 0.7  # of the brain's median brightness; below it in either image a voxel is taken for fluid, which is dark in both
_LEAST_VOXELS = 100
_COARSE_MM = 2.0  # voxels that suffice to tell brightness by depth
# White matter is brighter than cortex in T1-weighted images and darker in FLAIR. On 60 digital patients the logarithm of deep over shallow
# brightness is .03 to .09 higher in CE-T1w than in FLAIR; what oedema and coils do to it in patients was not measured.
_EXCHANGED = -0.02


def check_case(
    case: LearningCase, channels: Sequence[Channel], *, outlined_ml: float | None = None, slab: Mask | None = None
) -> tuple[str, ...]:
    """Refuse a case that would teach something wrong; returns remarks on one that may be used.

    `outlined_ml` is the volume of the label as it was drawn, `slab` (i, j, k) where the maps were measured; None where not known.
    """
    where = f"sub-{case.subject}" + (f" ses-{case.session}" if case.session else "")
    if not case.brain.any():
        raise BadInput(f"{where}: the brain is empty; give a label-brain mask")
    for channel in channels:
        _check_channel(case, channel, where)
    remarks = _label_remarks(case, where, outlined_ml, slab)
    return (*_cover_remarks(case, channels, slab), *remarks)


def _check_channel(case: LearningCase, channel: Channel, where: str) -> None:
    image = case.images.get(channel.name)
    if image is None:
        raise MissingInput(f"{where}: the channel {channel.name} is missing; it has {', '.join(case.images) or 'none'}")
    inside = image[case.brain]
    known = inside[np.isfinite(inside)]
    if not known.size:
        raise BadInput(f"{where}: {channel.name} has no value anywhere in the brain; look at how it lies on the other images")
    if not channel.quantity:
        if known.min() == known.max():
            raise BadInput(f"{where}: {channel.name} is {known.min():g} everywhere in the brain; convert the image again")
        return
    typical = float(np.median(known))
    if not channel.low <= typical <= channel.high:
        raise BadInput(
            f"{where}: {channel.name} has the median {typical:.3g} in the brain, and {channel.low:g} to {channel.high:g} is believed in the unit "
            f"{channel.unit!r}; {_remedy(typical, channel)}"
        )


def _remedy(typical: float, channel: Channel) -> str:
    """Per cent instead of a fraction is the commonest mistake, and the other way round."""
    if channel.low <= typical / 100 <= channel.high:
        return "is it in per cent? divide it by 100"
    if channel.low <= typical * 100 <= channel.high:
        return "was it divided by 100 twice?"
    return "check its unit"


def _label_remarks(case: LearningCase, where: str, outlined_ml: float | None, slab: Mask | None) -> tuple[str, ...]:
    label = case.label
    if label is None or (not label.any() and not outlined_ml):
        return ()
    found_ml = float(np.count_nonzero(label)) * case.grid.voxel_ml
    if not label.any() or (outlined_ml and found_ml < MOSTLY * outlined_ml):
        raise BadInput(
            f"{where}: of the outlined recurrence ({outlined_ml:.1f} mL) {found_ml:.1f} mL lie where the brain is; it was drawn in another space, or on another patient"
        )
    outside = 1.0 - float(case.brain[label].mean())
    if outside > 1.0 - MOSTLY:
        raise BadInput(f"{where}: {100 * outside:.0f} % of the label lies outside the brain; check on which image it was drawn")
    remarks = [f"{100 * outside:.0f} % of the label lies outside the brain that was found"] if outside > _SAID else []
    if slab is not None:
        unseen = 1.0 - float(slab[label].mean())
        if unseen > 1.0 - MOSTLY:
            raise BadInput(
                f"{where}: {100 * unseen:.0f} % of the label lies where the maps were not measured, so they cannot teach it"
            )
        remarks += [f"{100 * unseen:.0f} % of the label lies where the maps were not measured"] if unseen > _SAID else []
    return tuple(remarks)


def _cover_remarks(case: LearningCase, channels: Sequence[Channel], slab: Mask | None) -> tuple[str, ...]:
    """How much of the brain each map has a value in, and where that is little, how much of it the maps cover at all."""
    covered = 1.0 if slab is None else float(slab[case.brain].mean())
    remarks = []
    for channel in channels:
        valued = float(np.isfinite(case.images[channel.name][case.brain]).mean())
        if channel.quantity or valued < _THIN:
            slabs = f"; the maps cover {100 * covered:.0f} %" if channel.quantity and covered < _THIN else ""
            remarks.append(f"{valued_words(channel.name)} {100 * valued:.0f} % of the brain{slabs}")
    return tuple(remarks)


def valued_words(channel: str) -> str:
    """How the remark begins that tells how much of the brain a channel has a value in."""
    return f"{channel} has a value in"


def check_exchanged(case: LearningCase, short_te: str, long_te: str, echo_times_s: Mapping[str, float | None]) -> tuple[str, ...]:
    """Refuse a T1-weighted image and a FLAIR that stand for one another, by their echo times or, where those are not known, by brightness.

    Echo times that are right and brightness that is not make a remark: which of them errs cannot be told.
    """
    where = f"sub-{case.subject}" + (f" ses-{case.session}" if case.session else "")
    short_s, long_s = echo_times_s.get(short_te), echo_times_s.get(long_te)
    if short_s is not None and long_s is not None and short_s >= long_s:
        raise BadInput(
            f"{where}: {short_te} has an echo time of {short_s:g} s and {long_te} one of {long_s:g} s; they look exchanged, rename them"
        )
    lead = depth_lead(case, short_te, long_te)
    if not lead < _EXCHANGED:
        return ()
    words = f"{short_te} and {long_te} look exchanged: deep in the brain {long_te} is the brighter one"
    if short_s is None or long_s is None:
        raise BadInput(f"{where}: {words}; rename them, or give both an EchoTime in their sidecars if they are not")
    return (f"{words}, though their echo times are right; look at them",)


def depth_lead(case: LearningCase, one: str, other: str) -> float:
    """Logarithm of the brightness deep in the brain over that near its border, in one image less that in the other.

    Lesions and fluid are left out: brain masks hold more or less of it. NaN where there is too little brain.
    """
    steps = tuple(slice(None, None, max(1, round(_COARSE_MM / mm))) for mm in case.grid.spacing_mm)
    spacing_mm = [mm * step.step for mm, step in zip(case.grid.spacing_mm, steps, strict=True)]
    brain = case.brain[steps]
    depth_mm = ndimage.distance_transform_edt(np.pad(brain, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    usable = brain if case.enhancing is None else brain & ~case.enhancing[steps]
    images = [case.images[name][steps] for name in (one, other)]
    for image in images:
        known = image[brain & np.isfinite(image)]
        if known.size < _LEAST_VOXELS:
            return float("nan")
        usable = usable & np.isfinite(image) & (image > max(0.0, _FLUID * float(np.median(known))))
    deep, shallow = (usable & (depth_mm > low) & (depth_mm < high) for low, high in (_DEEP_MM, _SHALLOW_MM))
    if min(int(deep.sum()), int(shallow.sum())) < _LEAST_VOXELS:
        return float("nan")
    first, second = (float(np.log(np.median(image[deep]) / np.median(image[shallow]))) for image in images)
    return first - second


def check_twins(images: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse one image under two subjects: `images` gives each subject's images by name, with a SHA-256."""
    seen: dict[str, str] = {}
    for subject in sorted(images):
        for name, digest in sorted(images[subject].items()):
            other = seen.setdefault(digest, subject)
            if other != subject:
                raise BadInput(
                    f"sub-{subject} and sub-{other} have the same image, byte for byte ({name}); one patient under two names would train and be tested: remove one"
                )


def check_classes(recurs: Mapping[str, bool | None], folds: Sequence[Sequence[str]]) -> None:
    """Refuse training patients of one kind: `folds` holds who trains in each fold."""
    for number, training in enumerate(folds):
        known = {recurs[subject] for subject in training}
        if True not in known:
            raise BadInput(
                f"fold {number}: no patient who trains has a recurrence, so nothing can be learnt; add patients, or split otherwise"
            )
        if known == {True}:
            raise BadInput(
                f"fold {number}: every patient who trains has a recurrence; without patients whose tumour did not come back specificity cannot be learnt"
            )
