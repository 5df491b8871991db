"""The arterial input function: found, taken from a population, or given. A user's mask or curve always wins."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_curve import continuous_artery
from afterglow.kernels.aif_population import POPULATION_AIFS
from afterglow.kernels.aif_search import AifSearch, find_artery
from afterglow.kernels.aif_vein import find_vein, scale_to_vein
from afterglow.kernels.spgr import plasma_from_blood
from afterglow.kernels.types import Status
from afterglow.quantify.concentration import Concentration
from afterglow.quantify.made import provenance
from afterglow.records.errors import BadInput, NoArterialInput
from afterglow.records.maps import Aif, Provenance, Settings

_FINER = 10  # steps of the continuous curve to one frame
_MIXED_S = 45.0  # after arrival the agent is mixed well enough to know a vein by its level
_FIRST_PASSES_S = 60.0  # of the curve are compared with the vein: until a head that moves takes thin arteries out of their voxels
_FACTORS = (0.7, 3.0)  # a factor outside says that one of the two is no vessel
_GOOD_ENOUGH = 0.3  # sections whose own curve scores less do not join the mean


def automatic_aif(
    concentration: Concentration, *, haematocrit: float, by_section: bool, scale_to_large_vein: bool, source: str
) -> tuple[Aif, Provenance]:
    """Cluster analysis over the whole volume, or section by section with the mean over the sections that hold an artery.

    With `scale_to_large_vein` the arterial curve is made as much larger as a large vein says it must be, since thin
    arteries share their voxels with tissue; a factor that is not believable is not used, and that is said.

    NoArterialInput, with what was found instead, where no voxel looks like an artery.
    """
    if by_section:
        aif = _by_section(concentration, haematocrit, source)
    else:
        found = _searched(concentration, np.ones(len(concentration.curves_mM), dtype=bool), source)
        factor, remark = _vein_factor(concentration, found) if scale_to_large_vein else (1.0, "")
        remarks = (*found.remarks, remark) if remark else found.remarks
        origin = "automatic, cluster analysis"
        aif = _aif(concentration, found.curve * factor, found.members, origin, haematocrit, found.quality, remarks)
    where = "in each section" if by_section else "in the whole volume"
    sentence = (
        f"The arterial input function was found by cluster analysis {where} ({len(aif.voxels)} voxels, quality {aif.quality:.2f}) "
        f"and divided by 1 - {haematocrit:g} (haematocrit)."
    )
    return aif, provenance(
        "aif",
        sentence,
        {"how": "automatic", "by_section": by_section, "scale_to_vein": scale_to_large_vein, "haematocrit": haematocrit},
        (source,),
        "10.1002/mrm.20759",
    )


def masked_aif(
    concentration: Concentration, region: NDArray[np.bool_], *, haematocrit: float, source: str
) -> tuple[Aif, Provenance]:
    """The mean curve of a region (i, j, k) that a person marked."""
    members = np.flatnonzero(region[concentration.mask])
    curves = concentration.curves_mM[members]
    whole = np.isfinite(curves).all(axis=1)
    if not whole.any():
        raise BadInput(
            f"{source}: none of its {int(np.count_nonzero(region))} voxels has a curve that is finite in all frames; mark unsaturated arterial voxels"
        )
    mean = curves[whole].mean(axis=0, dtype=np.float64)
    aif = _aif(concentration, mean, members[whole], f"given region, {source}", haematocrit, float("nan"), ())
    sentence = f"The arterial input function is the mean of {int(whole.sum())} voxels marked by hand, divided by 1 - {haematocrit:g} (haematocrit)."
    return aif, provenance("aif", sentence, {"how": "given region", "haematocrit": haematocrit}, (source,))


def given_aif(aif: Aif, source: str) -> tuple[Aif, Provenance]:
    """A curve that a person measured."""
    return aif, provenance(
        "aif",
        "The arterial input function was given as a curve.",
        {"how": "given curve", "haematocrit": aif.haematocrit},
        (source,),
    )


def population_aif(
    concentration: Concentration, *, name: str, haematocrit: float, dose_mmol_kg: float | None, source: str
) -> tuple[Aif, Provenance]:
    """A published curve, starting when the bolus arrives; scaled to the dose where both doses are known."""
    row = POPULATION_AIFS[name]
    curve = row.curve(concentration.times_s, delay_s=concentration.arrival_s)
    plasma = curve if row.compartment == "plasma" else plasma_from_blood(curve, haematocrit=haematocrit)
    remarks = []
    if row.dose_mmol_kg is not None and dose_mmol_kg is not None:
        plasma = plasma * (dose_mmol_kg / row.dose_mmol_kg)
    else:
        remarks.append(
            "not scaled to the dose: "
            + ("the sidecar gives no ContrastDose" if dose_mmol_kg is None else "the source gives no dose")
        )
    aif = Aif(
        concentration.times_s,
        plasma.astype(np.float64),
        f"population, {row.cite}",
        haematocrit,
        float("nan"),
        remarks=tuple(remarks),
    )
    sentence = f"The arterial input function is the population curve of {row.cite}."
    settings: Settings = {"how": "population", "name": name, "haematocrit": haematocrit, "dose_mmol_kg": dose_mmol_kg}
    return aif, provenance("aif", sentence, settings, (source,))


def continuous_aif(aif: Aif, source: str) -> tuple[Aif, Provenance]:
    """The arterial curve between its samples: a smooth form fitted to them; the sampled curve where none fits, and that is said."""
    step_s = float(np.median(np.diff(aif.times_s))) / _FINER
    fine_s = np.arange(aif.times_s[0], aif.times_s[-1] + 0.5 * step_s, step_s)
    found = continuous_artery(aif.times_s, aif.plasma_mM, at_s=fine_s)
    if found.status != Status.OK:
        kept = replace(aif, remarks=(*aif.remarks, "no smooth form fits the samples: they are joined by straight lines"))
        sentence = "No smooth form fitted the arterial samples, which were joined by straight lines."
        return kept, provenance("aif curve", sentence, {"curve": "sampled"}, (source,))
    remark = f"between its samples the curve is {found.form}, {found.rms_mM:.2f} mM from them (root mean square)"
    made = replace(aif, times_s=fine_s, plasma_mM=found.plasma_mM.astype(np.float64), remarks=(*aif.remarks, remark))
    sentence = f"Between its samples the arterial curve was described by {found.form}, fitted to them by least squares."
    return made, provenance("aif curve", sentence, {"curve": "continuous", "form": found.form}, (source,))


def _vein_factor(concentration: Concentration, found: AifSearch) -> tuple[float, str]:
    """How much larger the arterial curve must be for a large vein to follow from it, and a remark."""
    times, voxels = concentration.times_s, np.argwhere(concentration.mask)
    tail_s = found.arrival_s + _MIXED_S
    try:
        vein = find_vein(times, concentration.curves_mM, voxels, found, tail_from_s=tail_s)
        transit = scale_to_vein(times, found.curve, vein.curve, until_s=found.arrival_s + _FIRST_PASSES_S)
    except ValueError as error:
        return 1.0, f"not scaled to a vein: {error}"
    if not _FACTORS[0] <= transit.factor <= _FACTORS[1]:
        return 1.0, f"not scaled to a vein: a factor of {transit.factor:.2f} is not believable"
    return (
        transit.factor,
        f"scaled by {transit.factor:.2f} to a large vein ({vein.members.size} voxels, {vein.lag_s:.1f} s later)",
    )


def _searched(concentration: Concentration, rows: NDArray[np.bool_], source: str) -> AifSearch:
    where = np.flatnonzero(rows)
    try:
        found = find_artery(
            concentration.times_s, concentration.curves_mM[where], baseline_signal=concentration.baseline_signal[where]
        )
    except ValueError as error:
        raise NoArterialInput(f"{source}: {error}; mark arterial voxels (label-aif mask) or give a curve (*_aif.tsv)") from error
    return found._replace(members=where[found.members])


def _by_section(concentration: Concentration, haematocrit: float, source: str) -> Aif:
    axis = int(np.argmax(concentration.grid.spacing_mm))
    section = np.argwhere(concentration.mask)[:, axis]
    found: list[tuple[int, AifSearch]] = []
    refused: list[str] = []
    for index in np.unique(section):
        try:
            found.append((int(index), _searched(concentration, section == index, source)))
        except NoArterialInput:
            refused.append(str(index))
    good = [(index, one) for index, one in found if one.quality >= _GOOD_ENOUGH]
    if not good:
        best = max((one.quality for _, one in found), default=0.0)
        raise NoArterialInput(
            f"{source}: no section holds an artery (best quality {best:.2f} of {len(found)} candidates); mark arterial voxels (label-aif mask)"
        )
    members = np.concatenate([one.members for _, one in good])
    curve = concentration.curves_mM[members].mean(axis=0, dtype=np.float64)
    quality = float(np.average([one.quality for _, one in good], weights=[one.members.size for _, one in good]))
    remarks = [f"section {index}: {one.members.size} voxels, quality {one.quality:.2f}" for index, one in found]
    if refused:
        remarks.append(f"no artery in sections {', '.join(refused)}")
    return _aif(
        concentration, curve, members, "automatic, cluster analysis section by section", haematocrit, quality, tuple(remarks)
    )


def _aif(
    concentration: Concentration,
    blood_mM: NDArray[np.floating],
    members: NDArray[np.intp],
    origin: str,
    haematocrit: float,
    quality: float,
    remarks: tuple[str, ...],
) -> Aif:
    plasma = plasma_from_blood(np.asarray(blood_mM, dtype=np.float64), haematocrit=haematocrit)
    voxels = np.argwhere(concentration.mask)[members]
    return Aif(concentration.times_s, plasma.astype(np.float64), origin, haematocrit, quality, voxels, remarks)
