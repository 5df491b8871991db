"""T1 maps of Edinburgh's SEPAL demo data by three ways: flip angles, flip angles with inversions (HIFI), inversion recovery.

    python scripts/sepal_t1.py SEPAL_DIR MAP.png

SEPAL_DIR holds T1_data/ and T1_IRSE_data/ of the demo folder of github.com/mjt320/SEPAL (Apache-2.0). Both are pictures of
tubes in a fluid. Prints the author's reference voxel beside ours and a row for each tube; draws the maps.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, label

from afterglow.kernels.hifi import HifiFit, Train, t1_hifi
from afterglow.kernels.vfa import t1_vfa
from afterglow.quantify.t1 import t1_from_flip_angles, t1_from_inversion
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap
from afterglow.records.protocol import InversionRecovery, Protocol, Spgr
from afterglow.records.series import Series

TR_S, FIELD_T = 0.0054, 3.0
FLIPS_DEG, TI_S = (2.0, 5.0, 12.0), (0.168, 1.068)
TRAIN = Train(echo_spacing_s=TR_S, n_pulses=160, flip_deg=5.0, wait_s=0.0, centre=0.5)
IRSE_TI_S, IRSE_TR_S = (0.03, 0.33, 0.53, 0.78, 1.03, 1.53), 1.55
REFERENCE = {"TI168": 249.0, "TI1068": 585.0, "FA2": 413.0, "FA5": 604.0, "FA12": 445.0}
PUBLISHED = (1.0218, 11856.0, 1.1379)  # T1 s, s0, relative flip angle: the author's Matlab
SLICE = 80
LEAST_TUBE = 60  # voxels


class Tube(NamedTuple):
    """One connected region of one T1."""

    mask: NDArray[np.bool_]
    where: tuple[int, int]


def hifi(inversions: NDArray[np.float64], flips: NDArray[np.float64]) -> HifiFit:
    """T1, s0 and relative flip angle from both kinds of signals, last axis."""
    flip_deg = np.array(FLIPS_DEG)
    return t1_hifi(
        inversions, flips, ti_s=np.array(TI_S), train=TRAIN, flip_deg=flip_deg, tr_s=TR_S, t1_bounds_s=(0.05, 8.0), b1_bounds=(0.3, 2.0)
    )  # fmt: skip


def print_reference_voxel() -> None:
    """The author's voxel, by HIFI and by flip angles alone with and without its relative flip angle."""
    inversions = np.array([REFERENCE["TI168"], REFERENCE["TI1068"]])
    flips = np.array([REFERENCE["FA2"], REFERENCE["FA5"], REFERENCE["FA12"]])
    found = hifi(inversions, flips)
    print("Reference voxel            T1 s      s0    k_fa")
    print(f"  published              {PUBLISHED[0]:.4f}  {PUBLISHED[1]:6.0f}  {PUBLISHED[2]:.4f}")
    print(f"  HIFI                   {float(found.t1_s):.4f}  {float(found.s0):6.0f}  {float(found.b1):.4f}")
    for words, b1 in (("flip angles with k_fa", float(found.b1)), ("flip angles, k_fa = 1", 1.0)):
        fit = t1_vfa(flips, flip_deg=np.array(FLIPS_DEG), tr_s=TR_S, b1=b1, t1_bounds_s=(0.05, 8.0))
        print(f"  {words:<22} {float(fit.t1_s):.4f}  {float(fit.s0):6.0f}  {b1:.4f}")


