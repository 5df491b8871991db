"""How often calls are right on digital patients, and how often a change is called where there is none.

    python scripts/measure_calls.py null METHOD FOLDER [--pairs 200] [--size coarse] [--seed 1] [--workers 2] [--json]
    python scripts/measure_calls.py cohort METHOD [--patients 1000] [--seed 1] [--wcv vp=.1 --wcv ktrans=.1] [--json]

`null`: each pair is one patient scanned twice with the same lesion: other noise, other motion, another place in the coil, another
plasma curve. Both scans become the visits before and after treatment, the method judges them, and every claim that something
changed is false. A pair that is done is not done again: start it again with more pairs to go on. `cohort`: no images. The true numbers
of each digital patient are given log-normal noise of the stated wCV (none where none is stated) and judged; it shows what the rule could
do with maps that good, not what the maps are.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from afterglow.flows.cohort_cases import gather
from afterglow.flows.digital_exam import write_exam
from afterglow.flows.digital_tables import write_cohort_tables
from afterglow.flows.method import load_method
from afterglow.flows.run import run_participants
from afterglow.flows.simulation_file import load_simulation
from afterglow.flows.table_cohort import quantities_read, table_cohort
from afterglow.flows.work import silent
from afterglow.records.response import Rule, Verdict
from afterglow.response.states import state_of
from afterglow.simulate.cohort import cohort_size, draw_story
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.story import Story
from afterglow.simulate.subject import make_subject
from afterglow.simulate.tissues import with_barrier

PRINTED = {  # of the papers: positives found of all, negatives found of all
    ("behar2023", "change of normalised vp"): "10 of 11, 33 of 38",
    ("behar2023", "change of size"): "9 of 11, 18 of 38",
    ("ademola2025", "perfusion now and before radiosurgery"): "8 of 14 recurrences hyperperfused, no specificity printed",
    ("stadlbauer2025", "conventional reading"): "283 of 341, 76 of 81",
    ("stadlbauer2025", "microvascular reading"): "334 of 341, 77 of 81",
}


@dataclass(frozen=True)
class Share:
    """x of n with its Clopper-Pearson interval."""

    x: int
    n: int

    def words(self) -> str:
        if self.n == 0:
            return "0 of 0"
        low, high = binomtest(self.x, self.n).proportion_ci(method="exact")
        return f"{self.x} of {self.n} ({100 * self.x / self.n:.1f} %, {100 * low:.1f} to {100 * high:.1f})"

    def figure(self) -> dict[str, float | int | None]:
        if self.n == 0:
            return {"x": 0, "n": 0, "share": None, "low": None, "high": None}
        low, high = binomtest(self.x, self.n).proportion_ci(method="exact")
        return {"x": self.x, "n": self.n, "share": self.x / self.n, "low": float(low), "high": float(high)}


@dataclass(frozen=True)
class Call:
    """A rule's call on a lesion of which it is known whether there was disease; `said` None where it would not tell."""

    rule: str
    said: bool | None
    sick: bool


def claims_change(rule: Rule, verdict: Verdict) -> bool:
    """Whether the call says that something changed. A state now is no change; two different states are."""
    if rule.kind != "ratio state":
        return verdict.category in ("progression", "response")
    if verdict.category == "cannot tell":
        return False
    half = len(rule.quantities)
    ratios = [value for _, value in verdict.numbers]
    then, now = (state_of(r, threshold=rule.threshold, combine=rule.combine) for r in (ratios[:half], ratios[half:]))
    return verdict.category == "response" or (then, now) == ("absent", "present")


def null_story(story: Story, wanted: set[str]) -> Story:
    """The patient's first visit twice, on the days of the visit before and the last one; both scanned alike, with those series.

    Who came once comes again the next day.
    """
    first, last = story.visits[0], story.visits[-1]
    if last is first:
        last = replace(first, session="again", day=first.day + 1)
    roles = tuple(role for role in dict.fromkeys((*first.roles, *last.roles)) if role in wanted)
    twice = (replace(first, roles=roles), replace(last, lesion=first.lesion, roles=roles))
    return replace(story, visits=twice, outcomes=(), readings=())


