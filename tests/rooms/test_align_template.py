"""Claims about the patient's own space, on heads whose pose is known and whose tumour grows."""

from dataclasses import replace

import numpy as np
import pytest
from align_heads import CONTRASTS, TISSUES, Head, box, brain_points, distance_mm, make_head, pose, scan
from scipy import ndimage

from afterglow.align import template
from afterglow.align.agreement import checkerboard, head_points
from afterglow.align.flip import compare_sides
from afterglow.align.rigid import register
from afterglow.align.template import VisitImage, patient_space
from afterglow.records.errors import BadInput

GRID = box((54, 64, 46), (3.8, 3.8, 3.8), (0, -18, 10))
MIDDLE = np.array([0.0, -18.0, 10.0])
POSES = {"1": np.eye(4), "2": pose((5, -4, 8), (5, -6, 4), MIDDLE), "10": pose((-6, 3, -5), (-4, 6, 8), MIDDLE)}
GOAL_MM = 0.5  # median, as for full-size heads, though these voxels are 3.8 mm
LUMP_MM = {"1": 0.0, "2": 9.0, "10": 16.0}


def with_lump(head: Head, radius_mm: float) -> Head:
    """The head with a second, bright tumour: what grows from visit to visit."""
    index = np.indices(head.fractions["grey"].shape)
    where = np.einsum("ab,b...->a...", head.affine[:3, :3], index) + head.affine[:3, 3, None, None, None]
    radius = np.linalg.norm(where - np.array([-30.0, 20.0, 30.0])[:, None, None, None], axis=0)
    lump = np.clip((radius_mm - radius) / 2 + 0.5, 0, 1) if radius_mm else np.zeros_like(radius)
    fractions = {name: np.asarray(head.fractions[name] * (1 - lump), dtype=np.float32) for name in TISSUES}
    fractions["tumour"] = fractions["tumour"] + lump.astype(np.float32)
    return Head(fractions, head.affine)


@pytest.fixture(scope="module")
def head():
    return make_head(1)


@pytest.fixture(scope="module")
def visits(head):
    def seen(session, contrast="ce_t1w"):
        grown = with_lump(head, LUMP_MM[session]).contrast(CONTRASTS[contrast])
        image = scan(grown, head.affine, GRID, POSES[session], noise=0.03, seed=int(session))
        return VisitImage(session, image, GRID, "CE-T1w")

    return {session: seen(session) for session in POSES}


@pytest.fixture(scope="module")
def space(visits):
    return patient_space([visits["2"], visits["10"], visits["1"]])


def test_visits_lie_on_one_another_while_the_tumour_grows(head, space):
    for a, b in (("1", "2"), ("1", "10"), ("2", "10")):
        points = brain_points(head) @ POSES[a][:3, :3].T + POSES[a][:3, 3]
        truth = POSES[b] @ np.linalg.inv(POSES[a])
        assert np.median(distance_mm(space.between(a, b), truth, points)) < GOAL_MM
    assert all(one.trusted for one in (*space.visits, *space.pairs))
    assert not space.flags


@pytest.mark.slow
def test_the_same_bytes_whatever_the_order_and_the_workers(visits, space):
    steps = []
    again = patient_space(
        [visits["1"], visits["2"], visits["10"]], workers=2, progress=lambda done, total: steps.append((done, total))
    )
    assert [one.source for one in again.visits] == ["ses-1", "ses-2", "ses-10"]
    for one, other in zip(again.visits, space.visits, strict=True):
        assert one.matrix.tobytes() == other.matrix.tobytes()
        assert one.quality == other.quality
    assert again.grid.same_as(space.grid)
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_no_visit_is_favoured(space):
    middle = np.mean([np.linalg.inv(one.matrix)[:3] @ [*MIDDLE, 1.0] for one in space.visits], axis=0)
    moved = np.mean([one.matrix[:3] @ [*middle, 1.0] for one in space.visits], axis=0)
    np.testing.assert_allclose(moved, middle, atol=0.5)
    assert all(dict(one.quality)["moved_mm"] > 1.0 for one in space.visits)


def test_the_grid_holds_every_head_in_voxels_of_a_millimetre(visits, space):
    assert space.grid.spacing_mm == (1.0, 1.0, 1.0)
    for one in visits.values():
        back = np.linalg.inv(space.to_visit(one.session))
        index = space.grid.to_index(head_points(one.image, GRID) @ back[:3, :3].T + back[:3, 3])
        assert (index > 0).all()
        assert (index < np.array(space.grid.shape) - 1).all()


