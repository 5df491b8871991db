"""Variance of areas under ROC curves from placements: the share of the other kind that each exam ranks above or below.

DeLong et al. 1988 with the midranks of Sun and Xu 2014, O(n log n); with patients as clusters, Obuchowski 1997. Tested against
brute force over all pairs.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from afterglow.cohort.labelled import Codes, Flags
from afterglow.records.statistic import Values


class Placements(NamedTuple):
    """Of m markers on the same exams; the mean of either is the area."""

    positive: Values  # (m, P) share of negatives below each positive, equals half
    negative: Values  # (m, N) share of positives above each negative

    @property
    def areas(self) -> Values:
        return np.asarray(self.positive.mean(axis=1))


def placements(scores: Values, truth: Flags) -> Placements:
    """scores (m, n), higher for positive; both kinds are there."""
    positive, negative = scores[:, truth], scores[:, ~truth]
    rank = stats.rankdata(scores, axis=1)
    above = (rank[:, truth] - stats.rankdata(positive, axis=1)) / negative.shape[1]
    below = 1 - (rank[:, ~truth] - stats.rankdata(negative, axis=1)) / positive.shape[1]
    return Placements(above, below)


def delong_covariance(found: Placements) -> Values:
    """(m, m) covariance of the areas, exams independent; two exams of each kind at least."""
    parts = (np.atleast_2d(np.cov(v)) / v.shape[1] for v in found)
    return np.asarray(sum(parts))


def obuchowski_covariance(found: Placements, truth: Flags, patients: Codes) -> Values:
    """(m, m) covariance of the areas where a patient's exams are alike; two patients with each kind at least.

    Without repeated exams it is DeLong's; a patient's own positives and negatives add their cross product.
    """
    areas, n = found.areas[:, None], int(patients.max()) + 1
    sums, counts = [], []
    for values, whose in ((found.positive, patients[truth]), (found.negative, patients[~truth])):
        sums.append(
            np.array([np.bincount(whose, weights=row - area, minlength=n) for row, area in zip(values, areas, strict=True)])
        )
        counts.append((whose.size, np.unique(whose).size))
    within = [s @ s.T * k / ((k - 1) * size**2) for s, (size, k) in zip(sums, counts, strict=True)]
    cross = sums[0] @ sums[1].T * n / ((n - 1) * counts[0][0] * counts[1][0])
    return np.asarray(within[0] + within[1] + cross + cross.T)


def hanley_mcneil_se(auc: float, n_positive: int, n_negative: int) -> float:
    """Standard error of an area from the area alone (Hanley and McNeil 1982, exponential form)."""
    twice_positive, twice_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (twice_positive - auc**2) + (n_negative - 1) * (twice_negative - auc**2)
    return float(np.sqrt(max(spread, 0.0) / (n_positive * n_negative)))
