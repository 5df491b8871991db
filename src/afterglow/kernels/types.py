"""The few types every kernel rests on."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Float = type[np.float32] | type[np.float64]


class Status(IntEnum):
    """Why a voxel has the value it has; stored as uint8 beside every map."""

    OK = 0
    NOT_ASKED = 1  # outside the mask
    NO_UPTAKE = 2  # the curve never rises: amplitudes are zero, rates are not measured
    AT_BOUND = 3  # the best fit lies on a bound of the physical range
    NO_CONVERGENCE = 4
    NOT_FINITE = 5  # NaN or Inf in the data
    NO_SIGNAL = 6  # nothing but zeros, or less: there is no tissue here
    POOR_FIT = 7  # it converged, but the data do not have this shape
    UNDETERMINED = 8  # a loop that turns in both senses: its sign says little
    LOW_CONTRAST = 9  # contrast to noise too low to believe a value
    SATURATED = 10  # the signal came down to the noise floor: the peak is cut off
    WEAK_LINES = 11  # no line of the spectrum stands far enough above the noise
    BROAD_LINES = 12  # lines too wide to be told apart
    UNCERTAIN = 13  # the Cramer-Rao bound is too large a share of the value
    DIVISOR_LOST = 14  # a ratio whose divisor was not detected; how large it is at least may still be known


STATUS_WORDS: dict[Status, str] = {
    Status.OK: "fitted",
    Status.NOT_ASKED: "outside the mask",
    Status.NO_UPTAKE: "no uptake of contrast agent",
    Status.AT_BOUND: "best fit on a bound",
    Status.NO_CONVERGENCE: "no convergence",
    Status.NOT_FINITE: "data not finite",
    Status.NO_SIGNAL: "no signal",
    Status.POOR_FIT: "poor fit",
    Status.UNDETERMINED: "loop of no one direction",
    Status.LOW_CONTRAST: "contrast too low",
    Status.SATURATED: "signal at the noise floor",
    Status.WEAK_LINES: "lines too weak against the noise",
    Status.BROAD_LINES: "lines too broad",
    Status.UNCERTAIN: "Cramer-Rao bound above the gate",
    Status.DIVISOR_LOST: "divisor of the ratio not detected",
}
