"""Agreement of readers on categories: share of equal calls, Cohen's kappa of two, Fleiss' kappa of several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.cohort.labelled import Codes, codes
from afterglow.cohort.measured import said, together
from afterglow.cohort.proportions import ProportionRule, proportion
from afterglow.cohort.resampling import Statistic, resample
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Values

Weights = Literal["unweighted", "linear", "quadratic"]
KappaRule = Literal["asymptotic on the inverse tanh", "asymptotic"]
Calls = Sequence[str | None]
WEIGHTS: dict[Weights, str | None] = {"unweighted": None, "linear": "linear", "quadratic": "quadratic"}


def percent_agreement(first: Calls, second: Calls, *, rule: ProportionRule = "Wilson", level: float = 0.95) -> Estimated:
    """Share of exams that both readers called alike, as a fraction; exams that one of them did not call are left out and counted."""
    rows, note = _called([first, second])
    return proportion("agreement", int(np.sum(rows[:, 0] == rows[:, 1])), len(rows), rule=rule, level=level, note=note)


def cohen_kappa(
    first: Calls,
    second: Calls,
    *,
    weights: Weights = "unweighted",
    order: Sequence[str] | None = None,
    patients: Sequence[str] | None = None,
    rule: KappaRule = "asymptotic on the inverse tanh",
    draws: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> Estimated:
    """Agreement beyond chance of two readers.

    The standard error is asymptotic (statsmodels) with exams independent; the plain interval covers too seldom near 1. With `patients`, of whom some have several exams, by
    a bootstrap of patients. Weighted kappas need `order`, the categories from one end to the other. None where both said the same
    thing throughout: then there is no chance to be beyond.
    """
    if weights not in WEIGHTS:
        raise BadInput(f"a kappa with weights {weights!r} is not known; choose {', '.join(WEIGHTS)}")
    rows, note = _called([first, second])
    categories = _categories(rows, order, needed=weights != "unweighted")
    name = "Cohen's kappa" if weights == "unweighted" else f"Cohen's kappa, {weights} weights"
    places = np.array([[categories.index(c) for c in row] for row in rows], dtype=np.intp).reshape(-1, 2)
    if len(np.unique(places)) < 2:
        why = "no exam called by both" if not len(places) else "both readers made one and the same call throughout"
        return Estimated(name, None, n=len(places), level=level, note=together(why, note))
    k = len(categories)
    if patients is not None:
        whose = codes(_kept(patients, [first, second]), len(places))
        if int(whose.max()) + 1 < len(places):
            return _drawn(name, lambda w: _kappas(places, w, k, weights), whose, len(places), draws, seed, level, note)
    return _asymptotic(name, places, k, weights, rule, level, note)


def fleiss_kappa(
    readers: Sequence[Calls], *, patients: Sequence[str] | None = None, draws: int = 2000, seed: int = 1, level: float = 0.95
) -> Estimated:
    """Agreement beyond chance of any number of readers, with an interval by a bootstrap of patients (of exams where none are given)."""
    rows, note = _called(readers)
    name = f"Fleiss' kappa, {len(readers)} readers"
    categories = _categories(rows, None, needed=False)
    if len(categories) < 2:
        why = "no exam called by all" if not len(rows) else "all readers made one and the same call throughout"
        return Estimated(name, None, n=len(rows), level=level, note=together(why, note))
    table = np.array([[np.sum(row == c) for c in categories] for row in rows], dtype=np.float64)
    whose = codes(None if patients is None else _kept(patients, readers), len(rows))
    return _drawn(name, lambda w: _fleiss(table, w), whose, len(rows), draws, seed, level, note)


def _asymptotic(name: str, places: Codes, k: int, weights: Weights, rule: KappaRule, level: float, note: str) -> Estimated:
    from scipy import stats
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.zeros((k, k))
    np.add.at(table, (places[:, 0], places[:, 1]), 1)
    with np.errstate(invalid="ignore"):  # a variance of 0 may be one of -1e-17
        found = cohens_kappa(table, wt=WEIGHTS[weights])
    value, n = float(found.kappa), len(places)
    variance = float(found.var_kappa)
    if not variance > 1e-15:
        return Estimated(
            name, value, n=n, level=level, note=together("no interval: agreement without exception shows no spread", note)
        )
    half = float(stats.norm.isf((1 - level) / 2)) * variance**0.5
    low, high = max(-1.0, value - half), min(1.0, value + half)
    if rule == "asymptotic on the inverse tanh" and abs(value) < 1:
        low, high = (float(np.tanh(np.arctanh(value) + sign * half / (1 - value**2))) for sign in (-1, 1))
    return Estimated(name, value, low, high, f"{rule}, normal, exams independent", n, level=level, note=note)


def _kappas(places: Codes, weights: Values, k: int, kind: Weights) -> Values:
    """Cohen's kappa of weighted exams: (d, n) -> (d,); NaN where chance explains all."""
    table = np.zeros((weights.shape[0], k * k))
    cell = places[:, 0] * k + places[:, 1]
    for c in np.unique(cell):
        table[:, c] = weights[:, cell == c].sum(axis=1)
    table = (table / weights.sum(axis=1, keepdims=True)).reshape(-1, k, k)
    apart = np.abs(np.arange(k)[:, None] - np.arange(k)[None]).astype(np.float64)
    penalty = {"unweighted": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}[kind]
    expected = np.einsum("di,dj,ij->d", table.sum(axis=2), table.sum(axis=1), penalty)
    seen = np.einsum("dij,ij->d", table, penalty)
    return np.where(expected > 1e-12, 1 - seen / np.where(expected > 1e-12, expected, 1), np.nan)


