"""How well quantities repeat: one row each, by site, with where the number stands and whether it was read there.

A number that was only remembered has no row. Where a row is not confirmed, the sentence of a call says so.
"""

import math
from collections.abc import Sequence

from afterglow.records.response import LIMIT_FACTOR, Change, Repeatability

_RCBV_TABLE = (
    "Prah 2015, AJNR, Table 2 (newly diagnosed glioblastoma scanned twice, correction for leakage; "
    "other ways of computing rCBV give .24 to .67 normalised and .13 to .20 standardised)"
)

REPEATABILITY: tuple[Repeatability, ...] = (
    Repeatability(
        quantity="ktrans",
        normalised=False,
        site="brain",
        wcv=0.077,
        source="QIBA DCE profile, brain: a change of 21.3 % is real with 95 % confidence",
        confirmed=False,
    ),
    Repeatability(
        quantity="ktrans",
        normalised=True,
        site="brain",
        wcv=0.109,
        source="root two times the wCV of Ktrans in brain (QIBA), as if lesion and reference varied alike and apart",
        confirmed=False,
    ),
    # Table 2 was read: nRCBV by CTI has wCV .31 and RC 1.78 (1.44 to 2.34); the interval of the wCV is that of the RC, scaled.
    Repeatability("cbv", True, "brain", 0.31, _RCBV_TABLE, confirmed=True, wcv_low=0.251, wcv_high=0.408),
    Repeatability("rcbv", False, "brain", 0.31, _RCBV_TABLE, confirmed=True, wcv_low=0.251, wcv_high=0.408),
    # sRCBV by CTI: wCV .18, RC 3869 (3121 to 5093).
    Repeatability("srcbv", False, "brain", 0.18, _RCBV_TABLE, confirmed=True, wcv_low=0.145, wcv_high=0.237),
    Repeatability(
        quantity="adc",
        normalised=False,
        site="brain",
        wcv=0.0289,
        source="QIBA ADC profile, proposed update (RSNA 2024, PMC11537247, abstract): a change above 8 % of the mean ADC of a "
        "brain lesion is real with 95 % confidence",
        confirmed=True,
        statistic="mean",
    ),
    Repeatability(
        quantity="volume",
        normalised=False,
        site="spine",
        wcv=0.0394,
        source="pubmed 34392364, abstract: a minimum detectable difference of 10.9 % in the volume of spinal metastases, read "
        "here as a repeatability coefficient",
        confirmed=False,
    ),
)


def repeatability_of(
    rows: Sequence[Repeatability], *, quantity: str, normalised: bool, site: str, statistic: str
) -> Repeatability | None:
    """The row for that number: one of its own statistic before one for any; None where neither is there."""
    fitting = [r for r in rows if (r.quantity, r.normalised, r.site) == (quantity, normalised, site)]
    own = [r for r in fitting if r.statistic == statistic]
    return next(iter([*own, *(r for r in fitting if not r.statistic)]), None)


def with_own(own: Sequence[Repeatability], rows: Sequence[Repeatability] = REPEATABILITY) -> tuple[Repeatability, ...]:
    """The table with a site's own rows in it: where a site measured a quantity itself, the published rows of it go."""
    measured = {(r.quantity, r.normalised, r.site) for r in own}
    return (*own, *(r for r in rows if (r.quantity, r.normalised, r.site) not in measured))


def change_in_rc(before: float, now: float, spread: Repeatability, *, kind: Change) -> float | None:
    """The change in repeatability coefficients, with its sign: beyond 1 (or -1) repeating alone explains it in 1 of 20 pairs.

    A change in per cent is compared in per cent, or with logarithms where the limits are asymmetric. A difference is
    compared with the coefficient at the value before. None where that is not above zero, or for a rule without a change.
    """
    if kind == "none" or before <= 0:
        return None
    if kind == "percent" and spread.is_asymmetric:
        return math.log(now / before) / (LIMIT_FACTOR * spread.log_sd) if now > 0 else None
    return (now / before - 1) * 100 / spread.rc_percent
