"""What all figures of a cohort share: a palette that colour-blind people can tell apart, wrapped words, PNG and SVG of one drawing."""

import io
import math
from collections.abc import Sequence
from functools import lru_cache

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from afterglow.records.document import Figure, FigureData
from afterglow.records.statistic import Tested
from afterglow.report.figures.canvas import FAINT_INK, INK, SMALL_PT, TEXT_PT, plain, png, write
from afterglow.report.group_words import words_of_test

INKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # after Okabe and Ito
DASHES = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)))  # a second way to tell curves apart
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINE_IN = 0.155  # height of a line of 9 pt text
MOST_TESTS = 3  # written on a figure; the caption and the tables hold all
MOST_VECTOR_POINTS = 3000  # more than these are drawn as a picture inside the SVG
Dash = str | tuple[int, tuple[float, ...]]


def ink_of(n: int) -> str:
    """The ink of the n-th curve or group."""
    return INKS[n % len(INKS)]


def dash_of(n: int) -> Dash:
    """Its dashes; they change when the inks start again, and also from curve to curve."""
    return DASHES[(n + n // len(INKS)) % len(DASHES)]


def width_in(words: str, size_pt: float = TEXT_PT) -> float:
    """How wide the words are, in inches; a little more, for hinting makes drawn letters wider."""
    return 1.03 * sum(_letter_in(letter) for letter in words) * size_pt


@lru_cache(maxsize=4096)
def _letter_in(letter: str) -> float:
    """The width of one letter, for each point of size."""
    wide, _, _ = TextToPath().get_text_width_height_descent(letter, FontProperties(family="DejaVu Sans", size=72), ismath=False)
    return float(wide) / 72 / 72


def wrapped(words: str, most_in: float, size_pt: float = TEXT_PT) -> list[str]:
    """The words in lines no wider than that; a word that is wider by itself is broken. The words stand as they are given."""
    lines = [""]
    for word in " ".join(words.split("\n")).split(" "):  # words with a hard space between them stay together
        rest = word
        joined = f"{lines[-1]} {rest}" if lines[-1] else rest
        if width_in(joined, size_pt) <= most_in:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while width_in(rest, size_pt) > most_in and len(rest) > 1:
            fits = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or width_in(rest[:n], size_pt) <= most_in)
            lines[-1] = rest[:fits]
            lines.append("")
            rest = rest[fits:]
        lines[-1] = rest
    return lines


def block(words: str, most_in: float, size_pt: float = TEXT_PT) -> str:
    """The same as one text for a drawing, safe from dollar signs."""
    return plain("\n".join(wrapped(words, most_in, size_pt)))


def shortened(words: str, most_in: float, lines: int, size_pt: float = TEXT_PT) -> str:
    """The first lines of the words, with dots where more would follow; the tables and the caption hold all of them."""
    found = wrapped(words, most_in, size_pt)
    if len(found) > lines:
        found = [*found[: lines - 1], f"{found[lines - 1][:-1]}…"]
    return plain("\n".join(found))


def lines_of_tests(tests: Sequence[Tested], most_in: float, *, about: bool = False) -> list[str]:
    """What stands on a figure of its tests, in lines: the first ones, and how many more there are.

    `about` says what was compared even where one test says all that the figure shows.
    """
    lines: list[str] = []
    for tested in tests[:MOST_TESTS]:
        compared = f"{tested.about}: " if tested.about and (about or len(tests) > 1) else ""
        lines += wrapped(compared + words_of_test(tested, short=True), most_in, SMALL_PT)
    if len(tests) > MOST_TESTS:
        lines.append(f"and {len(tests) - MOST_TESTS} more tests, see the table of tests")
    return lines


def write_lines(figure: Sheet, left_in: float, top_in: float, lines: Sequence[str], colour: str = INK) -> None:
    """Small lines of text below one another."""
    for n, line in enumerate(lines):
        write(figure, left_in, top_in + n * LINE_IN, plain(line), size_pt=SMALL_PT, colour=colour)


def empty(axes: Axes, words: str = "nothing was measured") -> None:
    """Says so in the middle of axes that have nothing to show, and takes their numbers away."""
    axes.set_yscale("linear")
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    say(axes, words)


def say(axes: Axes, words: str) -> None:
    """Words in the middle of axes whose numbers still count, for a panel beside it shows values."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=TEXT_PT, color=FAINT_INK)


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Limits with some room; equal values get room too."""
    span = high - low
    if not span > 0:
        span = abs(high) or 1.0
    return low - share * span, high + share * span


def finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Those values that were measured."""
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(array[np.isfinite(array)])


def svg(figure: Sheet, name: str) -> bytes:
    """The drawing as SVG: no date, no program, and identifiers that depend on the name alone."""
    sink = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    return sink.getvalue()


def drawn(figure: Sheet, *, name: str, caption: str, alt: str, data: FigureData) -> Figure:
    """The sheet as a record: PNG for the page, SVG for a paper, and the numbers behind it."""
    return Figure(
        name=name, image=png(figure), media_type="image/png", caption=caption, alt=alt, vector=svg(figure, name), data=data
    )


def cell_of(value: float) -> float | None:
    """A number for the data of a figure; None where it was not measured."""
    return float(value) if math.isfinite(value) else None
