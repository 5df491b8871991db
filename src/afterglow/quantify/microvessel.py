"""Two injections, two echoes: first-pass fits, alignment, hysteresis loops and what they say about microvessels."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate
from afterglow.kernels.loop import CONFIDENT_CNR, Alignment, VascularLoop, align_injections, vascular_loop
from afterglow.kernels.types import Status
from afterglow.quantify.leakage import Corrected
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.quantify.rates import Rates
from afterglow.records.alignment import QualityLine
from afterglow.records.bolus import BolusCurve
from afterglow.records.maps import ParameterMap, Provenance

Align = Literal["arterial peak", "none", "one injection"]  # how the clocks of both echoes are brought together
_SEED = 20210  # of the bootstrap over arterial voxels: the same voxels give the same error
_METHOD_S = 0.1  # what sampling at 1.7 s leaves uncertain, whatever the noise
_WIDTHS_DIFFER = 0.10
_TIMING_SUSPECT_S = 0.3
_DOI = "10.1038/nm.3289"


@dataclass(frozen=True, eq=False)
class Loops:
    """Maps of the loops, and what a region's loop needs."""

    maps: tuple[ParameterMap, ...]
    alignment: Alignment
    quality: tuple[QualityLine, ...]
    provenance: Provenance
    peaks: tuple[NDArray[np.float64], NDArray[np.float64]]  # (n,) rates of GE and SE at their peaks; NaN where not accepted


def loop_maps(
    ge: Rates,
    se: Rates,
    arteries: tuple[BolusCurve, BolusCurve],
    corrected: tuple[Corrected, Corrected] | None,
    *,
    align: Align,
    workers: int,
) -> Loops:
    """MTI and its companions of every voxel, raw and corrected for leakage. Both series share one mask and grid."""
    alignment = _aligned(ge, se, arteries, align)
    shift_s = alignment.shift_s if np.isfinite(alignment.shift_s) else 0.0
    error_s = alignment.error_s if np.isfinite(alignment.error_s) else 0.0
    curves = [(ge, ge.per_s), (se, se.per_s)]
    if corrected is not None:
        curves += [(ge, corrected[0].per_s), (se, corrected[1].per_s)]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        fits = list(pool.map(lambda pair: _fit(pair[0], pair[1]), curves))
        pairs = [fits[i : i + 2] for i in range(0, len(fits), 2)]
        loops = list(pool.map(lambda pair: vascular_loop(*pair, shift_s=shift_s, shift_error_s=error_s), pairs))
    raw, best = loops[0], loops[1] if corrected is not None else None
    how = _how(ge, se, align, alignment, corrected is not None)
    maps = _maps(ge, raw, best, how)
    shown = best or raw
    lines = (_alignment_line(alignment, align), _width_line(alignment), *_trust_lines(shown, raw if best is not None else None))
    used = fits[2:] if corrected is not None else fits[:2]
    peaks = tuple(np.where(fit.accepted, fit.values[:, 3], np.nan) for fit in used)
    return Loops(maps, alignment, lines, how, (peaks[0], peaks[1]))


def _fit(rates: Rates, per_s: NDArray[np.float32]) -> GammaFit:
    return fit_gamma_variate(rates.times_s[: rates.last], per_s[:, : rates.last], noise=rates.sigma_per_s)


def _aligned(ge: Rates, se: Rates, arteries: tuple[BolusCurve, BolusCurve], align: Align) -> Alignment:
    """The arterial voxels of both series together, read in both: what they share with tissue then cancels."""
    rows = np.zeros(ge.mask.shape, dtype=bool)
    for artery in arteries:
        rows[tuple(artery.voxels.T)] = True
    both = np.isfinite(ge.per_s).all(axis=1) & np.isfinite(se.per_s).all(axis=1) & ge.of(rows)
    curves = [
        r.per_s[both].astype(np.float64) if both.any() else a.rate_per_s[None] for r, a in zip((ge, se), arteries, strict=True)
    ]
    noise = [float(c.mean(axis=0)[: r.bolus.last_baseline + 1].std(ddof=1)) for r, c in zip((ge, se), curves, strict=True)]
    found = align_injections(
        ge.times_s, curves[0], se.times_s, curves[1], ge_noise=noise[0], se_noise=noise[1], method="arterial peak" if align == "arterial peak" else "none", rng=np.random.default_rng(_SEED)
    )  # fmt: skip
    return found._replace(error_s=float(np.hypot(found.error_s, _METHOD_S)))


