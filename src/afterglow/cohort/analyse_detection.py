"""Analysis of detection: marks of readers or programs against the lesions that turned out positive."""

from collections.abc import Sequence

from afterglow.cohort.detection import MarkedExam, froc, froc_sensitivities
from afterglow.cohort.part import Part, Sides, file_name
from afterglow.records.group import LinePlot
from afterglow.records.mark import DetectionMark
from afterglow.records.statistic import Estimated, PlainCurve


def analyse_detection(
    name: str, sides: Sides, marks: Sequence[DetectionMark], false_marks: Sequence[float], *, seed: int = 1
) -> Part:
    """FROC of each reader over the exams that have a case; a mark on a lesion that is not positive is a false mark.

    An exam without a mark counts as looked at and left empty.
    """
    exams: dict[tuple[str, str], list[str]] = {}
    for case in sides.cases:
        lesions = exams.setdefault((case.participant_id, case.session_id), [])
        if case.positive:
            lesions.append(case.lesion_id)
    inside = [mark for mark in marks if (mark.participant_id, mark.session_id) in exams]
    cautions = [f"{name}: an exam without a mark counts as looked at and left empty"]
    if len(inside) < len(marks):
        cautions.append(f"{name}: {len(marks) - len(inside)} marks lie in exams without a case and are not used")
    if not any(exams.values()):
        return Part(name, cautions=(*cautions, f"{name}: no case is {sides.positive}: there is nothing to find"))
    readers = sorted({mark.reader for mark in marks}) or [""]
    curves: list[PlainCurve] = []
    families: list[tuple[str, tuple[Estimated, ...]]] = []
    for reader in readers:
        marked = _marked(exams, [mark for mark in inside if mark.reader == reader])
        said = reader or "marks"
        curves.append(froc(marked, name=said, seed=seed))
        families.append((f"{name}: {said}", froc_sensitivities(marked, at=tuple(false_marks), seed=seed)))
    picture = LinePlot(file_name(name), (("", tuple(curves)),), kind="froc")
    return Part(name, families[0][1][-1:], tuple(families), pictures=(picture,), cautions=tuple(cautions))


def _marked(exams: dict[tuple[str, str], list[str]], marks: Sequence[DetectionMark]) -> list[MarkedExam]:
    own: dict[tuple[str, str], list[tuple[float, str | None]]] = {key: [] for key in exams}
    for mark in marks:
        key = mark.participant_id, mark.session_id
        hit = mark.lesion_id if mark.lesion_id in exams[key] else None
        own[key].append((mark.score, hit))
    return [MarkedExam(key[0], tuple(lesions), tuple(own[key])) for key, lesions in exams.items()]
