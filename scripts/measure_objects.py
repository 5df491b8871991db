"""Print how well RT objects keep what they hold: volumes of structures, doses, places, and what a validator says.

    python scripts/measure_objects.py [--keep DIR]

Regions are balls whose centre is off the voxels, as whole voxels and as shares of voxels ("soft"), on a grid of 1 mm and one of
1 x 1 x 2 mm. Each is written as RTSTRUCT on a digital planning series and read by this package, on the same grid and on one turned
against it, and by plastimatch, on the series' grid and on one of its own. Errors are per cent of the region's own volume. A
larger structure around all others is there for plastimatch alone: its own grid leaves out the last plane of the tallest one.
Shares of voxels are also filled by plastimatch on finer and finer pixels in the slices of the series, beside the voxel centres of the series
inside the written polygons, counted here.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray

from afterglow.flows.objects import write_objects
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.io.dicom_write import write_dicom_series
from afterglow.io.rt_alignment import placed
from afterglow.io.rt_contours import volume_rings
from afterglow.io.rt_dose_read import read_dose
from afterglow.io.rt_reference import ReferenceSeries, reference_series
from afterglow.io.rt_structures_read import read_structures
from afterglow.io.rt_structures_write import write_structures
from afterglow.io.seg_read import read_segments
from afterglow.kernels.contours import signed_area
from afterglow.records.dose import DoseGrid, DosePlan, Structure
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.protocol import Anatomy
from afterglow.records.zones import Prescription, Reason, Zone, ZoneMap

PLASTIMATCH = Path(sys.executable).with_name("plastimatch")
VISIT = DicomVisit("measured", "01", "01", datetime(2000, 1, 1, 9), "BRAIN")
MADE = Provenance("measure", "", {}, (), "")
OFF_MM = np.array([0.3, 0.2, 0.1])
BALLS_ML = (0.1, 0.3, 1.0, 3.0, 10.0)
AROUND = "around"


def axial(thickness_mm: float) -> Grid:
    """A grid of 40 x 40 x 36 mm, as scanners write it."""
    affine = np.diag([-1.0, -1.0, thickness_mm, 1.0])
    affine[:3, 3] = (20.25, 19.5, -17.625)
    return Grid((40, 40, round(36 / thickness_mm)), affine)


def turned(grid: Grid) -> Grid:
    """A grid of 1.1 mm around the same middle, turned about two axes."""
    a, b = np.deg2rad([12.0, 9.0])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = 1.1 * turn
    affine[:3, 3] = middle_mm(grid) - affine[:3, :3] @ np.full(3, 22.0)
    return Grid((45, 45, 45), affine)


def middle_mm(grid: Grid) -> NDArray[np.float64]:
    return grid.to_mm((np.array(grid.shape) - 1) / 2.0)


def away_mm(grid: Grid, centre_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.to_mm(index) - centre_mm, axis=-1)


def filled(grid: Grid, centre_mm: NDArray[np.float64], millilitres: float, soft: bool) -> NDArray[np.float32]:
    radius_mm = (millilitres * 750.0 / np.pi) ** (1 / 3)
    outside_mm = away_mm(grid, centre_mm) - radius_mm
    share = np.clip(0.5 - outside_mm / min(grid.spacing_mm), 0, 1) if soft else outside_mm < 0
    return np.asarray(share, dtype=np.float32)


def regions(grid: Grid, soft: bool) -> tuple[Structure, ...]:
    middle = middle_mm(grid) + OFF_MM
    side = np.array([9.0, 0, 0])
    shares = {f"ball of {ml:g} mL": filled(grid, middle, ml, soft) for ml in BALLS_ML}
    shares["with a hole"] = filled(grid, middle, 3.0, soft) - filled(grid, middle, 0.4, soft)
    shares["two parts"] = np.maximum(filled(grid, middle - side, 0.2, soft), filled(grid, middle + side, 0.4, soft))
    shares[AROUND] = filled(grid, middle, 14.0, False)
    return tuple(Structure(name, share, grid, "zone") for name, share in shares.items())


def planning(folder: Path, grid: Grid) -> ReferenceSeries:
    stored = np.random.default_rng(0).integers(0, 4000, grid.shape, dtype=np.int16)
    write_dicom_series(DicomSeries(1, "T1w", "Planning", stored, 0.5, grid, Anatomy("T1w"), 3.0), VISIT, folder, "siemens")
    return reference_series(folder)


def polygons_ml(one: Structure, reference: ReferenceSeries) -> float:
    share = reference.arranged(one.share, one.grid, one.name)
    return sum(abs(signed_area(ring)) for _, ring in volume_rings(share)) * one.grid.voxel_ml


def plastimatch_ml(path: Path, out: Path, *said: str) -> dict[str, float]:
    """Volume of each structure as plastimatch fills it."""
    command = [str(PLASTIMATCH), "convert", "--input", str(path), "--output-prefix", str(out), "--prefix-format", "mha", *said]
    subprocess.run(command, check=True, capture_output=True)
    found = {}
    for mask in out.iterdir():
        image = sitk.ReadImage(str(mask))
        found[mask.stem] = float(np.count_nonzero(sitk.GetArrayViewFromImage(image)) * np.prod(image.GetSpacing()) / 1000)
    return found


def structures_table(folder: Path) -> None:
    print(
        f"{'grid':12s} {'region':16s} {'mL':>7s} {'polygons':>9s} {'here':>8s} {'turned':>8s} {'plastimatch: series':>20s} {'own':>7s}"
    )
    for thickness_mm in (1.0, 2.0):
        grid = axial(thickness_mm)
        place = folder / f"{thickness_mm:g}"
        reference = planning(place / "series", grid)
        for soft in (False, True):
            structures = regions(grid, soft)
            path = place / f"{'soft' if soft else 'whole'}.dcm"
            write_structures(path, structures, reference)
            here, there = (read_structures(path, g) for g in (grid, turned(grid)))
            series = plastimatch_ml(path, place / f"series{soft}", "--referenced-ct", str(place / "series"))
            own = plastimatch_ml(path, place / f"own{soft}")
            for one, same, other in zip(structures, here, there, strict=True):
                name = one.name if one.name in series else one.name.replace(" ", "_")
                if one.name == AROUND:
                    continue
                volumes = (polygons_ml(one, reference), same.volume_ml, other.volume_ml, series[name], own[name])
                a, b, c, d, e = (100 * (ml / one.volume_ml - 1) for ml in volumes)
                kind = f"1x1x{thickness_mm:g} {'soft' if soft else 'whole'}"
                print(f"{kind:12s} {one.name:16s} {one.volume_ml:7.4f} {a:+9.4f} {b:+8.3f} {c:+8.3f} {d:+20.3f} {e:+7.3f}")


def centres_ml(one: Structure, reference: ReferenceSeries) -> float:
    """Volume of the voxels of the series whose centres lie inside the polygons, by the even-odd rule."""
    share = reference.arranged(one.share, one.grid, one.name)
    places = np.stack(np.indices(share.shape[:2], dtype=float), axis=-1).reshape(-1, 2)
    inside = np.zeros((share.shape[2], len(places)), dtype=int)
    for k, ring in volume_rings(share):
        inside[k] += Polygon(ring).contains_points(places)
    return float(np.count_nonzero(inside % 2)) * one.grid.voxel_ml


def finer_pixels(grid: Grid, pixel_mm: float, path: Path) -> None:
    """An empty image with the slices of the series and pixels of that size within the same outer border."""
    counts = [round(n * step / pixel_mm) for n, step in zip(grid.shape[:2], grid.spacing_mm, strict=False)]
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
    axes = lps[:3, :3] / np.array(grid.spacing_mm)
    image = sitk.Image([*counts, grid.shape[2]], sitk.sitkUInt8)
    image.SetDirection(axes.ravel().tolist())
    image.SetSpacing([pixel_mm, pixel_mm, grid.spacing_mm[2]])
    corner = np.array([0.5 * (pixel_mm - step) for step in grid.spacing_mm[:2]] + [0.0])
    image.SetOrigin((lps[:3, 3] + axes @ corner).tolist())
    sitk.WriteImage(image, str(path))


def pixels_table(folder: Path) -> None:
    grid = axial(1.0)
    reference = planning(folder / "pixels" / "series", grid)
    structures = [one for one in regions(grid, True) if one.name != AROUND]
    path = folder / "pixels" / "soft.dcm"
    write_structures(path, structures, reference)
    for one in structures:
        print(f"{one.name:16s} voxel centres inside the polygons {100 * (centres_ml(one, reference) / one.volume_ml - 1):+.3f} %")
    for pixel_mm in (1.0, 0.5, 0.25, 0.125):
        fine = folder / "pixels" / f"{pixel_mm:g}.mha"
        finer_pixels(reference.grid, pixel_mm, fine)
        found = plastimatch_ml(path, folder / "pixels" / f"at{pixel_mm:g}", "--fixed", str(fine))
        errors = [
            100 * (found[one.name if one.name in found else one.name.replace(" ", "_")] / one.volume_ml - 1) for one in structures
        ]
        told = ", ".join(f"{one.name} {error:+.3f}" for one, error in zip(structures, errors, strict=True))
        print(f"plastimatch on pixels of {pixel_mm:g} mm: {told} %")


def visit(grid: Grid) -> tuple[ZoneMap, Prescription, DosePlan]:
    """Shells of zones and a bell of dose."""
    away = away_mm(grid, middle_mm(grid))
    labels = np.zeros(grid.shape, np.uint8)
    dose = np.zeros(grid.shape, np.float32)
    for zone, radius_mm, gy in ((Zone.PASSIVE, 10.0, 15.0), (Zone.PENUMBRA, 7.0, 16.5), (Zone.AGGRESSIVE, 5.0, 18.0)):
        labels[away < radius_mm], dose[away < radius_mm] = zone, gy
    reasons = np.where(labels > 0, Reason.FEW_CRITERIA, Reason.OUTSIDE).astype(np.uint8)
    bell = DoseGrid((36 * np.exp(-((away / 12) ** 2))).astype(np.float32), grid, "research kernel", "bell")
    zones = ZoneMap(labels, reasons, grid, (), MADE)
    wanted = Prescription(dose, reasons, grid, 15.0, 18.0, "by contours", MADE)
    return zones, wanted, DosePlan("painted", bell, (), 0.5, "18 Gy", MADE)


def errors_of(path: Path) -> str:
    """Errors that dciodvfy finds; an RTDOSE is given to it with 16-bit pixels, since it stops at 32."""
    if shutil.which("dciodvfy") is None:
        return "not installed"
    ds = pydicom.dcmread(path)
    if ds.Modality == "RTDOSE":
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelData = bytes(ds.Rows * ds.Columns * int(ds.NumberOfFrames) * 2)
        path = path.with_suffix(".16.dcm")
        ds.save_as(path)
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=True)
    return str(sum(line.startswith("Error") for line in (said.stdout + said.stderr).splitlines()))


def objects_table(folder: Path) -> None:
    grid = axial(1.0)
    reference = planning(folder / "visit" / "series", grid)
    zones, wanted, plan = visit(grid)
    for one in write_objects(folder / "visit" / "objects", zones, wanted, (plan,), reference):
        print(f"{one.path.name}: {one.n_bytes} bytes, {errors_of(one.path)} errors by dciodvfy")
    for name, dose in (("prescription", wanted.dose_gy), ("plan-painted", plan.dose.dose_gy)):
        got = read_dose(folder / "visit" / "objects" / f"{name}_rtdose.dcm", frame_uid=reference.frame_uid)
        back = placed(np.asarray(got.dose_gy), got.grid, grid)
        assert back is not None
        print(f"{name}: largest error {np.abs(back - dose).max() / dose.max():.2g} of the largest dose")
    segments = read_segments(folder / "visit" / "objects" / "zones_seg.dcm", grid, series_uid=reference.series_uid)
    wrong = sum(
        int(((one.share > 0.5) != (zones.tumour if one.kind == "target" else zones.labels == n)).sum())
        for n, one in enumerate(segments)
    )
    print(f"SEG: {wrong} of {grid.size} voxels differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="Folder for the files; otherwise they are removed.")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        structures_table(folder)
        pixels_table(folder)
        objects_table(folder)


if __name__ == "__main__":
    main()
