"""Print how often the intervals of diagnostic performance cover the truth: nominal 95 % is to cover 93 to 97 %, exact ones 95 or more.

    python scripts/coverage_diagnosis.py [--draws 1000] [--boots 100] [--resamples 500] [--seed 1] [--only WORDS] [--json]

Shares are enumerated, not drawn: the mean over true shares from .05 to .95 is held against the goal, for the exact rule the least.
Everything else is simulated `--draws` times (intervals by bootstrap `--boots` times, each of `--resamples`). A draw whose sample gives no
interval, as with perfect separation, is left out and its share shown. "shown": an interval that papers print, here to know its worth.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
from scipy import integrate, special, stats

from afterglow.cohort.agreement import KappaRule, cohen_kappa, fleiss_kappa
from afterglow.cohort.auc import AucRule, auc, compare_aucs
from afterglow.cohort.calibration import brier, calibration_line
from afterglow.cohort.clustered import ClusterRule, clustered_difference, clustered_proportion
from afterglow.cohort.confusion import Confusion, metric
from afterglow.cohort.cutoff import choose_cutoff
from afterglow.cohort.decision import decision_curve
from afterglow.cohort.detection import MarkedExam, froc_sensitivities
from afterglow.cohort.intraclass import FORMS, Form, icc
from afterglow.cohort.labelled import label, label_together
from afterglow.cohort.paired_readings import tango
from afterglow.cohort.proportions import DIFFERENCE_RULES, PROPORTION_RULES, proportion_difference, proportion_interval
from afterglow.cohort.resampling import Kind
from afterglow.cohort.roc import precision_recall, roc_curve
from afterglow.records.statistic import Estimated

Rng = np.random.Generator
Made = tuple[Estimated, float]  # the interval of one sample, and the truth


@dataclass(frozen=True)
class Case:
    """One interval in one setting."""

    interval: str
    setting: str
    n: int
    make: Callable[[Rng], Made]
    goal: str = "93-97"  # "93-97", "95+", or "shown"
    boots: bool = False


@dataclass(frozen=True)
class Row:
    interval: str
    setting: str
    n: int
    coverage: float
    none: float  # share of draws without an interval
    draws: int
    goal: str
    ok: bool | None


# shares


def shares() -> Iterator[Row]:
    for rule in PROPORTION_RULES:
        for n in (30, 49, 100, 341):
            ends = np.array([proportion_interval(x, n, rule=rule) for x in range(n + 1)])
            true = np.linspace(0.05, 0.95, 181)
            cover = [stats.binom.pmf(np.arange(n + 1), n, p)[(ends[:, 0] <= p) & (p <= ends[:, 1])].sum() for p in true]
            goal = {"Clopper-Pearson": "95+", "Wald": "shown"}.get(rule, "93-97")
            value = float(min(cover) if goal == "95+" else np.mean(cover))
            yield Row(
                f"share, {rule}",
                f"{'least' if goal == '95+' else 'mean'}; least {min(cover):.3f}",
                n,
                value,
                0,
                0,
                goal,
                judged(value, goal),
            )


# counts


def of_counts(name: str, sensitivity: float, specificity: float, n: int) -> Callable[[Rng], Made]:
    lr = sensitivity / (1 - specificity), (1 - sensitivity) / specificity
    truths = {
        "lr_positive": lr[0], "lr_negative": lr[1], "dor": lr[0] / lr[1], "youden": sensitivity + specificity - 1,
        "f1": 2 * sensitivity / (2 * sensitivity + 1 - sensitivity + 1 - specificity),  # half of the exams are positive
    }  # fmt: skip

    def make(rng: Rng) -> Made:
        positives = int(rng.binomial(2 * n, 0.5)) if name == "f1" else n  # F1's interval is of one sample of all exams
        tp, tn = int(rng.binomial(positives, sensitivity)), int(rng.binomial(2 * n - positives, specificity))
        return metric(Confusion(tp, 2 * n - positives - tn, tn, positives - tp), name), truths[name]

    return make


def of_difference(rule: str, n: int) -> Callable[[Rng], Made]:
    def make(rng: Rng) -> Made:
        x, y = (int(rng.binomial(n, p)) for p in (0.85, 0.65))
        return proportion_difference("d", x, n, y, n, rule=rule), 0.2  # type: ignore[arg-type]

    return make


def of_pairs(b: float, c: float, n: int) -> Callable[[Rng], Made]:
    def make(rng: Rng) -> Made:
        x, y, _ = rng.multinomial(n, [b, c, 1 - b - c])
        return tango(int(x), int(y), n), b - c

    return make


def counted() -> Iterator[Case]:
    for rule in DIFFERENCE_RULES:
        for n in (30, 60):
            yield Case(
                f"difference of shares, {rule}",
                ".85 and .65",
                2 * n,
                of_difference(rule, n),
                "shown" if rule == "Wald" else "93-97",
            )
    for b, c in ((0.17, 0.02), (0.25, 0.1)):
        for n in (30, 38, 100):
            yield Case("paired difference, Tango", f"{b:g} and {c:g} discordant", n, of_pairs(b, c, n))
    for name in ("lr_positive", "lr_negative", "dor", "youden", "f1"):
        for n in (30, 80):
            goal = "95+" if name == "f1" else "93-97"
            yield Case(name, "sensitivity .85, specificity .75", 2 * n, of_counts(name, 0.85, 0.75, n), goal)


# areas


def two_normals(rng: Rng, area: float, positive: int, negative: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(positive + negative) < positive
    return rng.normal(math.sqrt(2) * stats.norm.ppf(area) * truth, 1), truth


def of_area(rule: AucRule, area: float, positive: int, negative: int) -> Callable[[Rng], Made]:
    return lambda rng: (auc(label("m", *two_normals(rng, area, positive, negative)), rule=rule), area)


def of_area_difference(n: int) -> Callable[[Rng], Made]:
    areas = 0.85, 0.75

    def make(rng: Rng) -> Made:
        truth = np.arange(2 * n) < n
        noise = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 2 * n).T
        a, b = (noise[k] + math.sqrt(2) * stats.norm.ppf(areas[k]) * truth for k in (0, 1))
        return compare_aucs(label_together({"a": a, "b": b}, truth)).effects[0], areas[0] - areas[1]

    return make


def of_clustered_area(rule: AucRule, patients: int, area: float) -> Callable[[Rng], Made]:
    """Half of the variance lies between patients; each has one to four exams of one kind."""

    def make(rng: Rng) -> Made:
        exams = rng.integers(1, 5, patients)
        whose = np.repeat(np.arange(patients), exams)
        truth = (np.arange(patients) < patients // 2)[whose]
        own = rng.normal(size=patients)[whose] + rng.normal(size=whose.size)
        values = own / math.sqrt(2) + math.sqrt(2) * stats.norm.ppf(area) * truth
        return auc(label("m", values, truth, [str(k) for k in whose]), rule=rule), area

    return make


def areas() -> Iterator[Case]:
    for area in (0.75, 0.86, 0.95):
        for positive, negative in ((15, 15), (11, 38), (30, 30), (100, 100)):
            for rule, goal in (("DeLong, logit", "93-97"), ("DeLong", "shown"), ("Hanley-McNeil", "shown")):
                words = f"area {area:g}, {positive} + {negative} exams"
                yield Case(f"AUC, {rule}", words, positive + negative, of_area(rule, area, positive, negative), goal)  # type: ignore[arg-type]
    for n in (20, 50):
        yield Case("difference of AUC, DeLong", "areas .85 and .75, correlation .5", 2 * n, of_area_difference(n))
    for patients in (30, 60, 120):
        for rule, goal in (("Obuchowski, logit", "93-97"), ("Obuchowski", "shown"), ("DeLong, logit", "shown")):
            make = of_clustered_area(rule, patients, 0.8)  # type: ignore[arg-type]
            yield Case(f"clustered AUC, {rule}", "area .8, 1 to 4 exams a patient, icc .5", patients, make, goal)


# patients with several exams


def alike(rng: Rng, share: float, icc_: float, patients: int) -> tuple[np.ndarray, list[str]]:
    whose = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    own = rng.beta(share * (1 - icc_) / icc_, (1 - share) * (1 - icc_) / icc_, patients)
    return rng.random(whose.size) < own[whose], [str(k) for k in whose]


def of_share(rule: ClusterRule, share: float, icc_: float, patients: int) -> Callable[[Rng], Made]:
    return lambda rng: (clustered_proportion("s", *alike(rng, share, icc_, patients), rule=rule), share)


def of_paired_shares(patients: int) -> Callable[[Rng], Made]:
    def make(rng: Rng) -> Made:
        whose = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
        hard = rng.normal(size=patients)[whose]
        one, two = (rng.normal(size=whose.size) + hard < math.sqrt(2) * stats.norm.ppf(p) for p in (0.9, 0.75))
        return clustered_difference("d", one, two, [str(k) for k in whose]).effects[0], 0.15

    return make


def clusters() -> Iterator[Case]:
    for rule in ("ratio estimator", "GEE"):
        for share, icc_ in ((0.75, 0.4), (0.9, 0.4), (0.9, 0.1)):
            for patients in (30, 100):
                words = f"share {share:g}, icc {icc_:g}, 1 to 4 exams a patient"
                make = of_share(rule, share, icc_, patients)  # type: ignore[arg-type]
                yield Case(f"clustered share, {rule}", words, patients, make)
    for patients in (30, 100):
        yield Case("clustered paired difference", ".9 and .75, 1 to 4 exams a patient", patients, of_paired_shares(patients))


# probabilities


def calibrated(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    p = special.expit(rng.normal(-0.5, 1.2, n))
    return p, rng.random(n) < p


def mean_over_logits(of: Callable[[float], float]) -> float:
    return float(integrate.quad(lambda x: of(float(special.expit(x))) * stats.norm.pdf(x, -0.5, 1.2), -12, 12)[0])


def of_line(which: int, n: int) -> Callable[[Rng], Made]:
    return lambda rng: (calibration_line(label("m", *calibrated(rng, n)))[which], float(which))


def of_brier(n: int) -> Callable[[Rng], Made]:
    truth = mean_over_logits(lambda p: p * (1 - p))
    return lambda rng: (brier(label("m", *calibrated(rng, n))).score, truth)


def probabilities() -> Iterator[Case]:
    for n in (50, 150):
        yield Case("calibration intercept", "calibrated", n, of_line(0, n))
        yield Case("calibration slope", "calibrated", n, of_line(1, n))
        yield Case("Brier score", "calibrated", n, of_brier(n))


# readers


def of_kappa(n: int, kind: str, resamples: int = 0) -> Callable[[Rng], Made]:
    """Both readers see the truth in 4 of 5 exams and guess in the others; three categories of equal share: kappa .64."""

    def make(rng: Rng) -> Made:
        truth = rng.integers(0, 3, n)
        reads = [["abc"[v] for v in np.where(rng.random(n) < 0.8, truth, rng.integers(0, 3, n))] for _ in range(3)]
        if kind == "Fleiss":
            return fleiss_kappa(reads, draws=resamples, seed=int(rng.integers(2**31))), 0.64
        rule: KappaRule = "asymptotic" if kind == "plain" else "asymptotic on the inverse tanh"
        return cohen_kappa(reads[0], reads[1], rule=rule), 0.64

    return make


def of_icc(form: Form, n: int) -> Callable[[Rng], Made]:
    """Two readers; for absolute agreement they differ by a third of the noise's variance, as a draw of all readers."""

    def make(rng: Rng) -> Made:
        apart = rng.normal(0, math.sqrt(0.05), (1, 4)) if form == "ICC(2,1)" else np.zeros((1, 4))
        table = rng.normal(0, math.sqrt(0.7), (n, 1)) + apart + rng.normal(0, math.sqrt(0.3), (n, 4))
        return icc(table, form), 0.7 / 1.05 if form == "ICC(2,1)" else 0.7

    return make


