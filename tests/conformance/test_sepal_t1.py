"""Edinburgh's T1 data: the reference voxel of DESPOT1-HIFI, a whole slab, and an inversion recovery phantom."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from afterglow.kernels.hifi import Train, t1_hifi
from afterglow.kernels.inversion import t1_inversion
from afterglow.kernels.types import Status

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "sepal"
PROTOCOL = {
    "ti_s": np.array([0.168, 1.068]),
    "train": Train(echo_spacing_s=0.0054, n_pulses=160, flip_deg=5.0, wait_s=0.0, centre=0.5),
    "flip_deg": np.array([2.0, 5.0, 12.0]),
    "tr_s": 0.0054,
    "t1_bounds_s": (0.05, 8.0),
    "b1_bounds": (0.3, 2.0),
}


def test_the_reference_voxel_comes_out_to_every_printed_digit():
    fit = t1_hifi(np.array([249.0, 585.0]), np.array([413.0, 604.0, 445.0]), **PROTOCOL)
    assert round(float(fit.t1_s), 4) == 1.0218
    assert round(float(fit.s0)) == 11856
    assert round(float(fit.b1), 4) == 1.1379


@pytest.mark.shared
@pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/data/sepal here")
def test_every_voxel_with_signal_has_a_t1_and_the_flip_angle_is_smooth():
    def load(name: str) -> np.ndarray:
        return np.asarray(nib.load(FOLDER / "T1_data" / f"{name}.nii.gz").dataobj[78]).astype(np.float64)

    ir = np.stack([load("TI_168ms"), load("TI_1068ms")], axis=-1)
    spgr = np.stack([load("FA2"), load("FA5"), load("FA12")], axis=-1)
    fit = t1_hifi(ir, spgr, **PROTOCOL)
    bright = spgr[..., 1] > 100
    assert np.count_nonzero(bright) > 10_000
    assert (fit.status[bright] == Status.OK).all()
    assert 0.5 < np.median(fit.t1_s[bright]) < 0.54  # the fluid around the tubes is one fluid
    low, high = np.percentile(fit.t1_s[bright], [25, 75])
    assert high - low < 0.03
    assert np.percentile(np.abs(np.diff(fit.b1, axis=0)[bright[1:] & bright[:-1]]), 90) < 0.05


@pytest.mark.shared
@pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/data/sepal here")
def test_the_inversion_recovery_phantom_is_uniform_and_its_inversion_nearly_perfect():
    series = [nib.load(FOLDER / "T1_IRSE_data" / f"rSeries{number:02d}.nii") for number in range(3, 9)]
    signal = np.stack([np.squeeze(np.asarray(image.dataobj)) for image in series], axis=-1).astype(np.float32)
    fit = t1_inversion(signal, ti_s=np.array([0.03, 0.33, 0.53, 0.78, 1.03, 1.53]), magnitude=True, t1_bounds_s=(0.02, 10.0))
    bright = signal.max(axis=-1) > 0.2 * signal.max()
    assert np.isin(fit.status[bright], [Status.OK, Status.AT_BOUND]).all()
    assert np.count_nonzero(fit.status[bright] == Status.AT_BOUND) <= 10
    low, high = np.percentile(fit.t1_s[bright], [20, 60])  # the fluid around the tubes
    assert 0.155 < low < high < 0.172
    assert np.median(fit.b[bright] / fit.a[bright]) == pytest.approx(-2.0, abs=0.03)
