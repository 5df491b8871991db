"""What a chosen cutoff, or a marker chosen among several, reaches in patients that did not choose it.

Apparent: chosen and tested on the same rows. Cross-validated: chosen in the other folds, patients never split; where several markers
compete, the choice among them is made again inside each fold (nested). .632+: errors of bootstrap choices in the patients left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.cohort.confusion import Confusion, metric
from afterglow.cohort.cutoff import SAME_ROWS, balanced_error, called_at, youden_cutoffs
from afterglow.cohort.labelled import Flags, Labelled, recoded
from afterglow.cohort.measured import together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated


@dataclass(frozen=True)
class Optimism:
    """Youden index on the rows that chose the cutoff, and in patients that did not; the difference is the optimism."""

    apparent: Estimated
    cross_validated: Estimated  # of the calls that each patient got from the other folds
    point632: Estimated
    counts: Confusion  # of the cross-validated calls, the first repeat
    chosen: tuple[tuple[str, int], ...]  # how often each marker was chosen in the folds of all repeats

    @property
    def optimism(self) -> float | None:
        found = self.apparent.value, self.cross_validated.value
        return None if found[0] is None or found[1] is None else found[0] - found[1]


def cutoff_optimism(
    samples: Labelled | Sequence[Labelled],
    *,
    folds: int = 5,
    repeats: int = 20,
    draws: int = 200,
    seed: int = 1,
    level: float = 0.95,
) -> Optimism:
    """One marker, or several on the same exams (`label_together`) of which the largest Youden index in the inner folds is taken.

    Folds hold whole patients, those with a positive exam dealt evenly. The interval of the cross-validated index is none: folds
    share their patients. BadInput for markers of different exams.
    """
    markers = [samples] if isinstance(samples, Labelled) else list(samples)
    first = _same(markers)
    rule = f"{'nested ' if len(markers) > 1 else ''}cross-validation, {folds} folds of patients, {repeats} repeats, seed {seed}"
    why = first.lacking or _too_few(first, folds)
    if why:
        nothing = Estimated("Youden index", None, n=first.truth.size, level=level, note=together(why, first.words))
        return Optimism(nothing, nothing, nothing, Confusion(0, 0, 0, 0), ())
    rng = np.random.default_rng(seed)
    every = np.ones(first.truth.size, dtype=bool)
    best = max(range(len(markers)), key=lambda k: _index(markers[k], every))
    counts, picks = _cross_validated(markers, folds, repeats, rng)
    values = [1 - 2 * balanced_error(c) for c in counts]
    apparent = metric(called_at(markers[best], _cutoff(markers[best], every)), "youden", level=level)
    note = together(SAME_ROWS, "marker chosen too" if len(markers) > 1 else "")
    names = tuple((m.name, picks.count(k)) for k, m in enumerate(markers))
    n = first.truth.size
    return Optimism(
        Estimated("Youden index, apparent", apparent.value, n=n, level=level, note=note),
        Estimated("Youden index, cross-validated", float(np.mean(values)), n=n, level=level, note=together(rule, first.words)),
        _point632(markers, folds, draws, rng, level, seed), counts[0], names,
    )  # fmt: skip


def _cross_validated(
    markers: Sequence[Labelled], folds: int, repeats: int, rng: np.random.Generator
) -> tuple[list[Confusion], list[int]]:
    """Counts of each repeat, and which marker each fold chose."""
    counts, picks = [], []
    for _ in range(repeats):
        total = np.zeros(4, dtype=int)
        for test in deal(markers[0], folds, rng):
            pick = _pick(markers, ~test, folds, rng)
            picks.append(pick)
            total += _tested(markers[pick], ~test, test)
        counts.append(Confusion(*(int(v) for v in total)))
    return counts, picks


def _pick(markers: Sequence[Labelled], train: Flags, folds: int, rng: np.random.Generator) -> int:
    """The marker with the largest cross-validated index among the training exams."""
    if len(markers) == 1:
        return 0
    inner = [_part(m, train) for m in markers]
    parts = list(deal(inner[0], folds, rng))
    scores = []
    for one in inner:
        total = sum((_tested(one, ~test, test) for test in parts), np.zeros(4, dtype=int))
        scores.append(1 - 2 * balanced_error(Confusion(*(int(v) for v in total))))
    return int(np.nanargmax(scores)) if not np.isnan(scores).all() else 0


def _point632(
    markers: Sequence[Labelled], folds: int, draws: int, rng: np.random.Generator, level: float, seed: int
) -> Estimated:
    """Efron and Tibshirani's .632+ of the balanced error, whose value without information is a half; given as a Youden index."""
    first = markers[0]
    total, n = np.zeros(4, dtype=int), first.n_patients
    for _ in range(draws):
        drawn = rng.integers(0, n, n)
        times = np.bincount(drawn, minlength=n)[first.patients]
        train = times > 0
        if not _both(first, train) or train.all():
            continue
        pick = _pick(markers, train, folds, rng)
        total += _tested(markers[pick], train, ~train, times)
    every = np.ones(first.truth.size, dtype=bool)
    apparent = min(balanced_error(called_at(m, _cutoff(m, every))) for m in markers)
    outside = min(balanced_error(Confusion(*(int(v) for v in total))), 0.5)
    name, words = "Youden index, .632+", f".632+ bootstrap of patients, {draws} draws, seed {seed}"
    if np.isnan(outside):
        return Estimated(name, None, n=first.truth.size, level=level, note="no draw left both kinds of exams out")
    over = (outside - apparent) / (0.5 - apparent) if outside > apparent and apparent < 0.5 else 0.0
    weight = 0.632 / (1 - 0.368 * over)
    return Estimated(name, 1 - 2 * ((1 - weight) * apparent + weight * outside), n=first.truth.size, level=level, note=words)


