"""Analyses of probabilities: whether they are true ones, and what calling by them would gain."""

from collections.abc import Sequence

import numpy as np

from afterglow.cohort.calibration import BrierParts, brier, calibration_curve, calibration_line, check_probabilities
from afterglow.cohort.decision import decision_curve, net_benefit
from afterglow.cohort.labelled import Labelled, label
from afterglow.cohort.part import Part, Sides, file_name, values_of
from afterglow.cohort.resampling import resample
from afterglow.records.group import LinePlot
from afterglow.records.statistic import Estimated

DRAWS, FEW_DRAWS, MANY = 2_000, 200, 5_000  # a bootstrap of many cases takes fewer draws
_STEP = 0.01  # of the threshold of a decision curve
Family = tuple[str, tuple[Estimated, ...]]


def analyse_calibration(name: str, sides: Sides, probabilities: Sequence[str]) -> Part:
    """Intercept, slope and Brier score of each; the curves in one picture. The slope of the first answers."""
    samples = [_sample(sides, one) for one in probabilities]
    families: list[Family] = []
    answers: list[Estimated] = []
    for sample in samples:
        line = calibration_line(sample)
        families.append((f"{name}: {sample.name}", (*line, *_brier(brier(sample), sample.truth.size))))
        answers += line if sample is samples[0] else ()
    usable = [sample for sample in samples if sample.truth.size]
    curves = tuple(calibration_curve(sample) for sample in usable)
    pictures = (LinePlot(file_name(name), (("", curves),), kind="calibration", caption=_of_groups(sides)),) if curves else ()
    return Part(name, tuple(answers), tuple(families), pictures=pictures, cautions=_said(name, samples))


def analyse_decision(
    name: str, sides: Sides, probabilities: Sequence[str], thresholds: Sequence[float], *, seed: int = 1
) -> Part:
    """Net benefit of each over calling all and none; numbers at the thresholds asked for, less the better of all and none."""
    samples = [_sample(sides, one) for one in probabilities]
    usable = [sample for sample in samples if sample.truth.size]
    if not usable:
        return Part(name, cautions=_said(name, samples))
    draws = FEW_DRAWS if len(sides.cases) > MANY else DRAWS
    first, last = thresholds[0], thresholds[-1]
    at = np.unique(np.append(np.arange(first, last, _STEP).round(10), last))
    made = [decision_curve(sample, thresholds=at.tolist(), draws=draws, seed=seed) for sample in usable]
    curves = (*(one[0] for one in made), *made[0][1:])
    families = tuple((f"{name}: {s.name}", _gains(s, thresholds, draws, seed)) for s in usable)
    return Part(
        name, families[0][1][:1], families, cautions=_said(name, samples),
        pictures=(LinePlot(file_name(name), (("", curves),), kind="decision"),),
    )  # fmt: skip


def _sample(sides: Sides, name: str) -> Labelled:
    """The probability in the cases that have one. BadInput where one lies outside 0 to 1."""
    sample = label(name, values_of(sides.cases, name), sides.truth, sides.patients)
    check_probabilities(sample)
    return sample


def _brier(parts: BrierParts, n: int) -> tuple[Estimated, ...]:
    words = {
        "miscalibration": ("miscalibration (CORP)", "what isotonic recalibration would gain"),
        "discrimination": ("discrimination (CORP)", "what it gains over saying the same for all"),
        "uncertainty": ("uncertainty", "Brier score of saying the same for all"),
    }
    rows = (Estimated(f"{said}", getattr(parts, key), n=n, note=note) for key, (said, note) in words.items())
    return (parts.score, *rows) if parts.miscalibration is not None else (parts.score,)


def _gains(sample: Labelled, thresholds: Sequence[float], draws: int, seed: int) -> tuple[Estimated, ...]:
    """Net benefit, and what it is above the better of calling all and calling none, with percentile intervals over patients."""
    at, n = np.asarray(thresholds, dtype=np.float64), sample.truth.size
    truth = sample.truth.astype(np.float64)

    def both(weights: np.ndarray) -> np.ndarray:
        own = net_benefit(sample, at, weights)
        share = (weights @ truth / weights.sum(axis=1))[:, None]
        return np.concatenate([own, own - np.maximum(share - (1 - share) * at / (1 - at), 0.0)], axis=1)

    drawn = resample(both, sample.patients, draws=draws, seed=seed)
    rows = []
    for k, name in enumerate(
        [f"{words} at {v:g}" for words in ("net benefit", "net benefit over all or none") for v in thresholds]
    ):
        low, high = drawn.interval(k) or (None, None)
        rule = drawn.rule() if low is not None else ""
        rows.append(Estimated(name, float(drawn.observed[k]), low, high, rule, n, note=sample.words))
    return tuple(rows)


def _of_groups(sides: Sides) -> str:
    return "Patients have several cases; the bars take cases as independent." if sides.clustered else ""


def _said(name: str, samples: Sequence[Labelled]) -> tuple[str, ...]:
    """What was left out, and what a reader should know of probabilities that were fitted on these patients."""
    left = [f"{name}: {s.name} is not known of {s.left_out} cases, which are left out" for s in samples if s.left_out]
    fitted = f"{name}: a model that was fitted on these very patients looks better calibrated and more useful here than it is"
    return (*left, fitted)
