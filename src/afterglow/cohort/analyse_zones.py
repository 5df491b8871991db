"""Numbers in zones of a painted tumour at the painted visit and at follow-up: per cent change, and the pairs compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from afterglow.cohort.measured import together
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.cohort.summaries import median_estimate
from afterglow.records.errors import BadInput
from afterglow.records.group import DataTable, PairedValues, PairPlot, TableColumn
from afterglow.records.locking import locked
from afterglow.records.statistic import Estimated, Tested, Values

UNCHANGED = "sensitivity analysis: patients without a follow-up are presumed unchanged, which nobody has seen"
_NAMED = 5  # patients named in a caution


@dataclass(frozen=True)
class ZonePatient:
    """A painted patient: the painted visit, and the follow-up that was taken, or why there is none."""

    participant_id: str
    painted: str  # session
    follow_up: str  # session; empty where there is none
    days: float | None  # from treatment to follow-up
    why: str = ""


@dataclass(frozen=True, eq=False)
class ZoneNumber:
    """One number in one zone of each patient, NaN where it was not measured; `empty` says where the zone has no voxel."""

    quantity: str  # name in the table of quantities
    name: str  # "median Ktrans"
    unit: str
    log: bool  # drawn on a logarithmic axis
    zone: str
    before: Values  # (n,) by patient
    after: Values  # (n,)
    empty: tuple[bool, ...]

    def __post_init__(self) -> None:
        n = len(self.empty)
        if self.before.shape != (n,) or self.after.shape != (n,):
            raise BadInput(
                f"{self.name}, {self.zone}: {self.before.size} values before and {self.after.size} after for {n} patients"
            )
        object.__setattr__(self, "before", locked(self.before))
        object.__setattr__(self, "after", locked(self.after))

    @property
    def whole(self) -> np.ndarray:
        """Which patients have both."""
        return np.asarray(np.isfinite(self.before) & np.isfinite(self.after))

    @property
    def percent(self) -> Values:
        """Change in per cent of the number before; NaN without both, or from zero or less."""
        known = self.whole & (self.before > 0)
        change = np.full(self.before.size, np.nan)
        change[known] = 100 * (self.after[known] / self.before[known] - 1)
        return change


@dataclass(frozen=True)
class ZoneCohort:
    """The painted patients of a cohort and their numbers, the primary one first. `chosen_by`: quantities that the zones were found by."""

    patients: tuple[ZonePatient, ...]
    numbers: tuple[ZoneNumber, ...]
    chosen_by: tuple[str, ...]
    window: str  # in words: "45 to 135 days after radiosurgery, nearest to 90"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = next((one for one in self.numbers if len(one.empty) != len(self.patients)), None)
        if not self.numbers or wrong is not None:
            raise BadInput("zones: each number needs a value, or n/a, for each painted patient")

    @property
    def followed(self) -> tuple[str, ...]:
        return tuple(one.participant_id for one in self.patients if one.follow_up)


def analyse_zones(name: str, cohort: ZoneCohort, *, missing_unchanged: bool, printed_as: str = "") -> Part:
    """After less before in each zone (Wilcoxon), the first number being the primary one; the others are adjusted together (Holm).

    `missing_unchanged`: once more with patients that were not followed taken as unchanged.
    """
    changes = tuple(_change(one) for one in cohort.numbers)
    first, *others = (wilcoxon(one.before, one.after, unit=one.unit, about=_about(one)) for one in cohort.numbers)
    tests: list[tuple[str, tuple[Tested, ...]]] = [(f"{name}: primary endpoint", (first,))]
    if others:
        tests.append((f"{name}: other zones and quantities", adjusted(others)))
    estimates = [(f"{name}: per cent change", changes)]
    if missing_unchanged:
        filled = [_filled(one, cohort) for one in cohort.numbers]
        tests.append((f"{name}: {UNCHANGED}", tuple(test for one in filled for test in _both_rules(one))))
        estimates.append((f"{name}: per cent change; {UNCHANGED}", tuple(_change(one) for one in filled)))
    return Part(
        name, (changes[0], first), estimates=tuple(estimates), tests=tuple(tests), tables=(_table(name, cohort, printed_as),),
        pictures=tuple(_pictures(name, cohort, (first, *others))), cautions=tuple(_cautions(cohort)),
    )  # fmt: skip


def _about(one: ZoneNumber) -> str:
    return f"{one.name}, {one.zone} zone, follow-up less painted visit"


def _change(one: ZoneNumber) -> Estimated:
    """Median per cent change with its exact interval; quartiles, and who has no change, in the note."""
    percent = one.percent
    known = percent[np.isfinite(percent)]
    made = median_estimate(known, name=f"{one.name}, {one.zone} zone: median change", unit="%")
    if not known.size:
        return replace(made, note="no patient has the number at both visits")
    q1, q3 = (float(q) for q in np.quantile(known, [0.25, 0.75]))
    absent = percent.size - known.size
    left = f"of {absent} of {percent.size} patients no change is known" if absent else ""
    return replace(made, note=together(f"quartiles {q1:.3g} to {q3:.3g} % (linear interpolation, type 7)", left, made.note))


def _filled(one: ZoneNumber, cohort: ZoneCohort) -> ZoneNumber:
    """The same with the number before where a patient was not followed."""
    absent = np.array([not patient.follow_up for patient in cohort.patients], dtype=bool)
    return replace(one, after=np.where(absent, one.before, one.after))


def _both_rules(one: ZoneNumber) -> Iterator[Tested]:
    """Zeros dropped, by which unchanged patients do not count at all; and Pratt's rule, by which they do."""
    for rule in ("choose", "asymptotic, Pratt"):
        made = wilcoxon(one.before, one.after, rule=rule, unit=one.unit, about=_about(one))
        yield replace(made, note=together(UNCHANGED, made.note))


