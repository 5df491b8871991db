"""Where the tumour came back, on the grid of a case: outlined before treatment, or at a later visit and carried back."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.align.common_grid import laid_mask
from afterglow.align.near import register_series
from afterglow.align.resample import compose
from afterglow.align.template import VisitImage, patient_space
from afterglow.flows.learning_visit import VisitBefore
from afterglow.flows.method_recurrence import ANATOMY_ROLES
from afterglow.flows.visit import role_patterns
from afterglow.io.exam import read_exam
from afterglow.io.learning_labels import LabelOutline, read_label_outline
from afterglow.records.errors import BadInput, GridMismatch, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.series import Exam, Series

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
SHIFT = "a brain shifts after surgery, most where much was taken out, and no rigid registration follows that"


class LabelFound(NamedTuple):
    """The label (None: not known) and how it is known; `lost_ml` of the outline lie outside the grid."""

    mask: Mask | None
    remarks: tuple[str, ...]
    outlined_ml: float = 0.0


def label_of(visit: VisitBefore, grid: Grid, ways: Mapping[str, Matrix], *, needed: bool) -> LabelFound:
    """The label of a visit on `grid`; `ways` takes a point of the case (RAS mm) to each anatomy of the visit, by its source.

    MissingInput where it is needed and cannot be known; BadInput where outline and outcome contradict one another.
    """
    spec = visit.spec.label
    back = any(one in spec.came_back for one in visit.outcomes)
    away = not back and any(one in spec.stayed_away for one in visit.outcomes)
    if visit.recurrence:
        found = _outlined(visit, grid, ways)
        _agree(visit, found, back=back, away=away)
        return found
    if away:
        return LabelFound(np.zeros(grid.shape, dtype=bool), (f"label: none, by the outcome {_said(visit, spec.stayed_away)}",))
    if back and visit.later and spec.carried_back:
        return _carried(visit, grid)
    if not needed:
        return LabelFound(None, ())
    if not back:
        raise MissingInput(
            f"{visit.where}: no outcome is known ({', '.join(visit.outcomes) or 'none in phenotype/outcomes.tsv'})"
        )
    raise MissingInput(
        f"{visit.where}: the tumour came back and where is not outlined; draw label-{spec.outline} on an image of this visit, or of the one that shows it"
    )


def _outlined(visit: VisitBefore, grid: Grid, ways: Mapping[str, Matrix]) -> LabelFound:
    """All outlines of the visit itself, each through the way of the image that it was drawn on."""
    whole, outlined_ml = np.zeros(grid.shape, dtype=bool), 0.0
    for outline in visit.recurrence:
        on, mask = drawn_on(outline, visit.exam), read_label_outline(outline)
        outlined_ml += float(np.count_nonzero(mask)) * on.grid.voxel_ml
        whole |= laid_mask(mask, on.grid, grid, ways[on.source])
    names = ", ".join(one.path.name for one in visit.recurrence)
    return LabelFound(whole, (f"label: outlined before treatment ({names})",), outlined_ml)


def _agree(visit: VisitBefore, found: LabelFound, *, back: bool, away: bool) -> None:
    drawn = found.outlined_ml > 0
    if (drawn and away) or (not drawn and back):
        what = "holds a recurrence" if drawn else "is empty"
        raise BadInput(
            f"{visit.recurrence[0].path}: it {what} and the outcome is {_said(visit, visit.outcomes)}; correct one of the two"
        )


def _said(visit: VisitBefore, words: Sequence[str]) -> str:
    return " and ".join(repr(one) for one in visit.outcomes if one in words)


def drawn_on(outline: LabelOutline, exam: Exam) -> Series:
    """The anatomy that an outline was drawn on. GridMismatch where there is none."""
    on = image_of(outline, exam)
    if on is None:
        known = "; ".join(f"{one.source}: {one.grid}" for one in _anatomies(outline, exam))
        raise GridMismatch(
            f"{outline.path}: its grid ({outline.image.grid}) is that of no image it could be drawn on ({known}); resample the mask onto one of them"
        )
    return on


def image_of(outline: LabelOutline, exam: Exam) -> Series | None:
    """The anatomy that its name says, else the first with its grid."""
    return next((one for one in _anatomies(outline, exam) if one.grid.same_as(outline.image.grid)), None)


def _anatomies(outline: LabelOutline, exam: Exam) -> list[Series]:
    named = [outline.space] if outline.space in exam.series else []
    roles = [*named, *(role for role in ANATOMY_ROLES if role not in named)]
    return [one for role in roles for one in exam.series.get(role, ())]


def _carried(visit: VisitBefore, grid: Grid) -> LabelFound:
    """The earliest later outline, through the rigid registration of the two visits. BadInput where that is not trusted."""
    session, outlines = visit.later[0]
    exam = read_exam(visit.place.dataset, visit.exam.subject, session, role_patterns(visit.method))
    role = next((one for one in (visit.spec.space, *ANATOMY_ROLES) if one in exam.series), None)
    if role is None:
        raise MissingInput(f"{visit.where}: ses-{session} has no anatomy, so its outline cannot be carried back")
    anchor, here = exam.series[role][0], visit.anatomy
    images = [
        VisitImage(visit.exam.session, here.load(), here.grid, here.role),
        VisitImage(session, anchor.load(), anchor.grid, anchor.role),
    ]
    space = patient_space(images)
    way = space.between(visit.exam.session, session)
    if way is None:
        raise BadInput(
            f"{visit.where}: ses-{session} could not be laid on it, so its outline was not carried back ({'; '.join(space.flags)})"
        )
    whole, outlined_ml = np.zeros(grid.shape, dtype=bool), 0.0
    for outline in outlines:
        on, mask = drawn_on(outline, exam), read_label_outline(outline)
        outlined_ml += float(np.count_nonzero(mask)) * on.grid.voxel_ml
        whole |= laid_mask(mask, on.grid, grid, compose(way, _within(anchor, on)))
    if not outlined_ml:
        raise BadInput(
            f"{outlines[0].path}: it is empty and the outcome is {_said(visit, visit.outcomes)}; correct one of the two"
        )
    quality = dict(space.pairs[0].quality)
    numbers = ", ".join(f"{words} {quality[name]:.1f} mm" for name, words in _QUALITY if name in quality)
    remark = f"label: outlined at ses-{session} and carried back by rigid registration" + (f" ({numbers})" if numbers else "")
    return LabelFound(whole, (remark, f"caution: {SHIFT}"), outlined_ml)


_QUALITY = (("forward_backward_mm", "forward and backward apart"), ("halves_apart_mm", "halves of the head apart"))


def _within(anchor: Series, on: Series) -> Matrix:
    """From a point of a later visit's anatomy to the image that was drawn on."""
    if on.source == anchor.source:
        return np.eye(4)
    found = register_series(on.load(), on.grid, anchor.load(), anchor.grid, names=(on.source, anchor.source))
    if not found.trusted:
        raise BadInput(
            f"{on.source}: it could not be laid on {anchor.source}, so its outline was not carried back ({found.remark})"
        )
    return found.matrix
