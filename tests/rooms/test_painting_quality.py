"""Claims about Q, dose planned over dose prescribed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from painted_phantom import Painted, painted_phantom

from afterglow.painting.quality import painting_quality
from afterglow.records.dose import DoseGrid
from afterglow.records.errors import GridMismatch
from afterglow.records.zones import Zone, ZoneMap


@pytest.fixture(scope="module")
def phantom() -> Painted:
    return painted_phantom(3.0)


def told(figures: object, structure: str, name: str) -> float:
    (found,) = [one for one in figures if (one.structure, one.name) == (structure, name)]  # type: ignore[attr-defined]
    return float(found.value)


def as_prescribed(phantom: Painted, factor: float) -> DoseGrid:
    return DoseGrid(phantom.prescription.dose_gy * np.float32(factor), phantom.grid, "prescription", "the prescription")


def test_a_dose_that_is_the_prescription_has_quality_one(phantom: Painted) -> None:
    found = painting_quality(as_prescribed(phantom, 1.0), phantom.prescription, phantom.zones, plan="ideal")
    assert np.array_equal(np.isfinite(found.q), phantom.zones.tumour)
    for name, value in (
        ("mean_q", 1),
        ("quality_factor", 0),
        ("underdose", 0),
        ("voxels_reached", 1),
        ("voxels_within_5_percent", 1),
    ):
        assert told(found.figures, "tumour", name) == pytest.approx(value, abs=1e-6)
    for one in found.volumes:
        assert one.share[0] == 1
        assert one.share[np.searchsorted(one.q, 1.0)] == 1
        assert one.share[-1] == 0


def test_too_little_everywhere_shows_as_underdose(phantom: Painted) -> None:
    found = painting_quality(as_prescribed(phantom, 0.9), phantom.prescription, phantom.zones, plan="low")
    assert told(found.figures, "tumour", "underdose") == pytest.approx(0.1, abs=1e-5)
    assert told(found.figures, "tumour", "quality_factor") == pytest.approx(0.1, abs=1e-5)
    assert told(found.figures, "tumour", "voxels_reached") == 0


def test_doses_by_zone_are_those_of_its_voxels(phantom: Painted) -> None:
    found = painting_quality(phantom.painted.dose, phantom.prescription, phantom.zones, plan="painted")
    values = phantom.painted.dose.dose_gy[phantom.zones.mask(Zone.AGGRESSIVE)]
    assert told(found.figures, "aggressive", "voxel_mean_dose") == pytest.approx(values.mean(), rel=1e-5)
    for percent in (98, 50, 2):
        dose = told(found.figures, "aggressive", f"voxel_D{percent}")
        assert (values >= dose).mean() >= percent / 100 - 1e-9
        assert (values > dose).mean() <= percent / 100
    uniform = painting_quality(phantom.uniform.dose, phantom.prescription, phantom.zones, plan="uniform")
    assert told(found.figures, "aggressive", "underdose") <= told(uniform.figures, "aggressive", "underdose")


def test_an_empty_zone_is_a_result_and_a_hole_in_the_dose_is_none(phantom: Painted) -> None:
    labels = phantom.zones.labels.copy()
    labels[labels == Zone.AGGRESSIVE] = Zone.PENUMBRA
    calm = ZoneMap(labels, phantom.zones.reasons, phantom.grid, (), phantom.zones.provenance)
    found = painting_quality(phantom.painted.dose, phantom.prescription, calm, plan="painted")
    (empty,) = [one for one in found.figures if (one.structure, one.name) == ("aggressive", "voxel_D50")]
    assert math.isnan(empty.value)
    assert empty.note == "the zone aggressive is empty"
    assert "aggressive" not in [one.structure for one in found.volumes]
    holed = phantom.painted.dose.dose_gy.copy()
    holed[tuple(np.argwhere(phantom.zones.mask(Zone.PASSIVE))[0])] = np.nan
    less = painting_quality(replace(phantom.painted.dose, dose_gy=holed), phantom.prescription, phantom.zones, plan="painted")
    assert math.isnan(told(less.figures, "tumour", "quality_factor"))
    assert math.isfinite(told(less.figures, "aggressive", "quality_factor"))


def test_a_dose_on_another_grid_is_refused(phantom: Painted) -> None:
    other = painted_phantom(5.0)
    with pytest.raises(GridMismatch, match="the prescription"):
        painting_quality(other.painted.dose, phantom.prescription, phantom.zones, plan="painted")
