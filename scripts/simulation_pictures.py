"""Remake the pictures of docs/simulation.md from digital patients at full size: one visit each, seeds fixed below.

    python scripts/simulation_pictures.py [NAME OF A PICTURE ...]

Scans are windowed as on a scanner. Maps are true maps, not measured ones; the captions in docs/simulation.md say so.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.flows.simulation_file import load_simulation
from afterglow.records.grid import Grid
from afterglow.records.quantity import QUANTITIES
from afterglow.report.figures.canvas import box, png, sheet, write
from afterglow.report.figures.planes import view_of
from afterglow.report.figures.windows import window_of
from afterglow.simulate.cohort import draw_story
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.series import DigitalExam
from afterglow.simulate.subject import make_subject
from afterglow.simulate.tissues import with_barrier

IMAGES = Path(__file__).parents[1] / "docs" / "images"
DARK, PALE, FAINT = "#0b0d10", "#e8edf2", "#9aa7b4"
WORKERS, MOST_BYTES = 2, 600_000
GAP_IN, TITLE_IN, FOOT_IN = 0.06, 0.3, 0.34
FRAMES = Literal["", "before", "artery", "end", "peak"]


@dataclass(frozen=True)
class Patient:
    """Which visit of which digital patient, and how its rows are titled."""

    method: str
    seed: int
    index: int
    visit: int
    title: str


GLIOMA = Patient("seyithanoglu2025", 4, 14, 0, "Recurrent glioblastoma before radiosurgery, 1.5 T")
WATCHED = Patient("stadlbauer2025", 4, 187, 0, "Astrocytoma grade 3 that has come back, 3 T")
METASTASIS = Patient("ademola2025", 4, 20, 0, "Brain metastasis before radiosurgery, 3 T")
SPINE = Patient("behar2023", 4, 44, 0, "Metastasis of T8 before radiotherapy, 1.5 T")
FIRST = Patient("yoon2024", 4, 46, 0, "Glioblastoma before surgery, 3 T; cells infiltrate beyond what enhances")
PATIENTS = (GLIOMA, WATCHED, METASTASIS, SPINE, FIRST)


@dataclass(frozen=True)
class Scan:
    """A series as stored; a dynamic one at one of its frames. `like` lends it the window of another series."""

    role: str
    words: str
    frame: FRAMES = ""
    like: str = ""


@dataclass(frozen=True)
class Truth:
    """A true map in the space of a series, its colours and range; `factor` is for the numbers beside the bar."""

    quantity: str
    space: str
    words: str
    unit: str
    high: float
    low: float = 0.0
    colours: str = "inferno"
    factor: float = 1.0
    over: str = ""  # series behind a map that does not fill the picture


def ktrans(high: float) -> Truth:
    return Truth("ktrans", "dce", "Ktrans", "/min", high)


T1W, CE, FLAIR = Scan("T1w", "T1w"), Scan("CE-T1w", "CE-T1w", like="T1w"), Scan("FLAIR", "FLAIR")
VE, VP = Truth("ve", "dce", "ve", "", 0.5), Truth("vp", "dce", "vp", "", 0.08)
DCE = Scan("dce", "DCE, bolus in the arteries", "artery")
DSC = Scan("dsc-ge", "DSC (GE), bolus peak", "peak", "dsc-ge")
CHO_NAA = Truth("cho_naa_psf", "mrsi", "Cho/NAA", "", 1.2, over="FLAIR")
MTI = Truth("mti", "dsc-se", "MTI", "s⁻⁵ᐟ²", 600.0, -600.0, "diverging")
ADC = Truth("adc", "dwi", "ADC", "10⁻³ mm²/s", 3e-3, colours="cividis", factor=1e3)
STIR = Scan("STIR", "STIR")

Row = tuple[Patient, str, tuple[Scan | Truth, ...]]
SHEETS: dict[str, tuple[Row, ...]] = {
    "digital-patients": (
        (GLIOMA, "Glioma, DCE + DSC + MRSI", (CE, FLAIR, DSC, ktrans(0.15), Truth("cbv", "dsc-ge", "CBV", "", 0.15), CHO_NAA)),
        (WATCHED, "Glioma, DSC + DWI", (CE, FLAIR, DSC, Truth("cbv", "dsc-se", "CBV", "", 0.15), MTI, ADC)),
        (METASTASIS, "Brain metastasis, DCE", (CE, FLAIR, DCE, ktrans(0.1), VE, VP)),
        (SPINE, "Spine metastasis, DCE", (Scan("T2w", "T2w"), STIR, DCE, ktrans(0.2), VE, VP)),
    ),
    "digital-glioma": (
        (GLIOMA, GLIOMA.title, (T1W, CE, FLAIR, DCE, Scan("dsc-ge", "DSC (GE) before"))),
        (GLIOMA, "", (DSC, ktrans(0.15), VE, Truth("cbv", "dsc-ge", "CBV", "", 0.15), CHO_NAA)),
        (WATCHED, WATCHED.title, (T1W, CE, FLAIR, Scan("dwi", "DWI, b 1000", "before"), Scan("dsc-se", "DSC (SE), bolus peak", "peak"))),
        (WATCHED, "", (Scan("dsc-ge", "DSC (GE) before"), DSC, Truth("cbv", "dsc-se", "CBV", "", 0.15), MTI, ADC)),
    ),
    "digital-metastasis": (
        (METASTASIS, METASTASIS.title, (T1W, CE, FLAIR, Scan("dce", "DCE before", like="dce"), DCE)),
        (METASTASIS, "", (Scan("dce", "DCE, last frame", "end"), ktrans(0.1), VE, VP, Truth("t1", "dce", "T1", "s", 3.0, colours="cividis"))),
    ),
    "digital-spine": (
        (SPINE, SPINE.title, (T1W, CE, Scan("T2w", "T2w"), STIR, Scan("dce", "DCE before"))),
        (SPINE, "", (DCE, Scan("dce", "DCE, last frame", "end"), ktrans(0.2), VE, VP)),
    ),
    "digital-infiltration": ((FIRST, FIRST.title, (T1W, CE, FLAIR, Scan("dce", "DCE, last frame", "end"), Truth("ve", "dce", "ve", "", 0.2))),),
}  # fmt: skip
TABLES = {
    "diverging": window_of(QUANTITIES["mti"], np.zeros(1), called="").colours,
    "inferno": mpl.colormaps["inferno"],
    "cividis": mpl.colormaps["cividis"],
}
FIELDS = {"axial": (-94.0, 94.0, -128.0, 104.0), "sagittal": (-95.0, 115.0, -145.0, 155.0)}  # mm: left, right, bottom, top


def scanned(patient: Patient) -> DigitalExam:
    """The visit, with the random numbers that `afterglow simulate` would use."""
    made = load_simulation(patient.method)
    acquisition, size = made.acquisition, made.acquisition.size["full"]
    leak = acquisition.scanner.brain_leak
    story = draw_story(made.cohort, None, patient.seed, patient.index, with_barrier(leak))
    body, *visits = np.random.SeedSequence(patient.seed, spawn_key=(patient.index,)).spawn(1 + len(story.visits))
    subject = make_subject(story, made.site, body_mm=size.body_mm, field_t=acquisition.field_t, brain_leak=leak, seed=body)
    return scan_visit(subject, patient.visit, story.visits[patient.visit], acquisition, size, visits[patient.visit])


def plane_of(
    values: NDArray[np.float32], grid: Grid, place_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float32], str, list[float]]:
    """The slice (rows, columns) through a place in scanner mm, its plane, and where its edges lie: left, right, bottom, top in mm."""
    view = view_of(grid)
    axis = view.axes[0]
    nearest = int(np.clip(np.rint(np.linalg.inv(grid.affine) @ np.append(place_mm, 1.0))[axis], 0, grid.shape[axis] - 1))
    standing = view.stand(values)
    shown = standing[grid.shape[axis] - 1 - nearest if view.flipped[0] else nearest]
    middle = (grid.affine @ np.append((np.array(grid.shape) - 1) / 2, 1.0))[:3]
    across, up = (-middle[0], middle[1]) if view.plane == "axial" else (-middle[1], middle[2])
    half = np.array(shown.shape[::-1]) * np.array(view.spacing_mm)[[2, 1]] / 2
    return shown, view.plane, [across - half[0], across + half[0], up - half[1], up + half[1]]


def lesion_mm(exam: DigitalExam) -> NDArray[np.float64]:
    """Middle of the outlined lesion in scanner mm; between it and the place of recurrence where that is known."""
    middles = [
        (one.grid.affine @ np.append(np.argwhere(one.mask).mean(axis=0), 1.0))[:3]
        for one in exam.outlines
        if one.label in ("lesion", "recurrence")
    ]
    return np.asarray(np.mean(middles, axis=0), dtype=np.float64)


def frame_of(stored: NDArray[np.int16], frame: FRAMES) -> NDArray[np.float32]:
    """One image (i, j, k) of a series."""
    if stored.ndim == 3:
        return stored.astype(np.float32)
    means = stored.reshape(-1, stored.shape[3]).mean(axis=0, dtype=np.float64)
    bright = [float(np.percentile(stored[::2, ::2, :, t], 99.9)) for t in range(stored.shape[3])]
    number = {"": 2, "before": 1, "artery": int(np.argmax(bright)), "end": -1, "peak": int(np.argmin(means))}[frame]
    return stored[..., number].astype(np.float32)


def white_level(shown: NDArray[np.float32], plane: str) -> float:
    """What is drawn white: nearly the brightest of what matters; a head's scalp lies outside the ellipse and may burst."""
    if plane == "sagittal":
        return float(np.percentile(shown[shown > 0.05 * shown.max()], 97.0))
    rows, columns = (np.linspace(-1, 1, n) for n in shown.shape)
    body = np.argwhere(shown > 0.15 * shown.max())
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    centre = (rows[top] + rows[bottom]) / 2, (columns[left] + columns[right]) / 2
    reach = 0.7 * (rows[bottom] - rows[top]) / 2, 0.66 * (columns[right] - columns[left]) / 2
    inside = ((rows[:, None] - centre[0]) / reach[0]) ** 2 + ((columns[None] - centre[1]) / reach[1]) ** 2 < 1
    return 1.08 * float(np.percentile(shown[inside], 99.5))


