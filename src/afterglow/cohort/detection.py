"""Detection of lesions: FROC, the share of lesions found over the false marks for each exam, with its band by patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afterglow.cohort.labelled import Codes, codes
from afterglow.cohort.resampling import Resampled, resample
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, PlainCurve, Values

ASKED = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false marks for each exam


@dataclass(frozen=True)
class MarkedExam:
    """What a reader or a program marked in one exam. A mark hits a lesion by its id, or none (None): a false mark."""

    patient_id: str
    lesions: tuple[str, ...]  # ids of the true lesions, found or not
    marks: tuple[tuple[float, str | None], ...]  # score, lesion hit

    def __post_init__(self) -> None:
        if len(set(self.lesions)) < len(self.lesions):
            raise BadInput(f"patient {self.patient_id}: a lesion stands twice among the true ones; give each an id of its own")
        for score, lesion in self.marks:
            if not np.isfinite(score):
                raise BadInput(f"patient {self.patient_id}: a mark with a score of {score:g}; give each mark a number")
            if lesion is not None and lesion not in self.lesions:
                raise BadInput(f"patient {self.patient_id}: a mark hits lesion {lesion!r}, which is not among the true ones")


def froc(exams: Sequence[MarkedExam], *, name: str = "FROC", draws: int = 2000, seed: int = 1, level: float = 0.95) -> PlainCurve:
    """Share of lesions found over false marks for each exam, at each score; a lesion marked twice counts once, by its best mark.

    The band is pointwise, of the share at the same number of false marks. BadInput without exams or without lesions.
    """
    parts = _parts(exams)
    false, found = (v[0] for v in _points(parts, np.ones((1, len(exams)))))
    drawn = resample(lambda w: _shares(parts, w, false), parts.patients, draws=draws, seed=seed)
    low, high = _ends(drawn, level)
    words = f"false marks for each exam ({len(exams)} exams)", f"share of lesions found ({int(parts.lesions.sum())} lesions)"
    return PlainCurve(name, false, found, *words, low, high, len(exams), drawn.rule() if low is not None else "")


def froc_sensitivities(
    exams: Sequence[MarkedExam], *, at: Sequence[float] = ASKED, draws: int = 2000, seed: int = 1, level: float = 0.95
) -> tuple[Estimated, ...]:
    """Share of lesions found with at most as many false marks for each exam as asked, and last the mean of these shares."""
    parts = _parts(exams)
    asked = np.asarray(at, dtype=np.float64)
    if not asked.size or (asked < 0).any():
        raise BadInput("false marks for each exam are numbers from 0 on; give one or more")

    def shares(weights: Values) -> Values:
        each = _shares(parts, weights, asked)
        return np.column_stack([each, each.mean(axis=1)])

    drawn = resample(shares, parts.patients, draws=draws, seed=seed)
    names = [f"share of lesions found at {v:g} false marks for each exam" for v in asked] + ["mean share of lesions found"]
    out = []
    for k, name in enumerate(names):
        low, high = drawn.interval(k, level=level) or (None, None)
        words = "" if low is not None else "no interval: one patient"
        rule = drawn.rule() if low is not None else ""
        out.append(Estimated(name, float(drawn.observed[k]), low, high, rule, len(exams), level=level, note=words))
    return tuple(out)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Marks in falling order of score: whose exam each is, and whether it finds a lesion first or is false (else it adds nothing)."""

    exam: Codes
    finds: Values
    false: Values
    last_of_score: Codes  # where a score ends
    lesions: Values  # (exams,)
    patients: Codes  # (exams,)


def _parts(exams: Sequence[MarkedExam]) -> _Parts:
    if not sum(len(e.lesions) for e in exams):
        raise BadInput(f"{len(exams)} exams without a lesion; a share of lesions found needs some")
    rows = []
    for k, exam in enumerate(exams):
        best = {lesion: max(s for s, hit in exam.marks if hit == lesion) for _, lesion in exam.marks if lesion is not None}
        rows += [(score, k, 1.0, 0.0) for score in best.values()]
        rows += [(score, k, 0.0, 1.0) for score, lesion in exam.marks if lesion is None]
    table = np.array(sorted(rows, key=lambda row: -row[0])).reshape(-1, 4)
    ends = np.flatnonzero(np.append(np.diff(table[:, 0]) != 0, True)) if len(table) else np.empty(0, dtype=np.intp)
    return _Parts(
        table[:, 1].astype(np.intp), table[:, 2], table[:, 3], ends.astype(np.intp),
        np.array([len(e.lesions) for e in exams], dtype=np.float64), codes([e.patient_id for e in exams], len(exams)),
    )  # fmt: skip


def _points(parts: _Parts, weights: Values) -> tuple[Values, Values]:
    """weights (d, exams) -> false marks for each exam and share of lesions found, (d, scores + 1); NaN in a draw without lesions."""
    each = weights[:, parts.exam]
    lesions, exams = weights @ parts.lesions, weights.sum(axis=1)
    start = np.zeros((weights.shape[0], 1))
    false, found = (
        np.concatenate([start, np.cumsum(each * kind, axis=1)[:, parts.last_of_score]], axis=1)
        for kind in (parts.false, parts.finds)
    )
    whole = np.where(lesions > 0, lesions, np.nan)[:, None]
    return false / exams[:, None], found / whole


def _shares(parts: _Parts, weights: Values, at: Values) -> Values:
    """Share found with at most `at` false marks for each exam: steps, nothing between them. (d, at)"""
    rows = [
        found[np.searchsorted(false, at + 1e-12, side="right") - 1] for false, found in zip(*_points(parts, weights), strict=True)
    ]
    return np.array(rows)


def _ends(drawn: Resampled, level: float) -> tuple[Values | None, Values | None]:
    whole = drawn.drawn[~np.isnan(drawn.drawn).any(axis=1)]
    if drawn.n_patients < 2 or not whole.size:
        return None, None
    low, high = np.quantile(whole, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
