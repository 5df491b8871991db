"""Regression of one number or one yes-or-no on several: linear and logistic; what could not be fitted is said."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from afterglow.cohort.measured import all_equal, measured_together, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

Design = NDArray[np.float64]
FitOf = Any  # a fitted model of statsmodels, which has no types
INTERCEPT = "intercept"


@dataclass(frozen=True)
class FittedModel:
    """A regression: one test with its effect for each term. Where it could not be fitted there is no term, and `note` says why.

    `converged` False: the numbers are those of the last step and no result.
    """

    name: str  # "logistic regression"
    rule: str
    n: int
    n_clusters: int | None
    terms: tuple[Tested, ...]
    extras: tuple[Estimated, ...] = ()  # R squared, spread between patients
    converged: bool = True
    note: str = ""
    names: tuple[str, ...] = ()  # of the terms, in their order

    def term(self, name: str) -> Tested:
        """The test of one term; BadInput where the model has none of that name."""
        if name not in self.names:
            raise BadInput(f"{self.name}: no term {name!r}; {', '.join(self.names) or self.note}")
        return self.terms[self.names.index(name)]


def linear_regression(
    outcome: ArrayLike, predictors: Mapping[str, ArrayLike], *, level: float = 0.95, unit: str = "1", about: str = ""
) -> FittedModel:
    """Ordinary least squares with t intervals; effects are slopes in the outcome's unit per unit of the predictor."""
    name, rule = "linear regression", "ordinary least squares, two-sided t"
    y, design, names, note = table(outcome, predictors)
    why = unfit(y, design, names) or ("the outcome never varies" if all_equal(y) else "")
    if why:
        return FittedModel(name, rule, y.size, None, (), note=together(why, note))
    from statsmodels.api import OLS

    made = OLS(y, design).fit()
    if made.ssr <= 1e-20 * made.centered_tss:
        note = together("the model fits every value, so that its intervals mean nothing", note)
    terms = terms_of(made, names, name, rule, "t", level=level, unit=unit, about=about, df=float(made.df_resid))
    fit = Estimated("R squared", float(made.rsquared), n=y.size)
    return FittedModel(name, rule, y.size, None, terms, (fit,), note=note, names=tuple(names))


def logistic_regression(
    outcome: ArrayLike, predictors: Mapping[str, ArrayLike], *, level: float = 0.95, about: str = ""
) -> FittedModel:
    """Maximum likelihood with Wald intervals; effects are odds ratios per unit of the predictor. The outcome is 0 or 1.

    Where the predictors separate the outcomes, odds ratios run to infinity; that is noticed beforehand and said.
    """
    name, rule = "logistic regression", "maximum likelihood, two-sided Wald z"
    y, design, names, note = table(outcome, predictors)
    yes_or_no(y)
    why = unfit(y, design, names) or ("all outcomes are the same" if all_equal(y) else "") or separated(y, design)
    if why:
        return FittedModel(name, rule, y.size, None, (), note=together(why, note))
    from statsmodels.api import Logit

    made, heard = quietly(lambda: Logit(y, design).fit(disp=0, maxiter=200))
    converged = bool(made.mle_retvals["converged"])
    terms = terms_of(made, names, name, rule, "z", level=level, about=about, odds=True)
    few = min(float(y.sum()), float((1 - y).sum())) / len(predictors) if predictors else math.inf
    small = f"{few:.2g} of the rarer outcome for each predictor; under ten, odds ratios are unsteady" if few < 10 else ""
    lost = "" if converged else "the fit did not converge; its numbers are no result"
    return FittedModel(
        name, rule, y.size, None, terms, converged=converged, note=together(lost, small, heard, note), names=tuple(names)
    )


def table(outcome: ArrayLike, predictors: Mapping[str, ArrayLike]) -> tuple[Values, Design, list[str], str]:
    """Outcome and design with its intercept, rows with anything not measured left out, the terms' names, and what was left out."""
    names = list(predictors)
    if INTERCEPT in names:
        raise BadInput(f"a predictor is called {INTERCEPT}, as the model's own constant is; give it another name")
    (y, *columns), note = measured_together([outcome, *predictors.values()], ["the outcome", *names])
    return y, np.column_stack([np.ones(y.size), *columns]), [INTERCEPT, *names], note


