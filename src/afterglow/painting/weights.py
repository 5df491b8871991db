"""Weights of shots by a linear programme: least penalty, no dose above what the isodose allows, nothing negative.

The programme, for weights w >= 0 over candidates, and what is missing (u) and spilt (s), both >= 0::

    least  underdose x mean(u) + spill x mean(s) + brain x (mean dose of the brain outside the target) + beam_on x sum(w / rate)
    with   dose + u >= prescription  and  dose <= prescription / isodose   at each point of the target and each focus,
           dose - s <= share x greatest prescription                      at each point of the shells.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from afterglow.painting.settings import PlanSettings
from afterglow.records.errors import AfterglowError

LEAST_GY = 1e-3  # of dose for each Gy of a shot: smaller entries are left out of the matrix


class NoPlan(AfterglowError):
    """The programme for the weights has no solution."""


class Influence(NamedTuple):
    """Dose in Gy at each point for 1 Gy of each of m candidates, and what is asked of the points."""

    target: NDArray[np.float32]  # (n, m)
    wanted_gy: NDArray[np.float64]  # (n,)
    foci: NDArray[np.float32]  # (f, m), where the dose of a shot is highest
    foci_most_gy: NDArray[np.float64]  # (f,)
    shells: NDArray[np.float32]  # (k, m)
    allowed_gy: NDArray[np.float64]  # (k,)
    shell_shares: NDArray[np.float64]  # (k,), weights of a mean over the shells: they sum to 1
    brain: NDArray[np.float64]  # (m,), mean over the brain
    beam_on: NDArray[np.float64]  # (m,), Gy of the largest collimator

    def only(self, columns: NDArray[np.intp]) -> "Influence":
        return self._replace(
            target=self.target[:, columns],
            foci=self.foci[:, columns],
            shells=self.shells[:, columns],
            brain=self.brain[columns],
            beam_on=self.beam_on[columns],
        )

    def with_points(self, target: NDArray[np.float32], wanted_gy: NDArray[np.float64]) -> "Influence":
        return self._replace(target=np.concatenate([self.target, target]), wanted_gy=np.concatenate([self.wanted_gy, wanted_gy]))


class Weights(NamedTuple):
    """The weights (m,), the objective, and its four terms before their penalties."""

    values_gy: NDArray[np.float64]
    objective: float
    underdose_gy: float
    spill_gy: float
    brain_gy: float
    beam_on_gy: float


def programme(asked: Influence, settings: PlanSettings) -> tuple[NDArray[np.float64], Any, NDArray[np.float64]]:
    """Costs, matrix and right side of the programme in the form `matrix x <= right`, x >= 0; x holds w, u, s in this order."""
    target, foci, shells = (_sparse(one) for one in (asked.target, asked.foci, asked.shells))
    n, k = len(asked.wanted_gy), len(asked.allowed_gy)
    under = vstack([-eye_array(n), csr_array((n + len(asked.foci_most_gy) + k, n))])
    spill = vstack([csr_array((2 * n + len(asked.foci_most_gy), k)), -eye_array(k)])
    matrix = csr_array(hstack([vstack([-target, target, foci, shells]), under, spill]))
    right = np.concatenate([-asked.wanted_gy, asked.wanted_gy / settings.isodose, asked.foci_most_gy, asked.allowed_gy])
    costs = np.concatenate(
        [
            settings.brain_penalty * asked.brain + settings.beam_on_penalty * asked.beam_on,
            np.full(n, settings.underdose_penalty / n),
            settings.spill_penalty * asked.shell_shares,
        ]
    )
    return costs, matrix, right


def _sparse(dose: NDArray[np.float32]) -> Any:
    return csr_array(np.where(dose < LEAST_GY, 0, dose).astype(np.float64))


def best_weights(asked: Influence, settings: PlanSettings) -> Weights:
    """The weights of least penalty, by HiGHS."""
    costs, matrix, right = programme(asked, settings)
    found = linprog(costs, A_ub=matrix, b_ub=right, method="highs-ds")
    if found.status != 0 or found.x is None:
        raise NoPlan(
            f"the linear programme of {matrix.shape[0]} rows and {matrix.shape[1]} columns has no solution: {found.message}"
        )
    values = np.maximum(found.x[: len(asked.brain)], 0)
    n = len(asked.wanted_gy)
    under, spill = found.x[len(values) : len(values) + n], found.x[len(values) + n :]
    return Weights(
        values,
        float(costs @ found.x),
        float(under.mean()),
        float(spill @ asked.shell_shares),
        float(asked.brain @ values),
        float(asked.beam_on @ values),
    )