def _how(ge: Rates, se: Rates, align: Align, alignment: Alignment, corrected: bool) -> Provenance:
    shift = (
        f"after the clocks of the two injections were aligned by the peaks of their arteries ({alignment.shift_s:+.2f} s, standard error {alignment.error_s:.2f} s)"
        if align == "arterial peak" and np.isfinite(alignment.shift_s)
        else "both echoes being those of one injection"
        if align == "one injection"
        else "without aligning the clocks of the two injections"
    )
    sentence = (
        "A gamma-variate was fitted to the first pass of both echoes, and the signed area of the loop of dR2* against dR2^(3/2) is the microvessel type "
        f"indicator (clockwise positive), {shift}{', from curves corrected for leakage and, beside it, from uncorrected ones' if corrected else ''}. "
        "MTI has been validated on simulated physics only."
    )
    settings = {
        "align": align,
        "shift_s": _or_none(alignment.shift_s),
        "shift_error_s": _or_none(alignment.error_s),
        "corrected": corrected,
    }
    return provenance("loop", sentence, settings, (ge.source, se.source), _DOI)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _maps(rates: Rates, raw: VascularLoop, best: VascularLoop | None, how: Provenance) -> tuple[ParameterMap, ...]:
    def made(
        name: str, values: NDArray[np.floating], loop: VascularLoop, error: NDArray[np.floating] | None = None
    ) -> ParameterMap:
        return map_from_voxels(name, values, loop.status, rates.mask, rates.grid, how, error)

    shown = best or raw
    maps = [] if best is None else [made("mti", best.mti, best, best.mti_error), made("nmti", best.nmti, best, best.nmti_error)]
    maps += [made("mti_uncorrected", raw.mti, raw, raw.mti_error), made("nmti_uncorrected", raw.nmti, raw, raw.nmti_error)]
    maps += [
        made("mti_negative", shown.probability_negative, shown),
        made("peak_shift", shown.peak_shift_s, shown, shown.peak_shift_error_s),
        made("loop_confident", np.where(np.isfinite(shown.mti), shown.confident.astype(np.float64), np.nan), shown),
        made("loop_axis", shown.long_axis, shown),
        made("loop_slope", shown.slope, shown),
    ]
    if best is not None:
        differ = np.where(np.isfinite(best.mti * raw.mti), (np.sign(best.mti) != np.sign(raw.mti)).astype(np.float64), np.nan)
        maps.append(made("loop_disagreement", differ, best))
    return tuple(maps)


def _alignment_line(alignment: Alignment, align: Align) -> QualityLine:
    if align == "one injection":
        return QualityLine("timing of the two echoes", "one injection: one clock", "ok")
    if align == "none":
        return QualityLine(
            "timing of the two injections",
            "not aligned, as the method says",
            "warning",
            ".1 s of offset moves nMTI by .04, and .3 s turns its sign",
        )
    if not np.isfinite(alignment.shift_s):
        return QualityLine(
            "timing of the two injections",
            "could not be aligned: an arterial first pass has no gamma-variate",
            "warning",
            "signs of MTI are not to be believed",
        )
    suspect = not alignment.error_s < _TIMING_SUSPECT_S
    advice = "timing uncertain: signs of MTI are not to be believed" if suspect else ""
    found = (
        f"GE arteries peak {alignment.shift_s:+.2f} s later than SE arteries, standard error {alignment.error_s:.2f} s; taken out"
    )
    return QualityLine("timing of the two injections", found, "warning" if suspect else "ok", advice)


def _width_line(alignment: Alignment) -> QualityLine:
    ratio = alignment.width_ratio
    if not np.isfinite(ratio):
        return QualityLine("width of the two boluses", "not compared", "note")
    wide = abs(ratio - 1) > _WIDTHS_DIFFER
    advice = "more than 10 % apart: nMTI is off by about .05" if wide else ""
    return QualityLine("width of the two boluses", f"SE over GE {ratio:.2f}", "warning" if wide else "ok", advice)


def _trust_lines(shown: VascularLoop, raw: VascularLoop | None) -> list[QualityLine]:
    measured = np.isfinite(shown.mti)
    words = ", ".join(
        f"{name} {100 * np.mean(shown.status == code):.0f} %"
        for code, name in (
            (Status.LOW_CONTRAST, "contrast to noise below 4"),
            (Status.POOR_FIT, "poor fit"),
            (Status.AT_BOUND, "fit on a bound"),
            (Status.UNDETERMINED, "figure of eight"),
        )
    )
    sure = float(np.mean(shown.confident[measured])) if measured.any() else 0.0
    low = sure < 0.5
    lines = [
        QualityLine(
            "loops", f"made in {100 * measured.mean():.0f} % of the voxels; {words}; contrast to noise at least {CONFIDENT_CNR:g} in both echoes in {100 * sure:.0f} % of them",
            "warning" if low else "ok", "read the loops of regions rather than single voxels" if low else "",
        )
    ]  # fmt: skip
    if raw is not None:
        both = measured & np.isfinite(raw.mti)
        turned = float(np.mean(np.sign(shown.mti[both]) != np.sign(raw.mti[both]))) if both.any() else 0.0
        lines.append(
            QualityLine(
                "loops turned by the correction of leakage",
                f"{100 * turned:.0f} %",
                "note" if turned > 0.1 else "ok",
                "there the sign rests on the correction" if turned > 0.1 else "",
            )
        )
    return lines


def reference_line(nmti: ParameterMap, reference: NDArray[np.bool_]) -> QualityLine:
    """Normal brain's loop is counter-clockwise: where the reference's is not, timing is suspect."""
    values = nmti.values[reference & np.isfinite(nmti.values)]
    if not values.size:
        return QualityLine(
            "nMTI of the reference tissue", "not measured", "warning", "the timing of the two injections cannot be checked"
        )
    median = float(np.median(values))
    good = median < 0
    advice = "" if good else "normal brain turns counter-clockwise (negative): the timing of the two injections is suspect"
    return QualityLine("nMTI of the reference tissue", f"{median:+.3f} (median)", "ok" if good else "warning", advice)
