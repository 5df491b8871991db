"""Cox's proportional hazards: hazard ratios, and whether they stay the same over time."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.followed import CENSORED, Whole
from afterglow.cohort.measured import together
from afterglow.cohort.models import Design, FitOf, FittedModel, quietly, table
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

RULE = "partial likelihood, ties by Efron, two-sided Wald z"
ENDLESS = 15.0  # a coefficient per standard deviation beyond which the likelihood has no top


def cox(
    days: ArrayLike, event: ArrayLike, predictors: Mapping[str, ArrayLike], *, level: float = 0.95, about: str = ""
) -> FittedModel:
    """Cox regression: hazard ratios per unit of each predictor, with Wald intervals. `event` is 1 or 0 (last seen without)."""
    name = "Cox regression"
    if not predictors:
        raise BadInput("Cox regression without a predictor; for one curve of all use Kaplan-Meier")
    t, e, design, names, note = _prepared(days, event, predictors)
    why = _cannot(t, e, design, names)
    if why:
        return FittedModel(name, RULE, t.size, None, (), note=together(why, note))
    made, heard = quietly(lambda: _fit(t, e, design))
    values, spread = np.asarray(made.params), np.asarray(made.bse)
    if not np.isfinite(spread).all() or (np.abs(values) * design.std(axis=0) > ENDLESS).any():
        endless = "a predictor puts the events in order, so that its hazard ratio has no finite value"
        return FittedModel(name, RULE, t.size, None, (), converged=False, note=together(endless, note))
    steep = np.abs(made.model.score(values) * spread).max()  # in standard errors; zero at the top of the likelihood
    half = float(stats.norm.isf((1 - level) / 2))
    terms = []
    for k, term in enumerate(names):
        b, se = float(values[k]), float(spread[k])
        ends = (math.exp(b), math.exp(b - half * se), math.exp(b + half * se))
        effect = Estimated(f"hazard ratio, {term}", *ends, "Wald, normal", t.size, level=level)
        p = float(2 * stats.norm.sf(abs(b / se)))
        terms.append(Tested(name, RULE, (t.size,), "z", b / se, p, (effect,), about=f"{about}: {term}" if about else term))
    few = int(e.sum()) / len(names)
    small = f"{few:.2g} events for each predictor; under ten, hazard ratios are unsteady" if few < 10 else ""
    lost = "" if steep < 1e-3 else "the fit did not converge; its numbers are no result"
    return FittedModel(
        name, RULE, t.size, None, tuple(terms), converged=not lost, note=together(lost, small, heard, note), names=tuple(names)
    )


def proportionality(
    days: ArrayLike, event: ArrayLike, predictors: Mapping[str, ArrayLike], *, time: str = "rank", about: str = ""
) -> tuple[Tested, ...]:
    """Whether each hazard ratio stays the same: scaled Schoenfeld residuals against time (Grambsch and Therneau's first form).

    `time`: rank (of the days of events), identity or log.
    """
    scales: dict[str, Callable[[Values], Values]] = {
        "rank": lambda d: np.asarray(stats.rankdata(d), dtype=np.float64), "identity": lambda d: d, "log": np.log,
    }  # fmt: skip
    if time not in scales:
        raise BadInput(f"proportionality: no scale of time {time!r}; there are {', '.join(scales)}")
    t, e, design, names, note = _prepared(days, event, predictors)
    rule = f"scaled Schoenfeld residuals against {time} of time, chi-square"
    why = _cannot(t, e, design, names)
    if not why and time == "log" and (t[e == 1] == 0).any():
        why = "an event on day 0 has no logarithm"
    if why:
        return tuple(Tested("proportional hazards", rule, (t.size,), "chi2(1)", None, None, about=x, note=why) for x in names)
    made, _ = quietly(lambda: _fit(t, e, design))
    residuals = np.asarray(made.schoenfeld_residuals)[e == 1]
    spread, deaths = np.asarray(made.cov_params()), int(e.sum())
    apart = scales[time](t[e == 1])
    apart = apart - apart.mean()
    scaled = deaths * residuals @ spread
    tests = []
    for k, name in enumerate(names):
        weight = deaths * float(spread[k, k]) * float((apart**2).sum())
        known = weight > 0 and math.isfinite(weight)
        chi2 = float((apart @ scaled[:, k]) ** 2 / weight) if known else None
        p = None if chi2 is None else float(stats.chi2.sf(chi2, 1))
        words, said = f"{about}: {name}" if about else name, note if known else "all events came on one day"
        tests.append(Tested("proportional hazards", rule, (t.size,), "chi2(1)", chi2, p, about=words, note=said))
    return tuple(tests)


def _prepared(
    days: ArrayLike, event: ArrayLike, predictors: Mapping[str, ArrayLike]
) -> tuple[Values, Whole, Design, list[str], str]:
    if "days" in predictors:
        raise BadInput("a predictor is called days; give it another name")
    e, design, names, note = table(event, {**predictors, "days": days})
    t = design[:, -1]
    if (t < 0).any():
        raise BadInput(f"follow-up of {float(t.min()):g} days; days count from the start of follow-up and are not below zero")
    if not np.isin(e, (0, 1)).all():
        raise BadInput("Cox regression: an event is 1 (it came) or 0 (last seen without it); for several kinds make each in turn")
    return t, e.astype(np.int64), design[:, 1:-1], names[1:-1], note


def _cannot(t: Values, e: Whole, design: Design, names: list[str]) -> str:
    events = int((e != CENSORED).sum())
    if events <= len(names):
        return f"{events} events for {len(names)} predictors"
    with_constant = np.column_stack(
        [np.ones(t.size), design / np.where(np.abs(design).max(axis=0) == 0, 1, np.abs(design).max(axis=0))]
    )
    if np.linalg.matrix_rank(with_constant) < with_constant.shape[1]:
        return f"a predictor ({', '.join(names)}) is constant, or made up of the others"
    return ""


def _fit(t: Values, e: Whole, design: Design) -> FitOf:
    from statsmodels.duration.hazard_regression import PHReg

    return PHReg(t, design, status=e, ties="efron").fit(disp=0)
