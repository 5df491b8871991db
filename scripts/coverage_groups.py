"""Print how often the intervals of groups, pairs, models and follow-up hold the truth: nominal 95 % is to cover 93 to 97 %, exact ones 95 or more.

    python scripts/coverage_groups.py [--draws 1000] [--seed 1] [--only WORDS] [--json]

Each case draws samples whose truth is known. A simulated coverage has an error of its own (0.7 points at 1,000 draws): a case is `ok`
where its goal lies within two of its standard errors. Cases with a slow fit take a fifth of the draws. A draw whose sample gives no
interval, as with perfect separation, is left out and its share shown. "shown": known to be narrow or wide there, here to know by how much.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from coverage_diagnosis import Row
from scipy import stats

from afterglow.cohort.all_pairs import dunnett_t3, games_howell
from afterglow.cohort.competing import cumulative_incidence
from afterglow.cohort.correlation import pearson, spearman
from afterglow.cohort.difference_agreement import difference_agreement
from afterglow.cohort.exact_tables import conditional_odds
from afterglow.cohort.groups import student, welch
from afterglow.cohort.growth import growth_of_many
from afterglow.cohort.hazards import cox
from afterglow.cohort.hodges_lehmann import hodges_lehmann, hodges_lehmann_shift
from afterglow.cohort.many_groups import general_linear_model
from afterglow.cohort.models import linear_regression, logistic_regression
from afterglow.cohort.pairs import paired_t
from afterglow.cohort.repeated import gee, mixed_model
from afterglow.cohort.signed_rank import sign_test
from afterglow.cohort.summaries import mean_estimate, median_estimate
from afterglow.cohort.survival import kaplan_meier, median_days, restricted_mean
from afterglow.records.statistic import Estimated, Groups, StepCurve

Rng = np.random.Generator
Made = Sequence[tuple[Estimated, float]]  # intervals that are to hold their truths together; none where the sample gives none
SLOW = 5  # times fewer draws
RANK_OF_06 = 6 / math.pi * math.asin(0.3)  # Spearman's correlation of normal numbers whose Pearson's is .6


@dataclass(frozen=True)
class Case:
    """One interval in one setting."""

    interval: str
    setting: str
    n: int
    make: Callable[[Rng], Made]
    goal: str = "93-97"  # "93-97", "95+", or "shown"
    slow: bool = False


def ranks() -> Iterator[Case]:
    for n in (8, 30):
        yield Case(
            "Hodges-Lehmann difference, exact",
            "heavy tails (t with 3 df)",
            n,
            lambda r, n=n: [(hodges_lehmann(r.standard_t(3, n)), 0.0)],
            "95+",
        )
    yield Case(
        "Hodges-Lehmann difference, exact",
        "rounded to 1 decimal",
        30,
        lambda r: [(hodges_lehmann(np.round(r.normal(size=30), 1)), 0.0)],
        "95+",
    )
    yield Case(
        "Hodges-Lehmann difference, normal approximation", "normal", 400, lambda r: [(hodges_lehmann(r.normal(size=400)), 0.0)]
    )
    for m, n in ((6, 9), (30, 30)):
        yield Case(
            "Hodges-Lehmann shift, exact", "exponential, shifted", m + n,
            lambda r, m=m, n=n: [(hodges_lehmann_shift(r.exponential(size=m) + 1, r.exponential(size=n)), 1.0)], "95+",
        )  # fmt: skip
    yield Case(
        "Hodges-Lehmann shift, normal approximation", "exponential, shifted", 180,
        lambda r: [(hodges_lehmann_shift(r.exponential(size=80) + 1, r.exponential(size=100)), 1.0)],
    )  # fmt: skip
    for n in (9, 30):
        yield Case(
            "median, order statistics",
            "exponential",
            n,
            lambda r, n=n: [(median_estimate(r.exponential(size=n)), math.log(2))],
            "95+",
        )
    yield Case(
        "share that rises (sign test), Clopper-Pearson",
        "true share .69",
        30,
        lambda r: [(sign_test(r.normal(0.5, 1, 30)).effects[0], float(stats.norm.cdf(0.5)))],
        "95+",
    )
    yield Case("Hodges-Lehmann ratio of growth", "log-normal", 30, growth_ratio, "95+")


def growth_ratio(rng: Rng) -> Made:
    first = np.exp(rng.normal(1, 1, 30))
    return [(growth_of_many(first, first * np.exp(rng.normal(0.4, 0.5, 30))).effects[0], math.exp(0.4))]


def means() -> Iterator[Case]:
    yield Case("mean, t", "normal", 30, lambda r: [(mean_estimate(r.normal(size=30)), 0.0)])
    yield Case("mean, t", "exponential", 30, lambda r: [(mean_estimate(r.exponential(size=30)), 1.0)], "shown")
    yield Case(
        "difference of means, Student",
        "normal, equal spread",
        40,
        lambda r: [(student(r.normal(1, 1, 15), r.normal(size=25)).effects[0], 1.0)],
    )
    yield Case(
        "difference of means, Student",
        "normal, the smaller group three times as wide",
        40,
        lambda r: [(student(r.normal(1, 3, 10), r.normal(size=30)).effects[0], 1.0)],
        "shown",
    )
    yield Case(
        "difference of means, Welch",
        "normal, the smaller group three times as wide",
        40,
        lambda r: [(welch(r.normal(1, 3, 10), r.normal(size=30)).effects[0], 1.0)],
    )
    yield Case(
        "ratio of geometric means, Welch",
        "log-normal",
        40,
        lambda r: [(welch(np.exp(r.normal(1, 1, 15)), np.exp(r.normal(0, 0.5, 25)), log=True).effects[0], math.e)],
    )
    yield Case(
        "mean difference, paired t", "normal", 30, lambda r: [(paired_t(r.normal(size=30), r.normal(0.5, 1, 30)).effects[0], 0.5)]
    )
    yield Case("adjusted mean of a group", "3 groups, one covariate", 45, adjusted_mean)
    yield Case("all pairs of 3 groups, Dunnett T3", "unequal spreads, together", 45, lambda r: pairs(r, dunnett_t3), slow=True)
    yield Case(
        "all pairs of 3 groups, Games-Howell", "unequal spreads, together", 45, lambda r: pairs(r, games_howell), slow=True
    )


def adjusted_mean(rng: Rng) -> Made:
    group, covariate = np.repeat([0.0, 1.0, 2.0], 15), rng.normal(size=45)
    tests = general_linear_model(group + covariate + rng.normal(size=45), [str(g) for g in group], {"x": covariate})
    return [(tests[0].effects[2], 1.0 + float(covariate.mean()))]


def pairs(rng: Rng, test: Callable[[Groups], Sequence]) -> Made:  # type: ignore[type-arg]
    groups = Groups("x", "1", ("a", "b", "c"), (rng.normal(0, 1, 10), rng.normal(1, 2, 15), rng.normal(2, 4, 20)))
    return [(t.effects[0], truth) for t, truth in zip(test(groups), (-1.0, -2.0, -1.0), strict=True)]


def pairs_of_scans() -> Iterator[Case]:
    kinds = ("bias", "lower_limit", "upper_limit", "within_sd", "repeatability_coefficient", "within_cv")
    for kind in kinds:
        yield Case(
            kind.replace("_", " "),
            "30 pairs, log-normal wCV 10 %" if kind == "within_cv" else "30 pairs, normal",
            30,
            lambda r, k=kind: scans(r, k),
        )


def scans(rng: Rng, kind: str) -> Made:
    truth = rng.uniform(50, 100, 30)
    if kind == "within_cv":
        first, second = (truth * np.exp(rng.normal(0, 0.1, 30)) for _ in range(2))
        return [(difference_agreement(first, second).within_cv, math.sqrt(math.expm1(0.01)))]
    first, second = (truth + rng.normal(0, 2, 30) for _ in range(2))
    sd = 2 * math.sqrt(2)
    truths = {
        "bias": 0.0,
        "lower_limit": -1.96 * sd,
        "upper_limit": 1.96 * sd,
        "within_sd": 2.0,
        "repeatability_coefficient": 1.96 * sd,
    }
    return [(getattr(difference_agreement(first, second), kind), truths[kind])]


def correlations() -> Iterator[Case]:
    for n in (30, 100):
        yield Case("Pearson, Fisher z", "normal, r .6", n, lambda r, n=n: [(pearson(*together(r, n)).effects[0], 0.6)])
        yield Case(
            "Spearman, Bonett and Wright", "normal, r .6", n, lambda r, n=n: [(spearman(*together(r, n)).effects[0], RANK_OF_06)]
        )


def together(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=n)
    return x, 0.6 * x + 0.8 * rng.normal(size=n)


def tables() -> Iterator[Case]:
    for n in (12, 40):
        yield Case("odds ratio, exact conditional", "shares .3 and .6", 2 * n, lambda r, n=n: odds(r, n), "95+")


def odds(rng: Rng, n: int) -> Made:
    a, b = int(rng.binomial(n, 0.3)), int(rng.binomial(n, 0.6))
    made = conditional_odds([[a, n - a], [b, n - b]])
    return [] if made.low is None else [(made, (0.3 / 0.7) / (0.6 / 0.4))]


def models() -> Iterator[Case]:
    yield Case("slope, linear regression", "two predictors", 30, line)
    yield Case("odds ratio, logistic regression", "30 with, 30 without, about", 60, logistic)
    yield Case("slope within patients, mixed model", "30 patients of 3", 90, lambda r: mixed(r, within=True), slow=True)
    yield Case("slope between patients, mixed model", "30 patients of 3", 90, lambda r: mixed(r, within=False), slow=True)
    yield Case("odds ratio, GEE bias-corrected", "40 patients of 3", 120, lambda r: alike(r, "binomial"), slow=True)
    yield Case("slope, GEE bias-corrected", "40 patients of 3", 120, lambda r: alike(r, "gaussian"), slow=True)


def line(rng: Rng) -> Made:
    x, z = rng.normal(size=30), rng.normal(size=30)
    return [(linear_regression(x - z + rng.normal(size=30), {"x": x, "z": z}).term("x").effects[0], 1.0)]


def logistic(rng: Rng) -> Made:
    x = rng.normal(size=60)
    made = logistic_regression((rng.random(60) < 1 / (1 + np.exp(-0.8 * x))).astype(float), {"x": x})
    return [(made.term("x").effects[0], math.exp(0.8))] if made.terms else []


def mixed(rng: Rng, *, within: bool) -> Made:
    x = rng.normal(size=90) if within else np.repeat(rng.normal(size=30), 3)
    y = x + np.repeat(rng.normal(size=30), 3) + rng.normal(size=90)
    made = mixed_model(y, {"x": x}, [str(k // 3) for k in range(90)])
    return [(made.term("x").effects[0], 1.0)] if made.converged and made.terms else []


def alike(rng: Rng, family: str) -> Made:
    """Rows whose noise is shared by half within a patient; the truth is that of the population."""
    x, patients = rng.normal(size=120), [str(k // 3) for k in range(120)]
    noise = math.sqrt(0.5) * (np.repeat(rng.normal(size=40), 3) + rng.normal(size=120))
    if family == "gaussian":
        return [(gee(0.5 * x + noise, {"x": x}, patients, family=family).term("x").effects[0], 0.5)]
    came = stats.norm.cdf(noise) < 1 / (1 + np.exp(-0.5 * x))
    made = gee(came.astype(float), {"x": x}, patients)
    return [(made.term("x").effects[0], math.exp(0.5))] if made.terms else []


def follow_up() -> Iterator[Case]:
    half = 100 * math.log(2)
    yield Case("Kaplan-Meier at one half, log-log", "half last seen", 50, lambda r: at(kaplan_meier(*people(r, 50)), half, 0.5))
    yield Case(
        "median time to event, Brookmeyer-Crowley",
        "a third last seen",
        50,
        lambda r: [(median_days(kaplan_meier(*people(r, 50, 300.0))), half)],
    )
    yield Case(
        "restricted mean, Greenwood",
        "half last seen",
        50,
        lambda r: [(restricted_mean(*people(r, 50), up_to_days=80), 100 * (1 - math.exp(-0.8)))],
    )
    yield Case("cumulative incidence, log-log", "two events and last seen", 80, incidence)
    yield Case("hazard ratio, Cox", "half last seen", 80, hazard)


def people(rng: Rng, n: int, seen: float = 200.0) -> tuple[np.ndarray, np.ndarray]:
    """Exponential days of mean 100, last seen uniformly up to `seen` days but not before 80."""
    came, left = rng.exponential(100, n), rng.uniform(80, max(seen, 81), n) if seen == 200.0 else rng.uniform(0, seen, n)
    return np.minimum(came, left), (came <= left).astype(float)


def at(curve: StepCurve, day: float, truth: float) -> Made:
    k = int(np.searchsorted(curve.times_days, day, side="right")) - 1
    low, high = float(curve.low[k]), float(curve.high[k])
    return [] if math.isnan(low) else [(Estimated("share", float(curve.values[k]), low, high, curve.rule), truth)]


def incidence(rng: Rng) -> Made:
    came, left = rng.exponential(100, 80), rng.uniform(0, 400, 80)
    event = np.where(came <= left, np.where(rng.random(80) < 0.6, 1, 2), 0)
    return at(cumulative_incidence(np.minimum(came, left), event), 100.0, 0.6 * (1 - math.exp(-1)))


def hazard(rng: Rng) -> Made:
    x = rng.normal(size=80)
    came, left = rng.exponential(100 * np.exp(-0.5 * x)), rng.uniform(0, 250, 80)
    return [(cox(np.minimum(came, left), (came <= left).astype(float), {"x": x}).term("x").effects[0], math.exp(0.5))]


def run(case: Case, draws: int, seed: int) -> Row:
    """Coverage of one case; its draws depend on the seed and the case alone."""
    rng = np.random.default_rng([seed, *case.interval.encode(), *case.setting.encode(), case.n])
    draws = max(1, draws // SLOW) if case.slow else draws
    held, none = 0, 0
    for _ in range(draws):
        made = case.make(rng)
        if not made or any(e.low is None or e.high is None for e, _ in made):
            none += 1
            continue
        held += all(e.low <= truth <= e.high for e, truth in made if e.low is not None and e.high is not None)
    made_of = max(1, draws - none)
    coverage = held / made_of
    return Row(case.interval, case.setting, case.n, coverage, none / draws, draws, case.goal, good(coverage, made_of, case.goal))


def good(coverage: float, draws: int, goal: str) -> bool | None:
    """Whether the coverage is within two standard errors of its goal."""
    error = 2 * math.sqrt(0.95 * 0.05 / draws)
    if goal == "shown":
        return None
    return coverage >= 0.95 - error if goal == "95+" else 0.93 - error <= coverage <= 0.97 + error


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="intervals whose name holds these words")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cases = [*ranks(), *means(), *pairs_of_scans(), *correlations(), *tables(), *models(), *follow_up()]
    rows = []
    for case in (c for c in cases if args.only in c.interval):
        rows.append(run(case, args.draws, args.seed))
        if not args.json:
            show(rows[-1])
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))


def show(row: Row) -> None:
    mark = {None: "", True: "ok", False: "MISSED"}[row.ok]
    none = f"  {100 * row.none:.1f} % without" if row.none else ""
    print(
        f"{row.interval:48.48s} {row.setting:46.46s} n {row.n:4d} {100 * row.coverage:6.1f} %  goal {row.goal:6s} {mark}{none}",
        flush=True,
    )


if __name__ == "__main__":
    main()
