"""Claims about the consensus of pairs of visits; no image is looked at."""

import numpy as np
import pytest
from align_heads import pose
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.align.consensus import Pair, component, consistent, settle_poses
from afterglow.records.alignment import Alignment

MIDDLE = np.array([0.0, -18.0, 10.0])
HEAD = MIDDLE + 70.0 * np.random.default_rng(0).uniform(-1, 1, (200, 3))


def scattered(rng, count, turn_deg=15.0, shift_mm=20.0):
    """A visit's head is the same head, elsewhere."""
    return [pose(tuple(rng.normal(0, turn_deg, 3)), tuple(rng.normal(0, shift_mm, 3)), MIDDLE) for _ in range(count)]


def pair(poses, a, b, error=None, sharpness=0.3):
    matrix = poses[a] @ (np.eye(4) if error is None else error) @ np.linalg.inv(poses[b])
    return Pair(a, b, Alignment(f"ses-{a}", f"ses-{b}", matrix, (("sharpness", sharpness),), trusted=True))


def heads(poses):
    return [HEAD @ p[:3, :3].T + p[:3, 3] for p in poses]


def between(found, a, b):
    return found.matrices[a] @ np.linalg.inv(found.matrices[b])


@given(st.integers(0, 10_000), st.integers(2, 7))
@settings(max_examples=30, deadline=None)
def test_pairs_without_error_give_the_true_poses(seed, count):
    rng = np.random.default_rng(seed)
    poses = scattered(rng, count)
    pairs = [pair(poses, n + 1, n) for n in range(count - 1)] + [pair(poses, count - 1, 0)] * (count > 2)
    found = settle_poses(range(count), pairs, heads(poses))
    for n in range(1, count):
        np.testing.assert_allclose(between(found, n, 0), poses[n] @ np.linalg.inv(poses[0]), atol=1e-7)


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_no_visit_is_favoured_the_mean_pose_is_the_mean_of_the_scanners(seed, count):
    rng = np.random.default_rng(seed)
    poses = scattered(rng, count)
    pairs = [pair(poses, b, a, scattered(rng, 1, 0.2, 0.3)[0]) for a in range(count) for b in range(a + 1, count)]
    found = settle_poses(range(count), pairs, heads(poses))
    mean = np.mean(list(found.matrices.values()), axis=0)
    np.testing.assert_allclose(mean[:3, :3], mean[:3, :3].T, atol=1e-7)  # a mean rotation of none leaves no skew part
    middle = np.mean([found.points.mean(axis=0)], axis=0)
    np.testing.assert_allclose(mean[:3, :3] @ middle + mean[:3, 3], middle, atol=0.5)


def test_numbering_the_visits_otherwise_changes_nothing():
    rng = np.random.default_rng(3)
    poses, errors = scattered(rng, 4), scattered(rng, 6, 0.2, 0.3)
    edges = [(b, a) for a in range(4) for b in range(a + 1, 4)]
    plain = [pair(poses, b, a, error) for (b, a), error in zip(edges, errors, strict=True)]
    found = settle_poses(range(4), plain, heads(poses))
    new = [2, 0, 3, 1]
    moved = [poses[new.index(n)] for n in range(4)]
    renamed = [Pair(new[one.source], new[one.target], one.alignment) for one in plain]
    other = settle_poses(range(4), renamed, heads(moved))
    for n in range(4):
        np.testing.assert_allclose(other.matrices[new[n]], found.matrices[n], atol=1e-6)


def test_errors_of_pairs_are_averaged():
    rng = np.random.default_rng(4)
    poses = scattered(rng, 4)
    errors = [scattered(rng, 1, 0.3, 0.4)[0] for _ in range(6)]
    edges = [(b, a) for a in range(4) for b in range(a + 1, 4)]
    pairs = [pair(poses, b, a, error) for (b, a), error in zip(edges, errors, strict=True)]
    found = settle_poses(range(4), pairs, heads(poses))

    def error_mm(matrix, b, a):
        apart = np.linalg.inv(poses[b]) @ matrix @ poses[a] - np.eye(4)
        return np.linalg.norm(HEAD @ apart[:3, :3].T + apart[:3, 3], axis=1).mean()

    alone = np.mean([error_mm(one.matrix, one.source, one.target) for one in pairs])
    assert np.mean([error_mm(between(found, b, a), b, a) for b, a in edges]) < 0.85 * alone


@pytest.mark.parametrize("wrong", [(1, 0), (3, 1), (3, 2)])
def test_a_pair_that_contradicts_the_others_is_left_out(wrong):
    poses = scattered(np.random.default_rng(5), 4)
    pairs = [
        pair(poses, b, a, pose((9, 0, 0), (0, 6, 0)) if (b, a) == wrong else None) for a in range(4) for b in range(a + 1, 4)
    ]
    kept, out = consistent(pairs, heads(poses))
    assert list(out) == [wrong]
    assert not out[wrong].usable
    assert "from what the other pairs of visits say" in out[wrong].alignment.remark
    found = settle_poses(range(4), kept, heads(poses))
    np.testing.assert_allclose(between(found, *wrong), poses[wrong[0]] @ np.linalg.inv(poses[wrong[1]]), atol=1e-7)


def test_in_a_ring_of_three_the_blunt_pair_goes():
    poses = scattered(np.random.default_rng(6), 3)
    pairs = [pair(poses, 1, 0), pair(poses, 2, 1, pose((9, 0, 0), (0, 6, 0)), sharpness=0.16), pair(poses, 2, 0)]
    kept, out = consistent(pairs, heads(poses))
    assert list(out) == [(2, 1)]
    assert len(kept) == 2


def test_the_largest_group_makes_the_space_and_of_equal_ones_the_first():
    poses = scattered(np.random.default_rng(7), 5)
    assert component(5, [pair(poses, 3, 2), pair(poses, 4, 3), pair(poses, 1, 0)]) == (2, 3, 4)
    assert component(2, []) == (0,)


def test_one_visit_lies_at_the_identity():
    found = settle_poses((0,), [], [HEAD])
    np.testing.assert_array_equal(found.matrices[0], np.eye(4))
