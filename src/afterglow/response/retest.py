"""Pairs of scans -> repeatability of a number, and the row that a rule reads."""

from collections.abc import Sequence

import numpy as np

from afterglow.kernels.repeat import (
    TWO_SCANS,
    Estimate,
    bias_estimate,
    cv_log_estimate,
    cv_rms_estimate,
    limits_of_agreement,
    sd_estimate,
)
from afterglow.records.errors import BadInput
from afterglow.records.repeat import Interval, RepeatPair, RepeatStudy
from afterglow.records.response import Repeatability


def studies_of(pairs: Sequence[RepeatPair], *, source: str) -> tuple[RepeatStudy, ...]:
    """One study for each quantity, statistic and way (plain or over the reference), in the order of their first pair.

    BadInput, with `source` in front, where there is one pair only, units are mixed, or both scans always give the same.
    """
    keys = dict.fromkeys((p.quantity, p.statistic, p.normalised) for p in pairs)
    return tuple(_study([p for p in pairs if (p.quantity, p.statistic, p.normalised) == key], source) for key in keys)


def row_of(study: RepeatStudy, *, site: str, source: str) -> Repeatability:
    """The study as a row of the repeatability table. It is its own source, so it is confirmed."""
    words = f"{source}: {study.n_pairs} pairs, wCV {100 * study.wcv.value:.1f} % ({100 * study.wcv.low:.1f} to {100 * study.wcv.high:.1f} %)"
    return Repeatability(
        study.quantity, study.normalised, site, study.wcv.value, words, confirmed=True, statistic=study.statistic,
        wcv_low=study.wcv.low, wcv_high=study.wcv.high, n_pairs=study.n_pairs,
    )  # fmt: skip


def _study(pairs: Sequence[RepeatPair], source: str) -> RepeatStudy:
    one = pairs[0]
    name = f"{one.statistic} {one.quantity}{' over the reference' if one.normalised else ''}"
    units = list(dict.fromkeys(p.unit for p in pairs))
    if len(units) > 1:
        raise BadInput(f"{source}: {name} stands there in several units ({', '.join(units)}); bring them to one")
    if len(pairs) < 2:
        raise BadInput(f"{source}: there is one pair of {name}, and a spread needs two; collect more test-retest pairs")
    first, second = (np.array([getattr(p, which) for p in pairs], dtype=np.float64) for which in ("first", "second"))
    if (first == second).all():
        raise BadInput(f"{source}: all {len(pairs)} pairs of {name} are identical, as no two scans are; look for copied values")
    wsd, wcv, rms = sd_estimate(first, second), cv_log_estimate(first, second), cv_rms_estimate(first, second)
    bias = _interval(bias_estimate(first, second))
    lower, upper = limits_of_agreement(first, second)
    row = Repeatability(one.quantity, one.normalised, "", wcv.value, source, confirmed=True)
    return RepeatStudy(
        one.quantity, one.statistic, one.normalised, one.unit, tuple(pairs),
        wsd=_interval(wsd), wcv=_interval(wcv), wcv_rms=_interval(rms), rc=_interval(wsd, TWO_SCANS), rc_percent=_interval(wcv, 277.0),
        limits_percent=row.limits_percent, bias=bias, agreement=(_interval(lower), _interval(upper)), remarks=_remarks(pairs, bias),
    )  # fmt: skip


def _interval(e: Estimate, factor: float = 1.0) -> Interval:
    return Interval(factor * e.value, factor * e.low, factor * e.high)


def _remarks(pairs: Sequence[RepeatPair], bias: Interval) -> tuple[str, ...]:
    said = []
    if bias.low > 0 or bias.high < 0:
        way = "higher" if bias.value > 0 else "lower"
        said.append(f"the second scan is {way} on average by more than chance gives; the spread holds this bias")
    people = len({p.participant_id for p in pairs})
    if people < len(pairs):
        said.append(
            f"{len(pairs)} pairs come from {people} people; lesions of one person are not independent, and the intervals too narrow"
        )
    return tuple(said)
