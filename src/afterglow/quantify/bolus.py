"""Arterial and venous curves of a DSC series: found over the whole brain, or from voxels that a person marked, which always win."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_artery import DscArtery, find_dsc_artery
from afterglow.kernels.dsc_features import first_moment, pass_window
from afterglow.kernels.dsc_vein import find_dsc_vein, partial_volume_factor
from afterglow.quantify.made import provenance
from afterglow.quantify.rates import Rates
from afterglow.records.bolus import BolusCurve
from afterglow.records.errors import BadInput, NoArterialInput
from afterglow.records.maps import Provenance

_FACTORS = (0.5, 5.0)  # a partial volume factor outside says that one of the two is no vessel


def arterial_curve(
    rates: Rates, region: tuple[NDArray[np.bool_], str] | None, given: BolusCurve | None, *, exclude: NDArray[np.bool_]
) -> tuple[BolusCurve, Provenance]:
    """The artery of this series: a given curve, else the marked region's mean, else cluster analysis over the brain.

    `exclude` (i, j, k) marks lesions, whose vessels are neither arteries nor veins.

    NoArterialInput, with what was found instead, where no voxel looks like an artery.
    """
    if given is not None:
        curve = replace(given, times_s=rates.times_s, rate_per_s=np.interp(rates.times_s, given.times_s, given.rate_per_s))
        sentence = f"The arterial curve of the {rates.echo}-echo series was given."
        return curve, provenance("artery", sentence, {"how": "given curve", "echo": rates.echo}, (rates.source,))
    voxels = np.argwhere(rates.mask)
    if region is not None:
        mask, name = region
        rows = np.flatnonzero(rates.of(mask) & np.isfinite(rates.per_s).all(axis=1))
        if not rows.size:
            raise BadInput(
                f"{name}: none of its {int(mask.sum())} voxels has a curve in {rates.source}; mark unsaturated arterial voxels"
            )
        mean = rates.per_s[rows].mean(axis=0, dtype=np.float64)
        curve = BolusCurve(
            "artery", rates.protocol.echo, rates.times_s, mean, f"given region, {name}", float("nan"), voxels[rows]
        )
        sentence = f"The arterial curve of the {rates.echo}-echo series is the mean of {rows.size} voxels marked by hand."
        return curve, provenance("artery", sentence, {"how": "given region", "echo": rates.echo}, (name,))
    found = _searched(rates, exclude)
    remarks = found.remarks
    curve = BolusCurve(
        "artery",
        rates.protocol.echo,
        rates.times_s,
        rates.per_s[found.members].mean(axis=0, dtype=np.float64),
        "automatic, cluster analysis",
        found.quality,
        voxels[found.members],
        remarks,
    )
    sentence = (
        f"The arterial curve of the {rates.echo}-echo series was found by cluster analysis over the whole brain ({found.members.size} voxels, "
        f"quality {found.quality:.2f})."
    )
    return curve, provenance("artery", sentence, {"how": "automatic", "echo": rates.echo}, (rates.source,), "10.1002/mrm.20759")


def venous_curve(rates: Rates, artery: BolusCurve, *, exclude: NDArray[np.bool_]) -> tuple[BolusCurve | None, float, str]:
    """The vein that follows an artery, the factor by which the artery's area falls short of it, and why there is none."""
    voxels = np.argwhere(rates.mask)
    times_s, per_s = rates.times_s[: rates.last], rates.per_s[:, : rates.last]
    window = pass_window(rates.bolus, times_s.size)
    moment = float(first_moment(times_s, artery.rate_per_s[None, : rates.last], window=window)[0])
    stand_in = DscArtery(artery.rate_per_s, np.zeros(0, dtype=np.intp), moment, artery.quality, (), ())
    try:
        found = find_dsc_vein(times_s, per_s, voxels, bolus=rates.bolus, saturated=rates.cut | rates.of(exclude), artery=stand_in)
        factor = partial_volume_factor(
            times_s, artery.rate_per_s[: rates.last], found.per_s, window=slice(rates.bolus.last_baseline, rates.last)
        )
    except ValueError as error:
        return None, 1.0, str(error)
    said = f"{found.lag_s:.1f} s after the artery; its area is {factor:.2f} times the artery's"
    vein = BolusCurve(
        "vein",
        rates.protocol.echo,
        rates.times_s,
        rates.per_s[found.members].mean(axis=0, dtype=np.float64),
        "automatic",
        float("nan"),
        voxels[found.members],
        (said,),
    )
    if not _FACTORS[0] <= factor <= _FACTORS[1]:
        return (
            replace(vein, remarks=(said, "not believable as a partial volume factor")),
            1.0,
            f"a factor of {factor:.2f} is not believable",
        )
    return vein, factor, ""


def _searched(rates: Rates, exclude: NDArray[np.bool_]) -> DscArtery:
    times_s, per_s = rates.times_s[: rates.last], rates.per_s[:, : rates.last]
    try:
        return find_dsc_artery(
            times_s, per_s, np.argwhere(rates.mask), bolus=rates.bolus, saturated=rates.cut | rates.of(exclude)
        )
    except ValueError as error:
        raise NoArterialInput(f"{rates.source}: {error}; mark arterial voxels (label-aif mask)") from error
