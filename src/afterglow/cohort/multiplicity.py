"""Several tests of one family: P adjusted for their number."""

from collections.abc import Sequence
from dataclasses import replace

from afterglow.records.errors import BadInput
from afterglow.records.statistic import Tested

ADJUSTMENTS = {
    "holm": ("holm", "Holm"),
    "bonferroni": ("bonferroni", "Bonferroni"),
    "benjamini-hochberg": ("fdr_bh", "Benjamini-Hochberg, false discovery rate"),
}


def adjusted(tests: Sequence[Tested], how: str = "holm") -> tuple[Tested, ...]:
    """The tests with P adjusted for all of the family that were made; those without a P neither count nor change."""
    if how not in ADJUSTMENTS:
        raise BadInput(f"no adjustment {how!r}; there are {', '.join(ADJUSTMENTS)}")
    method, words = ADJUSTMENTS[how]
    made = [t.p for t in tests if t.p is not None]
    if not made:
        return tuple(tests)
    from statsmodels.stats.multitest import multipletests

    others = iter(multipletests(made, method=method)[1].tolist())
    rule = f"{words}, {len(made)} tests"
    return tuple(t if t.p is None else replace(t, p_adjusted=min(1.0, next(others)), adjusted_by=rule) for t in tests)
