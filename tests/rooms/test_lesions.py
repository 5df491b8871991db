"""Claims about regions: what is counted, what is divided, what is left unsaid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.lesions.measure import Labels, measure, measure_reference
from afterglow.lesions.reference import given_reference, mirrored_reference
from afterglow.lesions.size import axial_diameters, sizes
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES

GRID = Grid((20, 20, 10), np.diag([2.0, 2.0, 4.0, 1.0]))
LABELS = Labels("01", "02", 30.0, "dce", "method", "abc")
HOW = Provenance("fit", "0", {}, (), "fitted")


def box(*corners: tuple[int, int], grid: Grid = GRID) -> np.ndarray:
    mask = np.zeros(grid.shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in corners)] = True
    return mask


LESION = Lesion("1", box((2, 8), (2, 8), (2, 6)), GRID, "drawn")
REFERENCE = Reference(box((12, 18), (2, 8), (2, 6)), GRID, "given region", "drawn")


def a_map(values: np.ndarray) -> ParameterMap:
    return ParameterMap(QUANTITIES["vp"], values.astype(np.float32), GRID, np.zeros(GRID.shape, np.uint8), HOW)


def noisy(lesion: float, reference: float, sd: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(3).normal(0, sd, GRID.shape) if sd else np.zeros(GRID.shape)
    return values + np.where(LESION.mask, lesion, reference)


def test_a_ratio_is_the_lesion_over_the_reference_and_shows_both() -> None:
    m = measure(a_map(noisy(0.06, 0.02)), LESION, REFERENCE, statistic="mean", normalised=True, labels=LABELS)
    assert m.value == pytest.approx(3.0, rel=1e-5)
    assert (m.unit, m.reference_kind) == ("1", "given region")
    assert m.reference_value == pytest.approx(0.02, rel=1e-5)


def test_a_voxel_that_was_not_measured_does_not_count() -> None:
    values = noisy(0.06, 0.02)
    values[2:5, 2:8, 2:6] = np.nan
    m = measure(a_map(values), LESION, None, statistic="mean", normalised=False, labels=LABELS)
    assert m.value == pytest.approx(0.06, rel=1e-5)
    assert m.n_voxels == 72
    assert any("72 of 144" in flag for flag in m.flags)


def test_a_region_without_a_value_gives_none_and_says_so() -> None:
    m = measure(a_map(np.full(GRID.shape, np.nan)), LESION, None, statistic="mean", normalised=False, labels=LABELS)
    assert m.value is None
    assert m.flags == ("lesion: no voxel was measured",)


def test_a_reference_near_zero_makes_no_ratio() -> None:
    m = measure(a_map(noisy(0.06, 0.0, 0.01)), LESION, REFERENCE, statistic="mean", normalised=True, labels=LABELS)
    assert m.value is None
    assert any("no ratio" in flag for flag in m.flags)


def test_without_a_reference_there_is_no_ratio() -> None:
    m = measure(a_map(noisy(0.06, 0.02)), LESION, None, statistic="mean", normalised=True, labels=LABELS)
    assert (m.value, m.flags) == (None, ("no reference region",))


def test_more_noise_widens_the_interval() -> None:
    widths = []
    for noise in (0.001, 0.01):
        values = a_map(noisy(0.06, 0.02, noise))
        m = measure(values, LESION, None, statistic="mean", normalised=False, labels=LABELS, border_sd_mm=0)
        assert m.ci_low is not None
        assert m.ci_high is not None
        widths.append(m.ci_high - m.ci_low)
    assert widths[1] > 5 * widths[0]


@pytest.mark.parametrize("statistic", ["mean", "median", "p25", "p75"])
def test_an_interval_holds_its_own_number(statistic: str) -> None:
    m = measure(a_map(noisy(0.06, 0.02, 0.01)), LESION, REFERENCE, statistic=statistic, normalised=True, labels=LABELS)
    assert m.ci_low <= m.value <= m.ci_high  # type: ignore[operator]


@pytest.mark.parametrize("statistic", ["p5", "p95", "max", "sd"])
def test_the_tails_have_no_interval(statistic: str) -> None:
    m = measure(a_map(noisy(0.06, 0.02, 0.01)), LESION, None, statistic=statistic, normalised=False, labels=LABELS)
    assert (m.ci_low, m.ci_high, m.ci_kind) == (None, None, "")


def test_a_handful_of_voxels_has_a_number_but_no_interval() -> None:
    small = Lesion("1", box((2, 4), (2, 4), (2, 4)), GRID, "drawn")
    m = measure(a_map(noisy(0.06, 0.02, 0.01)), small, None, statistic="mean", normalised=False, labels=LABELS)
    assert (m.ci_low, m.ci_high) == (None, None)
    assert m.value is not None
    assert any("only 8 voxels" in flag for flag in m.flags)


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        m = measure(a_map(rng.normal(0.05, 0.01, GRID.shape)), LESION, None, statistic="mean", normalised=False, labels=LABELS)
        hits += m.ci_low <= 0.05 <= m.ci_high  # type: ignore[operator]
    assert 50 <= hits <= 60  # few blocks make a bootstrap a little narrow


def test_the_same_voxels_give_the_same_interval() -> None:
    one, two = (
        measure(a_map(noisy(0.06, 0.02, 0.01)), LESION, REFERENCE, statistic="median", normalised=True, labels=LABELS)
        for _ in range(2)
    )
    assert one == two


def test_the_reference_itself_is_measured_in_its_own_unit() -> None:
    m = measure_reference(a_map(noisy(0.06, 0.02)), REFERENCE, statistic="mean", labels=LABELS)
    assert (m.region, m.lesion_id, m.unit) == ("reference", "", "1")
    assert m.value == pytest.approx(0.02, rel=1e-5)


def test_a_region_on_another_grid_is_refused() -> None:
    small = Grid((5, 5, 5), np.eye(4))
    with pytest.raises(ValueError, match=r"\(5, 5, 5\)"):
        measure(
            a_map(noisy(1, 1)),
            Lesion("1", np.ones((5, 5, 5), bool), small, "drawn"),
            None,
            statistic="mean",
            normalised=False,
            labels=LABELS,
        )


@given(st.floats(0.5, 4.0))
def test_voxel_size_changes_a_volume_by_its_cube_and_nothing_else(scale: float) -> None:
    grid = Grid(GRID.shape, np.diag([2.0 * scale, 2.0 * scale, 4.0 * scale, 1.0]))
    lesion = Lesion("1", LESION.mask, grid, "drawn")
    assert lesion.volume_ml == pytest.approx(LESION.volume_ml * scale**3, rel=1e-9)
    assert axial_diameters(lesion.mask, grid)[0] == pytest.approx(axial_diameters(LESION.mask, GRID)[0] * scale, rel=1e-6)  # type: ignore[operator]


def test_a_box_has_the_diagonal_as_its_longest_diameter() -> None:
    longest, product = axial_diameters(LESION.mask, GRID)
    assert longest == pytest.approx(12 * np.sqrt(2))
    assert product == pytest.approx(12 * np.sqrt(2) * 12 * np.sqrt(2))


def test_a_disc_measures_its_own_diameter() -> None:
    grid = Grid((80, 80, 3), np.diag([0.5, 0.5, 1.0, 1.0]))
    i, j = np.indices((80, 80))
    mask = np.repeat(((i - 40) ** 2 + (j - 40) ** 2 <= 30**2)[..., None], 3, axis=2)
    longest, product = axial_diameters(mask, grid)
    assert longest == pytest.approx(30, rel=0.03)
    assert product == pytest.approx(900, rel=0.05)


def test_the_axial_plane_is_that_of_the_patient_for_a_sagittal_scan() -> None:
    sagittal = np.array([[0.0, 0, 5, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])  # i is y, j is z, k is x
    grid = Grid((20, 20, 10), sagittal)
    longest, _ = axial_diameters(box((2, 8), (2, 18), (3, 5), grid=grid), grid)
    assert longest == pytest.approx(np.hypot(6, 10))  # 6 mm along y, two slices of 5 mm along x; the 16 mm along z do not count


def test_an_empty_lesion_has_no_size() -> None:
    lesion = Lesion("1", np.zeros(GRID.shape, bool), GRID, "carried", "outside the field of view")
    assert [m.value for m in sizes(lesion, labels=LABELS)] == [0.0, None, None]


def test_a_given_reference_never_holds_a_lesion_voxel() -> None:
    reference = given_reference(box((6, 18), (2, 8), (2, 6)), GRID, kind="given region", source="r.nii.gz", lesions=(LESION,))
    assert not (reference.mask & LESION.mask).any()
    assert "48 voxels shared" in reference.method
    with pytest.raises(MissingInput, match="inside the lesion"):
        given_reference(LESION.mask, GRID, kind="given region", source="r.nii.gz", lesions=(LESION,))


def test_the_mirrored_lesion_lies_on_the_other_side() -> None:
    mirror = np.eye(4)
    mirror[0, 0], mirror[0, 3] = -1, 2 * GRID.to_mm(np.array([9.5, 0, 0]))[0]
    reference = mirrored_reference((LESION,), mirror, np.ones(GRID.shape, bool), how="mirrored")
    np.testing.assert_array_equal(reference.mask, LESION.mask[::-1])


def test_a_lesion_on_the_midline_has_no_mirror() -> None:
    lesion = Lesion("1", box((7, 13), (2, 8), (2, 6)), GRID, "drawn")
    mirror = np.eye(4)
    mirror[0, 0], mirror[0, 3] = -1, 2 * GRID.to_mm(np.array([9.5, 0, 0]))[0]
    with pytest.raises(MissingInput, match="midline"):
        mirrored_reference((lesion,), mirror, np.ones(GRID.shape, bool), how="mirrored")
