"""Where a DSC protocol departs from the consensus for gliomas: said, never refused.

Boxerman and others, doi:10.1093/neuonc/noaa141: a flip angle of 60 degrees after a full preload, or 30 degrees without one; at 3 T an
echo time of 20 to 35 ms. The lines on repetition time and length are this project's own: what timing and leakage need.
"""

from collections.abc import Collection

import numpy as np

from afterglow.records.alignment import QualityLine
from afterglow.records.protocol import Epi
from afterglow.records.series import Series

_FLIP_DEG, _TE_S, _LONGEST_TR_S, _LENGTH_S = 65.0, (0.020, 0.035), 1.55, 100.0
_FIELD_T = 2.5  # from here on the consensus for 3 T is meant


def consensus_lines(series: Series) -> tuple[QualityLine, ...]:
    """Lines on flip angle, echo time, repetition time and length of one series."""
    protocol = series.protocol
    if not isinstance(protocol, Epi):
        return ()
    short = "GE" if protocol.echo == "gradient" else "SE"
    length_s = float(series.times_s[-1] - series.times_s[0])
    step_s = float(np.median(np.diff(series.times_s)))
    lines = [
        _line(
            short,
            "frames",
            f"{series.times_s.size}, one each {step_s:.2f} s, {length_s:.0f} s in all",
            length_s >= _LENGTH_S,
            "shorter than 100 s: leakage is hardly told from blood volume",
        )
    ]
    if protocol.echo == "gradient":
        lines.append(
            _line(
                short,
                "flip angle",
                f"{protocol.flip_deg:g} degrees",
                protocol.flip_deg <= _FLIP_DEG,
                "more T1 weighting than the consensus (60 degrees after a preload, 30 without): leakage matters more",
            )
        )
        if protocol.field_t is not None and protocol.field_t >= _FIELD_T:
            low, high = _TE_S
            lines.append(
                _line(
                    short,
                    "echo time",
                    f"{1e3 * protocol.te_s:.0f} ms",
                    low <= protocol.te_s <= high,
                    "the consensus at 3 T is 20 to 35 ms",
                )
            )
    lines.append(
        _line(
            short,
            "repetition time",
            f"{protocol.tr_s:.2f} s",
            protocol.tr_s <= _LONGEST_TR_S,
            "longer than 1.5 s: timing, and with it the sign of MTI, and CBF suffer",
        )
    )
    return tuple(lines)


def preload_line(names: Collection[str], one_injection: bool) -> QualityLine:
    """What is known of a preload: only that there are two injections, since series do not record what went before them."""
    two = len(names) > 1 and not one_injection
    found = "the bolus of the other series, if that was the earlier one" if two else "none recorded"
    return QualityLine(
        "preload", found, "note", "without a preload T1 leakage is large at flip angles above 30 degrees, and in the spin echo"
    )


def _line(short: str, what: str, found: str, good: bool, advice: str) -> QualityLine:
    return QualityLine(f"{short}: {what}", found, "ok" if good else "note", "" if good else advice)
