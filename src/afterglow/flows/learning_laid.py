"""A visit laid on one grid: every channel, brain, enhancing tumour, and where it came back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.align.common_grid import isotropic_grid, laid_known, laid_mask
from afterglow.align.near import register_series
from afterglow.align.resample import compose
from afterglow.flows.learning_brain import found_brain
from afterglow.flows.learning_checks import exchanged
from afterglow.flows.learning_labels import LabelFound, Mask, Matrix, image_of, label_of
from afterglow.flows.learning_visit import VisitBefore, without_folders
from afterglow.flows.work import Drawn, Progress, silent
from afterglow.io.learning_maps import check_map_file
from afterglow.io.results import read_exam_result
from afterglow.records.errors import AfterglowError, BadInput, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.recurrence import Channel, LearningCase
from afterglow.records.result import ExamResult
from afterglow.records.series import Series
from afterglow.recurrence.checks import check_case

_IDENTITY: Matrix = np.eye(4)
_RUN = "run"  # the name of the way to the grid of the maps


def case_of(visit: VisitBefore, *, label_needed: bool, progress: Progress = silent) -> LearningCase:
    """The case of a visit that was opened."""
    progress(f"sub-{visit.exam.subject}: one grid", 0, 1)
    result = _finished(visit)
    ways = _ways(visit, result)
    anatomy, spec = visit.anatomy, visit.spec
    native = anatomy.load()
    brain, told = _brain(visit, native, ways)
    grid = isotropic_grid(anatomy.grid, brain, spacing_mm=spec.spacing_mm, margin_mm=spec.around_mm)
    images = {one.name: _channel(visit, result, one, native, grid, ways) for one in visit.channels}
    inside = _lay([one for one in visit.drawn if one.label == "brain"], grid, ways)
    inside = laid_mask(brain, anatomy.grid, grid, _IDENTITY) if inside is None else inside
    enhancing = _lay([one for one in visit.drawn if one.label == "lesion"], grid, ways, part="enhancing")
    found = _label(visit, grid, ways, needed=label_needed)
    sources = {one.path: one.sha256 for one in visit.inputs}
    subject, session = visit.exam.subject, visit.exam.session
    made = LearningCase(subject, session, grid, images, inside, found.mask, enhancing, sources)
    slab = None
    if visit.maps and result is not None:
        slab = laid_mask(np.ones(result.grid.shape, dtype=bool), result.grid, grid, ways[_RUN])
    try:
        remarks = check_case(made, visit.channels, outlined_ml=found.outlined_ml, slab=slab)
    except BadInput as error:
        if label_needed or made.label is None:
            raise
        made = replace(made, label=None)
        remarks = (f"label: left out, {error}", *check_case(made, visit.channels, slab=slab))
    return replace(made, remarks=(*told, *visit.absent, *found.remarks, *remarks, *exchanged(made, visit)))


def laid_beside(visit: VisitBefore, grid: Grid) -> dict[str, NDArray[np.float32]]:
    """Maps that no model reads on the grid of a case, by the name of their channel: all of the visit's that are maps of its run."""
    result = _finished(visit)
    ways = _ways(visit, result)
    return {one.name: _map(visit, result, one, grid, ways) for one in visit.channels if one.quantity}


def _label(visit: VisitBefore, grid: Grid, ways: Mapping[str, Matrix], *, needed: bool) -> LabelFound:
    """Where the tumour came back. What is wrong with it stops nobody who only wants to predict: it is left out, and said."""
    try:
        return label_of(visit, grid, ways, needed=needed)
    except AfterglowError as error:
        if needed:
            raise
        return LabelFound(None, (f"label: left out, {without_folders(visit.place, str(error))}",))


def _finished(visit: VisitBefore) -> ExamResult | None:
    """The run of the visit; None where there is none, which matters only where a channel is a map. BadInput where another method made it."""
    if not visit.is_run:
        return None
    result = read_exam_result(visit.place.out, visit.exam.subject, visit.exam.session).result
    if result.method != visit.method.name:
        raise BadInput(
            f"{visit.where}: its run was made by the method {result.method}, not {visit.method.name}; run it again into another folder"
        )
    return result


