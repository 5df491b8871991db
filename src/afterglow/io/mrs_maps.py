"""Ready-made maps of spectra, as scanner software exports them: ratios and metabolites as NIfTI with the quantity's own unit beside them.

Named …_param-<quantity>_mrsmap.nii.gz, the quantity without its underscore (param-chonaa, param-chocr), with a sidecar that holds Units.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.io.names import parse_name
from afterglow.io.nifti import read_image
from afterglow.io.sidecar import read_sidecar
from afterglow.kernels.types import Status
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES, Quantity

READ = ("cho_naa", "cho_cr", "naa_cr", "lac_cr", "naa", "cr", "cho", "lac")
_BY_PARAM = {name.replace("_", ""): QUANTITIES[name] for name in READ}


def read_mrs_map(path: Path, root: Path) -> tuple[ParameterMap, QualityLine | None]:
    """One map, and what had to be taken for something in it.

    Scanner software writes 0 where it measured nothing: a signal or ratio of exactly 0 counts as not assessed, and that is said. BadInput
    where the name, the unit or a value is none that can be.
    """
    quantity = _quantity(path)
    sidecar = read_sidecar(path, root)
    unit = sidecar.text("Units")
    if unit is None or unit != quantity.unit:
        found = "no Units" if unit is None else f"Units {unit!r}"
        raise BadInput(
            f"{sidecar.where('Units')}: {found}, but {quantity.symbol} is in {quantity.unit!r}; write that into the map's sidecar"
        )
    image = read_image(path)
    if image.n_frames != 1:
        raise BadInput(f"{path}: it has {image.n_frames} frames, a map has one; split it")
    values = image.load()
    measured = _measured(values, quantity, path)
    status = np.where(measured, np.uint8(Status.OK), np.uint8(Status.NOT_ASKED))
    source = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    software = sidecar.text("Software") or "software that is not named"
    how = Provenance(
        "ready-made map", __version__, {"software": software}, (source,), f"{quantity.symbol} was mapped by {software}."
    )
    one = ParameterMap(quantity, np.where(measured, values, np.nan).astype(np.float32), image.grid, status, how)
    zeros = int(np.count_nonzero(values == 0))
    if not zeros:
        return one, None
    return one, QualityLine(
        f"zeros of {source}", f"{zeros} voxels", "note", "0 is taken for not measured, as scanner software writes it"
    )


def _measured(values: NDArray[np.float32], quantity: Quantity, path: Path) -> NDArray[np.bool_]:
    """Voxels (i, j, k) that hold a value; BadInput where one is negative or none is there."""
    finite = np.isfinite(values)
    if np.any(values[finite] < 0):
        raise BadInput(
            f"{path}: its least value is {float(values[finite].min()):g}, but {quantity.symbol} is never negative; export it again"
        )
    measured: NDArray[np.bool_] = finite & (values != 0)
    if not measured.any():
        raise BadInput(f"{path}: no voxel holds a value; export the map again")
    return measured


def _quantity(path: Path) -> Quantity:
    name = parse_name(path.name)
    param = "" if name is None else name.entities.get("param", "")
    if name is None or name.suffix != "mrsmap" or param not in _BY_PARAM:
        raise BadInput(f"{path}: its name does not say what it is; call it …_param-<one of {', '.join(_BY_PARAM)}>_mrsmap.nii.gz")
    return _BY_PARAM[param]
