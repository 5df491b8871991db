"""A sheet to draw on: sizes in inches from the top left corner, own fonts and colours, the same bytes every time."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from afterglow.kernels.types import Status
from afterglow.records.document import Figure

DPI = 150
PAGE_INCHES = 11.2  # width of a full-width figure
TEXT_PT = 9.0
SMALL_PT = 7.5

INK = "#1b2430"
FAINT_INK = "#64748b"
GRID_LINE = "#e2e8f0"
LESION_ON_IMAGE = "#19e3ff"
REFERENCE_ON_IMAGE = "#ffd23f"
LESION_INK = "#0369a1"
REFERENCE_INK = "#b45309"
LESION_COLOURS = (  # of each lesion in a course: on white, on a picture; the same hue twice
    (LESION_INK, LESION_ON_IMAGE),
    ("#be185d", "#ff7ac6"),
    ("#4d7c0f", "#a3e635"),
    ("#7c3aed", "#c4a5ff"),
)
OTHER_INKS = ("#7c3aed", "#be185d", "#4d7c0f", "#475569")
WARNING_INK = "#b91c1c"
ARTERY = "#ff4b5c"
VEIN = "#3f8cff"
ARTERY_INK = "#d4213a"
VEIN_INK = "#1d5fd0"
WARM_INK = "#b4460f"
COOL_INK = "#1c5fb0"
STATUS_COLOURS = {
    Status.OK: "#2f9e63",
    Status.NO_UPTAKE: "#3b4a63",
    Status.AT_BOUND: "#f59f2a",
    Status.NO_CONVERGENCE: "#e23b3b",
    Status.NOT_FINITE: "#d946ef",
    Status.WEAK_LINES: "#64748b",
    Status.BROAD_LINES: "#94a3b8",
    Status.UNCERTAIN: "#f0c929",
    Status.DIVISOR_LOST: "#0ea5e9",
}
LINE_COLOURS = (LESION_ON_IMAGE, REFERENCE_ON_IMAGE, ARTERY, VEIN, *STATUS_COLOURS.values())
GREYS = 56


def sheet(width_in: float, height_in: float) -> Sheet:
    """An empty white figure of that size, apart from pyplot and its global state."""
    figure = Sheet(figsize=(width_in, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def box(figure: Sheet, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
    """Axes placed in inches from the top left corner."""
    page_width, page_height = figure.get_size_inches()
    bottom = page_height - top_in - height_in
    return figure.add_axes((left_in / page_width, bottom / page_height, width_in / page_width, height_in / page_height))


def write(figure: Sheet, left_in: float, top_in: float, words: str, *, size_pt: float = TEXT_PT, colour: str = INK) -> None:
    """Text whose first line starts at that place, in inches from the top left corner."""
    page_width, page_height = figure.get_size_inches()
    figure.text(
        left_in / page_width, 1 - top_in / page_height, words, fontsize=size_pt, color=colour, va="top", family="DejaVu Sans"
    )


def region_inks(labels: Sequence[str]) -> list[str]:
    """An ink for each region: the first lesion and the reference have their own, further ones get spare inks."""
    spare = iter(OTHER_INKS * (1 + len(labels) // len(OTHER_INKS)))
    inks: list[str] = []
    for label in labels:
        wanted = LESION_INK if label.startswith("lesion") else REFERENCE_INK
        inks.append(wanted if wanted not in inks else next(spare))
    return inks


def plain(words: str) -> str:
    """Text from outside (labels, names), so that a dollar sign in it does not start a formula."""
    return words.replace("$", r"\$")


def dress_plot(axes: Axes, x_title: str, y_title: str) -> None:
    """The house look of a line plot: two spines, faint grid, titles with units."""
    axes.set_xlabel(x_title, fontsize=TEXT_PT, color=INK)
    axes.set_ylabel(y_title, fontsize=TEXT_PT, color=INK)
    axes.tick_params(labelsize=SMALL_PT + 0.5, colors=FAINT_INK, labelcolor=INK, length=3, width=0.6)
    axes.grid(True, color=GRID_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT_INK)
        axes.spines[side].set_linewidth(0.6)


def _palette(colour_tables: Sequence[Colormap], lines_too: Sequence[str]) -> NDArray[np.uint8]:
    """256 colours shared out over greys, the line colours towards black and white, and the colour tables in use."""
    greys = [(level, level, level) for level in np.linspace(0, 255, GREYS).round().astype(int).tolist()]
    lines = []
    for ink in dict.fromkeys((*LINE_COLOURS, *lines_too)):
        colour = np.array(to_rgb(ink)) * 255
        lines += [tuple((colour * share).round().astype(int).tolist()) for share in (1.0, 0.72, 0.45)]
        lines.append(tuple((255 - (255 - colour) * 0.5).round().astype(int).tolist()))
    each = (256 - len(greys) - len(lines)) // len(colour_tables)
    tables = [
        tuple(step)
        for table in colour_tables
        for step in (table(np.linspace(0, 1, each))[:, :3] * 255).round().astype(int).tolist()
    ]
    return np.array([*greys, *lines, *tables], dtype=np.uint8)


def _indexed(pixels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Image.Image:
    """Each pixel (rows, columns, 3) takes the nearest colour of the palette (n, 3)."""
    red, green, blue = (pixels[..., n].astype(np.uint32) for n in range(3))
    packed = (red << 16) | (green << 8) | blue
    used = np.zeros(1 << 24, dtype=np.bool_)  # a place for each colour there is: faster than sorting the pixels
    used[packed] = True
    colours = np.flatnonzero(used)
    split = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1)
    nearest = np.zeros(1 << 24, dtype=np.uint8)
    nearest[colours] = cKDTree(palette).query(split)[1]
    image = Image.fromarray(nearest[packed], "P")
    image.putpalette(palette.tobytes())
    return image


def png(figure: Sheet, colour_tables: Sequence[Colormap] = (), lines_too: Sequence[str] = ()) -> bytes:
    """PNG with a palette of 256 colours and no metadata: small, and equal for equal records.

    Pictures name the colour tables they use, so that these stay smooth, and the inks that are not the usual ones; a plot finds
    its few colours by itself.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    if colour_tables:
        small = _indexed(pixels, _palette(colour_tables, lines_too))
    else:
        small = Image.fromarray(np.ascontiguousarray(pixels)).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    sink = io.BytesIO()
    small.save(sink, format="PNG", compress_level=8)  # the last level takes twice the time for 1.4 % of the size
    return sink.getvalue()


def finished(
    figure: Sheet,
    *,
    name: str,
    caption: str,
    alt: str,
    colour_tables: Sequence[Colormap] = (),
    lines_too: Sequence[str] = (),
) -> Figure:
    """The drawn sheet as a record."""
    return Figure(name=name, image=png(figure, colour_tables, lines_too), media_type="image/png", caption=caption, alt=alt)