def _fleiss(table: Values, weights: Values) -> Values:
    """table (n, categories) of calls, weights (d, n) -> (d,)."""
    readers = table[0].sum()
    alike = (np.sum(table**2, axis=1) - readers) / (readers * (readers - 1))
    seen = weights @ alike / weights.sum(axis=1)
    share = weights @ table / (weights.sum(axis=1, keepdims=True) * readers)
    chance = np.sum(share**2, axis=1)
    return np.where(chance < 1 - 1e-12, (seen - chance) / np.where(chance < 1 - 1e-12, 1 - chance, 1), np.nan)


def _drawn(name: str, statistic: Statistic, whose: Codes, n: int, draws: int, seed: int, level: float, note: str) -> Estimated:
    drawn = resample(statistic, whose, draws=draws, seed=seed)
    low, high = drawn.interval(level=level) or (None, None)
    why = "" if low is not None else "no interval: one patient, or too few draws with two categories"
    rule = drawn.rule() if low is not None else ""
    return Estimated(name, float(drawn.observed[0]), low, high, rule, n, level=level, note=together(why, note))


def _called(readers: Sequence[Calls]) -> tuple[NDArray[np.str_], str]:
    """Calls (exams, readers) of the exams that all of them called, and a sentence about the others."""
    if len(readers) < 2:
        raise BadInput(f"agreement of {len(readers)} readers; give two or more")
    sizes = {len(r) for r in readers}
    if len(sizes) > 1:
        raise BadInput(
            f"readers called {', '.join(map(str, sorted(sizes)))} exams; give the calls of the same exams in the same order"
        )
    whole = [row for row in zip(*readers, strict=True) if None not in row]
    total = len(readers[0])
    return np.array(whole, dtype=str).reshape(-1, len(readers)), said(total - len(whole), total, "the exams")


def _kept(patients: Sequence[str], readers: Sequence[Calls]) -> list[str]:
    if len(patients) != len(readers[0]):
        raise BadInput(f"{len(patients)} patients for {len(readers[0])} exams; give one patient for each exam")
    return [p for p, row in zip(patients, zip(*readers, strict=True), strict=True) if None not in row]


def _categories(rows: NDArray[np.str_], order: Sequence[str] | None, *, needed: bool) -> list[str]:
    found = sorted({str(c) for c in rows.ravel()})
    if order is None:
        if needed and len(found) > 2:
            raise BadInput(f"a weighted kappa of {', '.join(found)} needs their order; give it from one end to the other")
        return found
    unknown = [c for c in found if c not in order]
    if unknown:
        raise BadInput(f"the call {unknown[0]!r} is not in the order {', '.join(order)}; add it or correct the call")
    return list(order)