def image(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Voxels, three-dimensional, and affine."""
    read = nib.load(path)
    voxels = np.asarray(read.dataobj, dtype=np.float32)
    return voxels.reshape(*voxels.shape[:2], -1), read.affine


def series(voxels: NDArray[np.float32], grid: Grid, protocol: Protocol, name: str) -> Series:
    return Series("t1", grid, np.zeros(0), protocol, lambda: voxels, name)


def slab(folder: Path) -> tuple[ParameterMap, ParameterMap, HifiFit, NDArray[np.bool_]]:
    """One slice of T1_data: T1 by flip angles, with the relative flip angle of HIFI, HIFI itself, and where there is fluid."""
    read = {name: image(folder / f"{name}.nii.gz") for name in ("FA2", "FA5", "FA12", "TI_168ms", "TI_1068ms")}
    cut = {name: voxels[SLICE][None] for name, (voxels, _) in read.items()}
    affine = read["FA2"][1].copy()
    affine[:3, 3] += SLICE * affine[:3, 0]
    grid = Grid(cut["FA2"].shape, affine)
    mask = cut["FA5"] > 0.2 * np.percentile(cut["FA5"], 99)
    both = hifi(np.stack([cut["TI_168ms"], cut["TI_1068ms"]], -1), np.stack([cut[f"FA{f:g}"] for f in FLIPS_DEG], -1))
    flips = [series(cut[f"FA{f:g}"], grid, Spgr(TR_S, None, f, FIELD_T), f"FA{f:g}") for f in FLIPS_DEG]
    plain, _ = t1_from_flip_angles(flips, mask)
    corrected, _ = t1_from_flip_angles(flips, mask, b1=np.asarray(both.b1, dtype=np.float32))
    return plain, corrected, both, mask[0]


def recovery(folder: Path) -> tuple[ParameterMap, NDArray[np.bool_]]:
    """T1 of the inversion recovery pictures, and where there is fluid."""
    read = [image(folder / f"rSeries{number:02d}.nii") for number in range(3, 9)]
    grid = Grid(read[0][0].shape, read[0][1])
    mask = np.max([voxels for voxels, _ in read], axis=0) > 0.15 * np.max([voxels.max() for voxels, _ in read])
    inversions = [
        series(voxels, grid, InversionRecovery((ti,), IRSE_TR_S, 0.011, FIELD_T), f"TI {ti:g} s")
        for (voxels, _), ti in zip(read, IRSE_TI_S, strict=True)
    ]
    return t1_from_inversion(inversions, mask), mask[..., 0]


def tubes(t1_s: NDArray[np.floating], inside: NDArray[np.bool_]) -> list[Tube]:
    """Regions that differ from the fluid around them, without their rims."""
    around = np.nanmedian(t1_s[inside])
    found, count = label(binary_erosion(inside & (np.abs(np.log(t1_s / around)) > 0.1)))
    masks = [found == number for number in range(1, count + 1)]
    large = [binary_erosion(mask) for mask in masks if mask.sum() >= LEAST_TUBE]
    centres = [np.argwhere(mask).mean(axis=0).round().astype(int).tolist() for mask in large]
    return [Tube(mask, (centre[0], centre[1])) for mask, centre in zip(large, centres, strict=True)]


def median(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    return float(np.nanmedian(values[mask]))


def draw(path: Path, pictures: list[tuple[str, NDArray[np.floating], tuple[float, float], str]]) -> None:
    """The maps side by side."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(4.2 * len(pictures), 4.2), layout="constrained")
    for axis, (title, values, (low, high), colours) in zip(axes, pictures, strict=True):
        shown = axis.imshow(values.T, origin="lower", cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(title, fontsize=11)
        axis.set_axis_off()
        figure.colorbar(shown, ax=axis, shrink=0.8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sepal", type=Path, help="folder with T1_data and T1_IRSE_data")
    parser.add_argument("picture", type=Path, help="PNG to write")
    given = parser.parse_args()
    print_reference_voxel()
    plain, corrected, both, inside = slab(given.sepal / "T1_data")
    hifi_t1 = np.where(inside, both.t1_s[0], np.nan)
    b1 = np.where(inside, both.b1[0], np.nan)
    print(f"\nT1_data, slice {SLICE}          T1 s: flip angles  with k_fa    HIFI    k_fa")
    fluid = inside & (np.abs(np.log(hifi_t1 / np.nanmedian(hifi_t1))) < 0.1)
    for words, mask in [("fluid", fluid), *((f"tube at {t.where}", t.mask) for t in tubes(hifi_t1, inside))]:
        columns = [median(one, mask) for one in (plain.values[0], corrected.values[0], hifi_t1, b1)]
        print(f"  {words:<24} {columns[0]:16.3f} {columns[1]:10.3f} {columns[2]:7.3f} {columns[3]:7.3f}")
    irse, wet = recovery(given.sepal / "T1_IRSE_data")
    ir_t1 = irse.values[..., 0]
    print("\nT1_IRSE_data                  T1 s  spread (16 to 84 %)")
    around = wet & (np.abs(np.log(ir_t1 / np.nanmedian(ir_t1[wet]))) < 0.1)
    for words, mask in [("fluid", around), *((f"tube at {t.where}", t.mask) for t in tubes(ir_t1, wet))]:
        low, high = np.nanpercentile(ir_t1[mask], [16, 84])
        print(f"  {words:<24} {median(ir_t1, mask):9.3f}  {low:.3f} to {high:.3f}")
    draw(
        given.picture,
        [
            ("T1 [s], flip angles alone", plain.values[0], (0, 2), "cividis"),
            ("T1 [s], HIFI", hifi_t1, (0, 2), "cividis"),
            ("relative flip angle, HIFI", b1, (0.7, 1.3), "coolwarm"),
            ("T1 [s], inversion recovery", ir_t1, (0, 1.5), "cividis"),
        ],
    )
    print(f"\n{given.picture}")


if __name__ == "__main__":
    main()
