"""Arterial input functions measured on groups of subjects, as their authors printed them.

Each function takes times in seconds on the series' own clock and the moment the bolus arrives on it, and gives the printed
curve in mM: of whole blood or of plasma, as the table `POPULATION_AIFS` says, for the dose it says. Before arrival it is zero.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from afterglow.kernels.spgr import plasma_from_blood
from afterglow.kernels.types import Array

_INSTANT_S = 1e-9  # a time that was written in minutes comes back this close: the arrival itself counts as arrived


def parker(times_s: Array, *, delay_s: float) -> Array:
    """Whole blood, 0.1 mmol/kg gadodiamide, patients with tumours (doi:10.1002/mrm.21066; CAPLEX M.IC2.001).

    Two Gaussians and an exponential behind a sigmoid, Table 1. times_s (t,) -> mM (t,). At arrival it is .08 mM, not zero.
    """
    t, arrived = _minutes(times_s, delay_s)
    first = 0.809 / (0.0563 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.17046) ** 2) / (2 * 0.0563**2))
    second = 0.330 / (0.132 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.365) ** 2) / (2 * 0.132**2))
    washout = 1.050 * np.exp(-0.1685 * t) / (1 + np.exp(-38.078 * (t - 0.483)))
    return np.where(arrived, first + second + washout, 0.0)


def georgiou(times_s: Array, *, delay_s: float) -> Array:
    """Whole blood of a representative subject, 0.1 mmol/kg gadoterate (doi:10.1002/mrm.27524; CAPLEX M.IC2.002).

    A sum of three exponentials times a gamma-variate bolus and its recirculations, each again spread by the bolus
    (equation 1). times_s (t,) -> mM (t,). The paper's Table 3 rounds the nine constants to two or three digits, which
    costs up to .08 mM on the upslope; these were fitted to the curve of its supplement, and leave 2.6e-5 mM.
    """
    t, arrived = _minutes(times_s, delay_s)
    alpha, beta_min, cycle_min = 5.26698902, 0.03207883349, 0.1285560014
    exponentials = (
        0.3743217133 * np.exp(-0.1127006676 * t) + 0.3311844052 * np.exp(-1.174646229 * t) + 10.0612258 * np.exp(-16.01996201 * t)
    )
    passes = np.zeros_like(t)
    for number in range(int(np.max(t, initial=0.0) / cycle_min) + 1):
        since = t - number * cycle_min
        power = (number + 1) * alpha + number
        logarithm = power * np.log(np.maximum(since, 1e-300)) - since / beta_min - (power + 1) * np.log(beta_min)
        passes += np.where(since > 0, np.exp(logarithm - gammaln(power + 1)), 0.0)
    return np.where(arrived, exponentials * passes, 0.0)


def weinmann(times_s: Array, *, delay_s: float) -> Array:
    """Plasma, 0.1 mmol/kg Gd-DTPA (Weinmann 1984, as two exponentials by doi:10.1002/mrm.1910170208; CAPLEX M.IC2.003).

    The bolus was not sampled: the curve starts at its highest and knows no first pass. times_s (t,) -> mM (t,).
    """
    t, arrived = _minutes(times_s, delay_s)
    return np.where(arrived, 0.1 * (3.99 * np.exp(-0.144 * t) + 4.78 * np.exp(-0.0111 * t)), 0.0)


def fritz_hansen(times_s: Array, *, delay_s: float) -> Array:
    """Plasma, Gd-DTPA in the descending aorta (doi:10.1002/mrm.1910360209, as two exponentials by doi:10.18637/jss.v044.i05).

    The second source uses the curve as plasma. The curve starts at its highest. times_s (t,) -> mM (t,).
    """
    t, arrived = _minutes(times_s, delay_s)
    return np.where(arrived, 2.4 * np.exp(-3.0 * t) + 0.62 * np.exp(-0.016 * t), 0.0)


def mcgrath(times_s: Array, *, delay_s: float) -> Array:
    """Whole blood of rats (preclinical), model B: a straight rise of 7 s and two exponentials (doi:10.1002/mrm.21959, Table 1).

    times_s (t,) -> mM (t,).
    """
    minutes, arrived = _minutes(times_s, delay_s)
    t = 60 * minutes
    rise = (3.4 + 1.81) * t / 7.0
    fall = 3.4 * np.exp(-0.045 * (t - 7.0)) + 1.81 * np.exp(-0.0015 * (t - 7.0))
    return np.where(arrived, np.where(t <= 7.0, rise, fall), 0.0)


class PopulationAif(NamedTuple):
    """One row: the curve, what it is a concentration in, the dose it was measured at (None: the table does not say)."""

    name: str
    curve: Callable[..., Array]  # curve(times_s, *, delay_s)
    compartment: Literal["whole blood", "plasma"]
    dose_mmol_kg: float | None
    cite: str


POPULATION_AIFS: dict[str, PopulationAif] = {
    row.name: row
    for row in (
        PopulationAif("parker", parker, "whole blood", 0.1, "10.1002/mrm.21066"),
        PopulationAif("georgiou", georgiou, "whole blood", 0.1, "10.1002/mrm.27524"),
        PopulationAif("weinmann", weinmann, "plasma", 0.1, "10.1002/mrm.1910170208"),
        PopulationAif("fritz_hansen", fritz_hansen, "plasma", None, "10.1002/mrm.1910360209"),
        PopulationAif("mcgrath", mcgrath, "whole blood", None, "10.1002/mrm.21959"),
    )
}


def population_plasma(row: PopulationAif, times_s: Array, *, delay_s: float, haematocrit: float) -> Array:
    """A row's curve as plasma concentration in mM at the dose it was measured at: (t,) -> (t,).

    The haematocrit is that of the patient, and is used where the printed curve is of whole blood.
    """
    printed = row.curve(times_s, delay_s=delay_s)
    return plasma_from_blood(printed, haematocrit=haematocrit) if row.compartment == "whole blood" else printed


def _minutes(times_s: Array, delay_s: float) -> tuple[Array, NDArray[np.bool_]]:
    """Minutes since arrival (zero before it), and which times are at or after it."""
    since = np.asarray(times_s, dtype=np.float64) - delay_s
    arrived = since >= -_INSTANT_S
    return np.where(arrived, since, 0.0) / 60.0, arrived
