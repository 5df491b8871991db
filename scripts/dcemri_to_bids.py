"""DCEMRI.jl's in-vivo example (one sagittal slice through a breast tumour, MATLAB file) as a BIDS data set.

    python scripts/dcemri_to_bids.py invivo.mat BIDS_DIR --voxel-mm 1.15 1.15 5
    afterglow run BIDS_DIR OUT participant --method scripts/methods/body_etofts.toml

invivo.mat is that of github.com/davidssmith/DCEMRI.jl (MIT). It holds no voxel size: say it with --voxel-mm; volumes and
diameters rest on it, maps and curves do not. No outline comes with it: one is made here by a rule, stated in the README.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.ndimage import binary_opening, label, median_filter

from afterglow.io.images import write_image, write_mask
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.records.grid import Grid

NEEDED = ("DCEdata", "T1data", "t", "Cp", "T1flip", "DCEflip", "TR", "relaxivity")
BEFORE, AFTER = 3, 8  # frames before contrast, and the last frames
SHARE, TOP_PERCENTILE = 0.6, 99.5  # lower shares take in the bright edges of fat above the tumour
RULE = (
    f"the largest connected region whose signal rose, from the mean of the first {BEFORE} to the mean of the last {AFTER} frames "
    f"and after a 3 x 3 median, by more than {SHARE:g} of the image's {TOP_PERCENTILE:g}th percentile, opened twice"
)
SOURCE = {"URL": "https://github.com/davidssmith/DCEMRI.jl", "Version": "cb37abc3b47748823b6e6966f04910cd7a1250f0"}
README = """One sagittal slice through a breast tumour, dynamic contrast-enhanced MRI: invivo.mat of DCEMRI.jl (MIT), converted by afterglow.

Orientation: the file stores none. In the picture the nipple points to the first column and the heart lies low behind the
chest wall, so columns run from front to back and rows from head to foot. Which breast it is, is not known: left and right are arbitrary.
Voxel size: {voxel} mm, given on the command line of the conversion; the file holds none.
Arterial curve: Cp of the file, plasma concentration measured in this patient, given as sub-01_ses-01_aif.tsv.
Outline: nobody drew it. It is {rule}.
The dark spot inside it, probably a biopsy marker, is left out by the rule. Field strength, echo time, agent and dose are not recorded.
"""


def read_study(path: Path) -> dict[str, NDArray[np.float64]]:
    """The arrays of invivo.mat, images as (frame, row, column)."""
    content: dict[str, Any] = loadmat(path)
    lacking = [name for name in NEEDED if name not in content]
    if lacking:
        raise SystemExit(f"{path}: it holds no {', '.join(lacking)}; is it invivo.mat of DCEMRI.jl?")
    return {name: np.asarray(content[name], dtype=np.float64) for name in NEEDED}


def as_slice(frames: NDArray[np.float64]) -> NDArray[np.float32]:
    """(frame, row, column) -> (column, row, 1, frame)."""
    return np.moveaxis(frames, (0, 1, 2), (2, 1, 0))[:, :, None, :].astype(np.float32)


def grid_of(shape: tuple[int, ...], voxel_mm: tuple[float, float, float]) -> Grid:
    """First axis front to back, second head to foot, the third across; centred on 0."""
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = -voxel_mm[0], -voxel_mm[1], voxel_mm[2], 1.0
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[:3]) - 1) / 2)
    return Grid((shape[0], shape[1], shape[2]), affine)


def outline(dynamic: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The enhancing tumour (i, j, 1) by RULE."""
    rise = dynamic[..., -AFTER:].mean(axis=-1) - dynamic[..., :BEFORE].mean(axis=-1)
    smooth = median_filter(rise[:, :, 0], size=3)
    bright = binary_opening(smooth > SHARE * np.percentile(smooth, TOP_PERCENTILE), iterations=2)
    regions, count = label(bright)
    if count == 0:
        raise SystemExit("no enhancing region found in DCEdata; is it invivo.mat of DCEMRI.jl?")
    largest = 1 + int(np.argmax(np.bincount(regions.ravel())[1:]))
    return (regions == largest)[:, :, None]


