"""Digital cohorts of recurrence at 2 mm, from simulation to the group report, and what their ve maps hold. See docs/recurrence.

    python scripts/recurrence_cohorts.py make decoys FOLDER --patients 60     simulate, run, train, predict, group
    python scripts/recurrence_cohorts.py nests FOLDER                         true ve of every nest against both models' maps

A cohort is `linked`, `decoys` or `null`. `make` goes on where it was stopped; training wants a GPU (--device cuda) or an hour.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.flows.method import method_text
from afterglow.flows.simulation_file import simulation_text

COHORTS = {
    "linked": {"effect": "2.0"},
    "decoys": {"effect": "4.0", "ve_sigma": "0.2", "ktrans_per_min": "0.02", "places": "3\ndecoys = true\nalike_s = 335.0"},
    "null": {"effect": "2.0", "link": "0.0"},
}
FINE = 'body_mm = 2.0\nanatomy_mm = [2.0, 2.0, 2.0]\ndynamic_mm = [2.0, 2.0, 3.0]\ndce_frame_s = 5.0\nsource = "half the resolution in plane"\n'
SPLIT = '[recurrence.split]\nkind = "k-fold"\nfolds = 3\nseed = 2024\nsource = "everybody is predicted by a fold that never saw them"\n'
LEAST_VOXELS = 40  # of a nest whose median is told
RAISED = 0.2  # true ve from which a nest counts as raised


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
    """Medians over nests of true ve and of both maps."""
    rows = [
        row
        for truth in sorted(folder.glob("*/truth/sub-*/ses-pre/*param-infiltration_map.nii.gz"))
        for row in _nests(folder, truth)
    ]
    found = np.array(rows)
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(("nests", "n", "true ve", "tofts", "etofts"))
    for name, chosen in ((f"true ve above {RAISED}", found[:, 0] > RAISED), ("others", found[:, 0] <= RAISED)):
        out.writerow((name, int(chosen.sum()), *np.round(np.median(found[chosen], axis=0), 3)))
    out.writerow(("correlation with the truth", len(found), "", *np.round(np.corrcoef(found.T)[0, 1:], 2)))


def _nests(folder: Path, truth: Path) -> list[list[float]]:
    infiltrated, true_ve = _values(truth), _values(Path(str(truth).replace("param-infiltration", "param-ve")))
    subject = truth.parts[-3]
    maps = [
        _values(next(folder.glob(f"results/{subject}/ses-pre/perf/*model-{m}_param-ve_dcemap.nii.gz")))
        for m in ("tofts", "etofts")
    ]
    labels, n = ndimage.label(infiltrated > 0.6)
    inside = [labels == k + 1 for k in range(n)]
    return [[float(np.nanmedian(one[mask])) for one in (true_ve, *maps)] for mask in inside if mask.sum() > LEAST_VOXELS]


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
