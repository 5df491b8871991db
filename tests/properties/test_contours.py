"""Contours hold as much as the region they are drawn around, and give it back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from afterglow.io.rt_contours import slice_rings, volume_rings
from afterglow.kernels.contours import (
    contains,
    cross_each_other,
    crosses_itself,
    joined,
    nested,
    polygon_share,
    signed_area,
)

masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))
CIRCLE = np.linspace(0, 2 * np.pi, 400, endpoint=False)


def circle(x, y, radius):
    return np.column_stack((x + radius * np.cos(CIRCLE), y + radius * np.sin(CIRCLE)))


def box(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


def centres_inside(rings, shape):
    """Even-odd test of every pixel centre, a hair beside it so that no corner decides."""
    return np.array(
        [
            [sum(contains(ring, np.array([i + 1e-7, j + 2e-7])) for ring in rings) % 2 == 1 for j in range(shape[1])]
            for i in range(shape[0])
        ]
    )


@settings(max_examples=60)
@given(masks)
def test_the_polygons_hold_as_many_pixels_as_the_mask(mask):
    rings = slice_rings(mask.astype(np.float32))
    assert sum(abs(signed_area(ring)) for ring in rings) == pytest.approx(np.count_nonzero(mask), abs=1e-4)


@settings(max_examples=60)
@given(masks)
def test_a_reader_that_asks_for_pixel_centres_gets_the_mask_back(mask):
    np.testing.assert_array_equal(centres_inside(slice_rings(mask.astype(np.float32)), mask.shape), mask)


@settings(max_examples=60)
@given(masks)
def test_a_keyhole_never_crosses_itself(mask):
    assert not any(crosses_itself(ring) for ring in slice_rings(mask.astype(np.float32)))


@settings(max_examples=40)
@given(masks)
def test_filling_the_polygons_gives_their_area(mask):
    padded = np.pad(mask, 1).astype(np.float32)
    share = polygon_share(slice_rings(padded), padded.shape)
    assert share.min() >= 0 and share.max() <= 1
    assert share.sum() == pytest.approx(padded.sum(), abs=1e-4)


def test_an_island_of_one_pixel_is_kept():
    mask = np.zeros((5, 5), np.float32)
    mask[2, 2] = 1
    (ring,) = slice_rings(mask)
    assert len(ring) == 4 and abs(signed_area(ring)) == pytest.approx(1.0, abs=1e-5)


def test_a_part_of_a_pixel_counts_as_that_part():
    away = np.hypot(*(np.indices((40, 40)) - 19.3))
    share = np.clip(8.0 - away + 0.5, 0, 1).astype(np.float32)
    assert sum(abs(signed_area(r)) for r in slice_rings(share)) == pytest.approx(float(share.sum()), rel=1e-4)


def test_a_disc_is_filled_exactly():
    for x, y, radius in ((10.0, 11.0, 6.0), (10.37, 11.81, 4.2), (9.5, 10.5, 2.5)):
        share = polygon_share([circle(x, y, radius)], (22, 24))
        assert share.sum() == pytest.approx(signed_area(circle(x, y, radius)), rel=1e-12)


def scanned(rings, shape, lines=400):
    """Even-odd fill by counting crossings along many lines, pixel by pixel: slow, and plain."""
    share = np.zeros(shape)
    for j in range(shape[1]):
        for y in j - 0.5 + (np.arange(lines) + 0.5) / lines:
            at = []
            for ring in rings:
                for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                    if (a[1] > y) != (b[1] > y):
                        at.append(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
            for start, end in zip(sorted(at)[::2], sorted(at)[1::2], strict=True):
                edges = np.clip(np.arange(shape[0] + 1) - 0.5, start, end)
                share[:, j] += np.diff(edges) / lines
    return share


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.integers(3, 9))
def test_any_ring_is_filled_by_the_even_odd_rule_even_where_it_crosses_itself(seed, n_corners):
    ring = np.random.default_rng(seed).uniform(-2, 8, (n_corners, 2))
    np.testing.assert_allclose(polygon_share([ring], (6, 5)), scanned([ring], (6, 5)), atol=5e-3)


def test_a_box_along_the_pixels_is_filled_exactly():
    share = polygon_share([box(0.75, 1.0, 3.25, 2.0)], (5, 5))
    np.testing.assert_allclose(share[:, 1], [0, 0.75, 1, 0.75, 0][:5] * np.full(5, 0.5), atol=1e-12)


def test_what_lies_outside_is_cut_off():
    whole = polygon_share([circle(10, 10, 6)], (30, 30))
    np.testing.assert_allclose(polygon_share([circle(10, 10, 6)], (9, 12)), whole[:9, :12], atol=1e-12)
    np.testing.assert_allclose(
        polygon_share([circle(-6, -5, 7)], (9, 12)), polygon_share([circle(4, 5, 7)], (19, 22))[10:, 10:], atol=1e-12
    )
    assert polygon_share([circle(100, 100, 6)], (9, 12)).sum() == 0


def test_a_ring_in_a_ring_is_a_hole_and_one_in_that_an_island():
    rings = [circle(12, 12, 9), circle(12, 12, 6), circle(12, 12, 2)]
    area = np.pi * (81 - 36 + 4)
    assert polygon_share(rings, (25, 25)).sum() == pytest.approx(area, rel=1e-3)
    assert sorted(len(holes) for _, holes in nested(rings)) == [0, 1]


def test_a_keyhole_means_the_same_as_two_rings():
    outer, holes = circle(12, 12, 9), [circle(9, 12, 2), circle(15, 13, 2.5)]
    ring = joined(outer, holes)
    assert not crosses_itself(ring)
    np.testing.assert_allclose(polygon_share([ring], (25, 25)), polygon_share([outer, *holes], (25, 25)), atol=1e-9)


def test_a_hole_outside_its_ring_is_refused():
    with pytest.raises(ValueError, match="outside"):
        joined(circle(5, 5, 3), [circle(20, 5, 1)])


def test_a_figure_of_eight_crosses_itself_and_a_star_of_touching_boxes_does_not():
    assert crosses_itself(np.array([[0, 0], [4, 4], [4, 0], [0, 4]], dtype=float))
    assert not crosses_itself(box(0, 0, 4, 4)) and not crosses_itself(circle(5, 5, 3))
    assert cross_each_other(box(0, 0, 4, 4), box(2, 2, 6, 6))
    assert not cross_each_other(box(0, 0, 4, 4), box(4, 0, 8, 4)) and not cross_each_other(box(0, 0, 9, 9), box(2, 2, 4, 4))


def test_turning_and_moving_a_ring_leaves_its_area():
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    ring = box(1, 2, 7, 5)
    assert signed_area(ring @ turn.T + [1e4, -3e3]) == pytest.approx(18.0, rel=1e-9)
    assert signed_area(ring[::-1]) == -18.0


def test_each_slice_has_its_own_rings():
    share = np.zeros((6, 6, 4), np.float32)
    share[2:4, 2:4, 1], share[1, 1, 3], share[4, 4, 3] = 1, 1, 1
    assert [k for k, _ in volume_rings(share)] == [1, 3, 3]
