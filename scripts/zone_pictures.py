"""Draw zones, prescription, isodose lines and histograms of a phantom, to look at.

    python scripts/zone_pictures.py DIR [--spacing-mm 1.5] [--painted OUT SUBJECT SESSION]

The phantom is that of the tests (tests/rooms/painted_phantom.py): formulas, seeded, no engine and no patient. With --painted the pictures are those of
a visit that `afterglow run` or `paint` left in OUT: docs/images/zones.png is sub-01 of `simulate seyithanoglu2025 --seed 21` with tumours of 2 to 40 mL;
docs/images/zones-after.png is the picture of that cohort's sub-03 in the report that `run` writes of a followed patient.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "rooms"))

from painted_phantom import painted_phantom

from afterglow.io.painted import read_painted_visit
from afterglow.io.zones import PaintedPlace
from afterglow.painting.dosimetry import dose_volume, structure_of
from afterglow.painting.quality import painting_quality
from afterglow.records.document import Figure
from afterglow.records.zones import ZONE_COLOURS, ZONE_WORDS
from afterglow.report.figures.dose import isodose_figure, prescription_figure
from afterglow.report.figures.dose_volume import dose_volume_figure, quality_figure
from afterglow.report.figures.zones import zones_figure
from afterglow.report.painted_figures import plan_pictures, zone_pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spacing-mm", type=float, default=1.5)
    parser.add_argument("--painted", nargs=3, metavar=("OUT", "SUBJECT", "SESSION"))
    asked = parser.parse_args()
    if asked.painted:
        out, subject, session = asked.painted
        visit = read_painted_visit(PaintedPlace(Path(out), subject, session))
        keep(asked.folder, [one for one in (*zone_pictures(visit), *plan_pictures(visit)) if isinstance(one, Figure)])
        return
    one = painted_phantom(asked.spacing_mm)
    plans = (one.uniform, one.painted)
    structures = [one.tumour, structure_of("brain", one.brain, one.grid, kind="organ")]
    structures[1:1] = [structure_of(ZONE_WORDS[z], one.zones.mask(z), one.grid, kind="zone") for z in ZONE_COLOURS]
    curves = [dose_volume(plan.dose, structure, plan=plan.name) for plan in plans for structure in structures]
    quality = [
        volume for plan in plans for volume in painting_quality(plan.dose, one.prescription, one.zones, plan=plan.name).volumes
    ]
    figures = (
        zones_figure(one.zones, one.backdrop, name="zones", title="Zones of a phantom"),
        prescription_figure(one.prescription, one.zones, one.backdrop, name="prescription", title="Prescription"),
        isodose_figure(plans, one.zones, one.backdrop, name="isodoses", title="Uniform and painted plan of a phantom"),
        dose_volume_figure(curves, organs=["brain"], name="histograms", title="Dose-volume histograms"),
        quality_figure(quality, name="quality", title="Painting quality"),
    )
    keep(asked.folder, figures)


def keep(folder: Path, figures: Sequence[Figure]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        (folder / f"{figure.name}.png").write_bytes(figure.image)
        print(f"{figure.name}.png {len(figure.image) / 1000:.0f} kB: {figure.caption}")


if __name__ == "__main__":
    main()