def _pictures(name: str, cohort: ZoneCohort, tests: Sequence[Tested]) -> Iterator[PairPlot]:
    """One picture for each number, one panel for each zone."""
    patients = tuple(one.participant_id for one in cohort.patients)
    for words in dict.fromkeys(one.name for one in cohort.numbers):
        own = [(one, test) for one, test in zip(cohort.numbers, tests, strict=True) if one.name == words]
        if not any(one.whole.any() for one, _ in own):
            continue
        zones = tuple(one.zone for one, _ in own)
        pairs = PairedValues(
            words, own[0][0].unit, "painted visit", "follow-up", np.concatenate([one.before for one, _ in own]),
            np.concatenate([one.after for one, _ in own]), patients * len(own), tuple(z for z in zones for _ in patients), zones,
        )  # fmt: skip
        yield PairPlot(file_name(name, words), pairs, tuple(test for _, test in own), log=own[0][0].log)


def _table(name: str, cohort: ZoneCohort, printed: str) -> DataTable:
    """One row for each painted patient, also for those who were not followed."""
    people = cohort.patients
    columns = [
        TableColumn("participant_id", "Patient", "Subject label, with the prefix sub-", "text"),
        TableColumn("follow_up", "Follow-up", "Visit that was taken as follow-up; n/a: none", "text"),
        TableColumn("days", "Days", "From treatment to follow-up"),
    ]
    cells: list[Sequence[str | float | None]] = [
        [f"sub-{one.participant_id}" for one in people],
        [f"ses-{one.follow_up}" if one.follow_up else None for one in people],
        [one.days for one in people],
    ]
    for one in cohort.numbers:
        for when, values in (("before", one.before), ("after", one.after)):
            key = file_name(one.name, one.zone, when).replace("-", "_")
            words = f"{one.name} in the {one.zone} zone, {'painted visit' if when == 'before' else 'follow-up'}, in {one.unit}"
            columns.append(TableColumn(key, f"{one.name}, {one.zone}, {when}", f"{words}; n/a: not measured", unit=one.unit))
            cells.append(values.tolist())
    columns.append(TableColumn("remark", "Remark", "Why there is no follow-up, or no zone", "text"))
    cells.append([together(one.why, *_empty(cohort, n)) or None for n, one in enumerate(people)])
    words = f"{printed + ': ' if printed else ''}{name}, each painted patient. Follow-up: {cohort.window}"
    return DataTable(file_name(printed or f"{name} each patient"), words, tuple(columns), tuple(zip(*cells, strict=True)))


def _empty(cohort: ZoneCohort, n: int) -> list[str]:
    return list(dict.fromkeys(f"no {one.zone} zone" for one in cohort.numbers if one.empty[n]))


def _cautions(cohort: ZoneCohort) -> Iterator[str]:
    """Who is not in it; and what a fall means in voxels that were chosen because the number was high."""
    total = len(cohort.patients)
    lost = [one for one in cohort.patients if not one.follow_up]
    if lost:
        whys = "; ".join(f"{sum(p.why == why for p in lost)}: {why}" for why in dict.fromkeys(p.why for p in lost))
        yield f"{len(lost)} of {total} painted patients have no follow-up ({whys}); those who came back may not be like those who did not"
    zones: dict[str, ZoneNumber] = {}
    for one in cohort.numbers:
        zones.setdefault(one.zone, one)
    for zone, one in zones.items():
        if any(one.empty):
            yield f"{sum(one.empty)} of {total} painted patients have no {zone} zone, and no number in it"
    yield from _lacking(cohort)
    chosen = list(dict.fromkeys(one.name for one in cohort.numbers if one.quantity in cohort.chosen_by))
    if chosen:
        yield (
            f"the zones were found at the painted visit by the same {' and '.join(chosen)} whose change is measured in them: voxels that were "
            "chosen because a noisy number was high fall by regression to the mean alone, without any treatment"
        )
    yield from cohort.notes


def _lacking(cohort: ZoneCohort) -> Iterator[str]:
    """Followed patients whose zone is there, and whose number is not."""
    for one in cohort.numbers:
        there = np.array([bool(p.follow_up) for p in cohort.patients], dtype=bool) & ~np.array(one.empty, dtype=bool)
        lost = [cohort.patients[n].participant_id for n in np.flatnonzero(there & ~one.whole).tolist()]
        if lost:
            named = ", ".join(f"sub-{p}" for p in lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
            yield f"{one.name}, {one.zone} zone: not measured at both visits in {len(lost)} patients who were followed ({named})"
