"""Claims about dose histograms against plastimatch, an independent program, on the same dose and the same structures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from painted_phantom import Painted, painted_phantom
from scipy.ndimage import map_coordinates

from afterglow.kernels.dose_volume import Spread, dose_at_share, volume_at, voxel_spread
from afterglow.painting.dosimetry import spread_in, structure_of
from afterglow.records.dose import Structure
from afterglow.records.grid import Grid
from afterglow.records.zones import Zone

PLASTIMATCH = Path(sys.executable).with_name("plastimatch")
BIN_GY, BINS = 0.01, 4000
FINER = 5

pytestmark = pytest.mark.skipif(not PLASTIMATCH.is_file(), reason="plastimatch (a wheel) is not installed")


def save(array: NDArray[np.float32] | NDArray[np.uint32], grid: Grid, path: Path) -> None:
    """As ITK reads it: x runs to the left, y to the back."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    flip = np.diag([-1.0, -1.0, 1.0])
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection((flip @ grid.affine[:3, :3] / np.array(grid.spacing_mm)).ravel().tolist())
    image.SetOrigin((flip @ grid.affine[:3, 3]).tolist())
    sitk.WriteImage(image, str(path))


def plastimatch_curve(
    dose: NDArray[np.float32], grid: Grid, masks: dict[str, NDArray[np.bool_]], folder: Path
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Doses, and the share of each structure that plastimatch finds at or above them."""
    labels = sum(mask.astype(np.uint32) << n for n, mask in enumerate(masks.values()))
    save(dose, grid, folder / "dose.mha")
    save(np.asarray(labels, dtype=np.uint32), grid, folder / "ss.mha")
    (folder / "names.txt").write_text("".join(f"{n}|255 0 0|{name}\n" for n, name in enumerate(masks)))
    command = [
        str(PLASTIMATCH), "dvh", "--input-dose", "dose.mha", "--input-ss-img", "ss.mha", "--input-ss-list", "names.txt",
        "--cumulative", "--dose-units", "gy", "--normalization", "pct", "--num-bins", str(BINS), "--bin-width", str(BIN_GY),
        "--output-csv", "dvh.csv",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    table = np.genfromtxt(folder / "dvh.csv", delimiter=",", skip_header=1)
    return table[:, 0], {name: table[:, n + 1] for n, name in enumerate(masks)}


@pytest.fixture(scope="module")
def phantom() -> Painted:
    return painted_phantom(1.5)


def agree(spread: Spread, structure: Structure, doses: NDArray[np.float64], shares: NDArray[np.float64], what: str) -> None:
    for gy in (5.0, 8.0, 12.0, 15.0, 16.0, 18.0, 22.0):
        off = volume_at(spread, gy) / structure.volume_ml - float(np.interp(gy, doses, shares))
        assert abs(off) < 5e-3, (what, gy)
        assert abs(off) * structure.volume_ml < 0.2, (what, gy)
    for part in (0.95, 0.5, 0.05):
        theirs = float(np.interp(-part, -shares, doses))
        assert dose_at_share(spread, part) == pytest.approx(theirs, rel=5e-3, abs=BIN_GY), (what, part)


def test_whole_voxels_agree_with_plastimatch_to_half_a_per_cent_and_a_fifth_of_a_millilitre(
    phantom: Painted, tmp_path: Path
) -> None:
    masks = {"tumour": phantom.zones.tumour, "aggressive": phantom.zones.mask(Zone.AGGRESSIVE), "brain": phantom.brain}
    for plan in (phantom.uniform, phantom.painted):
        doses, shares = plastimatch_curve(plan.dose.dose_gy, phantom.grid, masks, tmp_path)
        for name, mask in masks.items():
            structure = structure_of(name, mask, phantom.grid, kind="organ")
            spread = voxel_spread(plan.dose.dose_gy, structure.share, voxel_ml=phantom.grid.voxel_ml)
            agree(spread, structure, doses, shares[name], f"{plan.name}, {name}")


def test_what_is_read_inside_voxels_agrees_with_plastimatch_on_a_grid_five_times_finer(phantom: Painted, tmp_path: Path) -> None:
    low, high = (edge(np.argwhere(phantom.zones.tumour), axis=0) for edge in (np.min, np.max))
    sizes = (high - low + 1) * FINER
    affine = phantom.grid.affine @ np.diag([1 / FINER, 1 / FINER, 1 / FINER, 1])
    affine[:3, 3] = phantom.grid.to_mm(low - 0.5 + 0.5 / FINER)
    fine = Grid(tuple(int(n) for n in sizes), affine)  # type: ignore[arg-type]
    index = phantom.grid.to_index(fine.to_mm(np.moveaxis(np.indices(fine.shape), 0, -1).astype(float)))
    voxel = tuple(np.moveaxis(np.rint(index).astype(int), -1, 0))
    masks = {"tumour": phantom.zones.tumour, "penumbra": phantom.zones.mask(Zone.PENUMBRA, Zone.AGGRESSIVE)}
    for plan in (phantom.uniform, phantom.painted):
        dose = map_coordinates(plan.dose.dose_gy, np.moveaxis(index, -1, 0), order=3).astype(np.float32)
        doses, shares = plastimatch_curve(dose, fine, {name: mask[voxel] for name, mask in masks.items()}, tmp_path)
        for name, mask in masks.items():
            structure = structure_of(name, mask, phantom.grid, kind="organ")
            agree(spread_in(plan.dose, structure), structure, doses, shares[name], f"{plan.name}, {name}")
