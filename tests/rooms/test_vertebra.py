"""Claims about the healthy vertebra beside a lesion's: which body, how far inside it, and when there is none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.lesions.reference import Limits
from afterglow.lesions.vertebra import adjacent_vertebra
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]


def places(grid: Grid) -> NDArray[np.float64]:
    """(3, i, j, k) in mm."""
    return np.moveaxis(grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float)), -1, 0)


def ball(grid: Grid, middle: tuple[float, float, float], radius_mm: float) -> Mask:
    x, y, z = places(grid)
    a, b, c = middle
    inside: Mask = (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 < radius_mm**2
    return inside


def column(*, bright: int | None = None) -> tuple[Volume, Grid, list[tuple[float, float, float]]]:
    """Eight vertebral bodies with cortex, discs, canal and fat behind, in sagittal slices; one may be a haemangioma."""
    affine = np.array([[0, 0, 3.0, -25.5], [1.0, 0, 0, -60], [0, 1.0, 0, -110], [0, 0, 0, 1]])
    grid = Grid((120, 220, 18), affine)
    x, y, z = places(grid)
    image = np.full(grid.shape, 0.45)  # muscle
    image[(y < -30)] = 1.6  # fat of the back
    middles = []
    for n in range(8):
        at = (0.0, 3.0 * np.sin(n / 3), -98.0 + 28.0 * n)
        middles.append(at)
        across, along, up = np.abs(x - at[0]) / 21, np.abs(y - at[1]) / 16, np.abs(z - at[2]) / 11
        image[(across < 1) & (along < 1) & (np.abs(z - at[2]) < 14)] = 0.5  # disc
        image[(across < 1) & (along < 1) & (up < 1)] = 0.2  # cortex
        inside = (across < 0.93) & (along < 0.88) & (up < 0.82)
        image[inside] = 1.5 if n == bright else 0.85
    shaded = image * np.exp(0.2 * y / 60 + 0.1 * z / 110)
    noise = 0.02 * np.random.default_rng(3).standard_normal(grid.shape)
    return (ndimage.gaussian_filter(shaded, (0.6, 0.6, 0.3)) + noise).astype(np.float32), grid, middles


def with_lesion(n: int, **of: int) -> tuple[Volume, Grid, Mask, list[tuple[float, float, float]]]:
    image, grid, middles = column(**of)
    lesion = ball(grid, middles[n], 9.0)
    image = np.where(lesion, 0.4, image).astype(np.float32)
    return image, grid, lesion, middles


SPINE_LIMITS = Limits(0.5, 30.0, 5.0, 2.0)


def level_of(mask: Mask, grid: Grid, middles: list[tuple[float, float, float]]) -> int:
    z = places(grid)[2][mask].mean()
    return int(np.argmin([abs(z - at[2]) for at in middles]))


def test_the_vertebra_beside_the_lesion_is_found_away_from_disc_cortex_and_lesion() -> None:
    image, grid, lesion, middles = with_lesion(3)
    found = adjacent_vertebra(image, grid, lesion, SPINE_LIMITS)
    level = level_of(found.mask, grid, middles)
    assert level in (2, 4)
    x, y, z = (np.abs(axis[found.mask] - middles[level][n]) for n, axis in enumerate(places(grid)))
    assert (x < 21).all()
    assert (y < 14).all()
    assert (z < 9).all()
    assert not (found.mask & lesion).any()
    assert abs(dict(found.numbers)["levels"]) == 1


def test_a_vertebra_that_is_brighter_than_the_others_is_passed_over() -> None:
    plain = with_lesion(3)
    first = level_of(adjacent_vertebra(*plain[:3], SPINE_LIMITS).mask, plain[1], plain[3])
    image, grid, lesion, middles = with_lesion(3, bright=first)
    assert level_of(adjacent_vertebra(image, grid, lesion, SPINE_LIMITS).mask, grid, middles) != first


def test_without_a_column_there_is_no_vertebra_and_the_reason_is_said() -> None:
    _, grid, lesion, _ = with_lesion(3)
    noise = np.random.default_rng(5).random(grid.shape).astype(np.float32)
    with pytest.raises(MissingInput, match="fewer than 3 vertebral bodies in a row"):
        adjacent_vertebra(noise, grid, lesion, SPINE_LIMITS)
    with pytest.raises(MissingInput, match="outside the anatomy"):
        adjacent_vertebra(noise, grid, np.zeros(grid.shape, bool), SPINE_LIMITS)
