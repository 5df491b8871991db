"""What a reader must know about spectra before believing their maps, one line each."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import box_shift_mm
from afterglow.kernels.spectrum_fit import SpectrumFit
from afterglow.kernels.types import Status
from afterglow.records.alignment import QualityLine
from afterglow.records.maps import ParameterMap
from afterglow.records.spectra import SpectralSeries

_SAME_TE_S = 0.002
_NAA_PPM, _CHO_PPM = 2.01, 3.20
_FEW = 0.5  # share of voxels


def quality_lines(
    series: SpectralSeries,
    fits: SpectrumFit,
    maps: tuple[ParameterMap, ...],
    inside: NDArray[np.bool_],
    *,
    te_s: float | None,
    tumour: NDArray[np.bool_] | None,
) -> tuple[QualityLine, ...]:
    """Voxels, SNR, width and bounds, and every doubt: echo time, water reference, box, chemical-shift displacement, tumour."""
    return (
        *_protocol(series, te_s),
        *_numbers(fits, {one.quantity.name: one for one in maps}, inside),
        _displacement(series),
        *_against_tumour(tumour, maps, inside),
    )


def _protocol(series: SpectralSeries, te_s: float | None) -> Iterator[QualityLine]:
    if te_s is not None and abs(series.te_s - te_s) > _SAME_TE_S:
        yield QualityLine(
            "echo time of the spectra", f"{1000 * series.te_s:.0f} ms, the method was made for {1000 * te_s:.0f} ms", "warning",
            "ratios depend on the echo time; at a short one macromolecules and glutamate lie under the lines, and lactate is not inverted",
        )  # fmt: skip
    if series.water is None:
        yield QualityLine(
            "water reference of the spectra", "none", "note", "no correction of eddy currents; shift and phase are fitted"
        )
    if series.box is None:
        yield QualityLine(
            "box of the spectra", "not known (no VOI)", "note", "every voxel of the grid is fitted, those outside the box as well"
        )
    for remark in series.remarks:
        yield QualityLine(f"header of {series.source}", remark, "note", "")


def _numbers(fits: SpectrumFit, maps: dict[str, ParameterMap], inside: NDArray[np.bool_]) -> Iterator[QualityLine]:
    """How many voxels count and what they are like."""
    n = int(np.count_nonzero(inside))
    assessed = int(np.count_nonzero(np.isfinite(maps["cho_naa"].values[inside])))
    lost = int(np.count_nonzero(maps["cho_naa"].status[inside] == Status.DIVISOR_LOST))
    more = f"; in {lost} more NAA was not detected, there only the least possible ratio is known" if lost else ""
    level = "ok" if assessed >= _FEW * n else "warning"
    yield QualityLine("voxels with Cho/NAA", f"{assessed} of {n} in the box{more}", level, "the others are not assessed, which is not the same as normal" if assessed < n else "")  # type: ignore[arg-type]  # fmt: skip
    fitted = np.isin(fits.status, (Status.OK, Status.AT_BOUND))
    if fitted.any():
        snr, width = float(np.median(fits.snr[fitted])), float(np.median(fits.width_hz[fitted]))
        yield QualityLine("spectra: signal to noise and width", f"median {snr:.1f} and {width:.1f} Hz", "ok", "")
        misfit = float(np.median(fits.misfit[fitted]))
        if misfit > 1.5:
            yield QualityLine("spectra: residual over noise", f"median {misfit:.1f}", "warning", "the lines that are fitted do not describe these spectra; look at them")  # fmt: skip


def _displacement(series: SpectralSeries) -> QualityLine:
    """How far the box of NAA lies from that of Cho along each axis."""
    if series.bandwidth_hz is None or series.box is None:
        return QualityLine(
            "chemical-shift displacement of the box", "not known", "note",
            "the file does not tell the bandwidth of the selective pulses (SelectionBandwidth, Hz); at the edge of the box ratios are off",
        )  # fmt: skip
    widths_mm = np.linalg.norm(series.box[:3, :3], axis=0)
    apart = [
        abs(
            box_shift_mm(
                _NAA_PPM,
                transmit_ppm=_CHO_PPM,
                spectrometer_mhz=series.spectrometer_mhz,
                bandwidth_hz=band,
                width_mm=float(width),
            )
        )
        for band, width in zip(series.bandwidth_hz, widths_mm, strict=True)
    ]
    words = " x ".join(f"{one:.1f}" for one in apart)
    return QualityLine("chemical-shift displacement of the box", f"{words} mm between NAA and Cho", "note", "within that distance of the box's edge ratios are off")  # fmt: skip


def _against_tumour(
    tumour: NDArray[np.bool_] | None, maps: tuple[ParameterMap, ...], inside: NDArray[np.bool_]
) -> Iterator[QualityLine]:
    if tumour is None:
        return
    n, covered = int(np.count_nonzero(tumour)), int(np.count_nonzero(tumour & inside))
    if not n or covered == n:
        return
    if not covered:
        yield QualityLine(
            "box of the spectra over the tumour", "it misses the tumour", "warning", "spectroscopy says nothing about this tumour"
        )
    else:
        yield QualityLine("box of the spectra over the tumour", f"{covered} of {n} voxels", "note", "the rest of the tumour is not assessed by spectroscopy")  # fmt: skip