def draw_scan(axes: Axes, exam: DigitalExam, scan: Scan, place_mm: NDArray[np.float64], *, dim: float = 1.0) -> str:
    series = exam.series_of(scan.role)[0]
    shown, plane, extent = plane_of(frame_of(series.image.stored, scan.frame), series.image.grid, place_mm)
    lender = exam.series_of(scan.like)[0] if scan.like else series
    lent = shown if scan.frame == "artery" else plane_of(frame_of(lender.image.stored, ""), lender.image.grid, place_mm)[0]
    high = max(white_level(shown, plane), white_level(lent, plane) * lender.image.slope / series.image.slope) / dim
    axes.imshow(shown, cmap="gray", vmin=0, vmax=high, extent=extent, interpolation="bilinear", aspect="equal")
    return plane


def draw_map(axes: Axes, exam: DigitalExam, one: Truth, place_mm: NDArray[np.float64]) -> str:
    found = exam.truth.map_of(one.quantity, one.space)
    if one.over:
        draw_scan(axes, exam, Scan(one.over, ""), place_mm, dim=0.7)
    shown, plane, extent = plane_of(found.values, found.grid, place_mm)
    axes.imshow(
        shown, cmap=TABLES[one.colours], vmin=one.low, vmax=one.high, extent=extent, interpolation="nearest", aspect="equal",
        alpha=0.75 if one.over else None,
    )  # fmt: skip
    return plane


