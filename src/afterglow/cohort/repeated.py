"""Several rows of one patient: linear mixed model and generalised estimating equations.

Rows of one patient are alike; a plain regression would count them as so many patients and be too sure.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from afterglow.cohort.measured import all_equal, together
from afterglow.cohort.models import FitOf, FittedModel, quietly, separated, table, terms_of, unfit, yes_or_no
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Values

MIXED = "random intercept of each patient, restricted maximum likelihood, two-sided Wald z"
EDGE = 0.05  # variance between patients over that within, under which BFGS may have stopped short of zero
FEW = 30  # patients under which the normal distribution is too sure


def mixed_model(
    outcome: ArrayLike,
    predictors: Mapping[str, ArrayLike],
    patients: Sequence[str],
    *,
    level: float = 0.95,
    unit: str = "1",
    about: str = "",
) -> FittedModel:
    """Linear mixed model with a random intercept of each patient; extras are the spread between and within patients, and the ICC."""
    name = "linear mixed model"
    y, design, names, patient, note = _rows(outcome, predictors, patients)
    count = np.unique(patient).size
    why = unfit(y, design, names) or ("the outcome never varies" if all_equal(y) else "") or _no_repeats(y.size, count)
    if why:
        return FittedModel(name, MIXED, y.size, count, (), note=together(why, note))
    made, heard, between, within = _fitted_mixed(y, design, patient)
    singular = between <= 1e-6 * within
    converged = bool(made.converged)
    said = together(
        "" if converged else "the fit did not converge; its numbers are no result",
        "singular fit: rows of one patient are no more alike than those of two, so that the model is a plain regression"
        if singular else "",
        "" if singular and converged else heard, _few(count), note,
    )  # fmt: skip
    extras = (
        Estimated("SD between patients", between**0.5, n=count, unit=unit),
        Estimated("SD within patients", within**0.5, n=y.size, unit=unit),
        Estimated("share of variance between patients", between / (between + within), n=count),
    )
    made.nobs = y.size
    terms = terms_of(made, names, name, MIXED, "z", level=level, unit=unit, about=about)
    return FittedModel(name, MIXED, y.size, count, terms, extras, converged, said, tuple(names))


def gee(
    outcome: ArrayLike, predictors: Mapping[str, ArrayLike], patients: Sequence[str], *, family: str = "binomial", level: float = 0.95,
    unit: str = "1", about: str = "",
) -> FittedModel:  # fmt: skip
    """Generalised estimating equations, exchangeable within a patient; binomial (odds ratios of a 0-or-1 outcome) or gaussian.

    The robust spread is corrected for bias (Mancl and DeRouen), as the plain one is too narrow where patients are few.
    """
    if family not in ("binomial", "gaussian"):
        raise BadInput(f"GEE: no family {family!r}; there are binomial and gaussian")
    y, design, names, patient, note = _rows(outcome, predictors, patients)
    count = np.unique(patient).size
    rule = f"{family}, exchangeable, robust spread corrected for bias (Mancl and DeRouen), two-sided Wald z"
    if family == "binomial":
        yes_or_no(y)
    why = unfit(y, design, names) or ("all outcomes are the same" if all_equal(y) else "")
    if not why and family == "binomial":
        why = separated(y, design)
    if not why and count <= design.shape[1]:
        why = f"{count} patients for {design.shape[1]} coefficients"
    if why:
        return FittedModel("GEE", rule, y.size, count, (), note=together(why, note))
    made, heard = quietly(lambda: _fitted_gee(y, design, patient, family))
    converged = bool(getattr(made, "converged", True))
    lost = "" if converged else "the fit did not converge; its numbers are no result"
    extras = (Estimated("correlation within a patient", float(np.ravel(made.cov_struct.dep_params)[0]), n=count),)
    terms = terms_of(made, names, "GEE", rule, "z", level=level, unit=unit, about=about, odds=family == "binomial")
    return FittedModel(
        "GEE", rule, y.size, count, terms, extras, converged, together(lost, _few(count), heard, note), tuple(names)
    )


def _fitted_mixed(y: Values, design: Values, patient: Values) -> tuple[FitOf, str, float, float]:
    """The fit, what it warned of, and the variance between and within patients.

    Near the edge, where rows of one patient are no more alike than others, BFGS stops short of it or does not end; Powell's search finds it.
    """
    from statsmodels.api import MixedLM

    for search in (["bfgs", "lbfgs"], ["powell", "nm"]):
        made, heard = quietly(lambda search=search: MixedLM(y, design, groups=patient).fit(reml=True, method=search))  # type: ignore[misc]
        between, within = float(np.asarray(made.cov_re)[0, 0]), float(made.scale)
        if made.converged and between > EDGE * within:
            break
    return made, heard, between, within


def _fitted_gee(y: Values, design: Values, patient: Values, family: str) -> FitOf:
    import statsmodels.api as sm

    kind = sm.families.Binomial() if family == "binomial" else sm.families.Gaussian()
    model = sm.GEE(y, design, groups=patient, family=kind, cov_struct=sm.cov_struct.Exchangeable())
    return model.fit(maxiter=100, cov_type="bias_reduced")


def _rows(
    outcome: ArrayLike, predictors: Mapping[str, ArrayLike], patients: Sequence[str]
) -> tuple[Values, Values, list[str], Values, str]:
    """As `table`, with the patients of the rows that stay as numbers, rows of one patient together."""
    if len(patients) != np.asarray(outcome).size:
        raise BadInput(f"{np.asarray(outcome).size} rows and {len(patients)} patients; each row names its patient")
    if any(not p for p in patients):
        raise BadInput("a row names no patient; each row of a mixed model or GEE belongs to one")
    numbers = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1].astype(np.float64)
    if "patient" in predictors:
        raise BadInput("a predictor is called patient; give it another name")
    y, design, names, note = table(outcome, {**predictors, "patient": numbers})
    order = np.argsort(design[:, -1], kind="stable")
    return y[order], design[order, :-1], names[:-1], design[order, -1], note


def _no_repeats(rows: int, patients: int) -> str:
    if patients < 2:
        return f"{patients} patient; a spread between patients needs two"
    return "each patient has one row; nothing tells the spread within one from that between them" if rows == patients else ""


def _few(patients: int) -> str:
    return f"{patients} patients; under {FEW} the normal intervals tend to be narrow" if patients < FEW else ""
