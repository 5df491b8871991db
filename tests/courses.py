"""A course of three visits on disk, made from the coarse digital patient: its second visit comes again as a third."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.digital import copy_to


def three_visits(folder: Path, *, day: float = 400.0) -> Path:
    """Visits 01, 02 and 03; the third holds the scans of the second."""
    bids = copy_to(folder)
    for root in (bids / "sub-01", bids / "derivatives" / "outlines" / "sub-01"):
        shutil.copytree(root / "ses-02", root / "ses-03")
        for path in sorted((root / "ses-03").rglob("*_ses-02_*")):
            path.rename(path.with_name(path.name.replace("_ses-02_", "_ses-03_")))
    table = bids / "sub-01" / "sub-01_sessions.tsv"
    lines = table.read_text().splitlines()
    names, last = lines[0].split("\t"), lines[-1].split("\t")
    cells = dict(zip(names, last, strict=True)) | {"session_id": "ses-03", "day": f"{day:g}"}
    table.write_text("\n".join([*lines, "\t".join(cells[name] for name in names)]) + "\n")
    return bids


def edit_sidecars(bids: Path, session: str, **fields: object) -> None:
    """Other words in the sidecar of a visit's dynamic series."""
    for path in (bids / "sub-01" / f"ses-{session}" / "perf").glob("*_dce.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def lesion_masks(bids: Path, session: str) -> list[Path]:
    """The files that outline the lesion at a visit."""
    return sorted((bids / "derivatives/outlines/sub-01" / f"ses-{session}/anat").glob("*label-lesion*.nii.gz"))


def redraw(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """An image file with its voxels changed."""
    image = nib.load(path)
    data = change(np.asarray(image.dataobj))
    nib.save(nib.Nifti1Image(data.astype(image.get_data_dtype()), image.affine, image.header), path)
