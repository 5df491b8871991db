"""How a dynamic series was made, in words that two visits are compared by."""

from afterglow.records.protocol import Epi, Protocol, Spgr
from afterglow.records.series import Series

_NOT_STATED = "not stated"


def acquired(series: Series) -> tuple[tuple[str, str], ...]:
    """Scanner, protocol, frames, voxels, agent and dose of a dynamic series, each with its unit in its name."""
    injection = series.injection
    times_s = series.times_s
    step_s = float(times_s[-1] - times_s[0]) / max(1, times_s.size - 1)
    return (
        ("the scanner", series.scanner or _NOT_STATED),
        *_protocol(series.protocol),
        ("the time between frames (s)", f"{step_s:.2g}"),
        ("the voxel size (mm)", " x ".join(f"{s:.2g}" for s in series.grid.spacing_mm)),
        ("the contrast agent", _word(injection.agent if injection else None)),
        ("the dose (mmol/kg)", _number(injection.dose_mmol_kg if injection else None)),
    )


def _protocol(protocol: Protocol) -> tuple[tuple[str, str], ...]:
    match protocol:
        case Spgr() | Epi():
            return (
                ("the field strength (T)", _number(protocol.field_t)),
                ("the repetition time (ms)", _number(1000 * protocol.tr_s)),
                ("the echo time (ms)", _number(None if protocol.te_s is None else 1000 * protocol.te_s)),
                ("the flip angle (degrees)", _number(protocol.flip_deg)),
            )
        case _:
            return ()


def _number(value: float | None) -> str:
    return _NOT_STATED if value is None else f"{value:.3g}"


def _word(value: str | None) -> str:
    return _NOT_STATED if value is None else value