def write_scans(study: dict[str, NDArray[np.float64]], grid: Grid, visit: Path) -> None:
    """The dynamic series, and the flip angles as one 4D file."""
    tr_s = {"RepetitionTimeExcitation": study["TR"].item()}
    dynamic = {**tr_s, "FlipAngle": study["DCEflip"].item(), "Relaxivity": study["relaxivity"].item()}
    write_image(
        visit / "perf" / "sub-01_ses-01_dce.nii.gz",
        as_slice(study["DCEdata"]),
        grid,
        times_s=study["t"].ravel(),
        sidecar=dynamic,
    )
    flips_deg = study["T1flip"].ravel().tolist()
    write_image(
        visit / "anat" / "sub-01_ses-01_VFA.nii.gz", as_slice(study["T1data"]), grid, sidecar={**tr_s, "FlipAngle": flips_deg}
    )


def write_beside(study: dict[str, NDArray[np.float64]], grid: Grid, bids: Path) -> None:
    """The measured arterial curve and the outline, under derivatives/outlines."""
    folder = bids / "derivatives" / "outlines" / "sub-01" / "ses-01" / "perf"
    rows = [{"time_s": float(t), "plasma_mM": float(c)} for t, c in zip(study["t"].ravel(), study["Cp"].ravel(), strict=True)]
    words = {"time_s": "Time on the clock of the dynamic series, s", "plasma_mM": "Plasma concentration, mmol/L"}
    write_tsv(folder / "sub-01_ses-01_aif.tsv", rows, words)
    made = {"Type": "ROI", "Author": "scripts/dcemri_to_bids.py", "Description": RULE}
    write_mask(folder / "sub-01_ses-01_label-lesion_mask.nii.gz", outline(as_slice(study["DCEdata"])), grid, sidecar=made)


def write_tables(bids: Path, voxel_mm: tuple[float, float, float]) -> None:
    """What the data set is, its subject and its visit."""
    about = {"BIDSVersion": "1.11.1", "License": "MIT", "SourceDatasets": [SOURCE]}
    write_json(bids / "dataset_description.json", {"Name": "DCEMRI.jl example, breast tumour", "DatasetType": "raw", **about})
    made = {"Name": "Outline by rule, and arterial curve", "DatasetType": "derivative", **about}
    write_json(
        bids / "derivatives" / "outlines" / "dataset_description.json",
        {**made, "GeneratedBy": [{"Name": "scripts/dcemri_to_bids.py"}]},
    )
    write_text(bids / "README", README.format(voxel=" x ".join(f"{v:g}" for v in voxel_mm), rule=RULE))
    write_tsv(
        bids / "participants.tsv",
        [{"participant_id": "sub-01", "diagnosis": "breast tumour"}],
        {"participant_id": "Subject", "diagnosis": "As far as the picture shows"},
    )
    days = {"session_id": "Visit", "day": "Day on the subject's own clock"}
    write_tsv(bids / "sub-01" / "sub-01_sessions.tsv", [{"session_id": "ses-01", "day": 0}], days)


def convert(mat: Path, bids: Path, voxel_mm: tuple[float, float, float]) -> None:
    """The whole study."""
    study = read_study(mat)
    grid = grid_of(as_slice(study["DCEdata"]).shape, voxel_mm)
    write_tables(bids, voxel_mm)
    write_scans(study, grid, bids / "sub-01" / "ses-01")
    write_beside(study, grid, bids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mat", type=Path, help="invivo.mat")
    parser.add_argument("bids", type=Path, help="BIDS folder to write")
    parser.add_argument(
        "--voxel-mm", type=float, nargs=3, required=True, metavar=("A", "H", "R"), help="voxel size front-back, head-foot, across"
    )
    given = parser.parse_args()
    convert(given.mat, given.bids, tuple(given.voxel_mm))
    print(f"{given.bids}: one visit of one subject; afterglow run {given.bids} OUT participant --method METHOD")


if __name__ == "__main__":
    main()
