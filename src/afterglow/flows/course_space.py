"""The patient's own space of a course: from the anatomy of each visit, kept on disk and made again only when an image changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.align.template import VisitImage, patient_space
from afterglow.flows.begin import dynamic_series
from afterglow.flows.keys import file_entry, versions
from afterglow.flows.method import Method
from afterglow.flows.place import Place
from afterglow.flows.work import Progress
from afterglow.io.manifest import ManifestEntry, fingerprint, is_finished_on_disk, output_entry, record
from afterglow.io.transforms import read_space, write_space
from afterglow.records.series import Exam, Series
from afterglow.records.space import PatientSpace


@dataclass(frozen=True, eq=False)
class Anchor:
    """The image that a visit is laid on the other visits by."""

    session: str
    day: float
    series: Series

    @property
    def is_dynamic(self) -> bool:
        """No anatomy: the mean of the dynamic series stands in for it."""
        return self.series.times_s.size > 0

    def load(self) -> NDArray[np.float32]:
        """The image (i, j, k)."""
        data = self.series.load()
        return data.mean(axis=-1, dtype=np.float64).astype(np.float32) if self.is_dynamic else data


def anchor_of(exam: Exam, method: Method) -> Anchor:
    """The visit's anatomy as the method prefers it, else T2w or FLAIR, else the dynamic series itself."""
    spec = method.series.get("anatomy")
    for role in (*(spec.roles if spec else ()), "CE-T1w", "T1w", "T2w", "FLAIR"):
        if role in exam.series:
            return Anchor(exam.session, exam.day, exam.series[role][0])
    return Anchor(exam.session, exam.day, dynamic_series(exam, method))


def settle_space(
    place: Place, subject: str, anchors: Sequence[Anchor], method: Method, *, workers: int, progress: Progress
) -> PatientSpace | None:
    """Lay the visits of one subject on one another; None where there is only one."""
    if len(anchors) < 2:
        return None
    inputs = tuple(file_entry(place.dataset.root / one.series.source, place.dataset.root) for one in anchors)
    settings: Mapping[str, object] = {"visits": [one.session for one in anchors]}
    wanted, key = fingerprint(inputs, settings, versions()), f"sub-{subject}_space"
    if is_finished_on_disk(place.out, key, wanted):
        return read_space(place.out, subject)
    tell = lambda done, total: progress(f"sub-{subject}: visit onto visit", done, total)  # noqa: E731
    images = [VisitImage(one.session, one.load(), one.series.grid, one.series.role, None) for one in anchors]
    space = patient_space(images, workers=workers, progress=tell)
    outputs = tuple(output_entry(one, place.out) for one in write_space(place.out, subject, space))
    entry = ManifestEntry(key, "done", method.name, wanted, inputs, outputs, settings, versions(), methods_text=space.method)
    record(place.out, entry)
    return space
