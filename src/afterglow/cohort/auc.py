"""Area under the ROC curve with its interval by the rule that is named, and the paired test of several markers."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import special, stats

from afterglow.cohort.labelled import Labelled
from afterglow.cohort.measured import together
from afterglow.cohort.placements import Placements, delong_covariance, hanley_mcneil_se, obuchowski_covariance, placements
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

AucRule = Literal["DeLong, logit", "DeLong", "Hanley-McNeil", "Obuchowski, logit", "Obuchowski"]
TestRule = Literal["DeLong", "Obuchowski"]
NOTHING = 1e-13  # a variance below this is rounding


def auc(sample: Labelled, *, rule: AucRule | None = None, level: float = 0.95) -> Estimated:
    """Area of one marker; without a rule DeLong's on the logit scale, or Obuchowski's where a patient has several exams.

    Near 1 the plain intervals are too narrow (docs/statistics-diagnosis.md has the coverage), so that the logit is the default.
    """
    chosen: AucRule = rule or ("Obuchowski, logit" if sample.clustered else "DeLong, logit")
    name, n = f"AUC of {sample.name}", sample.truth.size
    if sample.lacking:
        return Estimated(name, None, n=n, level=level, note=together(f"{sample.lacking}: no area", sample.words))
    found = placements(sample.scores[None], sample.truth)
    area = float(found.areas[0])
    if chosen == "Hanley-McNeil":
        plain = auc_hanley_mcneil(area, sample.n_positive, sample.n_negative, level=level, name=name)
        return Estimated(name, area, plain.low, plain.high, plain.rule, n, level=level, note=together(plain.note, sample.words))
    kind: TestRule = "Obuchowski" if chosen.startswith("Obuchowski") else "DeLong"
    covariance, why = _covariance(found, sample, kind)
    if covariance is None or covariance[0, 0] < NOTHING:
        why = why or _flat(area)
        return Estimated(name, area, n=n, level=level, note=together(f"no interval: {why}", sample.words))
    low, high = area_interval(area, math.sqrt(covariance[0, 0]), logit=chosen.endswith("logit"), level=level)
    near = "exams of one patient taken as independent" if kind == "DeLong" and sample.clustered else ""
    return Estimated(name, area, low, high, chosen, n, level=level, note=together(near, sample.words))


def area_interval(area: float, se: float, *, logit: bool, level: float = 0.95) -> tuple[float, float]:
    """area -+ z se cut at 0 and 1, or the same on the logit scale."""
    z = float(stats.norm.isf((1 - level) / 2))
    if not logit:
        return max(0.0, area - z * se), min(1.0, area + z * se)
    centre, half = float(special.logit(area)), z * se / (area * (1 - area))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def auc_hanley_mcneil(area: float, n_positive: int, n_negative: int, *, level: float = 0.95, name: str = "AUC") -> Estimated:
    """A printed area with the interval that its numbers of exams give (normal, cut at 0 and 1)."""
    if not 0 <= area <= 1:
        raise BadInput(f"{name}: an area of {area:g} does not lie between 0 and 1")
    if min(n_positive, n_negative) < 1:
        raise BadInput(f"{name}: {n_positive} positive and {n_negative} negative exams; an area needs both kinds")
    se = hanley_mcneil_se(area, n_positive, n_negative)
    n = n_positive + n_negative
    if se < math.sqrt(NOTHING):
        return Estimated(name, area, n=n, level=level, note=f"no interval: {_flat(area)}")
    low, high = area_interval(area, se, logit=False, level=level)
    return Estimated(name, area, low, high, "Hanley-McNeil", n, level=level)


def compare_aucs(samples: Sequence[Labelled], *, rule: TestRule | None = None, level: float = 0.95) -> Tested:
    """Whether markers on the same exams have the same area: z for two, chi-square of all differences for more.

    Without a rule DeLong's, or Obuchowski's where a patient has several exams. `label_together` makes the samples.
    """
    first = _same_exams(samples)
    chosen: TestRule = rule or ("Obuchowski" if first.clustered else "DeLong")
    words = f"{chosen}, paired; {'patients' if chosen == 'Obuchowski' else 'exams'} independent"
    about, n = "AUC of " + " against ".join(s.name for s in samples), (first.truth.size,)
    effects = tuple(auc(s, rule="Obuchowski, logit" if chosen == "Obuchowski" else "DeLong, logit", level=level) for s in samples)
    name = "z" if len(samples) == 2 else f"chi-square({len(samples) - 1})"
    if first.lacking:
        return Tested(
            "comparison of AUC", words, n, name, None, None, effects, about, together(f"{first.lacking}: no area", first.words)
        )
    found = placements(np.array([s.scores for s in samples]), first.truth)
    covariance, why = _covariance(found, first, chosen)
    if covariance is None:
        return Tested("comparison of AUC", words, n, name, None, None, effects, about, together(why, first.words))
    contrast = np.hstack([np.ones((len(samples) - 1, 1)), -np.eye(len(samples) - 1)])
    apart, spread = contrast @ found.areas, contrast @ covariance @ contrast.T
    rank = int(np.linalg.matrix_rank(spread, tol=NOTHING, hermitian=True))
    if rank == 0:
        same = "the markers rank the exams alike, or without spread: nothing to test"
        return Tested("comparison of AUC", words, n, name, None, None, effects, about, together(same, first.words))
    if len(samples) == 2:
        se = math.sqrt(spread[0, 0])
        z = float(apart[0]) / se
        effects = (_difference(samples, float(apart[0]), se, chosen, level), *effects)
        return Tested("comparison of AUC", words, n, "z", z, 2 * float(stats.norm.sf(abs(z))), effects, about, first.words)
    statistic = float(apart @ np.linalg.pinv(spread, rcond=1e-10, hermitian=True) @ apart)
    p = float(stats.chi2.sf(statistic, rank))
    return Tested("comparison of AUC", words, n, f"chi-square({rank})", statistic, p, effects, about, first.words)


def _difference(samples: Sequence[Labelled], value: float, se: float, rule: str, level: float) -> Estimated:
    half = float(stats.norm.isf((1 - level) / 2)) * se
    name = f"AUC of {samples[0].name} less {samples[1].name}"
    return Estimated(name, value, max(-1.0, value - half), min(1.0, value + half), rule, samples[0].truth.size, level=level)


def _same_exams(samples: Sequence[Labelled]) -> Labelled:
    if len(samples) < 2:
        raise BadInput(f"a comparison of {len(samples)} markers; give two or more")
    first = samples[0]
    for other in samples[1:]:
        if not (np.array_equal(first.truth, other.truth) and np.array_equal(first.patients, other.patients)):
            raise BadInput(
                f"{first.name} and {other.name} are not of the same exams; a paired test needs both markers in each exam"
            )
    return first


def _covariance(found: Placements, sample: Labelled, rule: TestRule) -> tuple[Values | None, str]:
    """Covariance of the areas, or why there is none."""
    if rule == "DeLong":
        if min(sample.n_positive, sample.n_negative) < 2:
            return None, "one exam of a kind has no spread"
        return delong_covariance(found), ""
    groups = [np.unique(sample.patients[kind]).size for kind in (sample.truth, ~sample.truth)]
    if min(groups) < 2:
        return None, "one patient with exams of a kind has no spread"
    return obuchowski_covariance(found, sample.truth, sample.patients), ""


def _flat(area: float) -> str:
    """Why an area has no spread."""
    if area in (0.0, 1.0):
        return "every positive lies on one side of every negative, and what is perfect in the sample shows no spread"
    return "the marker tells no exams apart"
