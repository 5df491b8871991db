"""Claims about outlines without drawing: one click finds the lesion, its parts, its next visit; what is not there is not found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from afterglow.kernels.calipers import calipers_in_space
from afterglow.lesions.carry import carried, propagate, touching
from afterglow.lesions.look import Images
from afterglow.lesions.measure import Labels
from afterglow.lesions.segment import segment_lesion
from afterglow.lesions.size import extraosseous_extent, sizes_in_space, spatial_diameters
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
STEP_MM = 1.5
GRID = Grid((52, 52, 52), np.array([[-STEP_MM, 0, 0, 38.0], [0, STEP_MM, 0, -38.0], [0, 0, STEP_MM, -30.0], [0, 0, 0, 1.0]]))
POINTS = GRID.to_mm(np.stack(np.indices(GRID.shape), axis=-1).astype(float))
CENTRE = np.array([2.0, -1.0, 4.0])
BRAIN, BRIGHT, FLUID = 100.0, 200.0, 30.0


def within(radius_mm: float, centre: NDArray[np.float64] = CENTRE) -> Floats:
    """Share of each voxel inside a ball, its border spread over a voxel."""
    away = np.linalg.norm(POINTS - centre, axis=-1)
    return np.asarray(np.clip((radius_mm - away) / STEP_MM + 0.5, 0, 1), dtype=np.float32)


def scan(rim: Floats, core: Floats | None = None, level: float = BRIGHT, core_level: float = 60.0, seed: int = 0) -> Images:
    """Post- and pre-contrast images of brain with a lesion, a ventricle, a vessel and a tilted coil."""
    rng = np.random.default_rng(seed)
    hole = np.zeros(GRID.shape, np.float32) if core is None else core
    ventricle = within(7.0, np.array([-24.0, 18.0, 8.0]))
    vessel = np.clip((1.2 - np.linalg.norm(POINTS[..., 1:] - np.array([-14.0, 6.0]), axis=-1)) / STEP_MM + 0.5, 0, 1)
    coil = 1 + 0.003 * POINTS[..., 0]
    pre = BRAIN + (core_level - BRAIN) * hole + (FLUID - BRAIN) * ventricle
    post = pre + (level - BRAIN) * rim + 120.0 * vessel
    noisy = [np.asarray(coil * one + rng.normal(0, 3, GRID.shape), dtype=np.float32) for one in (post, pre)]
    return Images(noisy[0], noisy[1])


def dice(a: Mask, b: Mask) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def at(x: float, y: float, z: float) -> tuple[float, float, float]:
    return float(CENTRE[0] + x), float(CENTRE[1] + y), float(CENTRE[2] + z)


@pytest.mark.parametrize("with_pre", [True, False])
@pytest.mark.parametrize("radius_mm", [4.5, 10.0])
def test_one_click_outlines_a_ball_and_knows_its_volume(radius_mm: float, with_pre: bool) -> None:
    images = scan(within(radius_mm))
    found = segment_lesion(images if with_pre else Images(images.post), GRID, click_mm=at(1.0, -1.0, 1.0))
    assert dice(found.mask, within(radius_mm) > 0.5) > 0.95
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * radius_mm**3 / 1000, rel=0.08)


@pytest.mark.parametrize("click", [(0.0, 0.0, 0.0), (9.5, 0.0, 0.0), (0.0, 0.0, -9.5)])
def test_a_ring_is_found_from_its_middle_and_from_its_rim(click: tuple[float, float, float]) -> None:
    core = within(7.0)
    found = segment_lesion(scan(within(12.0) - core, core), GRID, click_mm=at(*click))
    parts = dict(found.parts)
    assert dice(found.mask, within(12.0) > 0.5) > 0.95
    assert dice(parts["necrosis"], core > 0.5) > 0.85
    assert "cavity" not in parts


def test_a_cavity_as_dark_as_fluid_is_a_part_but_not_in_the_mask() -> None:
    core = within(7.0)
    found = segment_lesion(scan(within(12.0) - core, core, core_level=FLUID + 3), GRID, click_mm=at(9.5, 0.0, 0.0))
    parts = dict(found.parts)
    assert dice(parts["cavity"], core > 0.5) > 0.85
    assert not (parts["cavity"] & found.mask).any()
    assert "necrosis" not in parts


def test_a_vessel_that_touches_the_lesion_stays_outside() -> None:
    vessel = np.clip((1.2 - np.linalg.norm(POINTS[..., 1:] - CENTRE[1:], axis=-1)) / STEP_MM + 0.5, 0, 1).astype(np.float32)
    found = segment_lesion(scan(np.maximum(within(8.0), vessel)), GRID, click_mm=at(0.0, 0.0, 0.0))
    assert dice(found.mask, within(8.0) > 0.5) > 0.93


def test_blood_that_is_bright_before_contrast_falls_away() -> None:
    images = scan(within(8.0))
    clot = 100.0 * within(8.0, CENTRE + np.array([15.0, 0.0, 0.0]))
    found = segment_lesion(Images(images.post + clot, images.pre + clot), GRID, click_mm=at(0.0, 0.0, 0.0))  # type: ignore[operator]
    assert dice(found.mask, within(8.0) > 0.5) > 0.95


def test_a_box_finds_the_same_as_a_click() -> None:
    images = scan(within(9.0))
    clicked = segment_lesion(images, GRID, click_mm=at(0.0, 0.0, 0.0))
    boxed = segment_lesion(images, GRID, box_mm=(at(-14.0, -13.0, -12.0), at(12.0, 14.0, 13.0)))
    assert dice(clicked.mask, boxed.mask) > 0.97


def test_the_threshold_shift_makes_it_larger_below_zero_and_smaller_above() -> None:
    images = scan(within(9.0))
    ml = [segment_lesion(images, GRID, click_mm=at(0.0, 0.0, 0.0), threshold_shift=shift).volume_ml for shift in (-0.2, 0.0, 0.2)]
    assert ml[0] > ml[1] > ml[2]


def test_the_scanners_gain_does_not_matter() -> None:
    images = scan(within(9.0))
    louder = Images(7.0 * images.post, 5.0 * images.pre)  # type: ignore[operator]
    first, second = (segment_lesion(one, GRID, click_mm=at(0.0, 0.0, 0.0)) for one in (images, louder))
    assert dice(first.mask, second.mask) > 0.99


@pytest.mark.parametrize(
    ("click", "said"),
    [((200.0, 0.0, 0.0), "outside the image"), ((20.0, 20.0, -20.0), "stands out|no border")],
)
def test_a_click_on_nothing_is_refused_in_one_sentence(click: tuple[float, float, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        segment_lesion(scan(within(8.0)), GRID, click_mm=at(*click), radius_limit_mm=20.0)


def test_a_click_in_air_is_refused() -> None:
    images = scan(within(8.0))
    body = (POINTS[..., 1] < 20.0).astype(np.float32)
    with pytest.raises(BadInput, match="in air"):
        segment_lesion(Images(images.post * body, images.pre * body), GRID, click_mm=(0.0, 34.0, 0.0))  # type: ignore[operator]


def moved(shift_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.eye(4)
    out[:3, 3] = shift_mm
    return out


@pytest.mark.parametrize("radius_mm", [6.0, 9.0, 13.0])
def test_an_outline_follows_a_lesion_that_shrinks_stays_or_grows(radius_mm: float) -> None:
    shift = np.array([4.0, -3.0, 2.0])
    found = propagate(within(9.0) > 0.5, GRID, moved(shift), scan(within(radius_mm, CENTRE + shift)), GRID)
    assert dice(found.mask, within(radius_mm, CENTRE + shift) > 0.5) > 0.93


def test_a_lesion_that_is_gone_is_not_invented() -> None:
    found = propagate(within(9.0) > 0.5, GRID, np.eye(4), scan(np.zeros(GRID.shape, np.float32)), GRID)
    assert not found.mask.any()
    assert "nothing enhances any more" in found.remarks[0]


def test_a_lesion_outside_the_field_of_view_says_so() -> None:
    found = propagate(within(9.0) > 0.5, GRID, moved(np.array([500.0, 0.0, 0.0])), scan(within(9.0)), GRID)
    assert "outside the field of view" in found.remarks[0]


def test_carrying_there_and_back_keeps_the_place() -> None:
    there = moved(np.array([3.0, 1.5, -4.5]))
    mask = within(9.0) > 0.5
    back = carried(carried(mask, GRID, there, GRID), GRID, np.linalg.inv(there), GRID)
    assert dice(mask, back) > 0.97


def test_of_a_given_mask_the_piece_that_is_pointed_at_is_taken() -> None:
    one, other = within(6.0) > 0.5, within(5.0, CENTRE + np.array([20.0, 0.0, 0.0])) > 0.5
    assert (touching(one | other, GRID, at(5.0, 0.0, 0.0), "nnunet").mask == one).all()
    with pytest.raises(BadInput, match="marks nothing within 5 mm"):
        touching(one | other, GRID, at(0.0, -25.0, 0.0), "nnunet")


def test_a_slanting_rod_is_as_long_as_it_is() -> None:
    rod = np.zeros(GRID.shape, bool)
    for n in range(20):
        rod[10 + n, 10 + n, 10 + n] = True
    longest, product = spatial_diameters(rod, GRID)
    assert longest == pytest.approx(20 * STEP_MM * np.sqrt(3), rel=1e-6)
    assert product == pytest.approx(longest * STEP_MM * 2 * np.sqrt(2 / 3), rel=1e-6)


@given(st.floats(0, 360), st.floats(0, 360))
@settings(max_examples=20, deadline=None)
def test_diameters_in_space_do_not_turn_with_the_body(a_deg: float, b_deg: float) -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(0, [9.0, 4.0, 2.0], (40, 3))
    a, b = np.radians([a_deg, b_deg])
    first = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    second = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    np.testing.assert_allclose(calipers_in_space(points @ first @ second), calipers_in_space(points), rtol=1e-9)


def test_the_extent_outside_the_bone_is_measured_along_the_bodys_axes() -> None:
    bone = np.zeros(GRID.shape, bool)
    bone[20:30, 10:30, 20:30] = True
    mask = np.zeros(GRID.shape, bool)
    mask[22:26, 26:36, 18:30] = True
    lr, ap, si = extraosseous_extent(mask, bone, GRID)
    assert (lr, ap, si) == pytest.approx((4 * STEP_MM, 10 * STEP_MM, 12 * STEP_MM))
    assert extraosseous_extent(mask & bone, bone, GRID) == (0.0, 0.0, 0.0)
    with pytest.raises(GridMismatch, match="resample"):
        extraosseous_extent(mask, bone[1:], GRID)


def test_sizes_in_space_have_their_units_and_an_empty_lesion_none() -> None:
    labels = Labels("01", "01", 0.0, "T1w", "m", "r")
    full = Lesion("1", within(9.0) > 0.5, GRID, "drawn")
    names = [m.quantity for m in sizes_in_space(full, labels=labels, bone=np.zeros(GRID.shape, bool))]
    assert names == ["longest_diameter_3d", "product_3d", "extraosseous_ap", "extraosseous_lr", "extraosseous_si"]
    empty = Lesion("1", np.zeros(GRID.shape, bool), GRID, "carried", "gone")
    assert [m.value for m in sizes_in_space(empty, labels=labels)] == [None, None]
