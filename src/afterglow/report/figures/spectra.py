"""Spectra of voxels with their fit, side by side, and where they lie."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from afterglow.records.document import Figure
from afterglow.records.grid import Grid
from afterglow.records.spectra import FittedSpectrum
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    LESION_INK,
    LESION_ON_IMAGE,
    OTHER_INKS,
    PAGE_INCHES,
    REFERENCE_INK,
    REFERENCE_ON_IMAGE,
    SMALL_PT,
    TEXT_PT,
    box,
    dress_plot,
    finished,
    plain,
    sheet,
    write,
)
from afterglow.report.words import number

HEIGHT_INCHES = 4.75
HEAD_INCHES = 0.9
FOOT_INCHES = 0.55
MAP_INCHES = 2.5
RESIDUAL_INCHES = 0.6
GAP_INCHES = 0.65
PPM = (4.2, 0.5)
_INKS = (LESION_INK, REFERENCE_INK, *OTHER_INKS)
_ON_IMAGE = (LESION_ON_IMAGE, REFERENCE_ON_IMAGE)
NamedSpectrum = tuple[str, FittedSpectrum]  # label and spectrum


def spectra_figure(
    spectra: Sequence[NamedSpectrum], grid: Grid, *, name: str, anatomy: tuple[NDArray[np.float32], Grid] | None = None
) -> Figure | None:
    """Each voxel's spectrum with fit, baseline and residual under one scale; on the anatomy (i, j, k) where the voxels lie.

    `grid` is that of the spectra. None where there are none; the first two are drawn.
    """
    if not spectra:
        return None
    drawn = spectra[:2]
    figure = sheet(PAGE_INCHES, HEIGHT_INCHES)
    left = 0.55
    room = PAGE_INCHES - 0.15 - left - (MAP_INCHES + 0.35 if anatomy is not None else 0.0)
    width = (room - GAP_INCHES * (len(drawn) - 1)) / len(drawn)
    limits = _limits([one for _, one in drawn])
    for n, (label, one) in enumerate(drawn):
        _panel(figure, left + n * (width + GAP_INCHES), width, label, one, _INKS[n], limits)
    if anatomy is not None:
        place = box(figure, PAGE_INCHES - MAP_INCHES - 0.1, HEAD_INCHES, MAP_INCHES, MAP_INCHES)
        _place(place, [one for _, one in drawn], grid, *anatomy)
    return finished(figure, name=name, caption=_caption(drawn), alt=_alt(drawn))


def _limits(spectra: Sequence[FittedSpectrum]) -> tuple[float, float]:
    """One scale for all, from what was measured between the ends of the axis."""
    seen = [one.measured[(one.ppm >= PPM[1]) & (one.ppm <= PPM[0])] for one in spectra]
    low, high = min(float(s.min()) for s in seen), max(float(s.max()) for s in seen)
    room = (high - low) or 1.0
    return low - 0.05 * room, high + 0.2 * room


def _panel(
    figure: Sheet, left_in: float, width_in: float, label: str, one: FittedSpectrum, ink: str, limits: tuple[float, float]
) -> None:
    """Title, spectrum, residual underneath on the same scale, and the numbers."""
    write(figure, left_in, 0.08, plain(label), size_pt=TEXT_PT + 1, colour=ink)
    write(figure, left_in, 0.29, _numbers(one), size_pt=SMALL_PT + 0.3)
    write(figure, left_in, 0.46, _signals(one), size_pt=SMALL_PT + 0.3)
    write(figure, left_in, 0.63, _quality(one), size_pt=SMALL_PT, colour=FAINT_INK)
    height = HEIGHT_INCHES - HEAD_INCHES - FOOT_INCHES - RESIDUAL_INCHES
    upper = box(figure, left_in, HEAD_INCHES, width_in, height)
    upper.plot(one.ppm, one.measured, color=FAINT_INK, linewidth=0.9, label="measured")
    if np.isfinite(one.fitted).all():
        upper.plot(one.ppm, one.fitted, color=ink, linewidth=1.6, label="fit")
        upper.plot(one.ppm, one.baseline, color=ink, linewidth=0.8, linestyle=(0, (4, 2)), label="baseline")
    dress_plot(upper, "", "signal")
    upper.set_xlim(*PPM)
    upper.set_ylim(*limits)
    upper.tick_params(labelbottom=False)
    upper.set_yticks([0])  # the unit means nothing; both panels share one scale
    _label_peaks(upper, one, limits)
    _legend(upper)
    lower = box(figure, left_in, HEAD_INCHES + height, width_in, RESIDUAL_INCHES)
    if np.isfinite(one.fitted).all():
        lower.plot(one.ppm, one.measured - one.fitted, color=FAINT_INK, linewidth=0.7)
    lower.axhline(0, color="#94a3b8", linewidth=0.6)
    dress_plot(lower, "chemical shift [ppm]", "residual")
    lower.set_xlim(*PPM)
    half = (limits[1] - limits[0]) * RESIDUAL_INCHES / height / 2
    lower.set_ylim(-half, half)
    lower.set_yticks([0])


def _label_peaks(axes: Axes, one: FittedSpectrum, limits: tuple[float, float]) -> None:
    """The name of each line above what was measured there; Cho and Cr keep apart."""
    for peak in one.peaks:
        near = np.abs(one.ppm - peak.ppm) < 0.12
        top = float(np.max(one.measured[near])) if near.any() else 0.0
        aside = {"Cho": "right", "Cr": "left"}.get(peak.name, "center")
        axes.axvline(peak.ppm, color="#cbd5e1", linewidth=0.7, zorder=0)
        axes.text(
            peak.ppm, max(top, 0.0) + 0.03 * (limits[1] - limits[0]), peak.name, ha=aside, va="bottom", fontsize=SMALL_PT + 0.5, color=INK
        )  # fmt: skip


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left", fontsize=SMALL_PT, frameon=True, framealpha=0.85, edgecolor="none", handlelength=1.4, labelspacing=0.2,
        labelcolor=INK, borderpad=0.2,
    )  # fmt: skip


def _signal(signal: float, crlb_percent: float) -> str:
    if not math.isfinite(signal):
        return "not fitted"
    return f"{number(signal)} ± {crlb_percent:.0f} %" if crlb_percent < 100 else f"{number(signal)} (not detected)"


def _numbers(one: FittedSpectrum) -> str:
    """Ratios with their standard error, or what they are at least, or that they are not assessed."""
    words = []
    for (symbol, value, error), (_, least) in zip(one.ratios, one.least, strict=True):
        if math.isfinite(value):
            words.append(f"{symbol} {number(value)} ± {number(error, 2)}")
        elif math.isfinite(least):
            words.append(f"{symbol} not assessed, at least {number(least, 2)}")
        else:
            words.append(f"{symbol} not assessed")
    return "     ".join(words)


def _signals(one: FittedSpectrum) -> str:
    """Each line's signal with its Cramer-Rao bound."""
    return "   ".join(f"{peak.name} {_signal(peak.signal, peak.crlb_percent)}" for peak in one.peaks)