def readers(resamples: int) -> Iterator[Case]:
    for n in (50, 100):
        yield Case("Cohen's kappa, inverse tanh", "kappa .64, 3 categories", n, of_kappa(n, "Cohen"))
        yield Case("Cohen's kappa, plain", "kappa .64, 3 categories", n, of_kappa(n, "plain"), "shown")
        yield Case("Fleiss' kappa, bootstrap", "kappa .64, 3 readers", n, of_kappa(n, "Fleiss", resamples), boots=True)
    for form in FORMS:
        for n in (30, 60):
            yield Case(form, "about .7, 4 readers", n, of_icc(form, n))


# bootstraps


def of_cutoff(kind: Kind, n: int, resamples: int) -> Callable[[Rng], Made]:
    """Two normals of one spread: the best cutoff lies midway."""

    def make(rng: Rng) -> Made:
        truth = np.arange(2 * n) < n
        sample = label("m", rng.normal(1.5 * truth, 1), truth)
        return choose_cutoff(sample, kind=kind, draws=resamples, seed=int(rng.integers(2**31))).threshold, 0.75

    return make


def of_average_precision(n: int, resamples: int) -> Callable[[Rng], Made]:
    def precision(t: float) -> float:
        hit, false = 0.3 * stats.norm.sf(t, 1.2), 0.7 * stats.norm.sf(t)
        return float(hit / (hit + false))

    truth = float(integrate.quad(lambda t: precision(t) * stats.norm.pdf(t, 1.2), -8, 10)[0])

    def make(rng: Rng) -> Made:
        kind = rng.random(n) < 0.3
        return precision_recall(label("m", rng.normal(1.2 * kind, 1), kind), draws=resamples, seed=int(rng.integers(2**31)))[
            1
        ], truth

    return make


