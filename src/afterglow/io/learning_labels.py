"""Outlines of where a tumour came back: masks label-recurrence beside the data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow.io.bids import Dataset
from afterglow.io.names import IMAGE_EXTENSIONS, parse_name, sort_key
from afterglow.io.nifti import Image, read_image, read_labels
from afterglow.records.errors import BadInput

_FOLDERS = ("anat", "perf")


@dataclass(frozen=True, eq=False)
class LabelOutline:
    """One such mask; `space` is the space entity of its name, empty where it has none."""

    path: Path
    space: str
    image: Image


def find_label_outlines(
    dataset: Dataset, subject: str, session: str, outlines_dir: Path | None, *, label: str
) -> tuple[LabelOutline, ...]:
    """All masks *_label-<label>_mask of one visit, in the order of their names; several are one label together."""
    root = (outlines_dir or dataset.root / "derivatives" / "outlines").absolute()
    visit = root / f"sub-{subject}" / (f"ses-{session}" if session else "")
    found = []
    for folder in _FOLDERS:
        for path in sorted((visit / folder).glob("*_mask.nii*"), key=sort_key):
            name = parse_name(path.name)
            if name is not None and name.extension in IMAGE_EXTENSIONS and name.entities.get("label") == label:
                found.append(LabelOutline(path, name.entities.get("space", ""), read_image(path)))
    return tuple(found)


def read_label_outline(outline: LabelOutline) -> NDArray[np.bool_]:
    """Its voxels (i, j, k); an empty one says that the tumour did not come back. BadInput where it holds other values than 0 and 1."""
    values = read_labels(outline.image)
    odd = np.unique(values[values > 1])
    if odd.size:
        raise BadInput(f"{outline.path}: it holds the values {odd[:5].tolist()} besides 0 and 1; write a mask of 0 and 1")
    mask: NDArray[np.bool_] = values == 1
    return mask
