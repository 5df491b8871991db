"""Blood volume, flow and transit from rates: areas of the data themselves, never of a fitted first pass."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_deconvolution import (
    STEPPED_THRESHOLDS,
    Deconvolved,
    deconvolve_fixed,
    deconvolve_oscillation,
    flow_ml_100g_min,
    mean_transit_s,
)
from afterglow.kernels.dsc_volume import blood_volume, blood_volume_ml_100g, relative_volume, tumour_burden
from afterglow.kernels.types import Status
from afterglow.quantify.leakage import Corrected
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.quantify.rates import Rates, status_of
from afterglow.records.bolus import BolusCurve
from afterglow.records.errors import BadInput
from afterglow.records.maps import ParameterMap, Provenance, Settings
from afterglow.records.quantity import QUANTITIES

_HU = "Hu 2015, AJNR 36:2242"


def volume_maps(rates: Rates, corrected: Corrected | None) -> tuple[tuple[ParameterMap, ...], Provenance]:
    """Area under the curves from the last frame before arrival to the end: uncorrected, and corrected for leakage where that was made."""
    gradient = rates.echo == "gradient"
    names = ("cbv", "cbv_uncorrected") if gradient else ("ucbv", "ucbv_uncorrected")
    window, status = rates.window, status_of(rates)
    seconds = rates.times_s[window.stop - 1] - rates.times_s[window.start]
    sentence = (
        f"Relative {'CBV' if gradient else 'spin-echo CBV'} is the area under the {rates.echo}-echo curve over the {seconds:.0f} s from arrival on"
        f"{', corrected for leakage' if corrected is not None else ''}; no fitted first pass is integrated ({_HU})."
    )
    how = provenance("volume", sentence, {"frames": window.stop - window.start, "seconds": float(seconds)}, (rates.source,))
    curves = {names[1]: rates.per_s} if corrected is None else {names[0]: corrected.per_s, names[1]: rates.per_s}
    maps = [
        map_from_voxels(name, blood_volume(rates.times_s, per_s, window=window), status, rates.mask, rates.grid, how)
        for name, per_s in curves.items()
    ]
    return tuple(maps), how


def flow_maps(
    rates: Rates,
    per_s: NDArray[np.float32],
    artery: BolusCurve,
    *,
    factor: float,
    how: str,
    threshold: float,
    oscillation_limit: float,
    kh: float,
    density_g_per_ml: float,
) -> tuple[tuple[ParameterMap, ...], Provenance]:
    """CBF, MTT, Tmax by circular deconvolution and CBV over the arterial area, which `factor` scales to a vein.

    `how` is osvd (the smallest threshold whose residue is calm) or csvd (`threshold`). BadInput where frames are not equidistant.
    """
    status = status_of(rates)
    good = status != Status.NO_SIGNAL
    curve = artery.rate_per_s * factor
    window = rates.window
    area = float(blood_volume(rates.times_s, curve[None], window=window)[0])
    if not area > 0:
        raise BadInput(f"{rates.source}: the arterial curve has no area above its baseline; mark other arterial voxels")
    found = _deconvolved(rates, np.nan_to_num(per_s), curve, how, threshold, oscillation_limit)
    volume = blood_volume(rates.times_s, per_s, window=window)
    flow = flow_ml_100g_min(found.cbf_per_s, kh=kh, density_g_per_ml=density_g_per_ml)
    values = {
        "cbv_volume": blood_volume_ml_100g(volume, arterial_area=area, kh=kh, density_g_per_ml=density_g_per_ml),
        "cbf": flow,
        "mtt": mean_transit_s(volume, found.cbf_per_s, arterial_area=area),
        "tmax": found.tmax_s,
    }
    words = (
        f"the smallest threshold with an oscillation index below {oscillation_limit:g}"
        if how == "osvd"
        else f"a threshold of {100 * threshold:g} %"
    )
    sentence = (
        f"CBF is the largest residue of a circular deconvolution with {words}, MTT is CBV over CBF; CBV in mL/100 g takes kH {kh:g} and a density of "
        f"{density_g_per_ml:g} g/mL{f', and the arterial area {factor:.2f} times larger as the vein says' if factor != 1 else ''}. "
        "At a frame spacing near 2 s CBF comes out low and Tmax late: both are relative."
    )
    settings: Settings = {
        "how": how,
        "threshold": threshold,
        "oscillation_limit": oscillation_limit,
        "kh": kh,
        "density_g_per_ml": density_g_per_ml,
        "artery_factor": factor,
    }
    made = provenance("flow", sentence, settings, (rates.source,), "10.1002/mrm.10522")
    why = np.where(status == Status.OK, found.status, status).astype(np.uint8)
    return tuple(
        map_from_voxels(name, np.where(good, v, np.nan), why, rates.mask, rates.grid, made) for name, v in values.items()
    ), made


def _deconvolved(
    rates: Rates, per_s: NDArray[np.float32], artery: NDArray[np.float64], how: str, threshold: float, limit: float
) -> Deconvolved:
    before = slice(0, rates.bolus.last_baseline + 1)
    curve = (artery - artery[before].mean())[: rates.last]
    times, curves = rates.times_s[: rates.last], per_s[:, : rates.last]
    try:
        if how == "csvd":
            return deconvolve_fixed(times, curve, curves, threshold=threshold)
        return deconvolve_oscillation(times, curve, curves, oscillation_limit=limit, thresholds=STEPPED_THRESHOLDS)
    except ValueError as error:
        raise BadInput(f"{rates.source}: {error}") from error


def normalised_map(
    source: ParameterMap, name: str, reference: NDArray[np.bool_], kind: str
) -> tuple[ParameterMap, Provenance] | None:
    """A map over its mean in reference tissue (i, j, k); None where that mean is not above zero."""
    values = source.values[reference & np.isfinite(source.values)]
    if not values.size or not values.mean() > 0:
        return None
    mean = float(values.mean(dtype=np.float64))
    sentence = (
        f"{QUANTITIES[name].symbol} is {source.quantity.symbol} over its mean in {kind} ({mean:.3g}, {values.size} voxels)."
    )
    how = provenance("normalise", sentence, {"reference": kind, "reference_mean": mean}, source.provenance.sources)
    ratio = relative_volume(source.values, reference_area=mean)
    return ParameterMap(QUANTITIES[name], ratio, source.grid, source.status, how), how


def standardised_map(
    source: ParameterMap, mask: NDArray[np.bool_], *, percentiles: Sequence[float], values: Sequence[float], scale_from: str
) -> tuple[ParameterMap, Provenance]:
    """Blood volume on a standard scale: percentiles of the brain (i, j, k) go to given values, straight between and beyond them.

    The values come from a training set of the same protocol (Nyul and Udupa, doi:10.1002/(SICI)1522-2594(199912)42:6<1072::AID-MRM11>3.0.CO;2-M);
    no reference tissue is needed. BadInput where the percentiles of this brain do not rise.
    """
    inside = source.values[mask & np.isfinite(source.values)]
    landmarks = np.percentile(inside, percentiles) if inside.size else np.zeros(len(percentiles))
    if not (np.diff(landmarks) > 0).all():
        raise BadInput(
            f"{source.provenance.sources[0]}: the percentiles of its blood volume do not rise, so it has no standard scale"
        )
    slopes = np.diff(values) / np.diff(landmarks)
    piece = np.clip(np.searchsorted(landmarks, source.values) - 1, 0, slopes.size - 1)
    scaled = np.asarray(values)[piece] + slopes[piece] * (source.values - landmarks[piece])
    sentence = f"{QUANTITIES['srcbv'].symbol} is {source.quantity.symbol} brought to a standard scale by the percentiles of the brain ({scale_from})."
    how = provenance(
        "normalise", sentence, {"percentiles": tuple(percentiles), "values": tuple(values)}, source.provenance.sources
    )
    return ParameterMap(QUANTITIES["srcbv"], scaled.astype(np.float32), source.grid, source.status, how), how


def burden_map(
    relative: ParameterMap, lesion: NDArray[np.bool_], *, low: float, high: float, source: str
) -> tuple[ParameterMap, Provenance, str] | None:
    """Classes 0 low, 1 between, 2 high of rCBV in the lesion (NaN elsewhere), and the shares in words; None where nothing was measured."""
    inside = lesion & np.isfinite(relative.values)
    if not inside.any():
        return None
    burden = tumour_burden(relative.values[inside], low=low, high=high)
    classes = np.full(lesion.shape, np.nan, dtype=np.float32)
    classes[inside] = burden.classes.astype(np.float32) - 1
    shares = ", ".join(
        f"{words} {100 * share:.0f} %"
        for words, share in zip((f"below {low:g}", f"{low:g} to {high:g}", f"above {high:g}"), burden.shares, strict=True)
    )
    sentence = f"Fractional tumour burden counts the lesion's voxels by rCBV with the cut-offs {low:g} and {high:g} ({source})."
    how = provenance("normalise", sentence, {"low": low, "high": high}, relative.provenance.sources)
    status = np.where(inside, relative.status, np.uint8(Status.NOT_ASKED)).astype(np.uint8)
    return ParameterMap(QUANTITIES["tumour_burden"], classes, relative.grid, status, how), how, shares
