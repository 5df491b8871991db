"""Remake docs/images/demo.png from the digital patient of `afterglow demo`, and docs/images/dsc.png from a digital DSC visit.

    python scripts/docs_pictures.py [DEMO_FOLDER]

With the folder of a demo that has run, its finished visits are read again; without one the demo runs first.
"""

import io
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from afterglow.flows.demo import METHOD, run_demo
from afterglow.flows.digital import write_patient
from afterglow.flows.run import run_participants
from afterglow.flows.work import silent
from afterglow.records.response import Category, Verdict
from afterglow.records.result import PatientResult
from afterglow.report.figures.before_after import before_after
from afterglow.report.figures.loops import loops_figure
from afterglow.report.figures.maps import maps_overview
from afterglow.report.figures.windows import windows_of
from afterglow.simulate.dsc_visit import DscVisitPlan, simulate_dsc_visit

IMAGES = Path(__file__).parents[1] / "docs" / "images"
TARGET = IMAGES / "demo.png"
SHOWN = ("vp",)  # of the rule's two quantities the one that falls below the threshold: one row keeps the picture low
COLOURS: dict[Category, str] = {"progression": "#a02c2c", "response": "#1f6f54", "no change": "#44546a", "cannot tell": "#7a5a12"}
SOURCE = "Simulated patient of the demo, method ademola2025. Research software; not a medical device."
MOST_BYTES = 400_000
DPI, GAP = 150, 24
DSC_PLAN = DscVisitPlan(shape=(88, 108, 18), voxel_mm=(2.2, 2.2, 5.0), enhancing="tumour", motion=0.3)


def main() -> None:
    with TemporaryDirectory() as folder:
        dsc_picture(Path(folder) / "dsc")
        if len(sys.argv) > 1:
            picture(result_of(Path(sys.argv[1])))
            return
        run_demo(Path(folder), seed=7, workers=2, progress=silent)
        picture(result_of(Path(folder)))


def dsc_picture(folder: Path) -> None:
    """The panel of a DSC visit over the loops of lesion and reference."""
    write_patient(simulate_dsc_visit(DSC_PLAN, seed=3).patient, folder / "bids", folder / "truth")
    done = run_participants(
        folder / "bids", folder / "results", "stadlbauer2025",
        participants=(), session_labels=(), outlines_dir=None, workers=2, progress=silent, keep_results=True,
    )  # fmt: skip
    exam = done.patients[0].exams[0]
    parts = [maps_overview(exam, exam.lesions[0], windows_of([exam])), loops_figure(exam)]
    images = [Image.open(io.BytesIO(part.image)).convert("RGB") for part in parts if part is not None]
    sheet = Image.new("RGB", (max(one.width for one in images), sum(one.height for one in images) + GAP * len(images)), "white")
    top = 0
    for one in images:
        sheet.paste(one, (0, top))
        top += one.height + GAP
    sheet.quantize(256, dither=Image.Dither.NONE).save(IMAGES / "dsc.png", optimize=True)
    print(f"{IMAGES / 'dsc.png'}: {(IMAGES / 'dsc.png').stat().st_size / 1000:.0f} kB")


def result_of(folder: Path) -> PatientResult:
    """The patient of a demo folder; visits that are finished are not computed again."""
    done = run_participants(
        folder / "bids", folder / "results", METHOD,
        participants=(), session_labels=(), outlines_dir=None, workers=2, progress=silent, keep_results=True,
    )  # fmt: skip
    return done.patients[0]


def picture(patient: PatientResult) -> None:
    """The before/after panel of the report, and the call under it."""
    if patient.pair is None:
        raise SystemExit("the demo folder holds one visit; two are needed")
    panel = before_after(
        replace(patient.pair, maps=tuple(m for m in patient.pair.maps if m[0].name in SHOWN)), windows_of(patient.exams)
    )
    image = Image.open(io.BytesIO(panel.image))
    lines = textwrap.wrap(words_of(patient.verdicts[0]), 122)
    wide, high = image.width / DPI, image.height / DPI
    call = 0.5 + 0.22 * (len(lines) + 1)
    sheet = plt.figure(figsize=(wide + 0.4, high + call + 0.3), dpi=DPI, facecolor="white")
    whole = sheet.get_size_inches()
    axes = sheet.add_axes((0.2 / whole[0], (call + 0.15) / whole[1], wide / whole[0], high / whole[1]))
    axes.imshow(image)
    axes.set_axis_off()
    draw_call(
        sheet.add_axes((0.2 / whole[0], 0.1 / whole[1], wide / whole[0], call / whole[1])), patient.verdicts[0].category, lines
    )
    save(sheet)


def words_of(verdict: Verdict) -> str:
    return verdict.sentence if verdict.sentence.endswith(".") else verdict.sentence + "."


def draw_call(axes: Axes, category: Category, lines: list[str]) -> None:
    """A band in the colour of the call, its name, its sentence, and where the picture comes from."""
    axes.set(xlim=(0, 1), ylim=(len(lines) + 2.4, 0))
    axes.set_axis_off()
    axes.add_patch(FancyBboxPatch((0, 0.2), 0.006, len(lines) + 1.0, boxstyle="square,pad=0", color=COLOURS[category], lw=0))
    axes.text(0.02, 0.7, f"Call: {category}", fontsize=11, weight="bold", color=COLOURS[category], va="center")
    for number, line in enumerate(lines):
        axes.text(0.02, 1.7 + number, line, fontsize=9.5, color="#222222", va="center")
    axes.text(0.02, len(lines) + 1.95, SOURCE, fontsize=8, color="#666666", va="center")


def save(sheet: Figure) -> None:
    """As PNG with 256 colours where the full one is too large for a page that people load first."""
    sheet.savefig(TARGET, dpi=DPI, metadata={"Software": None})
    if TARGET.stat().st_size > MOST_BYTES:
        Image.open(TARGET).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
