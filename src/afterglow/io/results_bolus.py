"""Bolus curves, region loops and arterial input of a visit as plain values for its JSON and its tables, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.write import write_tsv
from afterglow.records.bolus import BolusCurve, RateCurve, RegionLoop
from afterglow.records.maps import Aif

_ACQ = {"gradient": "GE", "spin": "SE"}
_NUMBERS = ("mti", "mti_error", "nmti", "probability_negative")


def write_boluses(out: Path, subject: str, session: str, boluses: tuple[BolusCurve, ...]) -> tuple[Written, ...]:
    """perf/sub-01_ses-01_acq-GE_label-artery_bolus.tsv and the like, a table for each curve."""
    written: tuple[Written, ...] = ()
    for one in boluses:
        entities = {"sub": subject, "ses": session, "acq": _ACQ[one.echo], "label": one.vessel}
        path = exam_folder(out, subject, session) / "perf" / bids_name(entities, "bolus", ".tsv")
        rows = [{"time_s": float(t), "rate_per_s": float(r)} for t, r in zip(one.times_s, one.rate_per_s, strict=True)]
        rate = "dR2*" if one.echo == "gradient" else "dR2"
        words = {"time_s": "Time on the clock of that series in s", "rate_per_s": f"{rate} in the {one.vessel} in 1/s"}
        written += write_tsv(path, rows, words)
    return written


def plain_bolus(one: BolusCurve) -> dict[str, object]:
    return {
        "vessel": one.vessel,
        "echo": one.echo,
        "times_s": one.times_s.tolist(),
        "rate_per_s": one.rate_per_s.tolist(),
        "origin": one.origin,
        "quality": _or_none(one.quality),
        "voxels": one.voxels.tolist(),
        "remarks": list(one.remarks),
    }


def read_bolus(content: Mapping[str, Any]) -> BolusCurve:
    return BolusCurve(
        content["vessel"],
        content["echo"],
        np.array(content["times_s"]),
        np.array(content["rate_per_s"]),
        content["origin"],
        _or_nan(content["quality"]),
        np.array(content["voxels"], dtype=np.intp).reshape(-1, 3),
        tuple(content["remarks"]),
    )


def plain_loop(one: RegionLoop) -> dict[str, object]:
    return {
        "label": one.label,
        "n_voxels": one.n_voxels,
        "ge": _plain_rates(one.ge),
        "se": _plain_rates(one.se),
        "loop_times_s": one.loop_times_s.tolist(),
        "loop_ge_per_s": one.loop_ge_per_s.tolist(),
        "loop_se_per_s": one.loop_se_per_s.tolist(),
        **{name: _or_none(getattr(one, name)) for name in _NUMBERS},
        "remark": one.remark,
    }


def read_loop(content: Mapping[str, Any]) -> RegionLoop:
    return RegionLoop(
        label=content["label"],
        n_voxels=content["n_voxels"],
        ge=_read_rates(content["ge"]),
        se=_read_rates(content["se"]),
        loop_times_s=_array(content["loop_times_s"]),
        loop_ge_per_s=_array(content["loop_ge_per_s"]),
        loop_se_per_s=_array(content["loop_se_per_s"]),
        mti=_or_nan(content["mti"]),
        mti_error=_or_nan(content["mti_error"]),
        nmti=_or_nan(content["nmti"]),
        probability_negative=_or_nan(content["probability_negative"]),
        remark=content["remark"],
    )


def _plain_rates(one: RateCurve) -> dict[str, object]:
    names = ("times_s", "measured_per_s", "corrected_per_s", "fitted_per_s")
    return {name: _listed(getattr(one, name)) for name in names}


def _read_rates(content: Mapping[str, Any]) -> RateCurve:
    found = {name: None if values is None else _array(values) for name, values in content.items()}
    times_s, measured = found["times_s"], found["measured_per_s"]
    if times_s is None or measured is None:
        raise KeyError("times_s")
    return RateCurve(times_s, measured, found["corrected_per_s"], found["fitted_per_s"])


def plain_aif(aif: Aif) -> dict[str, object]:
    return {
        "times_s": aif.times_s.tolist(),
        "plasma_mM": aif.plasma_mM.tolist(),
        "origin": aif.origin,
        "haematocrit": aif.haematocrit,
        "quality": _or_none(aif.quality),
        "voxels": aif.voxels.tolist(),
        "remarks": list(aif.remarks),
    }


def read_aif(content: Mapping[str, Any]) -> Aif:
    return Aif(
        np.array(content["times_s"]),
        np.array(content["plasma_mM"]),
        content["origin"],
        content["haematocrit"],
        _or_nan(content["quality"]),
        np.array(content["voxels"], dtype=np.intp).reshape(-1, 3),
        tuple(content["remarks"]),
    )


def _listed(values: NDArray[np.float64] | None) -> list[float | None] | None:
    return None if values is None else [_or_none(float(v)) for v in values]


def _array(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
