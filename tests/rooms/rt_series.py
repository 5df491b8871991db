"""A planning series of a digital patient as DICOM, and balls of known volume on its grid."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from painted_objects import distances_mm

from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.io.dicom_write import write_dicom_series
from afterglow.io.rt_reference import ReferenceSeries, reference_series
from afterglow.records.dose import Structure
from afterglow.records.grid import Grid
from afterglow.records.protocol import Anatomy

AXIAL = Grid((36, 32, 24), np.array([[-1.0, 0, 0, 18.25], [0, -1.0, 0, 15.5], [0, 0, 1.0, -11.125], [0, 0, 0, 1]]))
THICK = Grid((36, 32, 14), np.array([[-1.0, 0, 0, 18.25], [0, -1.0, 0, 15.5], [0, 0, 2.0, -13.0], [0, 0, 0, 1]]))
TILTED = Grid(
    (30, 28, 12),
    np.array([[-1.19, 0.02, 0.2, 18.0], [-0.02, -1.16, 0.31, 15.0], [0.12, 0.15, 1.96, -12.0], [0, 0, 0, 1.0]]),
)
VISIT = DicomVisit("objects", "01", "02", datetime(2000, 1, 1, 9), "BRAIN", "F", 54.0, 70.0)


def square(grid: Grid) -> Grid:
    """The same grid with its axes at exact right angles."""
    spacing = np.array(grid.spacing_mm)
    turn, _ = np.linalg.qr(grid.affine[:3, :3])
    turn = turn * np.sign((turn * grid.affine[:3, :3]).sum(axis=0))
    affine = grid.affine.copy()
    affine[:3, :3] = turn * spacing
    return Grid(grid.shape, affine)


def write_series(folder: Path, grid: Grid = AXIAL, style: str = "siemens", **changed: object) -> ReferenceSeries:
    """Write a planning series into an empty folder and read it."""
    stored = np.random.default_rng(0).integers(0, 4000, grid.shape, dtype=np.int16)
    series = DicomSeries(1, "T1w", "CE-T1w planning", stored, 0.5, grid, Anatomy("T1w"), 3.0)
    write_dicom_series(series, VISIT, folder, style)
    return reference_series(folder)


def ball(name: str, grid: Grid, millilitres: float, centre_mm: np.ndarray, *, hole_mm: float = 0.0) -> Structure:
    """A ball of about that volume, as whole voxels."""
    away = distances_mm(grid, centre_mm)
    radius_mm = (millilitres * 750.0 / np.pi) ** (1 / 3)
    return Structure(name, ((away < radius_mm) & (away >= hole_mm)).astype(np.float32), grid, "zone")


def dicom_errors(path: Path) -> list[str]:
    """What dciodvfy calls an error; skipped where it is not installed."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
