"""How far a plan reaches its prescription, voxel by voxel, and what it says where it does not."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.painting.placement import bands_of
from afterglow.painting.settings import PlanSettings
from afterglow.records.grid import Grid

LARGEST_MM = 60.0  # a tumour wider than this is beyond what one session of radiosurgery is used for


class Reached(NamedTuple):
    """The prescribed voxels (n,) of a target: what they want, and how much of each is inside."""

    wanted_gy: NDArray[np.float64]
    share: NDArray[np.float64]
    settings: PlanSettings

    def bands(self) -> list[NDArray[np.intp]]:
        """Voxels of each band of prescription, from the least on."""
        number = bands_of(self.wanted_gy, self.settings)
        return [np.flatnonzero(number == one) for one in np.unique(number)]

    def d95(self, dose_gy: NDArray[np.float64]) -> list[float]:
        """D95 over the prescription, of each band."""
        ratio = dose_gy / self.wanted_gy
        return [reached_by(ratio[band], self.share[band], 0.95) for band in self.bands()]

    def worst(self, dose_gy: NDArray[np.float64], count: int) -> NDArray[np.intp]:
        """The voxels that lack most, at most so many in each band that lacks dose, and those that would be too hot."""
        ratio = dose_gy / self.wanted_gy
        whole = self.share >= 0.5
        hot = np.flatnonzero((ratio > 1 / self.settings.isodose) & whole)
        chosen = [hot[np.argsort(-ratio[hot])][:count]]
        for band in self.bands():
            poor = band[(ratio[band] < 1) & whole[band]]
            if reached_by(ratio[band], self.share[band], self.settings.coverage) < 1:
                chosen.append(poor[np.argsort(ratio[poor])][:count])
        return np.concatenate(chosen)

    def scale(self, dose_gy: NDArray[np.float64]) -> float:
        """What the dose is multiplied by so that `coverage` of the target receives its prescription, and nothing more than `hottest`."""
        ratio = dose_gy / self.wanted_gy
        return min(1 / reached_by(ratio, self.share, self.settings.coverage), self.settings.hottest / float(ratio.max()))


def reached_by(values: NDArray[np.float64], shares: NDArray[np.float64], part: float) -> float:
    """The value that a part of the volume reaches or exceeds."""
    order = np.argsort(values)[::-1]
    held = np.cumsum(shares[order])
    at = min(int(np.searchsorted(held, part * held[-1] * (1 - 1e-12))), len(order) - 1)
    return float(values[order[at]])


def said(
    dose_gy: NDArray[np.float32],
    wanted_gy: NDArray[np.float32],
    share: NDArray[np.float32],
    grid: Grid,
    target: str,
    has_brain: bool,
    settings: PlanSettings,
) -> tuple[str, ...]:
    """One sentence for each thing the plan could not reach or could not weigh; arrays are (i, j, k) around the target."""
    asked = wanted_gy > 0
    dose, wanted, part = (one[asked].astype(np.float64) for one in (dose_gy, wanted_gy, share))
    rest = Reached(wanted, part, settings)
    sentences = []
    for band, ratio in zip(rest.bands(), rest.d95(dose), strict=True):
        if ratio < settings.zone_least:
            low, high = float(wanted[band].min()), float(wanted[band].max())
            level = f"{low:.3g} Gy" if high - low < 0.05 else f"{low:.3g} to {high:.3g} Gy"
            volume = part[band].sum() * grid.voxel_ml
            sentences.append(
                f"The part of {target} prescribed {level} ({volume:.2f} mL) has a D95 of {100 * ratio:.0f} % of its prescription; what lies around it "
                f"is prescribed less, and a steeper fall is beyond these shots and penalties."
            )
    largest, covered = float((dose / wanted).max()), float(part[dose >= wanted * (1 - 1e-4)].sum() / part.sum())
    if covered < settings.coverage - 0.005:
        sentences.append(
            f"Held to {settings.hottest:g} times the prescription at most, the dose covers {100 * covered:.1f} % of {target}, not {100 * settings.coverage:g} %."
        )
    elif largest > 1.1 / settings.isodose:
        sentences.append(
            f"Scaled to cover {100 * settings.coverage:g} % of {target}, the dose reaches {largest:.2f} times the prescription somewhere, not {1 / settings.isodose:.2f}."
        )
    bare = float(share[(share > 0) & ~asked].sum(dtype=np.float64)) * grid.voxel_ml
    if bare > 0:
        sentences.append(f"{bare:.2f} mL of {target} has no prescription, so no dose was asked for there.")
    places = grid.to_mm(np.argwhere(share > 0).astype(np.float64))
    width = float(np.ptp(places, axis=0).max())
    if width > LARGEST_MM:
        sentences.append(
            f"{target} is {width:.0f} mm wide, more than the {LARGEST_MM:.0f} mm that one session of radiosurgery is used for."
        )
    if not has_brain:
        sentences.append("No brain mask was given, so the dose of the brain was not weighed.")
    return tuple(sentences)
