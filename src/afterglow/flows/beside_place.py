"""Where spectra lie. They have no contrast to be registered by: what the scanner took right before or after them shares their frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.regions import to_image
from afterglow.flows.work import Work
from afterglow.records.alignment import Alignment, QualityLine

_DAY_S = 86_400.0
_TELL_APART_S = 1.0  # times that were blanked are all alike, and tell nothing
_UNKNOWN = (
    "no AcquisitionTime tells which image was taken beside them; if the patient moved in between, they lie off by that much: "
    "name that image in [mrs] lies_with"
)


@dataclass(frozen=True, eq=False)
class SpectraPlace:
    """How a point of the spectra (RAS mm) comes to the DCE, as registrations of the visit, and in words."""

    to_dce: NDArray[np.float64]
    to_anatomy: NDArray[np.float64]
    alignments: tuple[Alignment, ...]
    line: QualityLine


def spectra_place(work: Work, spec: SpectraBeside, source: str) -> SpectraPlace:
    """The registration of the image that lies beside the spectra `source`: the one the method names, else the nearest in time.

    Without either they lie where their header puts them against the anatomy, which is said.
    """
    ways = _ways(work)
    named = next((name for name in spec.lies_with if name in ways), None)
    if named is not None:
        return _placed(work, source, ways[named], f"with {named}, as the method says")
    near = _nearest(work, source, tuple(ways))
    if near is not None:
        name, apart_s = near
        words = f"with {name}, whose acquisition began {apart_s / 60:.0f} min from theirs"
        return _placed(work, source, ways[name], words)
    missing = f"{', '.join(spec.lies_with)} could not be registered; " if spec.lies_with else ""
    anatomy = work.series("anatomy")
    to_dce = np.linalg.inv(to_image(anatomy[0], work)).astype(np.float64) if anatomy else np.eye(4)
    line = QualityLine("place of the spectra", "where their header puts them against the anatomy", "note", f"{missing}{_UNKNOWN}")
    return SpectraPlace(to_dce, np.eye(4), (), line)


def _ways(work: Work) -> dict[str, NDArray[np.float64]]:
    """By the method's name of a series: a point as the scanner had it at that series -> the DCE."""
    trusted = {name: one.matrix for name, one in work.alignments.items() if one.trusted}
    return {"dce": np.eye(4), **{name: np.asarray(np.linalg.inv(matrix), dtype=np.float64) for name, matrix in trusted.items()}}


def _nearest(work: Work, source: str, names: tuple[str, ...]) -> tuple[str, float] | None:
    """The series taken nearest in time, and how far from it in s; None where times do not tell one."""
    when = work.exam.acquired_s
    if source not in when:
        return None
    apart: dict[str, float] = {}
    for name in names:
        first = work.dynamic if name == "dce" else next(iter(work.series(name)), None)
        if first is not None and first.source in when:
            seconds = abs(when[first.source] - when[source])
            apart[name] = min(seconds, _DAY_S - seconds)
    ranked = sorted(apart.items(), key=lambda one: one[1])
    if not ranked or (len(ranked) > 1 and ranked[1][1] - ranked[0][1] < _TELL_APART_S):
        return None
    return ranked[0]


def _placed(work: Work, source: str, to_dce: NDArray[np.float64], words: str) -> SpectraPlace:
    remark = f"taken to lie {words}"
    made = [Alignment(work.source, source, to_dce, (), True, remark)]
    anatomy = work.series("anatomy")
    to_anatomy = compose(to_dce, to_image(anatomy[0], work)) if anatomy else np.eye(4)
    if anatomy:
        made.append(Alignment(anatomy[0].source, source, to_anatomy, (), True, remark))
    line = QualityLine("place of the spectra", words, "ok")
    return SpectraPlace(to_dce, to_anatomy, tuple(made), line)
