"""The average head that every digital patient starts from: MNI152 sym 09a at 1 mm, as nilearn ships it."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

Map = NDArray[np.float32]

# The template's own notice; it travels with every image derived from it.
NOTICE = (
    "Head shape derived from the ICBM 152 nonlinear symmetric template 2009a. Copyright (C) 1993-2009 Louis Collins, "
    "McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University. Permission to use, copy, modify, and "
    "distribute this software and its documentation for any purpose and without fee is hereby granted, provided that the above "
    "copyright notice appear in all copies. The authors and McGill University make no representations about the suitability of "
    "this software for any purpose. It is provided 'as is' without express or implied warranty. The authors are not responsible "
    "for any data loss, equipment damage, property loss, or injury to subjects or patients resulting from the use or misuse of "
    "this software package."
)
SOURCES = ("10.1016/j.neuroimage.2010.07.033", "10.1016/S1053-8119(09)70884-5")

# Grey level of pure grey matter, white matter and CSF in the shipped T1 map: medians where one tissue has all the weight.
_GREY_LEVEL, _WHITE_LEVEL, _CSF_LEVEL = 164.0, 223.0, 68.0
_SHARPNESS = 2.5  # exponent on the averaged probabilities; an average of 152 brains has no crisp cortex, a patient has


@dataclass(frozen=True, eq=False)
class Template:
    """Fractions of grey matter, white matter and CSF inside the brain (they sum to 1 there), 0 outside."""

    grid: Grid
    grey: Map  # (i, j, k)
    white: Map  # (i, j, k)
    csf: Map  # (i, j, k)

    def __post_init__(self) -> None:
        for name in ("grey", "white", "csf"):
            object.__setattr__(self, name, locked(getattr(self, name)))

    @property
    def brain(self) -> NDArray[np.bool_]:
        """(i, j, k) where there is any brain or inner CSF."""
        return (self.grey + self.white + self.csf) > 0


def load_template() -> Template:
    """Tissue fractions of the average head, sharpened (doi:10.1016/j.neuroimage.2010.07.033).

    Read from the data folder of the installed nilearn, without importing it. MissingInput where nilearn or a map is not there.
    """
    folder = _nilearn_data()
    t1 = _read(folder, "t1")
    grey, white = _read(folder, "gm") / 255.0, _read(folder, "wm") / 255.0
    inside = t1 > 0
    csf = np.clip(1.0 - grey - white, 0.0, 1.0)
    # The averaged maps close the sulci; the T1 map still shows them as voxels darker than their grey matter explains.
    expected = grey * _GREY_LEVEL + white * _WHITE_LEVEL + csf * _CSF_LEVEL
    csf = np.clip(csf + 1.5 * np.clip((expected - t1) / (_GREY_LEVEL - _CSF_LEVEL), 0.0, 1.0) * (white < 0.5), 0.0, 1.0)
    grey, white, csf = (np.where(inside, part, 0.0) ** _SHARPNESS for part in (grey, white, csf))
    total = np.maximum(grey + white + csf, 1e-6)
    grey, white, csf = ((part / total).astype(np.float32) for part in (grey, white, csf))
    return Template(Grid((t1.shape[0], t1.shape[1], t1.shape[2]), _affine(folder)), grey, white, csf)


def _nilearn_data() -> Path:
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise MissingInput("the digital head needs the template maps inside nilearn, which is not installed; pip install nilearn")
    return Path(next(iter(spec.submodule_search_locations))) / "datasets" / "data"


def _path(folder: Path, tissue: str) -> Path:
    path = folder / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
    if not path.is_file():
        raise MissingInput(f"{path}: this template map should come with nilearn >= 0.11; install that version again")
    return path


def _read(folder: Path, tissue: str) -> Map:
    image = nib.load(_path(folder, tissue))
    return np.asarray(image.dataobj, dtype=np.float32)


def _affine(folder: Path) -> NDArray[np.float64]:
    return np.asarray(nib.load(_path(folder, "t1")).affine, dtype=np.float64)
