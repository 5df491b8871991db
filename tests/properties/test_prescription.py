"""Prescriptions: limits, borders and how they are softened, for any zones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from afterglow.painting.prescription import ByContours, ByNumbers, by_contours, by_numbers, softened
from afterglow.painting.stability import dose_change, stability_of
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.zones import Prescription, Zone, ZoneMap

DOSES = ByContours(18.0, 16.5, 15.0, 15.0)
NUMBERS = ByNumbers("recurrence probability", 0.2, 0.8, 15.0, 18.0, 15.0)
MADE = Provenance("zones", "0", {}, (), "")
LABELS = arrays(np.uint8, (9, 8, 7), elements=st.integers(0, 4))


def zone_map(labels: np.ndarray, mm: float = 1.0) -> ZoneMap:
    affine = np.diag([mm, mm, mm, 1.0])
    return ZoneMap(labels, np.zeros_like(labels), Grid(labels.shape, affine), (), MADE)


@settings(max_examples=60)
@given(LABELS, st.floats(0.0, 3.0), st.sampled_from([0.7, 1.0, 2.0]))
def test_no_voxel_lies_below_the_least_or_above_the_greatest_and_none_outside_gets_dose(
    labels: np.ndarray, border_mm: float, mm: float
) -> None:
    labels[4, 4, 3] = Zone.PASSIVE
    found = by_contours(zone_map(labels, mm), DOSES, border_mm=border_mm)
    inside = labels != Zone.OUTSIDE
    assert (found.dose_gy[inside] >= 15).all()
    assert (found.dose_gy[inside] <= 18).all()
    assert not found.dose_gy[~inside].any()


def _tumour(n: int, mm: float) -> np.ndarray:
    """A ball with an aggressive half ball and a plane of penumbra."""
    x, y, z = (mm * (np.arange(n) - (n - 1) / 2) for _ in range(3))
    ball = x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2 < (0.45 * n * mm) ** 2
    labels = np.where(x[:, None, None] > 3, Zone.AGGRESSIVE, np.where(x[:, None, None] > -3, Zone.PENUMBRA, Zone.PASSIVE))
    return np.where(ball, labels, Zone.OUTSIDE).astype(np.uint8)


@pytest.mark.parametrize("mm", [0.5, 1.0, 1.5])
def test_two_millimetres_from_a_border_nothing_changes_and_across_it_dose_rises_gently(mm: float) -> None:
    labels = _tumour(int(30 / mm), mm)
    found = by_contours(zone_map(labels, mm), DOSES, border_mm=2.0)
    plain = {Zone.AGGRESSIVE: 18.0, Zone.PENUMBRA: 16.5, Zone.PASSIVE: 15.0}
    for zone, dose_gy in plain.items():
        other = (labels != zone) & (labels != Zone.OUTSIDE)
        far = (labels == zone) & (ndimage.distance_transform_edt(~other, sampling=(mm,) * 3) > 2.0 + 1e-6)
        np.testing.assert_allclose(found.dose_gy[far], dose_gy, rtol=0, atol=1e-6)
    inside = labels != Zone.OUTSIDE
    for axis in range(3):
        both = inside & np.roll(inside, -1, axis)
        rise = np.abs(np.roll(found.dose_gy, -1, axis) - found.dose_gy)[both]
        assert rise.max() / mm <= 1.5  # 3 Gy in 2 mm


@given(arrays(np.float32, (6, 5, 4), elements=st.floats(15, 18, width=32)), st.floats(0, 4))
def test_softening_a_constant_changes_nothing_and_a_mean_stays_in_range(dose: np.ndarray, border_mm: float) -> None:
    inside = np.ones(dose.shape, dtype=bool)
    inside[0] = False
    grid = Grid(dose.shape, np.diag([1.0, 1.0, 2.0, 1.0]))
    flat = softened(np.full(dose.shape, 16.5, dtype=np.float32), inside, grid, border_mm)
    assert (flat[inside] == 16.5).all()
    soft = softened(dose, inside, grid, border_mm)
    assert soft[inside].min() >= dose[inside].min() - 1e-5
    assert soft[inside].max() <= dose[inside].max() + 1e-5


def test_softening_looks_at_millimetres_not_voxels() -> None:
    """On sections of 5 mm nothing is softened across them over 2 mm."""
    labels = np.full((9, 9, 4), Zone.PASSIVE, dtype=np.uint8)
    labels[:, :, 2:] = Zone.AGGRESSIVE
    thick = ZoneMap(labels, np.zeros_like(labels), Grid(labels.shape, np.diag([1.0, 1.0, 5.0, 1.0])), (), MADE)
    np.testing.assert_allclose(by_contours(thick, DOSES, border_mm=2.0).dose_gy[:, :, 1], 15.0)


@settings(max_examples=40)
@given(arrays(np.float32, (6, 5, 4), elements=st.floats(0, 1, width=32)), st.randoms(use_true_random=False))
def test_painting_by_numbers_is_monotone_and_keeps_its_limits(values: np.ndarray, random: object) -> None:
    zones = zone_map(np.full(values.shape, Zone.PASSIVE, dtype=np.uint8))
    found = by_numbers(values, zones.grid, zones, NUMBERS, border_mm=0.0, source="p.nii.gz")
    order = np.argsort(values, axis=None)
    assert (np.diff(found.dose_gy.ravel()[order]) >= -1e-5).all()
    assert found.dose_gy.min() >= 15
    assert found.dose_gy.max() <= 18


def test_a_voxel_without_a_number_gets_the_dose_for_what_was_not_assessed() -> None:
    zones = zone_map(np.full((3, 1, 1), Zone.PASSIVE, dtype=np.uint8))
    values = np.array([np.nan, 0.8, 0.5], dtype=np.float32).reshape(3, 1, 1)
    found = by_numbers(values, zones.grid, zones, NUMBERS, border_mm=0.0, source="p.nii.gz")
    np.testing.assert_allclose(found.dose_gy.ravel(), [15.0, 18.0, 16.5], rtol=1e-6)


def test_a_map_without_a_value_in_the_tumour_or_on_another_grid_is_refused() -> None:
    zones = zone_map(np.full((3, 1, 1), Zone.PASSIVE, dtype=np.uint8))
    with pytest.raises(BadInput, match=r"p\.nii\.gz: no voxel of the tumour has a value of recurrence probability"):
        by_numbers(np.full((3, 1, 1), np.nan, dtype=np.float32), zones.grid, zones, NUMBERS, border_mm=0.0, source="p.nii.gz")
    with pytest.raises(GridMismatch, match="lay it on them first"):
        by_numbers(np.ones((3, 2, 1), dtype=np.float32), zones.grid, zones, NUMBERS, border_mm=0.0, source="p.nii.gz")


@pytest.mark.parametrize("doses", [(15.0, 16.5, 18.0, 15.0), (18.0, 16.5, 15.0, 14.0), (18.0, 16.5, 0.0, 15.0)])
def test_doses_that_fall_towards_the_aggressive_zone_are_refused(doses: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="dose"):
        ByContours(*doses)


def test_a_prescription_outside_its_limits_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="between 15 and 18"):
        Prescription(
            np.full((1, 1, 1), 14.0, np.float32), np.zeros((1, 1, 1), np.uint8), Grid((1, 1, 1), np.eye(4)), 15, 18, "", MADE
        )


def test_the_change_of_dose_counts_only_what_both_prescribe() -> None:
    labels = np.array([0, 1, 3, 3], dtype=np.uint8).reshape(4, 1, 1)
    other = np.array([1, 1, 1, 3], dtype=np.uint8).reshape(4, 1, 1)
    first, second = (by_contours(zone_map(one), DOSES, border_mm=0.0) for one in (labels, other))
    change = dose_change(first, second)
    assert (change.n_voxels, change.mean_gy, change.changed_share) == (3, pytest.approx(-1.0), pytest.approx(1 / 3))


def test_draws_that_are_what_was_found_leave_nothing_in_doubt() -> None:
    zones = zone_map(_tumour(12, 1.0))
    found = (zones, by_contours(zones, DOSES, border_mm=2.0))
    stability = stability_of(found, [found, found], seed=1, drawn=("ktrans",), fixed=("rcbv",))
    assert stability.change.mean_absolute_gy == 0
    assert np.nanmin(stability.certain) == 1
    assert {zone: middle for zone, middle, *_ in stability.dice} == {
        Zone.PASSIVE: 1,
        Zone.PENUMBRA: 1,
        Zone.AGGRESSIVE: 1,
        Zone.NOT_ASSESSED: None,
    }