def of_band(n: int, resamples: int) -> Callable[[Rng], Made]:
    """Sensitivity at a false positive rate of .2."""
    truth = float(stats.norm.sf(stats.norm.isf(0.2), 1.2))

    def make(rng: Rng) -> Made:
        kind = np.arange(2 * n) < n
        curve = roc_curve(label("m", rng.normal(1.2 * kind, 1), kind), draws=resamples, seed=int(rng.integers(2**31)))
        at = int(np.searchsorted(curve.false_positive_rate, 0.2 + 1e-9)) - 1
        return Estimated("band", None, curve.sensitivity_low[at], curve.sensitivity_high[at], "bootstrap"), truth  # type: ignore[index]

    return make


def of_net_benefit(n: int, resamples: int) -> Callable[[Rng], Made]:
    truth = mean_over_logits(lambda p: (p - (1 - p) * 0.3 / 0.7) * (p >= 0.3))

    def make(rng: Rng) -> Made:
        seed = int(rng.integers(2**31))
        curve = decision_curve(label("m", *calibrated(rng, n)), thresholds=[0.3], draws=resamples, seed=seed)[0]
        return Estimated("band", None, float(curve.low[0]), float(curve.high[0]), "bootstrap"), truth  # type: ignore[index]

    return make


def of_froc(exams: int, resamples: int) -> Callable[[Rng], Made]:
    """False marks come as a Poisson of rate 2 e^-t above the score t; so one for each exam above log 2."""
    truth = float(stats.norm.sf(math.log(2), 1.5))

    def make(rng: Rng) -> Made:
        made = []
        for k in range(exams):
            lesions = tuple("abc"[: rng.integers(1, 4)])
            false = tuple((float(s), None) for s in rng.exponential(size=rng.poisson(2)))
            hits = tuple((float(s), lesion) for s, lesion in zip(rng.normal(1.5, 1, len(lesions)), lesions, strict=True))
            made.append(MarkedExam(str(k), lesions, false + hits))
        return froc_sensitivities(made, at=[1.0], draws=resamples, seed=int(rng.integers(2**31)))[0], truth

    return make