def height_of(patient: Patient, width_in: float) -> float:
    left, right, bottom, top = FIELDS["sagittal" if patient == SPINE else "axial"]
    return width_in * (top - bottom) / (right - left)


def draw_sheet(rows: Sequence[Row], exams: dict[Patient, DigitalExam], *, width_in: float, dpi: int) -> Sheet:
    """Rows of pictures on black, each with its name below, a map with its colour bar too."""
    across = max(len(tiles) for _, _, tiles in rows)
    tile_in = (width_in - GAP_IN * (across + 1)) / across
    heights = [height_of(patient, tile_in) for patient, _, _ in rows]
    titles = [TITLE_IN if title else 0.0 for _, title, _ in rows]
    figure = sheet(width_in, sum(heights) + sum(titles) + FOOT_IN * len(rows) + GAP_IN)
    figure.set_facecolor(DARK)
    figure.set_dpi(dpi)
    top = 0.0
    for (patient, title, tiles), high, head in zip(rows, heights, titles, strict=True):
        if title:
            write(figure, GAP_IN + 0.02, top + 0.08, title, size_pt=10.0, colour=PALE)
        for number, tile in enumerate(tiles):
            left = GAP_IN + number * (tile_in + GAP_IN)
            draw_tile(box(figure, left, top + head, tile_in, high), exams[patient], tile)
            write(figure, left + 0.02, top + head + high + 0.05, tile.words, size_pt=8.0, colour=PALE)
            if isinstance(tile, Truth):
                draw_bar(box(figure, left + 0.45 * tile_in, top + head + high + 0.07, 0.5 * tile_in, 0.07), tile)
        top += head + high + FOOT_IN
    return figure


