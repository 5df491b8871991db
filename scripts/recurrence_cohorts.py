"""Digital cohorts of recurrence at 2 mm, from simulation to the group report, and what their ve maps hold. See docs/recurrence.

    python scripts/recurrence_cohorts.py make water FOLDER --patients 60     simulate, run, train, predict, group
    python scripts/recurrence_cohorts.py nests FOLDER                         true ve of every nest against both models' maps

A cohort is `water` (the shipped one with a larger effect), its null, or one of the three that came before it: `linked`, `decoys`,
`null`. `make` goes on where it was stopped; training wants a GPU (--device cuda) or an hour.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from afterglow.flows.method import method_text
from afterglow.flows.simulation_file import simulation_text

_BEFORE = {"decoys": "false", "ve_median": "0.17", "ve_sigma": "0.3", "ve_high": "0.6", "ktrans_per_min": "0.03", "vp": "0.016"}
_BEFORE |= {"r1_per_ve_per_s": "0.0", "r2_per_ve_per_s": "0.0"}  # nests that CE-T1w sees as well
COHORTS = {
    "water": {"effect": "4.0"},
    "water-null": {"effect": "4.0", "link": "0.0"},
    "linked": {**_BEFORE, "effect": "2.0"},
    "decoys": {**_BEFORE, "effect": "4.0", "ve_sigma": "0.2", "ktrans_per_min": "0.02", "decoys": "true\nalike_s = 335.0"},
    "null": {**_BEFORE, "effect": "2.0", "link": "0.0"},
}
FINE = 'body_mm = 2.0\nanatomy_mm = [2.0, 2.0, 2.0]\ndynamic_mm = [2.0, 2.0, 3.0]\ndce_frame_s = 5.0\nsource = "half the resolution in plane"\n'
SPLIT = '[recurrence.split]\nkind = "k-fold"\nfolds = 3\nseed = 2024\nsource = "everybody is predicted by a fold that never saw them"\n'
LEAST_VOXELS = 40  # of a nest whose median is told
NEST_SHARE = 0.6  # of a voxel in its middle
HALF = 0.5
COLUMNS = ("true ve", "tofts", "etofts", "CE-T1w", "FLAIR")


def simulation_of(cohort: str) -> str:
    """The shipped cohort at 2 mm, without motion, with the numbers of its nests changed."""
    text = simulation_text("yoon2024").replace("\nmotion = 1.0\n", "\nmotion = 0.0\n")
    head, nests = text.split("[cohort.nest]")
    own, rest = nests.split("\n[[", 1)
    lines = [line for line in own.split("\n") if line.split(" = ")[0] not in COHORTS[cohort]]
    changed = "\n".join([*lines, *(f"{key} = {value}" for key, value in COHORTS[cohort].items())])
    whole = f"{head}[cohort.nest]{changed}\n\n[[{rest}"
    return whole[: whole.index("[acquisition.size.coarse]")] + "[acquisition.size.coarse]\n" + FINE


def method_of() -> str:
    """The shipped method at 2 mm in three folds, without motion correction: nobody moved."""
    text = method_text("yoon2024").replace("spacing_mm = 1.0", "spacing_mm = 2.0")
    start = text.index('[[step]]\ndo = "still"')
    text = text[:start] + text[text.index("[[step]]", start + 1) :]
    start = text.index("[recurrence.split]")
    return text[:start] + SPLIT + text[text.index("\n[cohort]", start) :]


def make(cohort: str, folder: Path, patients: int, device: str, workers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{cohort}.toml").write_text(simulation_of(cohort), encoding="utf-8")
    (folder / "method.toml").write_text(method_of(), encoding="utf-8")
    method = ("--method", "./method.toml")
    for command in (
        ("simulate", f"./{cohort}.toml", cohort, "--patients", patients, "--seed", 8, "--size", "coarse", "--workers", workers),
        ("run", f"{cohort}/bids", "results", "participant", *method, "--workers", workers),
        ("train", f"{cohort}/bids", "results", "models", *method, "--preset", "medium", "--device", device, "--workers", workers),
        ("predict", f"{cohort}/bids", "results", "models", *method, "--device", device),
        ("run", f"{cohort}/bids", "results", "group", *method),
    ):
        words = [sys.executable, "-m", "afterglow", *map(str, command)]
        print("$ afterglow", *command, flush=True)
        subprocess.run(words, cwd=folder, check=True)


def nests(folder: Path) -> None:
    """Medians over nests of true ve, of both models' maps, and of what the other channels show: over the patient's mean nest."""
    rows = [
        row
        for truth in sorted(folder.glob("*/truth/sub-*/ses-pre/*param-infiltration_map.nii.gz"))
        for row in _nests(folder, truth)
    ]
    found = np.array(rows)
    back = found[:, 0] > HALF
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(("nests", "n", *COLUMNS))
    for name, chosen in (("the tumour came back here", back), ("others", ~back)):
        for share in (50, 5, 95):
            out.writerow((f"{name}, {share} %", int(chosen.sum()), *np.round(np.percentile(found[chosen, 1:], share, axis=0), 3)))
    area = [
        stats.mannwhitneyu(found[back, k], found[~back, k]).statistic / (back.sum() * (~back).sum())
        for k in range(1, found.shape[1])
    ]
    out.writerow(("area under the ROC curve", len(found), *np.round(area, 2)))
    out.writerow(("correlation with true ve", len(found), *np.round(np.corrcoef(found[:, 1:].T)[0], 2)))


def _nests(folder: Path, truth: Path) -> list[list[float]]:
    """A row for each nest of a patient: share of it that is labelled, then the columns."""
    subject = truth.parts[-3]
    maps = [
        _values(next(folder.glob(f"results/{subject}/ses-pre/perf/*model-{m}_param-ve_dcemap.nii.gz")))
        for m in ("tofts", "etofts")
    ]
    true_ve = _values(Path(str(truth).replace("param-infiltration", "param-ve")))
    case = folder / "models" / "data" / f"{subject}_ses-pre"
    images = [_laid(case / f"{name}.nii.gz", truth) for name in ("label", "CE-T1w", "FLAIR")]
    labels, n = ndimage.label(_values(truth) > NEST_SHARE)
    inside = [mask for mask in (labels == k + 1 for k in range(n)) if mask.sum() > LEAST_VOXELS]
    rows = np.array([[float(np.nanmedian(one[mask])) for one in (images[0], true_ve, *maps, *images[1:])] for mask in inside])
    if len(rows):
        rows[:, -2:] /= rows[:, -2:].mean(axis=0)
    return rows.tolist()


def _laid(image: Path, truth: Path) -> NDArray[np.float64]:
    """An image of the learning set, which lies on the CE-T1w, at the voxels of the DCE series, by the true poses."""
    if not image.exists():
        return np.zeros(nib.load(truth).shape)
    poses = json.loads(next(truth.parent.glob("*_truth.json")).read_text())["scanner_to_body_mm"]
    loaded, there = nib.load(image), nib.load(truth)
    to_index = np.linalg.inv(loaded.affine) @ np.linalg.inv(poses["CE-T1w"]) @ np.array(poses["dce"]) @ there.affine
    places = np.indices(there.shape).reshape(3, -1)
    index = to_index[:3, :3] @ places + to_index[:3, 3:]
    values = ndimage.map_coordinates(_values(image), index, order=1, mode="nearest")
    return np.asarray(values.reshape(there.shape), dtype=np.float64)


def _values(path: Path) -> NDArray[np.float64]:
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    making = parts.add_parser("make")
    making.add_argument("cohort", choices=COHORTS)
    making.add_argument("folder", type=Path)
    making.add_argument("--patients", type=int, required=True)
    making.add_argument("--device", default="cpu")
    making.add_argument("--workers", type=int, default=2)
    looking = parts.add_parser("nests")
    looking.add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.part == "make":
        make(asked.cohort, asked.folder, asked.patients, asked.device, asked.workers)
    else:
        nests(asked.folder)


if __name__ == "__main__":
    main()
