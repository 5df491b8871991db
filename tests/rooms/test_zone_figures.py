"""Claims about pictures of zones and doses: which side is which, what they say, and what they never leave out."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from painted_phantom import Painted, painted_phantom
from PIL import Image

from afterglow.painting.dosimetry import dose_volume, structure_of
from afterglow.painting.quality import painting_quality
from afterglow.records.document import Figure
from afterglow.records.dose import DoseVolume
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.zones import ZONE_COLOURS, Zone, ZoneMap
from afterglow.report.figures.canvas import DPI, WARNING_INK
from afterglow.report.figures.dose import isodose_figure, prescription_figure
from afterglow.report.figures.dose_planes import FOOT_IN, middle_of, three_cuts
from afterglow.report.figures.dose_volume import dose_volume_figure, inks_of, quality_figure
from afterglow.report.figures.zones import zones_figure

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def phantom() -> Painted:
    return painted_phantom(3.0)


@pytest.fixture(scope="module")
def curves(phantom: Painted) -> list[DoseVolume]:
    brain = structure_of("brain", phantom.brain, phantom.grid, kind="organ")
    plans = (phantom.uniform, phantom.painted)
    return [dose_volume(plan.dose, structure, plan=plan.name) for plan in plans for structure in (phantom.tumour, brain)]


@pytest.fixture(scope="module")
def figures(phantom: Painted, curves: list[DoseVolume]) -> dict[str, Figure]:
    quality = painting_quality(phantom.painted.dose, phantom.prescription, phantom.zones, plan="painted")
    plans = (phantom.uniform, phantom.painted)
    drawn = (
        zones_figure(phantom.zones, phantom.backdrop, name="zones", title="Zones"),
        prescription_figure(phantom.prescription, phantom.zones, phantom.backdrop, name="prescription", title="Prescription"),
        isodose_figure(plans, phantom.zones, phantom.backdrop, name="isodoses", title="Plans"),
        dose_volume_figure(curves, organs=["brain"], name="histograms", title="Histograms"),
        quality_figure(quality.volumes, name="quality", title="Quality"),
    )
    return {figure.name: figure for figure in drawn}


def pixels_of(figure: Figure) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(figure.image)).convert("RGB"))


def near(pixels: Pixels, colour: Any, within: int = 30) -> int:
    wanted = np.array([round(255 * part) for part in to_rgb(colour)])
    return int((np.abs(pixels.astype(int) - wanted).max(axis=-1) <= within).sum())


def test_every_picture_says_at_its_foot_that_it_is_not_for_treatment(figures: dict[str, Figure]) -> None:
    for name, figure in figures.items():
        foot = pixels_of(figure)[-round(FOOT_IN * DPI) :]
        assert near(foot, WARNING_INK) > 400, name


def test_zones_stand_in_their_colours_with_their_volumes(figures: dict[str, Figure], phantom: Painted) -> None:
    pixels = pixels_of(figures["zones"])
    for zone in ZONE_COLOURS:
        assert near(pixels, [part / 255 for part in ZONE_COLOURS[zone]], within=70) > 300, zone
    assert f"aggressive {phantom.zones.volume_ml(Zone.AGGRESSIVE):.2f} mL" in figures["zones"].caption


def test_captions_say_plans_levels_and_where_the_dose_comes_from(figures: dict[str, Figure]) -> None:
    caption = figures["isodoses"].caption
    assert "18, 16.5, 16, 15, 12, 8 Gy of uniform and painted" in caption
    assert "uniform: research kernel, a phantom" in caption
    assert "A prescription, not a calculated dose." in figures["prescription"].caption
    assert "solid lines: uniform, dashed lines: painted" in figures["histograms"].caption


def test_the_same_records_give_the_same_bytes(figures: dict[str, Figure], phantom: Painted) -> None:
    again = zones_figure(phantom.zones, phantom.backdrop, name="zones", title="Zones")
    assert again.image == figures["zones"].image


def test_how_a_volume_is_stored_does_not_change_the_picture(phantom: Painted, figures: dict[str, Figure]) -> None:
    """Axes in another order, two of them backwards: the same voxels at the same places."""
    order = (2, 0, 1)
    affine = phantom.grid.affine.copy()
    affine[:3, :3] = affine[:3, :3][:, order]
    for axis in (0, 2):
        affine[:3, 3] += affine[:3, axis] * (phantom.grid.shape[order[axis]] - 1)
        affine[:3, axis] *= -1
    shape = tuple(phantom.grid.shape[axis] for axis in order)
    grid = Grid((shape[0], shape[1], shape[2]), affine)

    def stored(volume: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(volume.transpose(order)[::-1, :, ::-1])

    zones = ZoneMap(stored(phantom.zones.labels), stored(phantom.zones.reasons), grid, (), phantom.zones.provenance)
    other = zones_figure(zones, stored(phantom.backdrop), name="zones", title="Zones")
    off = np.abs(pixels_of(other).astype(int) - pixels_of(figures["zones"]).astype(int)).max(axis=-1)
    assert (off > 40).mean() < 0.002


def test_the_patients_right_is_on_the_viewers_left_and_front_and_head_are_up() -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    grid = Grid((9, 9, 9), affine)
    volume = np.zeros(grid.shape)
    volume[8, 4, 4], volume[4, 8, 4], volume[4, 4, 8] = 1, 2, 3  # right, front, top of the middle
    axial, coronal, sagittal = three_cuts(grid, (4, 4, 4))
    assert [cut.name for cut in (axial, coronal, sagittal)] == ["axial", "coronal", "sagittal"]
    assert axial.of(volume)[4, 0] == 1
    assert axial.of(volume)[0, 4] == 2
    assert coronal.of(volume)[4, 0] == 1
    assert coronal.of(volume)[0, 4] == 3
    assert sagittal.of(volume)[4, 0] == 2
    assert sagittal.of(volume)[0, 4] == 3
    assert (axial.where, coronal.where, sagittal.where) == ("4 mm S", "4 mm A", "4 mm R")
    assert axial.extent == (-4.5, 4.5, 4.5, -4.5)


def test_planes_go_through_a_voxel_of_the_first_mask_that_holds_any() -> None:
    ring = np.zeros((9, 9, 9), dtype=bool)
    ring[2:7, 2:7, 4] = True
    ring[3:6, 3:6, 4] = False
    assert ring[middle_of(np.zeros_like(ring), ring)]
    assert middle_of(np.zeros_like(ring), np.zeros_like(ring)) == (4, 4, 4)


def test_an_empty_aggressive_zone_is_drawn_and_said(phantom: Painted) -> None:
    labels = phantom.zones.labels.copy()
    labels[labels == Zone.AGGRESSIVE] = Zone.PENUMBRA
    calm = ZoneMap(labels, phantom.zones.reasons, phantom.grid, (), phantom.zones.provenance)
    assert "The aggressive zone is empty" in zones_figure(calm, phantom.backdrop, name="z", title="Zones").caption
    assert isodose_figure([phantom.uniform], calm, phantom.backdrop, name="d", title="Plan").image


def test_a_dose_that_reaches_no_level_or_is_not_known_is_still_a_picture(phantom: Painted) -> None:
    hole = np.full(phantom.grid.shape, np.nan, dtype=np.float32)
    for dose in (hole, np.full(phantom.grid.shape, 0.2, dtype=np.float32)):
        plan = replace(phantom.uniform, dose=replace(phantom.uniform.dose, dose_gy=dose))
        assert isodose_figure([plan], phantom.zones, phantom.backdrop, name="d", title="Plan").image


def test_an_empty_structure_is_named_in_the_legend_and_its_note_in_the_caption(curves: list[DoseVolume]) -> None:
    empty = DoseVolume("painted", "aggressive", np.zeros(1), np.zeros(1), "aggressive is empty")
    found = dose_volume_figure([*curves, empty], organs=["brain"], name="h", title="Histograms")
    assert "Aggressive is empty." in found.caption
    only = dose_volume_figure([empty], organs=[], name="h", title="Histograms")
    assert "Aggressive is empty." in only.caption


def test_zones_and_tumour_keep_their_inks_whatever_else_is_drawn() -> None:
    alone, among = inks_of(["aggressive", "tumour"]), inks_of(["brain", "aggressive", "brainstem", "tumour"])
    assert all(alone[name] == among[name] for name in alone)
    assert len(set(among.values())) == 4


def test_pictures_of_things_on_different_grids_are_refused(phantom: Painted) -> None:
    other = painted_phantom(5.0)
    with pytest.raises(GridMismatch, match="the anatomy"):
        zones_figure(phantom.zones, other.backdrop, name="z", title="Zones")
    with pytest.raises(GridMismatch, match="plan uniform"):
        isodose_figure([other.uniform], phantom.zones, phantom.backdrop, name="d", title="Plan")
    with pytest.raises(GridMismatch, match="the zone map"):
        prescription_figure(phantom.prescription, other.zones, phantom.backdrop, name="p", title="Prescription")
