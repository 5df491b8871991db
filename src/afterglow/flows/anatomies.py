"""The anatomies of one visit laid on its CE-T1w, as outlining a lesion needs them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.align.near import register_series
from afterglow.align.resample import resample
from afterglow.flows.work import Progress
from afterglow.lesions.look import Images
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.series import Exam, Series

LESION_ROLES = ("CE-T1w", "T1w", "T2w", "FLAIR")


@dataclass(frozen=True, eq=False)
class Anatomies:
    """The images that a lesion is outlined by, all on the grid of CE-T1w, and what was left out."""

    grid: Grid
    volumes: Mapping[str, NDArray[np.float32]]  # by role, on the grid of CE-T1w
    sources: Mapping[str, str]
    remarks: tuple[str, ...]

    @property
    def images(self) -> Images:
        return Images(self.volumes["CE-T1w"], self.volumes.get("T1w"), self.volumes.get("T2w"), self.volumes.get("FLAIR"))


def read_anatomies(exam: Exam, progress: Progress) -> Anatomies:
    """CE-T1w, and what else there is laid on it; an image that cannot be laid on it is left out with a remark."""
    post = _one(exam, "CE-T1w")
    if post is None:
        where = f"sub-{exam.subject} ses-{exam.session}" if exam.session else f"sub-{exam.subject}"
        raise MissingInput(f"{where}: an outline needs a contrast-enhanced T1w image (anat/*_ce-*_T1w), and there is none")
    fixed = post.load()
    volumes, sources, remarks = {"CE-T1w": fixed}, {"CE-T1w": post.source}, []
    for role in LESION_ROLES[1:]:
        series = _one(exam, role)
        if series is None:
            continue
        progress(f"laying {role} on CE-T1w", 0, 1)
        moving = series.load()
        alignment = register_series(moving, series.grid, fixed, post.grid, names=(series.source, post.source))
        if not alignment.trusted:
            remarks.append(f"{role} was not used: {alignment.remark}")
            continue
        volumes[role] = np.asarray(resample(moving, series.grid, post.grid, alignment.matrix), np.float32)
        sources[role] = series.source
    return Anatomies(post.grid, volumes, sources, tuple(remarks))


def _one(exam: Exam, role: str) -> Series | None:
    """The only series of that role; the first, in the order of names, where there are several."""
    found = exam.series.get(role, ())
    return found[0] if found else None
