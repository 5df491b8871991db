"""Fitted spectra as plain fields of a JSON file, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isnan, nan
from typing import Any

import numpy as np

from afterglow.records.grid import Grid
from afterglow.records.spectra import FittedPeak, FittedSpectrum

_CURVES = ("ppm", "measured", "fitted", "baseline")


def plain_spectrum(label: str, one: FittedSpectrum) -> dict[str, object]:
    """A labelled spectrum; NaN as null."""
    return {
        "label": label,
        "voxel": list(one.voxel),
        "centre_mm": list(one.centre_mm),
        **{name: [float(f"{value:.6g}") for value in getattr(one, name)] for name in _CURVES},
        "peaks": [{name: _none(value) for name, value in asdict(peak).items()} for peak in one.peaks],
        "ratios": [[symbol, _none(value), _none(error)] for symbol, value, error in one.ratios],
        "least": [[symbol, _none(value)] for symbol, value in one.least],
        "snr": _none(one.snr),
        "width_hz": _none(one.width_hz),
        "broadening_hz": one.broadening_hz,
        "status": one.status,
    }


def read_spectrum(content: Mapping[str, Any]) -> tuple[str, FittedSpectrum]:
    """What `plain_spectrum` made."""
    i, j, k = content["voxel"]
    x, y, z = content["centre_mm"]
    ppm, measured, fitted, baseline = (np.array(content[name], dtype=np.float64) for name in _CURVES)
    return content["label"], FittedSpectrum(
        (i, j, k),
        (x, y, z),
        ppm,
        measured,
        fitted,
        baseline,
        tuple(FittedPeak(**{name: _nan(value) for name, value in peak.items()}) for peak in content["peaks"]),
        tuple((symbol, _nan(value), _nan(error)) for symbol, value, error in content["ratios"]),
        tuple((symbol, _nan(value)) for symbol, value in content["least"]),
        _nan(content["snr"]),
        _nan(content["width_hz"]),
        content["broadening_hz"],
        content["status"],
    )


def plain_grid(grid: Grid) -> dict[str, object]:
    """Shape and affine."""
    return {"shape": list(grid.shape), "affine": grid.affine.tolist()}


def read_grid(content: Mapping[str, Any]) -> Grid:
    """What `plain_grid` made."""
    i, j, k = content["shape"]
    return Grid((i, j, k), np.array(content["affine"]))


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value


def _nan(value: Any) -> Any:
    return nan if value is None else value
