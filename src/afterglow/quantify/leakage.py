"""Leakage of contrast agent in DSC: a reference curve of tissue that keeps it, K2 and kep of every voxel, corrected curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_leakage import Leakage, LeakageModel, bidirectional, boxerman, choose_leakage, corrected_rates
from afterglow.kernels.dsc_reference import Reference, reference_curve
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.quantify.rates import SHORT, Rates
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.maps import ParameterMap, Provenance

How = Literal["bsw", "bidirectional", "choose"]
_VESSELS = 95.0  # percentile of the area: above, a voxel holds a vessel
_FITTERS = {"bsw": boxerman, "bidirectional": bidirectional, "choose": choose_leakage}
_WORDS = {
    "bsw": ("one-way leakage (Boxerman 2006, AJNR 27:859)", ""),
    "bidirectional": ("two-way leakage", "10.3174/ajnr.A4759"),
    "choose": (
        "no, one-way or two-way leakage, whichever has the least corrected Akaike criterion in the voxel",
        "10.3174/ajnr.A4759",
    ),
}


@dataclass(frozen=True, eq=False)
class Corrected:
    """Coefficients of every voxel, and its curve with what leaked put back."""

    reference_per_s: NDArray[np.float64]  # (t,)
    leakage: Leakage
    per_s: NDArray[np.float32]  # (n, t)
    window: slice
    k2: ParameterMap
    provenance: Provenance
    quality: tuple[QualityLine, ...]


def correct_leakage(rates: Rates, *, how: How, within_sd: Sequence[float], exclude: NDArray[np.bool_] | None) -> Corrected:
    """Fit and undo leakage; `exclude` (i, j, k) marks lesions, which never are reference.

    The reference voxels are those outside vessels that end within so many standard deviations of their baseline: the first of
    `within_sd` that leaves enough. BadInput where none does.
    """
    left_out = rates.cut.copy()
    if exclude is not None:
        left_out |= rates.of(exclude)
    area = blood_volume(rates.times_s, rates.per_s, window=rates.window)
    with np.errstate(invalid="ignore"):
        left_out |= area > np.nanpercentile(area, _VESSELS)
    reference, used_sd = _reference(rates, left_out, within_sd)
    window = slice(rates.bolus.last_baseline, rates.last)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(rates.per_s).all(axis=1))
    safe = np.where(finite[:, None], rates.per_s, np.float32(np.nan))
    leakage = _FITTERS[how](rates.times_s, safe, reference.per_s, rates.sigma_per_s, window=window)
    per_s = corrected_rates(rates.times_s, safe, reference.per_s, leakage, window=window)
    words, doi = _WORDS[how]
    short = SHORT[rates.echo]
    sentence = (
        f"The {rates.echo}-echo curves were fitted with {words}, against the mean of {reference.members.size} voxels that end within {used_sd:g} "
        "SD of their baseline, and corrected where K2 exceeds its standard error."
    )
    settings = {
        "model": how,
        "within_sd": used_sd,
        "reference_voxels": int(reference.members.size),
        "corrected_share": float(leakage.applied.mean()),
    }
    made = provenance("leakage", sentence, settings, (rates.source,), doi)
    k2 = map_from_voxels(
        "leakage_ge" if rates.echo == "gradient" else "leakage_se",
        leakage.k2_per_s, leakage.status, rates.mask, rates.grid, made, leakage.k2_se_per_s,
    )  # fmt: skip
    return Corrected(
        np.asarray(reference.per_s, dtype=np.float64),
        leakage,
        per_s,
        window,
        k2,
        made,
        (_counted(short, leakage, how, reference, used_sd),),
    )


def _reference(rates: Rates, left_out: NDArray[np.bool_], within_sd: Sequence[float]) -> tuple[Reference, float]:
    frames = slice(0, rates.bolus.last_baseline + 1)
    said = ""
    for sd in within_sd:
        try:
            return reference_curve(rates.per_s, baseline_frames=frames, exclude=left_out, within_sd=sd), sd
        except ValueError as error:
            said = str(error)
    raise BadInput(f"{rates.source}: no reference tissue for the correction of leakage: {said}")


def _counted(short: str, leakage: Leakage, how: How, reference: Reference, used_sd: float) -> QualityLine:
    shares = ", ".join(
        f"{name} {100 * np.mean(leakage.model == model):.0f} %"
        for model, name in ((LeakageModel.NONE, "none"), (LeakageModel.BSW, "one-way"), (LeakageModel.BIDIRECTIONAL, "two-way"))
        if (leakage.model == model).any()
    )
    found = f"corrected in {100 * leakage.applied.mean():.0f} % of the voxels ({shares}); reference {reference.members.size} of {reference.n_candidates} voxels"
    advice = f"the reference had to be widened to {used_sd:g} SD: recirculation may count as leakage" if used_sd > 1 else ""
    return QualityLine(f"{short}: leakage", found, "note" if advice else "ok", advice)
