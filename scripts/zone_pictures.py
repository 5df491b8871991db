"""Draw zones, prescription, isodose lines and histograms of a phantom, to look at.

    python scripts/zone_pictures.py DIR [--spacing-mm 1.5]

The phantom is that of the tests (tests/rooms/painted_phantom.py): formulas, seeded, no engine and no patient.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "rooms"))

from painted_phantom import painted_phantom

from afterglow.painting.dosimetry import dose_volume, structure_of
from afterglow.painting.quality import painting_quality
from afterglow.records.zones import ZONE_COLOURS, ZONE_WORDS
from afterglow.report.figures.dose import isodose_figure, prescription_figure
from afterglow.report.figures.dose_volume import dose_volume_figure, quality_figure
from afterglow.report.figures.zones import zones_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spacing-mm", type=float, default=1.5)
    asked = parser.parse_args()
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
    asked.folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        (asked.folder / f"{figure.name}.png").write_bytes(figure.image)
        print(f"{figure.name}.png {len(figure.image) / 1000:.0f} kB: {figure.caption}")


if __name__ == "__main__":
    main()