def deal(sample: Labelled, folds: int, rng: np.random.Generator) -> Iterator[Flags]:
    """The exams of each fold: patients dealt in random order, those with a positive exam first."""
    positive = np.bincount(sample.patients, weights=sample.truth, minlength=sample.n_patients) > 0
    order = rng.permutation(sample.n_patients)
    order = order[np.argsort(~positive[order], kind="stable")]
    fold = np.empty(sample.n_patients, dtype=np.intp)
    fold[order] = np.arange(order.size) % folds
    for k in range(folds):
        yield fold[sample.patients] == k


def _tested(sample: Labelled, train: Flags, test: Flags, times: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
    """TP, FP, TN, FN in the test exams at the cutoff of the training exams; `times`, how often each counts in training."""
    if not _both(sample, train) or not test.any():
        return np.zeros(4, dtype=np.intp)
    counts = called_at(_part(sample, test), _cutoff(sample, train, times))
    return np.array([counts.tp, counts.fp, counts.tn, counts.fn], dtype=np.intp)


def _cutoff(sample: Labelled, among: Flags, times: NDArray[np.intp] | None = None) -> float:
    weights = among.astype(np.float64) if times is None else np.where(among, times, 0).astype(np.float64)
    return float(youden_cutoffs(sample, weights[None])[0, 0])


def _index(sample: Labelled, among: Flags) -> float:
    return float(np.nan_to_num(youden_cutoffs(sample, among.astype(np.float64)[None])[0, 1], nan=-1.0))


def _part(sample: Labelled, kept: Flags) -> Labelled:
    return Labelled(
        sample.name, sample.values[kept], sample.truth[kept], recoded(sample.patients[kept]), sample.higher_is_positive
    )


def _both(sample: Labelled, among: Flags) -> bool:
    return bool((sample.truth & among).any() and (~sample.truth & among).any())


def _too_few(sample: Labelled, folds: int) -> str:
    groups = min(np.unique(sample.patients[kind]).size for kind in (sample.truth, ~sample.truth))
    if folds < 2:
        raise BadInput(f"a cross-validation of {folds} folds; give 2 or more")
    return f"{groups} patients with exams of one kind for {folds} folds: too few to cross-validate" if groups < folds else ""


def _same(markers: Sequence[Labelled]) -> Labelled:
    if not markers:
        raise BadInput("no marker to choose a cutoff of; give one or more")
    for other in markers[1:]:
        if not (np.array_equal(other.truth, markers[0].truth) and np.array_equal(other.patients, markers[0].patients)):
            raise BadInput(f"{markers[0].name} and {other.name} are not of the same exams; `label_together` makes them so")
    return markers[0]
