"""Invented cohorts for the claims about group reports: numbers from a seeded generator, no patient."""

import numpy as np

from afterglow.records.group import (
    BoxPlot,
    Characteristic,
    Counted,
    CrossTable,
    GroupFacts,
    LinePlot,
    PairedValues,
    PairPlot,
    RocPlot,
    SurvivalPlot,
)
from afterglow.records.statistic import Estimated, FlowStep, Groups, PlainCurve, RocCurve, StepCurve, Tested

LONG = (
    "a group whose name somebody wrote as a whole sentence about what $happened$ to its patients in the years after radiotherapy"
)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def estimated(name: str = "sensitivity", value: float | None = 0.83, low: float = 0.71, high: float = 0.92, **more) -> Estimated:
    return Estimated(name, value, low, high, "Clopper-Pearson", 49, **more)


def tested(p: float | None = 0.0031, **more) -> Tested:
    return Tested(
        "Mann-Whitney", "asymptotic, ties corrected, continuity correction", (30, 19), "U", 141.5, p,
        effects=(Estimated("Hodges-Lehmann difference", -31.0, -44.0, -12.0, "Moses, asymptotic", 49, "%"),),
        about="change of normalised vp, failure against success", note="" if p is not None else "one group is empty", **more,
    )  # fmt: skip


def groups(*sizes: int, labels: tuple[str, ...] = (), seed: int = 1, **more) -> Groups:
    dice = rng(seed)
    names = labels or tuple(f"group {n + 1}" for n in range(len(sizes)))
    values = tuple(dice.normal(-50 + 30 * n, 20, size) for n, size in enumerate(sizes))
    return Groups(more.pop("name", "change of normalised vp"), more.pop("unit", "%"), names, values, **more)


def roc_curve(name: str = "vp", n: int = 49, seed: int = 1, band: bool = True, **more) -> RocCurve:
    dice = rng(seed)
    truth = np.arange(n) % 2 == 0
    marker = dice.normal(truth * 1.2, 1)
    order = np.argsort(-marker, kind="stable")
    rate, found = (np.concatenate([[0], np.cumsum(side[order]) / side.sum()]) for side in (~truth, truth))
    half = 0.18 * np.sqrt(found * (1 - found)) + 0.04 * (found > 0) * (found < 1)
    return RocCurve(
        name, rate, found, np.concatenate([[np.inf], marker[order]]), estimated("AUC", float(np.trapezoid(found, rate)), 0.65, 0.93),
        int(truth.sum()), int((~truth).sum()), np.clip(found - half, 0, 1) if band else None,
        np.clip(found + half, 0, 1) if band else None, "pointwise, bootstrap of patients, 2000 draws, seed 1" if band else "", **more,
    )  # fmt: skip


def step_curve(name: str = "local control", n: int = 30, seed: int = 1) -> StepCurve:
    dice = rng(seed)
    days = np.sort(dice.integers(20, 900, n)).astype(float)
    event = dice.random(n) < 0.6
    at_risk = np.arange(n, 0, -1)
    alive = np.cumprod(1 - event / at_risk)
    times, values = np.concatenate([[0], days]), np.concatenate([[1], alive])
    half = 0.25 * (1 - values)
    return StepCurve(
        name, times, values, np.clip(values - half, 0, 1), np.clip(values + half * 0.7, 0, 1),
        "Kaplan-Meier; band: Greenwood, log-log, 95 %",
        tuple((float(day), int((days >= day).sum())) for day in range(0, 901, 150)), tuple(days[~event].tolist()),
    )  # fmt: skip


def mean_curve(name: str, height: float, n: int = 30) -> PlainCurve:
    times = np.arange(0, 150, 3.0)
    y = height * np.where(times > 20, np.exp(-(times - 20) / 60) * (1 - np.exp(-(times - 20) / 6)), 0)
    return PlainCurve(
        name, times, y, "time [s]", "concentration [mmol/L]", y * 0.8 - 0.02, y * 1.2 + 0.02, n, "mean ± 1 SD of patients"
    )