def draw_tile(axes: Axes, exam: DigitalExam, tile: Scan | Truth) -> None:
    place_mm = lesion_mm(exam)
    plane = draw_map(axes, exam, tile, place_mm) if isinstance(tile, Truth) else draw_scan(axes, exam, tile, place_mm)
    left, right, bottom, top = FIELDS[plane]
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_facecolor("black")
    for side in axes.spines.values():
        side.set_visible(False)


def draw_bar(axes: Axes, tile: Truth) -> None:
    """The colours with the numbers at both ends, and the unit between them."""
    axes.imshow(np.linspace(0, 1, 128)[None], cmap=TABLES[tile.colours], aspect="auto")
    axes.set(yticks=[], xticks=[0, 127])
    axes.set_xticklabels([f"{end * tile.factor:g}" for end in (tile.low, tile.high)], fontsize=6.5, color=FAINT)
    axes.set_xlabel(tile.unit, fontsize=6.5, color=FAINT, labelpad=-7)
    axes.tick_params(length=0, pad=1.5)
    for side in axes.spines.values():
        side.set_visible(False)


def main() -> None:
    sheets = {name: SHEETS[name] for name in sys.argv[1:] or SHEETS}
    patients = [one for one in PATIENTS if any(one is patient for rows in sheets.values() for patient, _, _ in rows)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        save_sheets(sheets, dict(zip(patients, pool.map(scanned, patients), strict=True)))


def save_sheets(sheets: dict[str, tuple[Row, ...]], exams: dict[Patient, DigitalExam]) -> None:
    """Each sheet as large as its file may be."""
    for name, rows in sheets.items():
        used = {tile.colours for _, _, tiles in rows for tile in tiles if isinstance(tile, Truth)}
        for dpi in (140, 125, 110, 100, 90):
            made = png(draw_sheet(rows, exams, width_in=10.4, dpi=dpi), [TABLES[one] for one in sorted(used)])
            if len(made) < MOST_BYTES:
                break
        (IMAGES / f"{name}.png").write_bytes(made)
        print(f"{IMAGES / name}.png: {len(made) / 1000:.0f} kB at {dpi} dpi")


if __name__ == "__main__":
    main()
