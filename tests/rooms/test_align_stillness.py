"""Claims about motion correction, on a head whose motion and bolus are known."""

import numpy as np
import pytest
import SimpleITK as sitk
from align_heads import BOLUS, CONTRASTS, box, make_head, pose, scan

from afterglow.align.stillness import correct_motion
from afterglow.records.errors import BadInput, GridMismatch

GRID = box((88, 96, 26), (2.4, 2.4, 4.5), (0, -18, 18))
MIDDLE = np.array([0.0, -18.0, 18.0])
UPTAKE = np.array([0, 0, 0, 1.0, 0.7, 0.5, 0.5, 0.5])
MOTION = {
    5: pose((1.5, 0, 0), (0, 1.0, 0), MIDDLE),
    6: pose((0, -2, 3), (2.0, -1, 1.5), MIDDLE),
    7: pose((4, 0, 3), (3, 0, -3), MIDDLE),
}
TIMES_S = np.arange(8) * 5.0 + 3.0
BASELINE = range(3)


@pytest.fixture(scope="module")
def head():
    return make_head(1)


@pytest.fixture(scope="module")
def brain(head):
    return scan(head.fractions["grey"] + head.fractions["white"] + head.fractions["csf"], head.affine, GRID) > 0.3


@pytest.fixture(scope="module")
def still(head):
    """What a head that never moved would have shown, without noise."""
    base, gain = head.contrast(CONTRASTS["spgr"]), head.contrast(BOLUS)
    return np.stack([scan(base + u * gain, head.affine, GRID) for u in UPTAKE], axis=-1)


@pytest.fixture(scope="module")
def series(head):
    base, gain = head.contrast(CONTRASTS["spgr"]), head.contrast(BOLUS)
    frames = [scan(base + u * gain, head.affine, GRID, MOTION.get(t), noise=0.03, seed=t) for t, u in enumerate(UPTAKE)]
    series = np.stack(frames, axis=-1)
    series.flags.writeable = False
    return series


@pytest.fixture(scope="module")
def corrected(series, brain):
    return correct_motion(series, GRID, TIMES_S, reference_frames=BASELINE, mask=brain)


def true_displacement(pose_mm: np.ndarray, brain: np.ndarray) -> float:
    points = GRID.to_mm(np.argwhere(brain).astype(float))
    return float(np.linalg.norm(points @ (pose_mm[:3, :3] - np.eye(3)).T + pose_mm[:3, 3], axis=1).mean())


def test_the_motion_is_measured_within_a_tenth_of_a_millimetre_whatever_the_bolus(corrected, brain):
    truth = [true_displacement(MOTION.get(t, np.eye(4)), brain) for t in range(8)]
    np.testing.assert_allclose(corrected[1].displacement_mm, truth, atol=0.15)
    assert np.abs(corrected[1].displacement_mm - truth).mean() < 0.1


def test_shift_and_turn_have_the_sign_and_size_of_the_heads_own(corrected, brain):
    motion = corrected[1]
    middle = GRID.to_mm(np.argwhere(brain).astype(float)).mean(axis=0)
    for t, true in MOTION.items():
        np.testing.assert_allclose(motion.translation_mm[t], true[:3, :3] @ middle + true[:3, 3] - middle, atol=0.15)
    np.testing.assert_allclose(motion.rotation_deg[5], (1.5, 0, 0), atol=0.15)
    np.testing.assert_allclose(motion.rotation_deg[6], (0, -2, 3), atol=0.15)


def test_moved_frames_come_back_and_still_ones_keep_their_bytes(corrected, series, still, brain):
    out, motion = corrected
    assert np.flatnonzero(motion.resampled).tolist() == [5, 6, 7]
    assert out[..., :5].tobytes() == series[..., :5].tobytes()
    for t in (5, 6, 7):
        seen = brain & np.isfinite(out[..., t])
        assert seen.sum() > 0.85 * brain.sum()
        error = lambda frame, at=t, where=seen: np.sqrt(np.mean((frame - still[..., at])[where] ** 2))  # noqa: E731
        assert error(out[..., t]) < 0.6 * error(series[..., t])


def test_framewise_displacement_is_against_the_frame_before(corrected):
    motion = corrected[1]
    assert motion.framewise_mm[0] == 0
    assert motion.framewise_mm[1:4].max() < 0.2
    assert motion.framewise_mm[5] == pytest.approx(motion.displacement_mm[5], abs=0.2)
    assert motion.framewise_mm[6] > 1.5


def test_the_bytes_do_not_depend_on_the_workers(corrected, series, brain):
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    told = []
    out, motion = correct_motion(
        series, GRID, TIMES_S, reference_frames=BASELINE, mask=brain, workers=3, progress=lambda *at: told.append(at)
    )
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
    assert out.tobytes() == corrected[0].tobytes()
    assert motion.displacement_mm.tobytes() == corrected[1].displacement_mm.tobytes()
    assert told == [(t + 1, 8) for t in range(8)]


def test_without_a_mask_the_head_is_found(series, brain):
    motion = correct_motion(series[..., 2:7], GRID, TIMES_S[:5], reference_frames=(0,))[1]
    assert motion.resampled.tolist() == [False, False, False, True, True]
    assert motion.displacement_mm[:3].max() < 0.15


def test_voxels_that_are_not_finite_stay_so_and_spoil_nothing_else(series, brain, corrected):
    spoilt = series[..., 2:7].copy()
    spoilt[44, 40, 12, 4], spoilt[30, 40, 12, 4], spoilt[50, 50, 13, 0] = np.nan, np.inf, -np.inf
    out, motion = correct_motion(spoilt, GRID, TIMES_S[:5], reference_frames=(0,), mask=brain)
    assert out is spoilt, "a writable series is corrected in place"
    assert motion.displacement_mm[4] == pytest.approx(corrected[1].displacement_mm[6], abs=0.15)
    assert out[50, 50, 13, 0] == -np.inf
    inner = np.isnan(out[8:-8, 8:-8, 5:-5, 4])
    assert 2 <= inner.sum() <= 30


def test_an_empty_frame_is_said_to_be_unknown_and_left_alone(series, brain):
    gone = series[..., 2:7].copy()
    gone[..., 1] = 0.0
    gone[..., 3] = np.random.default_rng(0).standard_normal(GRID.shape)
    out, motion = correct_motion(gone, GRID, TIMES_S[:5], reference_frames=(0,), mask=brain)
    assert np.isnan(motion.displacement_mm).tolist() == [False, True, False, True, False]
    assert not motion.resampled[[1, 3]].any()
    assert not out[..., 1].any()


def test_a_read_only_series_is_not_touched(series, corrected):
    assert not np.shares_memory(series, corrected[0])


def test_bad_input_is_refused_in_a_sentence(series, brain):
    few = np.zeros(GRID.shape, dtype=bool)
    with pytest.raises(BadInput, match="8 frames but 7 times"):
        correct_motion(series, GRID, TIMES_S[:7], reference_frames=(0,))
    with pytest.raises(BadInput, match="are not frames"):
        correct_motion(series, GRID, TIMES_S, reference_frames=(8,))
    with pytest.raises(BadInput, match="0 voxels set"):
        correct_motion(series, GRID, TIMES_S, reference_frames=(0,), mask=few)
    with pytest.raises(BadInput, match="one value everywhere"):
        correct_motion(np.zeros_like(series), GRID, TIMES_S, reference_frames=(0,), mask=brain)
    with pytest.raises(GridMismatch):
        correct_motion(series[1:], GRID, TIMES_S, reference_frames=(0,))
