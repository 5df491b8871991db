"""A small made-up visit with every kind of series, its grids oblique, reversed and sagittal."""

import numpy as np

from afterglow.io.dicom_nouns import ScanTiming
from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Anatomy, Diffusion, Epi, Injection, InversionRecovery, Spgr
from afterglow.simulate.scanner import StoredImage
from afterglow.simulate.series import DigitalExam, DigitalSeries, VisitTruth

SHAPE = (16, 12, 4)
DCE_TIMES_S = np.array([0.0, 5.2, 10.4, 15.7, 20.8])  # not quite regular
DSC_TIMES_S = 1.6 * np.arange(5)
SLICE_TIMES_S = (0.0, 0.8, 0.4, 1.2)
START_S = {"dce": 600.0, "dsc-ge": 900.0, "dsc-se": 1000.0}
PARTICIPANT = {"sex": "female", "age_years": 54.0, "weight_kg": 70.0}
TOLD = {
    "irt1": ScanTiming(flip_deg=8.0),
    "T1w": ScanTiming(2.0, 0.003, 0.9, 8.0),
    "FLAIR": ScanTiming(9.0, 0.12, 2.5, 90.0),
    "T2w": ScanTiming(5.0, 0.1, None, 90.0),
}
GADOBUTROL = Agent("gadobutrol", 4.5, None, "made up for this test")
INJECTION = Injection("gadobutrol", 0.1, 5.0, 3.0)
B_S_MM2 = (0.0, 1000.0, 2000.0)


def turned(degrees: float, scale: tuple[float, float, float]) -> np.ndarray:
    """An affine turned about x and z, its centre off the origin."""
    a = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(scale)
    affine[:3, 3] = (17.3, -21.9, 8.25)
    return affine


OBLIQUE = Grid(SHAPE, turned(7.0, (-1.9, 2.1, 5.0)))  # left, front, head
DESCENDING = Grid(SHAPE, turned(4.0, (-2.0, 2.0, -6.0)))  # slices from head to feet
RIGHTWARDS = Grid(SHAPE, turned(-5.0, (1.5, 1.5, 4.0)))  # columns run to the right
_SAGITTAL = np.array([[0, 0, 3.0, -6.0], [-1.1, 0, 0, 30.0], [0, -1.1, 0, 40.0], [0, 0, 0, 1.0]])
SAGITTAL = Grid(SHAPE, _SAGITTAL)  # back, feet, right


def image(grid: Grid, n_frames: int, seed: int, slope: float = 0.2137) -> StoredImage:
    """Random whole numbers of twelve bits."""
    shape = grid.shape if n_frames == 1 else (*grid.shape, n_frames)
    return StoredImage(np.random.default_rng(seed).integers(0, 4096, shape, dtype=np.int16), slope, grid)


def exam(day: float = 93.0) -> DigitalExam:
    """The visit."""
    spgr = Spgr(0.005, 0.002, 15.0, 3.0)
    ge, se = Epi("gradient", 1.6, 0.03, 60.0, 3.0), Epi("spin", 1.6, 0.07, 90.0, 3.0)
    bolus = {"injection": INJECTION, "agent": GADOBUTROL}
    dsc = {"times_s": DSC_TIMES_S, "slice_times_s": SLICE_TIMES_S, **bolus}
    series = (
        DigitalSeries("T1w", image(SAGITTAL, 1, 1, 0.000177), Anatomy("T1w"), 3.0, start_s=10.0),
        DigitalSeries("T2w", image(OBLIQUE, 1, 2), Anatomy("T2w"), 3.0, start_s=100.0),
        DigitalSeries("FLAIR", image(OBLIQUE, 1, 3), Anatomy("FLAIR"), 3.0, start_s=200.0),
        DigitalSeries("dwi", image(DESCENDING, 3, 4), Diffusion(B_S_MM2, 0.08, 3.0), 3.0, start_s=300.0),
        DigitalSeries("b1", image(OBLIQUE, 1, 5, 0.001), Anatomy("TB1map"), 3.0, start_s=400.0),
        DigitalSeries("vfa", image(OBLIQUE, 1, 6), Spgr(0.005, 0.002, 3.0, 3.0), 3.0, start_s=450.0, number=1),
        DigitalSeries("vfa", image(OBLIQUE, 1, 7), spgr, 3.0, start_s=500.0, number=2),
        DigitalSeries("dce", image(OBLIQUE, 5, 8, 0.000021), spgr, 3.0, DCE_TIMES_S, start_s=START_S["dce"], **bolus),
        DigitalSeries("dsc-ge", image(DESCENDING, 5, 9), ge, 3.0, start_s=START_S["dsc-ge"], **dsc),
        DigitalSeries("dsc-se", image(RIGHTWARDS, 5, 10), se, 3.0, start_s=START_S["dsc-se"], **dsc),
        DigitalSeries("CE-T1w", image(SAGITTAL, 1, 11), Anatomy("T1w"), 3.0, start_s=1200.0, agent=GADOBUTROL),
        DigitalSeries("irt1", image(RIGHTWARDS, 3, 12), InversionRecovery((0.1, 0.5, 2.0), 4.0, 0.003, 3.0), 3.0, start_s=50.0),
    )
    return DigitalExam("02", day, series, None, (), VisitTruth())
