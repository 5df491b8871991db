"""DSC signal to relaxation rates: steady state, baseline, bolus, noise; what may be fragile is said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_features import near_background
from afterglow.kernels.dsc_signal import baseline, contrast_to_noise, dual_echo_rate, rate_change, simplified_sage
from afterglow.kernels.dsc_timing import Bolus, bolus_frames, steady_frames
from afterglow.kernels.types import Status
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.protocol import Epi

Echoes = Sequence[tuple[Epi, NDArray[np.float32]]]  # protocol and data (i, j, k, t), or curves (n, t), of further echoes

FEWEST_FRAMES = 20
_FEWEST_BASELINE, _FEW_BASELINE, _FEW_AFTER = 3, 5, 10
_CUT_OFF = 0.7  # of the peak: a mean curve that ends above it has not come down
_SECOND = 0.5  # of the peak: a later rise as high is another bolus
_WELL_ABOVE = 10.0  # times the background before contrast: voxels that could not be cut off but by the bolus
_LITTLE_SIGNAL = 0.5  # of the voxels may have none before it is another kind of image
_BELOW_ZERO = 0.02  # of the head's signal: what interpolation may leave below zero in air
SYMBOLS = {"gradient": "dR2*", "spin": "dR2"}
SHORT = {"gradient": "GE", "spin": "SE"}


@dataclass(frozen=True, eq=False)
class Rates:
    """Rate curves of the mask's voxels from the first steady frame on, and what they were made with."""

    echo: str  # gradient or spin
    grid: Grid
    mask: NDArray[np.bool_]  # (i, j, k)
    times_s: NDArray[np.float64]  # (t,) of the frames kept
    per_s: NDArray[np.float32]  # (n, t); NaN where there is no signal
    sigma_per_s: NDArray[np.float32]  # (n,) noise before contrast
    cnr: NDArray[np.float32]  # (n,)
    cut: NDArray[np.bool_]  # (n,) signal comes near the background: no artery
    saturated: NDArray[np.bool_]  # (n,) it began well above the background, so the bolus brought it down: the peak is cut off
    bolus: Bolus
    mean_per_s: NDArray[np.float64]  # (t,) of the mean signal
    last: int  # frames from here on hold another bolus, or the series has ended
    protocol: Epi
    source: str
    provenance: Provenance
    quality: tuple[QualityLine, ...]

    @property
    def window(self) -> slice:
        """Frames of the area: from the last one before arrival to the end."""
        return slice(self.bolus.last_baseline, self.last)

    def of(self, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the curves lie in a region (i, j, k)."""
        return region[self.mask]


def to_rates(
    data: NDArray[np.float32],
    times_s: NDArray[np.float64],
    protocol: Epi,
    grid: Grid,
    mask: NDArray[np.bool_],
    *,
    echoes: Echoes = (),
    source: str,
) -> Rates:
    """Rates (CAPLEX M.SM1.001, M.SM1.002) of every voxel of the mask from a series (i, j, k, t).

    `echoes` are gradient echoes of the same excitations: a later one beside a gradient echo, or two before a spin echo (simplified
    SAGE). With them the rates are free of T1. BadInput for too few frames, no bolus, a bolus that is cut off, or an image without signal.
    """
    if times_s.size < FEWEST_FRAMES:
        raise BadInput(f"{source}: {times_s.size} frames are too few for a bolus passage; at least {FEWEST_FRAMES} are needed")
    if protocol.echo == "gradient" and echoes:  # the later echo shows the bolus best
        later, first = echoes[-1], (protocol, data)
        (protocol, data), echoes = later, (first, *echoes[:-1])
    signal = data[mask]
    _refuse_without_signal(signal, source)
    _refuse_shifted(data[..., 0][~mask], signal[:, 0], source)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(signal).all(axis=1))
    mean: NDArray[np.float64] = signal[finite].mean(axis=0, dtype=np.float64)
    skip, bolus, mean_rate = _timed(mean, times_s, protocol.te_s, source)
    if bolus.last_baseline + 1 < _FEWEST_BASELINE:
        raise BadInput(
            f"{source}: contrast arrives at {bolus.arrival_s:.1f} s, after {bolus.last_baseline + 1} steady frames; at least {_FEWEST_BASELINE} are "
            "needed before it to know baseline and noise by"
        )
    signal, times_s = signal[:, skip:], times_s[skip:]
    frames = slice(0, bolus.last_baseline + 1)
    floor = _background(data, mask)
    before = baseline(signal, frames)
    try:
        rates = _rates(signal, before.mean, protocol, [(p, d[mask][:, skip:]) for p, d in echoes], frames, floor)
    except ValueError as error:
        raise BadInput(f"{source}: {error}") from error
    sigma = baseline(rates, frames).sd
    cut = near_background(signal, background=floor) if floor > 0 else np.zeros(len(signal), dtype=bool)
    saturated: NDArray[np.bool_] = cut & (before.mean > _WELL_ABOVE * floor)
    last, lines = _after_the_bolus(mean_rate, times_s, bolus, source)
    symbol, short = SYMBOLS[protocol.echo], SHORT[protocol.echo]
    quality = (
        _line(f"{short}: frames before steady state", f"{skip} left out", "ok", ""),
        _baseline_line(short, bolus.last_baseline + 1),
        _line(f"{short}: bolus", f"arrives at {bolus.arrival_s:.1f} s, peaks at {times_s[bolus.peak]:.1f} s", "note" if bolus.remark else "ok", bolus.remark),
        *(_line(f"{short}: {what}", found, level, advice) for what, found, level, advice in lines),
        _cut_line(short, saturated, floor),
    )  # fmt: skip
    formula = "-ln(S/S0)/TE" if not echoes else "the logarithm of the echoes' ratio, which takes T1 out,"
    sentence = (
        f"The signal of the {protocol.echo}-echo series was converted to {symbol} = {formula} with the {frames.stop} frames before contrast as "
        f"baseline{f', after {skip} frames that were not in steady state' if skip else ''}."
    )
    settings = {
        "te_s": protocol.te_s,
        "echoes": 1 + len(echoes),
        "frames_left_out": skip,
        "baseline_frames": frames.stop,
        "noise_floor": floor,
    }
    how = provenance("rates", sentence, settings, (source,))
    cnr = contrast_to_noise(rates, sigma)
    return Rates(
        protocol.echo,
        grid,
        mask,
        times_s,
        rates,
        sigma,
        cnr,
        cut,
        saturated,
        bolus,
        mean_rate,
        last,
        protocol,
        source,
        how,
        quality,
    )


def _rates(
    signal: NDArray[np.float32], s0: NDArray[np.float32], protocol: Epi, echoes: Echoes, frames: slice, floor: float
) -> NDArray[np.float32]:
    """Rates (n, t) from one echo; from two gradient echoes, the earlier in `echoes`; or from a spin echo and both of them."""
    if not echoes:
        return rate_change(signal, s0, protocol.te_s, floor=floor).per_s.astype(np.float32, copy=False)
    before = [baseline(curves, frames).mean for _, curves in echoes]
    if protocol.echo == "gradient":
        ((early, first),) = echoes
        two = dual_echo_rate(first, signal, before[0], s0, te1_s=early.te_s, te2_s=protocol.te_s, floor=floor)
        return two.per_s.astype(np.float32, copy=False)
    (one, first), (other, second) = echoes
    three = simplified_sage(
        first, second, signal, (before[0], before[1], s0), te1_s=one.te_s, te2_s=other.te_s, te_se_s=protocol.te_s, floor=floor
    )
    return three.r2_per_s.astype(np.float32, copy=False)


def noise_maps(rates: Rates) -> tuple[ParameterMap, ParameterMap]:
    """Noise before contrast, and the peak over it."""
    short, status = SHORT[rates.echo].lower(), status_of(rates)
    named = ((f"noise_{short}", rates.sigma_per_s), (f"cnr_{short}", rates.cnr))
    noise, cnr = (map_from_voxels(name, v, status, rates.mask, rates.grid, rates.provenance) for name, v in named)
    return noise, cnr


def status_of(rates: Rates) -> NDArray[np.uint8]:
    """NO_SIGNAL where there are no rates, SATURATED where the peak is cut off, else OK. (n,)."""
    finite = np.isfinite(rates.per_s).all(axis=1)
    found = np.where(rates.saturated, np.uint8(Status.SATURATED), np.uint8(Status.OK))
    return np.where(finite, found, np.uint8(Status.NO_SIGNAL))


def _line(what: str, found: str, level: str, advice: str) -> QualityLine:
    return QualityLine(what, found, level, advice)  # type: ignore[arg-type]


def _refuse_without_signal(signal: NDArray[np.float32], source: str) -> None:
    with np.errstate(invalid="ignore"):
        none = ~(signal > 0).all(axis=1)
    if none.mean() > _LITTLE_SIGNAL:
        raise BadInput(
            f"{source}: {100 * none.mean():.0f} % of the voxels inside the head have a signal of zero or less in some frame; "
            "rates need the magnitude image as the scanner made it, not a difference or a normalised one"
        )


def _refuse_shifted(outside: NDArray[np.float32], inside: NDArray[np.float32], source: str) -> None:
    """Air below zero: an offset was taken from a magnitude image, and every logarithm would be wrong without looking wrong."""
    air, head = (float(np.nanmedian(part)) if part.size else 0.0 for part in (outside, inside))
    if air < -_BELOW_ZERO * head:
        raise BadInput(
            f"{source}: the signal outside the head is negative ({air:.3g} where the head has {head:.3g}); rates need the magnitude image "
            "as the scanner made it, not a difference or a normalised one"
        )


def _timed(
    mean: NDArray[np.float64], times_s: NDArray[np.float64], te_s: float, source: str
) -> tuple[int, Bolus, NDArray[np.float64]]:
    """How many frames are not steady; the bolus in the frames after them, and the rate of the mean signal there."""
    try:
        skip = steady_frames(mean)
        curve = mean[skip:]
        rate = -np.log(curve / curve[:3].mean()) / te_s
        bolus = bolus_frames(times_s[skip:], rate)
        rate = -np.log(curve / curve[: bolus.last_baseline + 1].mean()) / te_s
        return skip, bolus_frames(times_s[skip:], rate), rate
    except ValueError as error:
        raise BadInput(f"{source}: no bolus passage is seen in the mean of the head ({error}); is this a DSC series?") from error


def _background(data: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Mean signal of air; 0 where there is none in the image, or it was set to zero."""
    air = data[..., 0][~mask]
    air = air[np.isfinite(air) & (air > 0)]
    return float(np.median(air)) if air.size > 100 else 0.0


def _after_the_bolus(
    mean: NDArray[np.float64], times_s: NDArray[np.float64], bolus: Bolus, source: str
) -> tuple[int, list[tuple[str, str, str, str]]]:
    """The frame that ends the area, and lines on what comes after the first pass."""
    height = mean[bolus.peak] - mean[: bolus.last_baseline + 1].mean()
    after = mean[bolus.peak :] - mean[: bolus.last_baseline + 1].mean()
    if after.min() > _CUT_OFF * height:
        raise BadInput(
            f"{source}: the series ends at {times_s[-1]:.0f} s, before the bolus that peaks at {times_s[bolus.peak]:.0f} s has come down; nothing can be measured on it"
        )
    last, lines = times_s.size, []
    low = int(np.argmin(after[: max(bolus.end - bolus.peak + 2, 2)]))
    later = after[low:]
    if later.size > 2 and later.max() > max(_SECOND * height, after[low] + 0.3 * height):
        last = bolus.peak + low + 1
        found = f"rises again to {100 * later.max() / height:.0f} % of its peak at {times_s[bolus.peak + low + int(later.argmax())]:.0f} s"
        lines.append(("mean curve after the first pass", found, "warning", "a second bolus? areas end before it"))
    left = last - 1 - bolus.end
    if left < _FEW_AFTER:
        lines.append(
            (
                "frames after the first pass",
                str(left),
                "warning",
                f"fewer than {_FEW_AFTER}: leakage is hardly told from blood volume",
            )
        )
    return last, lines


def _baseline_line(short: str, frames: int) -> QualityLine:
    few = frames < _FEW_BASELINE
    advice = f"fewer than {_FEW_BASELINE}: baseline and noise are poorly known" if few else ""
    return _line(f"{short}: frames before contrast", str(frames), "warning" if few else "ok", advice)


def _cut_line(short: str, cut: NDArray[np.bool_], floor: float) -> QualityLine:
    what = f"{short}: voxels whose signal falls to the background"
    if floor <= 0:
        return _line(
            what, "not told: the image holds no air", "note", "saturated arteries cannot be noticed; keep the background"
        )
    share = float(cut.mean()) if cut.size else 0.0
    return _line(
        what, f"{100 * share:.1f} %", "warning" if share > 0.1 else "ok", "their peaks are cut off" if share > 0.1 else ""
    )