@pytest.mark.slow
def test_a_stranger_and_a_head_with_its_sides_exchanged_are_not_used(head, visits):
    other = make_head(2)
    stranger = VisitImage("3", scan(other.contrast(CONTRASTS["ce_t1w"]), other.affine, GRID, noise=0.03), GRID, "CE-T1w")
    exchanged = replace(visits["10"], session="4", image=np.ascontiguousarray(visits["10"].image[::-1]))
    found = patient_space([visits["1"], visits["2"], stranger, exchanged])
    assert [one.trusted for one in found.visits] == [True, True, False, False]
    assert found.to_visit("3") is None
    assert "could not be laid on" in found.visits[2].remark
    assert "left and right exchanged" in found.visits[3].remark
    assert any("left and right look exchanged: ses-4 against ses-1" in flag for flag in found.flags)


@pytest.mark.slow
def test_sides_are_compared_across_contrasts(head, visits):
    seen = scan(head.contrast(CONTRASTS["t2w"]), head.affine, GRID, POSES["2"], noise=0.03)
    plain = register(seen, GRID, visits["1"].image, GRID, names=("t2w", "t1w"))
    right = compare_sides(seen, GRID, visits["1"].image, GRID, plain)
    assert not right.exchanged
    assert right.mirrored < 0.9 * right.as_given
    swapped = np.ascontiguousarray(seen[::-1])
    wrong = compare_sides(
        swapped, GRID, visits["1"].image, GRID, register(swapped, GRID, visits["1"].image, GRID, names=("t2w", "t1w"))
    )
    assert wrong.exchanged
    assert compare_sides(np.zeros(GRID.shape), GRID, visits["1"].image, GRID, plain) is None


def test_one_visit_lies_where_it_lies(visits):
    found = patient_space([visits["2"]])
    np.testing.assert_array_equal(found.to_visit("2"), np.eye(4))
    assert not found.pairs


def test_a_flat_image_is_said_and_left_out(visits):
    flat = VisitImage("2", np.zeros(GRID.shape, dtype=np.float32), GRID, "T1w")
    found = patient_space([visits["1"], flat])
    assert [one.trusted for one in found.visits] == [True, False]
    assert "one value everywhere" in found.visits[1].remark
    assert any("different contrasts (CE-T1w, T1w)" in flag for flag in found.flags)
    assert patient_space([flat]).grid.size > 0


def test_the_work_grows_with_the_visits_and_not_with_their_square():
    assert len(template._partners(4)) == 6
    assert [len(template._partners(n)) for n in (5, 10, 20)] == [7, 17, 37]


def test_what_cannot_be_a_space_is_refused(visits):
    with pytest.raises(BadInput, match="at least one visit"):
        patient_space([])
    with pytest.raises(BadInput, match="given twice"):
        patient_space([visits["1"], visits["1"]])
    with pytest.raises(BadInput, match="0 mm"):
        patient_space([visits["1"]], spacing_mm=0)


@pytest.mark.slow
def test_a_mask_keeps_a_moving_part_out(head, visits):
    """A neck that lies elsewhere at the second visit, masked out at both."""
    low = np.zeros(GRID.shape, dtype=bool)
    low[:, :, :12] = True
    foreign = visits["2"].image.copy()
    foreign[low] = ndimage.shift(visits["2"].image, (4, -6, 0), order=1)[low]
    found = patient_space([replace(visits["1"], mask=~low), replace(visits["2"], image=foreign, mask=~low)])
    assert found.to_visit("2") is not None
    truth = POSES["2"] @ np.linalg.inv(POSES["1"])
    assert np.median(distance_mm(found.between("1", "2"), truth, brain_points(head))) < GOAL_MM


def test_a_checkerboard_takes_turns():
    a, b = np.linspace(0, 100, 64).reshape(8, 8), np.linspace(7, 3, 64).reshape(8, 8)
    b[7, 7] = np.nan
    board = checkerboard(a, b, squares=2)
    np.testing.assert_allclose(
        board[:4, :4], np.clip((a[:4, :4] - np.percentile(a, 1)) / np.ptp(np.percentile(a, (1, 99))), 0, 1)
    )
    assert board[0, 4] > 0.9
    assert board[4, 0] < 0.6
    assert not np.isnan(board[7, 7])
    assert np.isnan(checkerboard(b, a, squares=2)[7, 7])
    with pytest.raises(ValueError, match="one grid"):
        checkerboard(a, b[:4])