def unfit(y: Values, design: Design, names: list[str]) -> str:
    """Why these numbers carry no model; empty where they do."""
    if y.size <= design.shape[1]:
        return f"{y.size} rows for {design.shape[1]} coefficients"
    scale = np.abs(design).max(axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(design / np.where(scale == 0, 1.0, scale)) < design.shape[1]:
        return f"a predictor ({', '.join(names[1:])}) is constant, or made up of the others"
    return ""


def yes_or_no(y: Values) -> None:
    """BadInput where an outcome is neither 0 nor 1."""
    if not np.isin(y, (0, 1)).all():
        raise BadInput(f"an outcome of {float(y[~np.isin(y, (0, 1))][0]):g}; write 1 where it came and 0 where it did not")


def separated(y: Values, design: Design) -> str:
    """A sentence where some weighing of the predictors tells the outcomes apart, wholly or up to ties (linear programme)."""
    scaled = design / np.abs(design).max(axis=0)
    signed = scaled * np.where(y == 1, 1.0, -1.0)[:, None]
    made = optimize.linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(y.size), bounds=(-1, 1))
    if not made.success or made.fun is None or made.fun >= -1e-7:
        return ""
    whole = bool(_margin(signed) > 1e-7)
    return (
        f"{'perfect' if whole else 'quasi-complete'} separation: the predictors tell the outcomes apart"
        f"{'' if whole else ' up to ties'}, so that an odds ratio has no finite value; use fewer predictors or an exact test"
    )


def _margin(signed: Design) -> float:
    """The widest gap that some weighing of the predictors leaves between the outcomes; zero where it leaves none."""
    rows, columns = signed.shape
    aim = np.r_[np.zeros(columns), -1.0]
    made = optimize.linprog(
        aim, A_ub=np.column_stack([-signed, np.ones(rows)]), b_ub=np.zeros(rows), bounds=[(-1, 1)] * columns + [(0, None)]
    )
    return -float(made.fun) if made.success and made.fun is not None else 0.0


def quietly(fit: Callable[[], FitOf]) -> tuple[FitOf, str]:
    """What a fit gives, and what it warned of on the way as one sentence."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        made = fit()
    words = dict.fromkeys(
        str(w.message).split("\n")[0].strip().rstrip(".") for w in heard if "Deprecat" not in w.category.__name__
    )
    return made, f"statsmodels warned: {'; '.join(words)}" if words else ""


def terms_of(
    made: FitOf, names: list[str], model: str, rule: str, statistic: str, *, level: float, unit: str = "1", about: str = "", odds: bool = False,
    df: float | None = None,
) -> tuple[Tested, ...]:  # fmt: skip
    """One test with its effect for each term of a fitted model of statsmodels."""
    ends = np.asarray(made.conf_int(1 - level))
    values, at, ps = np.asarray(made.params), np.asarray(made.tvalues), np.asarray(made.pvalues)
    n = int(made.nobs)
    label = statistic if df is None else f"{statistic}({df:g})"
    found = []
    for k, term in enumerate(names):
        words = f"{about}: {term}" if about else term
        if not (np.isfinite(ends[k]).all() and np.isfinite(at[k])):
            found.append(Tested(model, rule, (n,), label, None, None, about=words, note="its spread could not be told"))
            continue
        three = (float(values[k]), float(ends[k][0]), float(ends[k][1]))
        if odds:
            three = (_exp(three[0]), _exp(three[1]), _exp(three[2]))
        effect = Estimated(
            f"odds ratio, {term}" if odds else f"slope, {term}" if term != INTERCEPT else term, *three,
            "Wald, normal" if df is None else f"t with {df:g} degrees of freedom", n, "1" if odds else unit, level,
        )  # fmt: skip
        found.append(Tested(model, rule, (n,), label, float(at[k]), float(ps[k]), (effect,), about=words))
    return tuple(found)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
