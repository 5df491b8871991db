"""The average brain as nilearn ships it: ICBM 152 nonlinear symmetric 2009a, T1-weighted, without skull."""

import importlib.util
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid

# doi:10.1016/j.neuroimage.2010.07.033; (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, MNI, McGill University.
# The notice that travels with images made from it is simulate.template.NOTICE; flows write it beside them.
_FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def read_average_brain() -> tuple[NDArray[np.float32], Grid]:
    """Its T1-weighted image (i, j, k), 0 outside the brain, on its grid of 1 mm.

    Read from the data folder of the installed nilearn, without importing it; nothing is fetched. MissingInput where it is not there.
    """
    spec = importlib.util.find_spec("nilearn")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    path = Path(places[0]) / "datasets" / "data" / _FILE if places else None
    if path is None or not path.is_file():
        raise MissingInput(f"the average brain {_FILE} comes with nilearn >= 0.11, and was not found there; install that version")
    image = nib.load(path)
    values = np.asarray(image.dataobj, dtype=np.float32)
    i, j, k = values.shape
    return values, Grid((i, j, k), np.asarray(image.affine, dtype=np.float64))
