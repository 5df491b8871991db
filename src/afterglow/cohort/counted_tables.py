"""The exact test of a table of any size: every table with the same margins, counted through column by column.

Columns are filled one after another; what matters of those filled is how much of each row is left and how likely they were.
Equal states are counted once (the idea of Mehta and Patel's network, without its bounds), so that tables with millions of
sisters stay quick. Beyond a limit tables are drawn instead.
"""

import math
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import gammaln

from afterglow.records.errors import BadInput
from afterglow.records.statistic import Values

Counts = NDArray[np.int64]
State = dict[tuple[int, ...], tuple[Counts, Values]]  # left in each row -> log likelihoods in SAME steps, and their weights
STATES = 3_000_000  # states that may be made of one column
WAY = 10  # what finding one way to fill a column costs, in states
SAME = 1e-11  # log likelihoods nearer than this are one
CLOSE = 1e-7  # a table this little more likely than the one seen counts as equally likely, as in R and scipy


class MonteCarlo(NamedTuple):
    """P from drawn tables, the one seen counted among them, with its standard error."""

    p: float
    error: float
    draws: int
    seed: int


def table_of(table: ArrayLike) -> Counts:
    """A table of whole, non-negative counts with two rows and columns or more; BadInput else."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or min(counts.shape) < 2:
        raise BadInput(f"a table of counts has two rows and two columns or more, not the shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise BadInput("a table of counts holds whole numbers from zero up; give the numbers of patients, not per cent")
    return counts.astype(np.int64)


def exact_p(table: Counts, *, seed: int, draws: int) -> float | MonteCarlo:
    """P of the tables with the same margins that are no more likely than this one; by counting, or by drawing where too many."""
    table = table[:, np.argsort(-table.sum(axis=0))]
    if table.shape[0] > table.shape[1]:
        table = table.T
    limit = _log_weight(table) + CLOSE
    columns = table.sum(axis=0).tolist()
    states: State = {tuple(sorted(table.sum(axis=1).tolist())): (np.zeros(1, dtype=np.int64), np.ones(1))}
    for column in columns[:-1]:
        following = _fill(states, column)
        if following is None:
            return _drawn(table, limit, seed=seed, draws=draws)
        states = following
    constant, p = _log_constant(table), 0.0
    for left, (steps, weights) in states.items():  # what is left of each row is the last column
        logs = steps * SAME + _log_factorials(left)
        likely = logs <= limit
        p += float((weights[likely] * np.exp(logs[likely] + constant)).sum())
    return min(1.0, p)


def _fill(states: State, column: int) -> State | None:
    """The states after one more column; None where there would be too many."""
    following: dict[tuple[int, ...], list[tuple[Counts, Values]]] = {}
    kept = 0
    for left, (steps, weights) in states.items():
        if WAY * math.prod(min(k, column) + 1 for k in left[:-1]) > STATES:
            return None
        for key, log, times in _ways(left, column):
            following.setdefault(key, []).append((steps + round(log / SAME), weights * times))
            kept += steps.size + WAY
        if kept > STATES:
            return None
    return {key: _merged(parts) for key, parts in following.items()}


def _merged(parts: list[tuple[Counts, Values]]) -> tuple[Counts, Values]:
    steps, where = np.unique(np.concatenate([s for s, _ in parts]), return_inverse=True)
    summed = np.bincount(where, weights=np.concatenate([w for _, w in parts]), minlength=steps.size)
    return steps, np.asarray(summed, dtype=np.float64)


def _ways(left: tuple[int, ...], column: int) -> list[tuple[tuple[int, ...], float, int]]:
    """Each way to spread a column over the rows: what is then left (sorted), log of 1 over the factorials, how many such ways."""
    found = []
    room = [*np.cumsum(left[::-1])[::-1].tolist(), 0]

    def spread(row: int, rest: int, taken: tuple[int, ...]) -> None:
        if row == len(left):
            found.append((tuple(sorted(a - b for a, b in zip(left, taken, strict=True))), round(_log_factorials(taken), 12)))
            return
        for here in range(max(0, rest - room[row + 1]), min(left[row], rest) + 1):
            spread(row + 1, rest - here, (*taken, here))

    spread(0, column, ())
    return [(*key, len(list(same))) for key, same in groupby(sorted(found, key=itemgetter(0, 1)))]


def _log_factorials(counts: tuple[int, ...]) -> float:
    return -sum(math.lgamma(k + 1) for k in counts)


def _log_weight(table: Counts) -> float:
    return -float(gammaln(table + 1).sum())


def _log_constant(table: Counts) -> float:
    margins = np.concatenate([table.sum(axis=0), table.sum(axis=1)])
    return float(gammaln(margins + 1).sum() - gammaln(table.sum() + 1))


def _drawn(table: Counts, limit: float, *, seed: int, draws: int) -> MonteCarlo:
    rng = np.random.default_rng(seed)
    tables = stats.random_table(table.sum(axis=1), table.sum(axis=0)).rvs(draws, random_state=rng)
    as_unlikely = int((-gammaln(tables + 1).sum(axis=(1, 2)) <= limit).sum())
    p = (as_unlikely + 1) / (draws + 1)
    return MonteCarlo(p, math.sqrt(p * (1 - p) / draws), draws, seed)