def null_pairs(asked: argparse.Namespace) -> list[dict[str, object]]:
    """The calls on each pair, made now or there already."""
    rules = {spec.name: spec.record() for spec in load_method(asked.method).rule}
    asked.folder.mkdir(parents=True, exist_ok=True)
    record = asked.folder / "calls.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()] if record.is_file() else []
    for pair in sorted(set(range(asked.pairs)) - {line["pair"] for line in lines}):
        place = asked.folder / f"pair-{pair:04d}"
        scan_twice(asked, pair, place)
        run = run_participants(
            place / "bids", place / "out", asked.method, participants=(), session_labels=(), outlines_dir=None, workers=asked.workers,
            progress=silent,
        )  # fmt: skip
        calls = [told(rules[v.rule], v) for patient in run.told for v in patient.verdicts]
        line = {"pair": pair, "failures": list(run.failures), "calls": calls}
        lines.append(line)
        with record.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        for old in sorted(place.rglob("*.nii.gz")) if not asked.keep else ():
            old.unlink()
        print(f"pair {pair}: {', '.join(str(c['category']) for c in calls)}", file=sys.stderr, flush=True)
    return [line for line in lines if line["pair"] < asked.pairs]


def scan_twice(asked: argparse.Namespace, pair: int, place: Path) -> None:
    """One patient of the cohort, whose first lesion is scanned on both days, as a data set of its own."""
    simulation = load_simulation(asked.method)
    acquisition, size = simulation.acquisition, simulation.acquisition.size[asked.size]
    leak, n = acquisition.scanner.brain_leak, cohort_size(simulation.cohort)
    wanted = {role for spec in load_method(asked.method).series.values() for role in spec.roles} | {"T1w", "CE-T1w"}
    drawn = draw_story(simulation.cohort, None, asked.seed + pair // n, pair % n, with_barrier(leak))
    story = replace(null_story(drawn, wanted), subject=f"{pair:04d}")
    body, *seeds = np.random.SeedSequence(asked.seed, spawn_key=(pair,)).spawn(3)
    subject = make_subject(story, simulation.site, body_mm=size.body_mm, field_t=acquisition.field_t, brain_leak=leak, seed=body)
    for visit, seed in zip(story.visits, seeds, strict=True):
        exam = scan_visit(subject, 0, visit, acquisition, size, seed, workers=asked.workers)
        write_exam(exam, story.subject, place / "bids", place / "truth", workers=asked.workers)
    write_cohort_tables(simulation, [story], place / "bids", seed=asked.seed)


def told(rule: Rule, verdict: Verdict) -> dict[str, object]:
    """What is kept of a call."""
    return {
        "rule": verdict.rule, "category": verdict.category, "label": verdict.label, "value": verdict.value, "change": claims_change(rule, verdict),
        "numbers": [value for _, value in verdict.numbers], "sentence": verdict.sentence,
    }  # fmt: skip


def null_table(lines: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """For each rule: pairs, categories, false claims of change, spread of the number between the two scans."""
    calls: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        for call in line["calls"]:  # type: ignore[attr-defined]
            calls.setdefault(call["rule"], []).append(call)
    rows = []
    for rule, found in calls.items():
        false = Share(sum(bool(c["change"]) for c in found), len(found))
        rows.append(
            {
                "rule": rule, "categories": dict(Counter(str(c["category"]) for c in found)), "labels": dict(Counter(str(c["label"]) for c in found)),
                "false": false.figure(), "false_words": false.words(), "wcv_percent": _wcv(found),
            }
        )  # fmt: skip
    return rows


def _wcv(found: Sequence[dict[str, object]]) -> list[float]:
    """Within-subject coefficient of variation of each number, from the logarithms of pairs, in per cent."""
    pairs = np.array([c["numbers"] for c in found if None not in c["numbers"]], dtype=float)  # type: ignore[operator]
    if pairs.ndim != 2 or pairs.shape[1] % 2:
        return []
    half = pairs.shape[1] // 2
    out = []
    for n in range(half):
        both = pairs[:, [n, half + n]]
        both = both[(both > 0).all(axis=1)]
        spread = np.sqrt(np.mean(np.diff(np.log(both), axis=1) ** 2) / 2) if len(both) else np.nan
        out.append(round(100 * float(np.sqrt(np.expm1(spread**2))), 2))
    return out


def score(calls: Sequence[Call], method: str) -> list[dict[str, object]]:
    """Sensitivity and specificity of each rule, with what it would not tell, beside the paper's."""
    rows = []
    for name in dict.fromkeys(call.rule for call in calls):
        mine = [(c.said, c.sick) for c in calls if c.rule == name]
        sure = [(said, sick) for said, sick in mine if said is not None]
        sensitivity = Share(sum(bool(said) for said, sick in sure if sick), sum(sick for _, sick in sure))
        specificity = Share(sum(not said for said, sick in sure if not sick), sum(not sick for _, sick in sure))
        rows.append(
            {
                "rule": name, "sensitivity": sensitivity.figure(), "specificity": specificity.figure(), "not_told": len(mine) - len(sure),
                "words": f"sensitivity {sensitivity.words()}, specificity {specificity.words()}, not told {len(mine) - len(sure)} of {len(mine)}",
                "printed": PRINTED.get((method, name), "nothing printed"),
            }
        )  # fmt: skip
    return rows


def table_calls(asked: argparse.Namespace) -> list[Call]:
    """Calls on the true numbers of a digital cohort with noise, against its outcomes."""
    method, simulation = load_method(asked.method), load_simulation(asked.method)
    if method.cohort is None:
        raise SystemExit(f"{asked.method}: its file has no [cohort], so no outcome is positive or negative")
    wcv = dict.fromkeys(quantities_read(method), 0.0) | {q: float(v) for q, v in (one.split("=") for one in asked.wcv)}
    told, study = table_cohort(method, simulation, asked.patients, asked.seed, wcv, rules=method.cohort.rules, markers=())
    cases = gather(told, study, method, method.cohort, held=(len(told), 0)).cases
    return [Call(rule, said, case.positive) for case in cases for rule, said in case.calls.items()]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="way", required=True)
    null = ways.add_parser("null")
    null.add_argument("method")
    null.add_argument("folder", type=Path)
    null.add_argument("--pairs", type=int, default=200)
    null.add_argument("--size", default="coarse")
    null.add_argument("--workers", type=int, default=2)
    null.add_argument("--keep", action="store_true", help="keep the images of pairs that are done")
    table = ways.add_parser("cohort")
    table.add_argument("method")
    table.add_argument("--patients", type=int, default=None, help="without it, as many as the paper had, with its exact counts")
    table.add_argument("--wcv", action="append", default=[], help="noise of a quantity: vp=0.15")
    for way in (null, table):
        way.add_argument("--seed", type=int, default=1)
    for way in (null, table):
        way.add_argument("--json", action="store_true")
    return parser


def main() -> None:
    asked = options().parse_args()
    if asked.way == "null":
        lines = null_pairs(asked)
        rows = null_table(lines)
        words = [f"{len(lines)} pairs, {sum(bool(line['failures']) for line in lines)} of them with a visit that failed"]
        words += [
            f"{r['rule']}: false calls of change {r['false_words']}; {r['categories']}; wCV {r['wcv_percent']} %" for r in rows
        ]
    else:
        rows = score(table_calls(asked), asked.method)
        words = [f"{r['rule']}: {r['words']}; printed: {r['printed']}" for r in rows]
    print(json.dumps(rows, indent=1) if asked.json else "\n".join(words))


if __name__ == "__main__":
    main()