def _quality(one: FittedSpectrum) -> str:
    i, j, k = one.voxel
    shape = f"SNR {one.snr:.1f}, width {one.width_hz:.1f} Hz" if math.isfinite(one.snr) else "no fit"
    return f"voxel {i}, {j}, {k}; {shape}; {one.status}"


def _place(axes: Axes, spectra: Sequence[FittedSpectrum], grid: Grid, anatomy: NDArray[np.float32], lies: Grid) -> None:
    """The axial plane of the anatomy through the first voxel, the patient's right on the left, with the outlines of the voxels."""
    level_mm = spectra[0].centre_mm[2]
    ends = np.array(list(itertools.product(*[(-0.5, n - 0.5) for n in lies.shape])))
    (x0, y0, _), (x1, y1, _) = lies.to_mm(ends).min(axis=0), lies.to_mm(ends).max(axis=0)
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5, indexing="ij")
    index = np.rint(lies.to_index(np.stack([x, y, np.full(x.shape, level_mm)], axis=-1))).astype(int)
    within = ((index >= 0) & (index < np.array(lies.shape))).all(axis=-1)
    section = np.zeros(x.shape)
    section[within] = np.nan_to_num(anatomy[tuple(index[within].T)])
    axes.imshow(
        section.T, cmap="gray", vmin=0, vmax=float(np.quantile(section, 0.995)) or 1.0, origin="lower", extent=(x0, x1, y0, y1),
        interpolation="nearest", aspect="equal",
    )  # fmt: skip
    for one, colour in zip(spectra, _ON_IMAGE, strict=False):
        corners_mm = grid.to_mm(np.array(one.voxel) + np.array(list(itertools.product((-0.5, 0.5), repeat=3))))
        far = not corners_mm[:, 2].min() <= level_mm <= corners_mm[:, 2].max()
        outline = corners_mm[ConvexHull(corners_mm[:, :2]).vertices, :2]
        axes.add_patch(Polygon(outline, fill=False, edgecolor=colour, linewidth=1.4, linestyle=":" if far else "-"))
    axes.set_xlim(x1, x0)
    axes.set_ylim(y0, y1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.03, 0.5, "R", transform=axes.transAxes, color="white", fontsize=TEXT_PT, va="center")
    axes.set_title("dotted: on another level" if _levels_differ(spectra, grid) else "", fontsize=SMALL_PT, color=FAINT_INK)


def _levels_differ(spectra: Sequence[FittedSpectrum], grid: Grid) -> bool:
    heights = [one.centre_mm[2] for one in spectra]
    return max(heights) - min(heights) > grid.spacing_mm[2] / 2


def _caption(spectra: Sequence[NamedSpectrum]) -> str:
    said = " ".join(f"{label}: {_numbers(one).replace('     ', ', ')} ({_quality(one)})." for label, one in spectra)
    wide = spectra[0][1].broadening_hz
    return (
        "Proton spectra in phase and at their place, residual water taken off, on one scale; grey measured, coloured the fit, dashed "
        f"its baseline, below the residual; drawn with {wide:g} Hz of Gaussian broadening, which the fit did not have. "
        f"Values are peak areas with their Cramer-Rao bound. {said}"
    )


def _alt(spectra: Sequence[NamedSpectrum]) -> str:
    return "Spectra with their fit. " + "; ".join(f"{label}: {_numbers(one)}" for label, one in spectra)
