#!/usr/bin/env python3
"""Zones against the truth of digital patients: Dice by the size of the lesion, and how far a second scan agrees.

  scripts/measure_zones.py COHORT OUT [--method seyithanoglu2025] [--table FILE]

COHORT is what `afterglow simulate seyithanoglu2025` wrote, OUT what `afterglow run` made of it. The true aggressive zone is the tumour tissue of
the digital patient, the rest of the enhancing tissue is passive; near tissue counts as penumbra by the method's own distance. Nothing is fitted to it.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from afterglow.align.resample import resample
from afterglow.flows.method import load_method
from afterglow.io.nifti import read_image
from afterglow.io.zones import PaintedPlace, read_painted
from afterglow.records.zones import Vote, Zone

SIZES_ML = (0.0, 5.0, 10.0, 15.0, 25.0, 100.0)


def true_labels(truth: Path, subject: str, session: str, grid, tumour, near_mm: float):
    """Zones (i, j, k) as the digital patient has them, on the planning grid."""
    folder = truth / f"sub-{subject}" / f"ses-{session}"
    stem = f"sub-{subject}_ses-{session}_space-T1w_dseg"
    names = [line.split("\t")[1] for line in (folder / f"{stem}.tsv").read_text().splitlines()[1:]]
    image = read_image(folder / f"{stem}.nii.gz")
    labels = resample(image.load().astype(np.uint8), image.grid, grid, interpolation="nearest")
    aggressive = tumour & (labels == names.index("tumour"))
    near = (
        ndimage.distance_transform_edt(~aggressive, sampling=grid.spacing_mm) <= near_mm
        if aggressive.any()
        else np.zeros_like(tumour)
    )
    return np.where(
        aggressive, Zone.AGGRESSIVE, np.where(tumour & near, Zone.PENUMBRA, np.where(tumour, Zone.PASSIVE, Zone.OUTSIDE))
    )


def dice(a, b) -> float:
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / total if total else float("nan")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("cohort", type=Path)
    ask.add_argument("out", type=Path)
    ask.add_argument("--method", default="seyithanoglu2025")
    ask.add_argument("--json", action="store_true")
    given = ask.parse_args()
    near_mm = load_method(given.method).paint.zones.near_mm
    rows = []
    for index in sorted(given.out.glob("sub-*/ses-*/dose/*_desc-painting_plan.json")):
        subject, session = (part.split("-")[1] for part in index.name.split("_")[:2])
        zones = read_painted(PaintedPlace(given.out, subject, session)).zones
        true = true_labels(given.cohort / "truth", subject, session, zones.grid, zones.tumour, near_mm)
        row = {"subject": subject, "tumour_ml": float(np.count_nonzero(zones.tumour)) * zones.grid.voxel_ml}
        for zone in (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE):
            row[zone.name.lower()] = dice(zones.labels == zone, true == zone)
        row["true_aggressive_ml"] = float(np.count_nonzero(true == Zone.AGGRESSIVE)) * zones.grid.voxel_ml
        row["found_aggressive_ml"] = zones.volume_ml(Zone.AGGRESSIVE)
        row["not_assessed_ml"] = zones.volume_ml(Zone.NOT_ASSESSED)
        for one in zones.criteria:
            yes, known = one.votes == Vote.YES, (one.votes != Vote.NOT_ASSESSED) & zones.tumour
            true_yes = true == Zone.AGGRESSIVE
            row[f"{one.name}: sensitivity"] = float(yes[true_yes & known].mean()) if (true_yes & known).any() else float("nan")
            row[f"{one.name}: specificity"] = (
                float((~yes[~true_yes & known]).mean()) if (~true_yes & known).any() else float("nan")
            )
        rows.append(row)
    if given.json:
        print(json.dumps(rows))
        return
    columns = list(rows[0])
    print("\t".join(columns))
    for row in rows:
        print("\t".join(f"{row[c]:.2f}" if isinstance(row[c], float) else row[c] for c in columns))
    print("\nby size of the tumour (median, least and greatest Dice)")
    for low, high in itertools.pairwise(SIZES_ML):
        inside = [row for row in rows if low <= row["tumour_ml"] < high]
        if inside:
            told = ", ".join(
                f"{name} {np.nanmedian([r[name] for r in inside]):.2f} ({np.nanmin([r[name] for r in inside]):.2f} to {np.nanmax([r[name] for r in inside]):.2f})"
                for name in ("aggressive", "penumbra", "passive")
                if not np.isnan([r[name] for r in inside]).all()
            )
            print(f"{low:g} to {high:g} mL, n = {len(inside)}: {told}")


if __name__ == "__main__":
    main()
