#!/usr/bin/env python3
"""Zones against the truth of digital patients: Dice by the size of the lesion, and how far a second scan agrees.

  scripts/measure_zones.py truth COHORT OUT [--method seyithanoglu2025] [--json]
  scripts/measure_zones.py retest FOLDER [--pairs 4] [--size coarse] [--seed 1] [--json]
  scripts/measure_zones.py thresholds COHORT OUT [--method seyithanoglu2025] [--times 2 4 8 16] [--json]
  scripts/measure_zones.py spectra COHORT OUT [--json]

`truth`: COHORT is what `afterglow simulate seyithanoglu2025` wrote, OUT what `afterglow run` made of it. The true aggressive zone is the tumour tissue
of the digital patient, the rest of the enhancing tissue is passive; near tissue counts as penumbra by the method's own distance. `retest`: each pair is
one patient scanned twice with the same lesion (other noise, motion, place in the coil, plasma curve); the zones of the second scan are laid on
those of the first through the patient's space. A pair that is done is not done again. `thresholds`: the permeability criterion at several multiples
of the reference, against the same truth, and what becomes of the aggressive zone. `spectra`: how far, in mm over the middle of the spectroscopic
grid, spectra lie from their true place on the anatomy by their header, and by the registrations that a run found.
"""

import argparse
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from measure_calls import scan_twice
from scipy import ndimage

from afterglow.align.resample import resample
from afterglow.flows.method import load_method
from afterglow.flows.paint_door import paint_patient
from afterglow.flows.paint_evidence import native_of
from afterglow.flows.paint_orders import PaintOrders
from afterglow.flows.work import silent
from afterglow.io.mrs_read import read_mrs
from afterglow.io.nifti import read_image
from afterglow.io.results import read_exam_result
from afterglow.io.zones import PaintedPlace, read_painted
from afterglow.painting.criteria import Criterion, votes_of
from afterglow.painting.zones import zones_of
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


def natives_of(out: Path, subject: str, session: str, quantities):
    """The maps that the criteria read, as painting sees them, from what a run left on disk."""
    result = read_exam_result(out, subject, session).result
    source = next(one.source for one in result.alignments if "T1w" in one.source)
    visit = SimpleNamespace(anchor=SimpleNamespace(series=SimpleNamespace(source=source)))
    return {name: found for name in quantities if (found := native_of(name, visit, result)) is not None}


def at_times(criterion: Criterion, times: float) -> Criterion:
    """The same criterion at that multiple of the reference."""
    return replace(criterion, any_of=tuple(replace(one, threshold=times) for one in criterion.any_of))


def threshold_rows(given: argparse.Namespace) -> list[dict[str, object]]:
    spec = load_method(given.method).paint
    criteria = [one.record() for one in spec.criterion]
    rows = []
    for index in sorted(given.out.glob("sub-*/ses-*/dose/*_desc-painting_plan.json")):
        subject, session = (part.split("-")[1] for part in index.name.split("_")[:2])
        zones = read_painted(PaintedPlace(given.out, subject, session)).zones
        active = (
            true_labels(given.cohort / "truth", subject, session, zones.grid, zones.tumour, spec.zones.near_mm) == Zone.AGGRESSIVE
        )
        natives = natives_of(given.out, subject, session, spec.quantities)
        evidence = {name: one.evidence(one.parameter_map.values, zones.grid) for name, one in natives.items()}
        for times in given.times:
            votes = [
                votes_of(at_times(one, times) if one.name == "permeability" else one, evidence, zones.grid) for one in criteria
            ]
            vote = next(one.votes for one in votes if one.name == "permeability")
            known = zones.tumour & (vote != Vote.NOT_ASSESSED)
            found = zones_of(votes, zones.tumour, zones.grid, spec.zones.record(), sources=()).labels == Zone.AGGRESSIVE
            rows.append(
                {
                    "subject": subject, "times": times, "sensitivity": float((vote == Vote.YES)[active & known].mean()),
                    "specificity": float((vote == Vote.NO)[~active & known].mean()), "dice": dice(found, active),
                    "found of true": float(found[active].mean()), "false share": float((found & ~active).sum() / max(found.sum(), 1)),
                }
            )  # fmt: skip
    return rows


def spectra_rows(given: argparse.Namespace) -> list[dict[str, object]]:
    rows = []
    for path in sorted(given.cohort.glob("truth/sub-*/ses-*/*_truth.json")):
        subject, session = (part.split("-")[1] for part in path.name.split("_")[:2])
        grid = read_mrs(
            next((given.cohort / "bids").glob(f"sub-{subject}/ses-{session}/mrs/*_mrsi.nii.gz")), given.cohort / "bids"
        ).grid
        middle = np.stack(np.meshgrid(*(np.linspace(0.3 * n, 0.7 * n, 4) for n in grid.shape)), axis=-1).reshape(-1, 3)
        points = grid.to_mm(middle)
        pose = {name: np.array(one) for name, one in json.loads(path.read_text())["scanner_to_body_mm"].items()}
        found = {
            role: one.matrix
            for one in read_exam_result(given.out, subject, session).result.alignments
            for role, mark in (("anatomy", "ce-gadolinium_T1w"), ("flair", "FLAIR"))
            if mark in one.source and one.trusted
        }
        if len(found) < 2:
            continue
        on_anatomy = {
            role: np.linalg.inv(pose["CE-T1w"]) @ one for role, one in pose.items()
        }  # a point of that series -> anatomy
        by_flair = found["anatomy"] @ np.linalg.inv(found["flair"])
        rows.append(
            {
                "subject": subject, "session": session, "by header": apart_mm(np.eye(4), on_anatomy["mrsi"], points),
                "with FLAIR": apart_mm(by_flair, on_anatomy["mrsi"], points), "with DCE": apart_mm(found["anatomy"], on_anatomy["mrsi"], points),
                "still since FLAIR, by header": apart_mm(np.eye(4), on_anatomy["FLAIR"], points),
                "still since FLAIR, with FLAIR": apart_mm(by_flair, on_anatomy["FLAIR"], points),
            }
        )  # fmt: skip
    return rows


def apart_mm(taken, true, points) -> float:
    """Mean distance between where points are taken to lie and where they lie."""
    return float(np.linalg.norm((points @ (taken - true)[:3, :3].T) + (taken - true)[:3, 3], axis=1).mean())


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
    thresholds = kinds.add_parser("thresholds")
    spectra = kinds.add_parser("spectra")
    for one in (thresholds, spectra):
        one.add_argument("cohort", type=Path)
        one.add_argument("out", type=Path)
    thresholds.add_argument("--method", default="seyithanoglu2025")
    thresholds.add_argument("--times", type=float, nargs="+", default=[2.0, 4.0, 8.0, 16.0])
    for one in (truth, retest, thresholds, spectra):
        one.add_argument("--json", action="store_true")
    given = ask.parse_args()
    rows = {"truth": truth_rows, "retest": retest_rows, "thresholds": threshold_rows, "spectra": spectra_rows}[given.kind](given)
    if given.json:
        print(json.dumps(rows))
    elif given.kind == "truth":
        tell(rows)
    elif given.kind == "thresholds":
        for times in given.times:
            own = [row for row in rows if row["times"] == times]
            told = ", ".join(
                f"{name} {np.nanmedian([row[name] for row in own]):.2f}" for name in own[0] if name not in ("subject", "times")
            )
            print(f"{times:g} times, n = {len(own)}, medians: {told}")
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
