"""Colours and the range that a picture shows; the range is always said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from afterglow.records.quantity import Quantity
from afterglow.records.result import ExamResult
from afterglow.report.figures.scene import check_grids
from afterglow.report.words import shown_in, symbol_of, unit_after

_DARK_DIVERGING = LinearSegmentedColormap.from_list(
    "dark_diverging", ["#b8ecff", "#3fa7f0", "#1c5fb0", "#1a2c4a", "#1c1c1f", "#4d1c1a", "#b83224", "#f2803a", "#ffe0a3"]
)
_TABLES: dict[str, Colormap] = {
    "perfusion": matplotlib.colormaps["inferno"],
    "relaxation": matplotlib.colormaps["cividis"],
    "diverging": _DARK_DIVERGING,
    "error": matplotlib.colormaps["magma"],
}
_FILLS_TOO_LITTLE = 0.4  # a region whose bright end lies below this part of the usual range would look black
_NO_USUAL_RANGE = ("{relative}", "s-5/2", "{plane}")  # they grow with dose and echo time, MTI with CBV^(5/2): no range is usual


@dataclass(frozen=True)
class Window:
    """Range and colours of one picture, and the sentence that says where the range comes from."""

    low: float
    high: float
    colours: Colormap
    said: str
    factor: float = 1.0  # of the numbers beside the colours, where the unit is printed scaled


def _nice(value: float) -> float:
    """Rounded up to 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten, so that the colour bar ends on a round number."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def _finite(array: NDArray[Any]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(array, dtype=np.float64)
    return values[np.isfinite(values)]


def window_of(quantity: Quantity, region: NDArray[Any], *, called: str, whole: NDArray[Any] | None = None) -> Window:
    """The usual range of the quantity, unless the region of interest (any shape) would be lost in it or burst it.

    Then the range ends at the 98th percentile of the region, which the sentence calls by that name.
    Diverging quantities keep zero in the middle. A quantity without a usual range (relative units) always ends there, or at
    the 90th percentile of the `whole` map where that is more, so that a dark lesion does not make the brain burst.
    """
    colours = _TABLES[quantity.colours]
    around_zero = quantity.colours == "diverging"
    low, high = quantity.display
    high = max(abs(low), abs(high)) if around_zero else high
    values = np.abs(_finite(region)) if around_zero else _finite(region)
    reason, percentile = "usual range", f"98th percentile of {called}"
    bright = float(np.percentile(values, 98)) if values.size else 0.0
    if quantity.unit in _NO_USUAL_RANGE:
        high, reason = _own_range(high, bright, _finite([] if whole is None else np.abs(whole)), percentile)
    elif values.size and (bright > high or (not around_zero and max(low, 0.0) < bright < low + _FILLS_TOO_LITTLE * (high - low))):
        high, reason = _nice(bright) if around_zero else min(_nice(bright), quantity.sane[1]), percentile
    low = -high if around_zero else low
    return Window(low, high, colours, _said(quantity, low, high, reason), shown_in(quantity.unit))


def _own_range(usual: float, bright: float, whole: NDArray[np.float64], percentile: str) -> tuple[float, str]:
    """End of the range of a quantity without a usual one, and where it comes from."""
    ordinary = float(np.percentile(whole, 90)) if whole.size else 0.0
    if max(bright, ordinary) <= 0:
        return usual, "nothing was measured"
    return (_nice(bright), percentile) if bright >= ordinary else (_nice(ordinary), "90th percentile of the map")


def windows_of(exams: Sequence[ExamResult]) -> dict[str, Window]:
    """One window for each quantity, the same at all visits: what grew or faded does so in the pictures too.

    The region of interest is every lesion of every visit; all of the map where a visit has no lesion.
    GridMismatch where the parts of a visit lie on different grids.
    """
    regions: dict[str, tuple[Quantity, list[NDArray[np.float32]], list[NDArray[np.float32]]]] = {}
    for exam in exams:
        check_grids(exam)
        inside = np.zeros(exam.grid.shape, dtype=np.bool_)
        for lesion in exam.lesions:
            inside |= lesion.mask
        for found in exam.maps:
            values = found.values[inside] if inside.any() else found.values.ravel()
            _, inner, whole = regions.setdefault(found.quantity.name, (found.quantity, [], []))
            inner.append(values)
            whole.append(found.values.ravel())
    called = "the lesion" if any(lesion.mask.any() for exam in exams for lesion in exam.lesions) else "the map"
    return {
        name: window_of(quantity, np.concatenate(inner), called=called, whole=np.concatenate(whole))
        for name, (quantity, inner, whole) in regions.items()
    }


def difference_window(quantity: Quantity, change: NDArray[Any], region: NDArray[np.bool_]) -> Window:
    """A range around zero that holds 98 % of the change in the region; half of the usual range where the region is empty."""
    values = _finite(change[region])
    bright = float(np.percentile(np.abs(values), 98)) if values.size else 0.0
    high, reason = (_nice(bright), "98th percentile of the lesion") if bright > 0 else (
        (quantity.display[1] - quantity.display[0]) / 2, "half of the usual range"
    )  # fmt: skip
    said = _said(quantity, -high, high, reason, change=True)
    return Window(-high, high, _DARK_DIVERGING, said, shown_in(quantity.unit))


def _said(quantity: Quantity, low: float, high: float, reason: str, *, change: bool = False) -> str:
    """ "ADC 0 to 3 × 10⁻³ mm²/s (usual range)"."""
    factor = shown_in(quantity.unit)
    what = f"change of {symbol_of(quantity.name)}" if change else symbol_of(quantity.name)
    return f"{what} {low * factor:g} to {high * factor:g}{unit_after(quantity.unit)} ({reason})"


def grey_range(backdrop: NDArray[Any]) -> tuple[float, float]:
    """Black and white of an anatomy: 1st to 99.9th percentile of what is finite and not zero."""
    values = _finite(backdrop)
    values = values[values != 0]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (1.0, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def dimmed(grey: tuple[float, float]) -> tuple[float, float]:
    """Anatomy under a map: half as bright, so that voxels without a value do not outshine those with one."""
    low, high = grey
    return low, low + 2 * (high - low)


def tables_of(windows: Sequence[Window]) -> tuple[Colormap, ...]:
    """The colour tables in use, each once; the usual one where there is none."""
    used = {window.colours.name: window.colours for window in windows}
    return tuple(used.values()) or (_TABLES["perfusion"],)
