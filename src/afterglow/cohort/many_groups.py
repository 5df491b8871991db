"""Several groups compared at once: general linear model with covariates, Welch's analysis of variance, Kruskal-Wallis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from afterglow.cohort.measured import all_equal, measured, measured_together, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Groups, Tested, Values

F_TEST = "F of the model with the term against the model without it, all other terms kept (type III without interactions)"


def general_linear_model(
    values: ArrayLike, labels: Sequence[str], covariates: Mapping[str, ArrayLike] | None = None, *, level: float = 0.95,
    unit: str = "1", about: str = "",
) -> tuple[Tested, ...]:  # fmt: skip
    """Means of groups by ordinary least squares; the first test is of the groups, then one of each covariate.

    Its effects are partial eta squared and each group's mean, adjusted to the covariates' mean over all patients.
    """
    names = list(covariates or {})
    if len(labels) != np.asarray(values).size:
        raise BadInput(f"general linear model: {np.asarray(values).size} values and {len(labels)} labels; each value has one")
    levels = list(dict.fromkeys(labels))
    code = np.array([levels.index(one) for one in labels], dtype=np.float64)
    columns = [values, code, *(covariates or {}).values()]
    (y, code, *beside), missing = measured_together(columns, ["the values", "the groups", *names])
    levels = [one for k, one in enumerate(levels) if (code == k).any()]
    group = np.array([(code == k) for k in np.unique(code)], dtype=np.float64).T.reshape(y.size, -1)
    centred = np.array([b - b.mean() for b in beside]).T.reshape(y.size, len(names))
    design = np.hstack([group, centred])
    n = tuple(int(k) for k in group.sum(axis=0)) or (0,)
    why = _cannot(y, design, len(levels), names)
    if why:
        return (Tested("general linear model", F_TEST, n, "F", None, None, about=about, note=together(why, missing)),)
    from statsmodels.api import OLS

    full = OLS(y, design).fit()
    without = np.hstack([np.ones((y.size, 1)), centred])
    means = _adjusted_means(full, levels, n, level=level, unit=unit, covariates=names)
    tests = [_term("groups", y, full, without, n, about=about, note=missing, effects=means)]
    for k, name in enumerate(names):
        rest = np.delete(design, len(levels) + k, axis=1)
        tests.append(_term(name, y, full, rest, n, about=about, note=missing))
    return tuple(tests)


def welch_anova(groups: Groups) -> Tested:
    """Welch's analysis of variance: means of groups whose spreads differ."""
    kept, n, note = _kept(groups)
    rule = "unequal variances, Welch's degrees of freedom"
    why = _small(kept, 2) or ("a group has no spread" if any(all_equal(g) for g in kept) else "")
    if why:
        return Tested("Welch's analysis of variance", rule, n, "F", None, None, about=groups.name, note=together(why, note))
    from statsmodels.stats.oneway import anova_oneway

    made = anova_oneway(list(kept), use_var="unequal", welch_correction=True)
    name = f"F({made.df_num:g}, {made.df_denom:.6g})"
    return Tested(
        "Welch's analysis of variance", rule, n, name, float(made.statistic), float(made.pvalue), about=groups.name, note=note
    )


def kruskal_wallis(groups: Groups) -> Tested:
    """Kruskal-Wallis: ranks of several groups, with the share of the spread of ranks that lies between them."""
    kept, n, note = _kept(groups)
    rule = "asymptotic chi-square, ties corrected"
    name = f"H({len(kept) - 1})"
    why = _small(kept, 1) or ("all values are equal" if all_equal(*kept) else "")
    if why:
        return Tested("Kruskal-Wallis", rule, n, name, None, None, about=groups.name, note=together(why, note))
    h, p = stats.kruskal(*kept)
    effect = Estimated("epsilon squared", float(h) / (sum(n) - 1), n=sum(n))
    return Tested("Kruskal-Wallis", rule, n, name, float(h), float(p), (effect,), about=groups.name, note=note)


def _term(
    name: str, y: Values, full: Any, without: NDArray[np.float64], n: tuple[int, ...], *, about: str, note: str,
    effects: tuple[Estimated, ...] = (),
) -> Tested:  # fmt: skip
    from statsmodels.api import OLS

    f, p, df = full.compare_f_test(OLS(y, without).fit())
    residual = full.df_resid
    eta = Estimated("partial eta squared", float(f * df / (f * df + residual)), n=sum(n))
    words = f"{about}: {name}" if about else name
    return Tested(
        "general linear model", F_TEST, n, f"F({df:g}, {residual:g})", float(f), float(p), (eta, *effects), about=words, note=note
    )  # fmt: skip


def _adjusted_means(
    full: Any, levels: Sequence[str], n: tuple[int, ...], *, level: float, unit: str, covariates: Sequence[str]
) -> tuple[Estimated, ...]:
    ends = full.conf_int(1 - level)
    mean = full.params
    way = f"adjusted to the mean {' and '.join(covariates)}" if covariates else "not adjusted"
    return tuple(
        Estimated(
            f"mean, {one}", float(mean[k]), float(ends[k][0]), float(ends[k][1]), f"t, pooled variance, {way}", n[k], unit, level
        )
        for k, one in enumerate(levels)
    )


def _cannot(y: Values, design: NDArray[np.float64], groups: int, names: Sequence[str]) -> str:
    if groups < 2:
        return f"{groups} group with numbers; a comparison needs two"
    if y.size <= design.shape[1]:
        return f"{y.size} patients for {design.shape[1]} coefficients"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return f"a covariate ({', '.join(names)}) is constant, or a copy of the groups or of another one"
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    left = float(((y - fitted) ** 2).sum())
    return "nothing is left to chance: the model fits every value" if left <= 1e-20 * max(1.0, float((y**2).sum())) else ""


def _kept(groups: Groups) -> tuple[list[Values], tuple[int, ...], str]:
    pairs = [measured(v, label) for label, v in zip(groups.labels, groups.values, strict=True)]
    kept = [v for v, _ in pairs]
    return kept, tuple(v.size for v in kept), together(*(s for _, s in pairs))


def _small(kept: Sequence[Values], least: int) -> str:
    if len(kept) < 2:
        return f"{len(kept)} group; a comparison needs two"
    smallest = min(v.size for v in kept)
    return f"the smallest group has {smallest} numbers; it needs {least}" if smallest < least else ""
