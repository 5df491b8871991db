#!/usr/bin/env python3
"""Zones against the truth of digital patients: Dice by the size of the lesion, and how far a second scan agrees.

  scripts/measure_zones.py truth COHORT OUT [--method seyithanoglu2025] [--json]
  scripts/measure_zones.py retest FOLDER [--pairs 4] [--size coarse] [--seed 1] [--json]

`truth`: COHORT is what `afterglow simulate seyithanoglu2025` wrote, OUT what `afterglow run` made of it. The true aggressive zone is the tumour tissue
of the digital patient, the rest of the enhancing tissue is passive; near tissue counts as penumbra by the method's own distance. `retest`: each pair is
one patient scanned twice with the same lesion (other noise, motion, place in the coil, plasma curve); the zones of the second scan are laid on
those of the first through the patient's space. A pair that is done is not done again.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

import numpy as np
from measure_calls import scan_twice
from scipy import ndimage

from afterglow.align.resample import resample
from afterglow.flows.method import load_method
from afterglow.flows.paint_door import paint_patient
from afterglow.flows.paint_orders import PaintOrders
from afterglow.flows.work import silent
from afterglow.io.nifti import read_image
from afterglow.io.zones import PaintedPlace, read_painted
from afterglow.records.zones import ZONE_WORDS, Vote, Zone

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


def truth_rows(given: argparse.Namespace) -> list[dict[str, object]]:
    near_mm = load_method(given.method).paint.zones.near_mm
    rows = []
    for index in sorted(given.out.glob("sub-*/ses-*/dose/*_desc-painting_plan.json")):
        subject, session = (part.split("-")[1] for part in index.name.split("_")[:2])
        zones = read_painted(PaintedPlace(given.out, subject, session)).zones
        true = true_labels(given.cohort / "truth", subject, session, zones.grid, zones.tumour, near_mm)
        row: dict[str, object] = {"subject": subject, "tumour_ml": float(np.count_nonzero(zones.tumour)) * zones.grid.voxel_ml}
        for zone in (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE):
            row[zone.name.lower()] = dice(zones.labels == zone, true == zone)
        row["true_aggressive_ml"] = float(np.count_nonzero(true == Zone.AGGRESSIVE)) * zones.grid.voxel_ml
        row["found_aggressive_ml"] = zones.volume_ml(Zone.AGGRESSIVE)
        row["not_assessed_ml"] = zones.volume_ml(Zone.NOT_ASSESSED)
        for one in zones.criteria:
            yes, known = one.votes == Vote.YES, (one.votes != Vote.NOT_ASSESSED) & zones.tumour
            active = true == Zone.AGGRESSIVE
            row[f"{one.name}: sensitivity"] = float(yes[active & known].mean()) if (active & known).any() else float("nan")
            row[f"{one.name}: specificity"] = float((~yes[~active & known]).mean()) if (~active & known).any() else float("nan")
        rows.append(row)
    return rows


def retest_rows(given: argparse.Namespace) -> list[dict[str, object]]:
    rows = []
    for pair in range(given.pairs):
        place = given.folder / f"pair-{pair:04d}"
        record = place / "zones.json"
        if not record.is_file():
            asked = argparse.Namespace(method="seyithanoglu2025", size=given.size, seed=given.seed, workers=1)
            if not (place / "bids").is_dir():
                scan_twice(asked, pair, place)
            subject = next((place / "bids").glob("sub-*")).name.removeprefix("sub-")
            followed = (
                place / "bids" / f"sub-{subject}" / "ses-post"
            ).is_dir()  # else the second scan is the last before treatment
            orders = PaintOrders(retest="post" if followed else "pre")
            done = paint_patient(
                place / "bids", place / "out", subject, "seyithanoglu2025", orders=orders, outlines_dir=None, objects=(), workers=1, progress=silent
            )  # fmt: skip
            found = done.painted.retest
            row = {f"dice {ZONE_WORDS[one.zone]}": one.dice for one in found.zones}
            row |= {f"{ZONE_WORDS[one.zone]} ml": [one.first_ml, one.second_ml] for one in found.zones}
            row |= {"mean_absolute_gy": found.change.mean_absolute_gy, "p95_absolute_gy": found.change.p95_absolute_gy}
            own = done.painted.stability
            row |= {} if own is None else {"redrawn mean_absolute_gy": own.change.mean_absolute_gy}
            record.write_text(json.dumps({"pair": pair, **row}))
        rows.append(json.loads(record.read_text()))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ask.add_subparsers(dest="kind", required=True)
    truth = kinds.add_parser("truth")
    truth.add_argument("cohort", type=Path)
    truth.add_argument("out", type=Path)
    truth.add_argument("--method", default="seyithanoglu2025")
    retest = kinds.add_parser("retest")
    retest.add_argument("folder", type=Path)
    retest.add_argument("--pairs", type=int, default=4)
    retest.add_argument("--size", default="coarse")
    retest.add_argument("--seed", type=int, default=1)
    for one in (truth, retest):
        one.add_argument("--json", action="store_true")
    given = ask.parse_args()
    rows = truth_rows(given) if given.kind == "truth" else retest_rows(given)
    if given.json:
        print(json.dumps(rows))
    elif given.kind == "truth":
        tell(rows)
    else:
        for name in rows[0]:
            values = [row[name] for row in rows if isinstance(row[name], int | float)]
            if values and name != "pair":
                print(f"{name}: median {np.median(values):.2f}, {min(values):.2f} to {max(values):.2f}, n = {len(values)}")


def tell(rows: list[dict[str, object]]) -> None:
    columns = list(rows[0])
    print("\t".join(columns))
    for row in rows:
        print("\t".join(f"{row[c]:.2f}" if isinstance(row[c], float) else str(row[c]) for c in columns))
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
