"""How a map or a curve was made, said once for all steps of this room."""

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.kernels.types import Status
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance, Settings
from afterglow.records.quantity import QUANTITIES


def provenance(step: str, sentence: str, settings: Settings, sources: tuple[str, ...], *dois: str) -> Provenance:
    """A step of this version of afterglow."""
    return Provenance(step, __version__, dict(settings), sources, sentence, tuple(doi for doi in dois if doi))


def map_from_voxels(
    quantity: str,
    values: NDArray[np.floating],
    status: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    grid: Grid,
    how: Provenance,
    standard_error: NDArray[np.floating] | None = None,
) -> ParameterMap:
    """A map from the values (n,) of the mask's voxels; NaN and NOT_ASKED everywhere else."""
    whole = np.full(grid.shape, np.nan, dtype=np.float32)
    whole[mask] = values
    why = np.full(grid.shape, np.uint8(Status.NOT_ASKED))
    why[mask] = status
    error = None
    if standard_error is not None:
        error = np.full(grid.shape, np.nan, dtype=np.float32)
        error[mask] = standard_error
    return ParameterMap(QUANTITIES[quantity], whole, grid, why, how, error)