def _ways(visit: VisitBefore, result: ExamResult | None) -> dict[str, Matrix]:
    """From a point of the anatomy's space (RAS mm) to each image that is used, by its source: the run's own registrations, composed."""
    anatomy = visit.anatomy
    known = {} if result is None else {one.source: one for one in result.alignments}
    own = known.get(anatomy.source)
    if own is not None and not own.trusted:
        raise BadInput(f"{visit.where}: {anatomy.source} could not be laid on the maps ({own.remark}); leave the patient out")
    to_run: Matrix = _IDENTITY if own is None else np.asarray(np.linalg.inv(own.matrix), dtype=np.float64)
    ways = {anatomy.source: _IDENTITY, _RUN: to_run}
    for series in _used(visit):
        found = known.get(series.source)
        if series.source in ways:
            continue
        if series.times_s.size:
            ways[series.source] = to_run
        elif found is not None and found.trusted:
            ways[series.source] = compose(to_run, found.matrix)
        else:
            ways[series.source] = _laid(series, anatomy)
    return ways


def _used(visit: VisitBefore) -> list[Series]:
    """Images that are channels, or that something was drawn on."""
    channels = [visit.exam.series[one.name][0] for one in visit.channels if not one.quantity]
    outlined = [image_of(one, visit.exam) for one in visit.recurrence]
    return [*channels, *(one.on for one in visit.drawn), *(one for one in outlined if one is not None)]


def _laid(series: Series, anatomy: Series) -> Matrix:
    """A registration that the run did not make."""
    found = register_series(series.load(), series.grid, anatomy.load(), anatomy.grid, names=(series.source, anatomy.source))
    if not found.trusted:
        raise BadInput(f"{series.source}: it could not be laid on {anatomy.source} ({found.remark}); leave the patient out")
    return found.matrix


def _lay(drawn: Sequence[Drawn], grid: Grid, ways: Mapping[str, Matrix], part: str = "") -> Mask | None:
    """All of these outlines on a grid, or that part of each which has it; None where there is none."""
    if not drawn:
        return None
    whole = np.zeros(grid.shape, dtype=bool)
    for one in drawn:
        mask = next((found for kind, found in one.parts if kind == part), one.mask)
        whole |= laid_mask(mask, one.on.grid, grid, ways[one.on.source])
    return whole


def _brain(visit: VisitBefore, image: NDArray[np.float32], ways: Mapping[str, Matrix]) -> tuple[Mask, tuple[str, ...]]:
    """The brain on the anatomy: an outline that is given, or found by the average brain and by brightness."""
    grid = visit.anatomy.grid
    given = _lay([one for one in visit.drawn if one.label == "brain"], grid, ways)
    if given is not None and given.any():
        return given, ("brain: a given outline",)
    lesion = _lay([one for one in visit.drawn if one.label == "lesion"], grid, ways)
    try:
        found, told = found_brain(image, grid, lesion, name=visit.anatomy.role)
    except MissingInput as error:
        raise MissingInput(f"{visit.where}: {error}; give a label-brain mask") from None
    return found, (told,)


def _channel(
    visit: VisitBefore,
    result: ExamResult | None,
    channel: Channel,
    native: NDArray[np.float32],
    grid: Grid,
    ways: Mapping[str, Matrix],
) -> NDArray[np.float32]:
    """One image or map on the grid, resampled once."""
    if not channel.quantity:
        series = visit.exam.series[channel.name][0]
        return laid_known(native if series is visit.anatomy else series.load(), series.grid, grid, ways[series.source])
    return _map(visit, result, channel, grid, ways)


def _map(
    visit: VisitBefore, result: ExamResult | None, channel: Channel, grid: Grid, ways: Mapping[str, Matrix]
) -> NDArray[np.float32]:
    """One map of the run on the grid."""
    found = (
        None if result is None else next((e for e in (result, *result.beside) if e.map_of(channel.quantity) is not None), None)
    )
    one = None if found is None else found.map_of(channel.quantity)
    if found is None or one is None:
        raise MissingInput(f"{visit.where}: the channel {channel.name} is missing: its run has no map of {channel.quantity}")
    check_map_file(
        visit.maps[channel.quantity], visit.place.out, visit.exam.subject, visit.exam.session, channel.quantity, one.grid
    )
    return laid_known(one.values, one.grid, grid, _to_maps(visit, found, ways))


def _to_maps(visit: VisitBefore, found: ExamResult, ways: Mapping[str, Matrix]) -> Matrix:
    """The way to the maps of a run, or of what it quantified beside its first series, which has registrations of its own."""
    own = next((one for one in found.alignments if one.source == visit.anatomy.source and one.trusted), None)
    return ways[_RUN] if own is None else np.asarray(np.linalg.inv(own.matrix), dtype=np.float64)