def calibration() -> PlainCurve:
    x = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    y = np.array([0.05, 0.28, 0.55, 0.66, 0.95])
    return PlainCurve(
        "logistic", x, y, "foretold probability", "observed share", y - 0.05, np.minimum(y + 0.1, 1), 200, "fifths; Wilson, 95 %"
    )


def pairs(n: int = 30, seed: int = 1) -> PairedValues:
    dice = rng(seed)
    before = dice.normal(4, 1, n)
    after = before * dice.normal(0.8, 0.3, n)
    after[:1] = np.nan
    names = tuple(f"sub-{k:02d}" for k in range(n))
    return PairedValues(
        "normalised vp",
        "{ratio}",
        "before",
        "after",
        before,
        after,
        names,
        tuple("success" if k % 3 else "failure" for k in range(n)),
    )


FLOW = (
    FlowStep("Patients with spine metastases and radiotherapy", 62, 128, ()),
    FlowStep(
        "Two visits with dynamic contrast-enhanced MRI", 55, 110, (("no visit after radiotherapy", 5), ("no dynamic series", 2))
    ),
    FlowStep(
        "Measured and outcome known", 49, 98, (("outcome not known", 4), ("motion", 2)), (("success", 30), ("failure", 19))
    ),
)  # fmt: skip


def pictures():
    two = ("success", "failure")
    marked = (("cutoff −40 %", 0.2, 0.83), ("reading by size", 0.45, 0.52))
    return (
        BoxPlot("change-of-vp", groups(30, 19, labels=two, line=-40.0, line_words="failure above −40 %"), (tested(),)),
        BoxPlot(
            "volume-at-call",
            Groups("volume at the first call", "mL", ("perfusion", "RANO"), (np.exp(rng(4).normal(0, 1, 40)), np.exp(rng(5).normal(1.4, 1, 40)))),
            (tested(2e-9),), log=True,
        ),
        RocPlot("roc", (roc_curve("vp", marked=marked), roc_curve("Ktrans", seed=2, band=False), roc_curve("volume", seed=9)), (tested(0.21),)),
        LinePlot("mean-curves", (("before", (mean_curve("success", 3), mean_curve("failure", 2.4, 19))), ("after", (mean_curve("success", 1), mean_curve("failure", 2.2, 19))))),
        SurvivalPlot("local-control", (step_curve("called failure by vp"), step_curve("called success by vp", 19, 2)), "without local failure", (tested(0.0004),)),
        LinePlot("calibration", (("", (calibration(),)),), "calibration"),
        PairPlot("vp-before-after", pairs(), (tested(0.048),)),
    )  # fmt: skip


def facts(**more) -> GroupFacts:
    two = ("success", "failure")
    given = {
        "method": "behar2023",
        "title": "Plasma volume after radiotherapy of spine metastases",
        "question": "Does the change of plasma volume tell failure from success after radiotherapy?",
        "answer": "A change above −40 % found most failures.",
        "primary": (estimated(), tested()),
        "flow": FLOW,
        "doi": "10.3174/ajnr.A8057",
        "labels": two,
        "sizes": (30, 19),
        "cohort": (
            Characteristic(groups(30, 19, labels=two, name="age", unit="a"), tested(0.62)),
            Characteristic(Counted("sex", two, ("female", "male"), np.array([[14, 15], [9, 10]]), (1, 0)), tested(1.0)),
        ),
        "pictures": pictures(),
        "crossed": (
            CrossTable("Calls against outcomes", "call", "outcome", ("failure", "success"), ("failure", "success"), np.array([[16, 6], [3, 24]])),
        ),
        "estimates": (("Rule above −40 %, 49 patients", (estimated(), estimated("odds ratio", 21.3, 4.6, np.inf))),),
        "tests": (("Quantities between the groups", (tested(p_adjusted=0.0062, adjusted_by="Holm, 2 tests"), tested(0.0)),),),
        "cautions": ("The cutoff was chosen on the rows on which it is tested.",),
        "checklist_facts": {"reference_standard": "Follow-up imaging or histology, as outcomes.tsv says for each lesion."},
        "methods_paragraph": "Perfusion maps were made as the method file says.",
        "references": ("10.3174/ajnr.A8057",),
    }  # fmt: skip
    return GroupFacts(**{**given, **more})
