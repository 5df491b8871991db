"""The automatic arterial input function on a patient: an abdominal tumour study with the aorta in view (Madym's example)."""

from pathlib import Path

import numpy as np
import pytest

from afterglow.kernels.aif_search import find_artery
from afterglow.kernels.arrival import baseline_frames
from afterglow.kernels.smoothing import foreground
from afterglow.kernels.spgr import concentration
from afterglow.kernels.vfa import t1_vfa

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "madym"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/data/madym here")]


def volume(name: str) -> np.ndarray:
    return np.fromfile(FOLDER / name, "<i2").reshape(5, 64, 96).T.astype(np.float32)


def seconds(name: str) -> float:
    stamp = dict(line.split()[:2] for line in (FOLDER / name).read_text().splitlines() if line)["TimeStamp"]
    hours, minutes, rest = stamp[:2], stamp[2:4], stamp[4:]
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def test_the_aorta_is_found_in_the_whole_volume():
    times = np.array([seconds(f"dynamic/dyn_{n}.xtr") for n in range(1, 76)])
    signal = np.stack([volume(f"dynamic/dyn_{n}.img") for n in range(1, 76)], axis=-1)
    t1 = t1_vfa(
        np.stack([volume(f"vfa/FA_{n}.img") for n in (1, 2, 3)], axis=-1),
        flip_deg=np.array([2.0, 10, 20]),
        tr_s=0.004,
        t1_bounds_s=(0.05, 6),
    )
    inside = foreground(signal.mean(axis=-1))
    before, remark = baseline_frames(times, signal[inside].mean(axis=0), skip=1)
    assert (before, remark) == (slice(1, 8), "")
    blood = concentration(signal, t10_s=t1.t1_s, flip_deg=20.0, tr_s=0.004, r1_per_mM_s=3.4, baseline_frames=before)
    found = find_artery(times, blood[inside], baseline_signal=signal[inside][:, before].mean(axis=1))
    where = np.argwhere(inside)[found.members]
    assert found.members.size >= 10
    assert (np.abs(where[:, :2] - [50, 33.5]) <= 4).all()  # the aorta runs through all sections in front of the spine
    assert set(where[:, 2]) == {0, 1, 2, 3, 4}
    assert found.quality > 0.95
    assert 4 < found.curve.max() < 14
    assert 0.3 < found.curve[-10:].mean() < 0.9
