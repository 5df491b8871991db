"""Maps that no model reads, laid on the grid of a case: what they are worth alone stands beside the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.learning_laid import laid_beside
from afterglow.flows.learning_visit import open_before, spec_of, without_folders
from afterglow.flows.method import Method
from afterglow.flows.place import Place
from afterglow.records.errors import AfterglowError
from afterglow.records.recurrence import Channel, LearningCase


@dataclass(frozen=True, eq=False)
class MapsBeside:
    """Such maps of one patient, those that the run has; `remarks` say why none could be read."""

    channels: tuple[Channel, ...] = ()
    images: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # channel -> (i, j, k) of the case's grid
    sources: Mapping[str, str] = field(default_factory=dict)  # file, relative to the output folder -> SHA-256
    remarks: tuple[str, ...] = ()


def maps_beside(place: Place, case: LearningCase, method: Method) -> MapsBeside:
    """Read them of the finished run. Nothing here stops a prediction: what cannot be read is a remark."""
    wanted = spec_of(method).maps_beside
    if not wanted:
        return MapsBeside()
    try:
        visit = open_before(place, case.subject, case.session, method, wanted, maps_needed=False)
        images = laid_beside(visit, case.grid)
    except AfterglowError as error:
        return MapsBeside(remarks=(f"beside the models: {without_folders(place, str(error))}",))
    there = tuple(one for one in wanted if one.name in images)
    names = {path.relative_to(place.out).as_posix() for path in visit.maps.values()}
    sources = {one.path: one.sha256 for one in visit.inputs if one.path in names}
    return MapsBeside(there, images, sources)