def bootstraps(resamples: int) -> Iterator[Case]:
    for kind, goal in (("percentile", "93-97"), ("BCa", "shown")):
        for n in (25, 60):
            yield Case(f"Youden cutoff, {kind}", "two normals", 2 * n, of_cutoff(kind, n, resamples), goal, boots=True)  # type: ignore[arg-type]
    for n in (60, 150):
        yield Case("average precision", "share .3", n, of_average_precision(n, resamples), boots=True)
        yield Case("net benefit at .3", "calibrated", n, of_net_benefit(n, resamples), boots=True)
        yield Case("lesions found at 1 false mark", "1 to 3 lesions", n, of_froc(n, resamples), boots=True)
        yield Case("ROC band at .2", "two normals", n, of_band(n // 2, resamples), boots=True)


def judged(coverage: float, goal: str) -> bool | None:
    if goal == "shown":
        return None
    return coverage >= 0.95 - 1e-9 if goal == "95+" else 0.93 <= coverage <= 0.97


def run(case: Case, draws: int, seed: int) -> Row:
    rng = np.random.default_rng(seed)
    held = none = 0
    for _ in range(draws):
        found, truth = case.make(rng)
        if found.low is None or found.high is None:
            none += 1
        else:
            held += found.low <= truth <= found.high
    coverage = held / (draws - none)
    spread = 2 * math.sqrt(coverage * (1 - coverage) / (draws - none)) if case.goal == "95+" else 0.0
    return Row(
        case.interval, case.setting, case.n, coverage, none / draws, draws, case.goal, judged(coverage + spread, case.goal)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--boots", type=int, default=100)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only intervals whose name holds these words")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cases = [*counted(), *areas(), *clusters(), *probabilities(), *readers(args.resamples), *bootstraps(args.resamples)]
    rows = [row for row in shares() if args.only in row.interval]
    for row in rows if not args.json else ():
        show(row)
    for case in (c for c in cases if args.only in c.interval):
        row = run(case, args.boots if case.boots else args.draws, args.seed)
        rows.append(row)
        if not args.json:
            show(row)
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))


def show(row: Row) -> None:
    verdict = "" if row.ok is None else "ok" if row.ok else "MISSED"
    none = f"{row.none:.1%} without" if row.none else ""
    print(f"{row.interval:34} {row.setting:44} n {row.n:4} {row.coverage:6.1%}  {row.goal:6} {verdict:7}{none}", flush=True)


if __name__ == "__main__":
    main()
