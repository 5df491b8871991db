"""Claims about the plane of symmetry, on asymmetrical heads with a tumour on one side."""

import numpy as np
import pytest
from align_heads import CONTRASTS, box, brain_points, distance_mm, make_head, pose, scan
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from afterglow.align.mirror import find_mirror, halfway
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid

GRID = box((72, 80, 26), (3.2, 3.2, 4.5), (0, -18, 18))
MIDDLE = np.array([0.0, -18.0, 18.0])
SIDES = np.diag([-1.0, 1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def head():
    return make_head(4, bend_mm=1.5)


@pytest.mark.parametrize(("turn_deg", "shift_mm"), [((8, -6, 12), (6, -4, 3)), ((5, 18, -20), (15, 0, 0))])
def test_the_midline_is_found_wherever_the_head_lies(head, turn_deg, shift_mm):
    placed = pose(turn_deg, shift_mm, MIDDLE)
    found = find_mirror(scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, GRID, placed, noise=0.03), GRID)
    assert found.trusted, found.remark
    points = brain_points(head) @ placed[:3, :3].T + placed[:3, 3]
    assert distance_mm(found.reflection, placed @ SIDES @ np.linalg.inv(placed), points).mean() < 2.0
    assert np.degrees(np.arccos(found.normal @ placed[:3, 0])) < 1.2


def test_the_matrix_the_normal_and_the_offset_are_one_plane(head):
    found = find_mirror(scan(head.contrast(CONTRASTS["spgr"]), head.affine, GRID, noise=0.03), GRID)
    np.testing.assert_allclose(found.reflection @ found.reflection, np.eye(4), atol=1e-9)
    on_plane = found.offset_mm * found.normal + np.cross(found.normal, [3.0, 40.0, 7.0])
    np.testing.assert_allclose(found.reflection @ [*on_plane, 1.0], [*on_plane, 1.0], atol=1e-9)
    assert found.normal[0] > 0
    with pytest.raises(ValueError, match="read-only"):
        found.reflection[0, 0] = 0.0


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-30, 30))
@settings(max_examples=40, deadline=None)
def test_the_plane_of_a_pure_reflection_is_exact(y_deg, z_deg, offset_mm):
    normal = Rotation.from_euler("yz", (y_deg, z_deg), degrees=True).as_matrix() @ [1.0, 0.0, 0.0]
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * offset_mm * normal
    plane = halfway(matrix, np.random.default_rng(0).standard_normal((20, 3)) * 50)
    np.testing.assert_allclose(plane.normal, normal, atol=1e-9)
    np.testing.assert_allclose(plane.reflection, matrix, atol=1e-7)


def test_half_a_head_and_noise_have_no_mirror(head):
    seen = scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, GRID, noise=0.03)
    half = np.where(np.indices(GRID.shape)[0] < 36, seen, 0.0)
    noise = np.random.default_rng(0).standard_normal(GRID.shape)
    narrow = find_mirror(seen[:30], Grid((30, *GRID.shape[1:]), GRID.affine))
    for found in (find_mirror(half, GRID), find_mirror(noise, GRID), narrow):
        assert not found.trusted
        assert "no plane of symmetry" in found.remark


def test_a_constant_image_is_noticed_and_a_wrong_shape_refused():
    assert not find_mirror(np.zeros(GRID.shape), GRID).trusted
    with pytest.raises(GridMismatch):
        find_mirror(np.zeros((3, 3, 3)), GRID)
