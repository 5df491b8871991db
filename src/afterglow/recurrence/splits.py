"""Who trains and who is tested: by subject, drawn with a seed, the same for every model."""

from collections.abc import Mapping, Sequence

import numpy as np

from afterglow.records.errors import BadInput
from afterglow.records.recurrence import Fold, Splits


def temporal_splits(recurs: Mapping[str, bool], test: Sequence[str], *, folds: int, seed: int, column: str) -> Splits:
    """The test set is told by a column; the others are in `folds` folds, each with its share of recurrences.

    BadInput where either set is empty or too small for the folds.
    """
    unknown = sorted(set(test) - set(recurs))
    if unknown:
        raise BadInput(f"sub-{unknown[0]} is to be tested and has no case")
    learning = {subject: back for subject, back in recurs.items() if subject not in set(test)}
    if not test or not learning:
        raise BadInput(
            f"the column {column} of participants.tsv puts {len(learning)} patients into training and {len(test)} into the test; both need some"
        )
    made = _folds(learning, folds, np.random.default_rng(seed))
    return Splits("temporal", made, tuple(sorted(test)), seed, f"column {column} of participants.tsv; folds by recurrence")


def k_fold_splits(recurs: Mapping[str, bool], *, folds: int, test_share: float, seed: int) -> Splits:
    """Folds with equal shares of recurrences; a test set of `test_share` of each kind is drawn first. BadInput where there are too few."""
    rng = np.random.default_rng(seed)
    test: list[str] = []
    if test_share > 0:
        for back in (True, False):
            mine = _shuffled([subject for subject, found in recurs.items() if found is back], rng)
            test += mine[: round(test_share * len(mine))]
    learning = {subject: back for subject, back in recurs.items() if subject not in set(test)}
    return Splits("k-fold", _folds(learning, folds, rng), tuple(sorted(test)), seed, "recurrence")


def _folds(recurs: Mapping[str, bool], folds: int, rng: np.random.Generator) -> tuple[Fold, ...]:
    """Recurrences are dealt out first, the others go on where they stopped: sizes differ by one at most, and so do shares."""
    if len(recurs) < 2 * folds:
        raise BadInput(f"{len(recurs)} patients to learn from are too few for {folds} folds; ask for fewer folds")
    dealt = [one for back in (True, False) for one in _shuffled([s for s, found in recurs.items() if found is back], rng)]
    held = [tuple(sorted(dealt[k::folds])) for k in range(folds)]
    everybody = sorted(recurs)
    return tuple(Fold(tuple(one for one in everybody if one not in out), out) for out in held)


def _shuffled(subjects: Sequence[str], rng: np.random.Generator) -> list[str]:
    """In an order that depends on the names and the seed, not on the order in which they came."""
    ordered = sorted(subjects)
    return [ordered[n] for n in rng.permutation(len(ordered))]
