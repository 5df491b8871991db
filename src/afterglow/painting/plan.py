"""A plan of the research kernel for one tumour: isocentres, weights, dose on the grid, and what it could not reach."""

import numpy as np
from numpy.typing import NDArray

from afterglow.painting.machine import Machine
from afterglow.painting.settings import PlanSettings
from afterglow.records.dose import DosePlan, Structure
from afterglow.records.grid import Grid


def make_plan(
    name: str,
    prescription_gy: NDArray[np.float32],
    target: Structure,
    grid: Grid,
    brain: NDArray[np.bool_] | None,
    machine: Machine,
    settings: PlanSettings,
) -> DosePlan:
    """The plan `name` for the dose wanted in every voxel (i, j, k) of the target, on `grid`."""
    raise NotImplementedError
