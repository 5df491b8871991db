"""Tables of a report: measurements with intervals, visits side by side, alignments, provenance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from afterglow.records.alignment import Alignment
from afterglow.records.course import Course
from afterglow.records.document import Table
from afterglow.records.maps import Provenance, Setting
from afterglow.records.measurement import Measurement
from afterglow.report.words import (
    day_words,
    interval,
    lesion_words,
    named_number,
    number,
    number_in,
    statistic_words,
    symbol_of,
    unit_cell,
    with_unit,
)

HEADLINE = ("mean", "median", "value")  # statistics of the first table; the others show the spread
SPREAD = ("p5", "p10", "p25", "median", "p75", "p90", "p95", "iqr", "sd", "max")
SPREAD_TITLES = (
    "5th percentile", "10th", "25th", "median", "75th", "90th", "95th", "interquartile range", "standard deviation", "maximum",
)  # fmt: skip


@dataclass(frozen=True)
class _Row:
    """One statistic of one region: in its own unit, and as a ratio to the reference, where each exists."""

    region: str
    lesion_id: str
    quantity: str
    statistic: str
    absolute: Measurement | None = None
    ratio: Measurement | None = None

    @property
    def who(self) -> str:
        """ "lesion 1", "rim of lesion 1", "reference"."""
        if self.region == "reference" or not self.lesion_id:
            return self.region
        return lesion_words(self.lesion_id) if self.region == "lesion" else f"{self.region} of {lesion_words(self.lesion_id)}"


def _paired(measurements: Iterable[Measurement]) -> list[_Row]:
    rows: dict[tuple[str, ...], _Row] = {}
    for m in measurements:
        key = (m.region, m.lesion_id, m.quantity, m.statistic)
        row = rows.get(key, _Row(*key))
        rows[key] = replace(row, ratio=m) if m.is_normalised else replace(row, absolute=m)
    return list(rows.values())


def _value(m: Measurement | None) -> str:
    return "" if m is None else number_in(m.value, m.unit)


def _interval(m: Measurement | None) -> str:
    """Blank where the measurement has no interval by its nature (a volume), "not measured" where it has no value."""
    if m is None or (m.ci_low is None and m.ci_high is None and m.value is not None):
        return ""
    return interval(m.value, m.ci_low, m.ci_high, m.unit)


def _reference(row: _Row) -> str:
    if row.ratio is None:
        return ""
    unit = row.absolute.unit if row.absolute is not None else "1"
    return with_unit(row.ratio.reference_value, unit)


def measurement_table(measurements: Sequence[Measurement]) -> Table:
    """Means, medians and single values with 95 % intervals, voxels and the ratio to the reference beside its value."""
    rows = [row for row in _paired(measurements) if row.statistic in HEADLINE or "@" in row.statistic]
    cells = []
    for row in rows:
        one = row.absolute or row.ratio
        flags = sorted({flag for m in (row.absolute, row.ratio) if m is not None for flag in m.flags})
        cells.append(
            (
                row.who,
                symbol_of(row.quantity),
                statistic_words(row.statistic),
                _value(row.absolute),
                unit_cell(row.quantity, row.absolute.unit) if row.absolute is not None else "",
                _interval(row.absolute),
                _value(row.ratio) if row.ratio is None or row.ratio.unit == "1" else with_unit(row.ratio.value, row.ratio.unit),
                _interval(row.ratio),
                _reference(row),
                str(one.n_voxels) if one is not None else "",
                ", ".join(flags),
            )
        )
    caption = "Measurements." + _kinds(measurements)
    columns = (
        "Region", "Quantity", "Statistic", "Value", "Unit", "95 % interval", "Ratio", "95 % interval of ratio",
        "Reference", "Voxels", "Remarks",
    )  # fmt: skip
    return without_empty(Table(caption, columns, tuple(cells)), keep=("Region", "Quantity", "Value", "Unit"))


def _kinds(measurements: Sequence[Measurement]) -> str:
    intervals = sorted({m.ci_kind for m in measurements if m.ci_kind and m.ci_low is not None})
    references = sorted({m.reference_kind for m in measurements if m.is_normalised})
    said = f" Intervals: {'; '.join(intervals)}." if intervals else ""
    return said + (f" Ratio: lesion divided by {', '.join(references)}." if references else "")


def without_empty(table: Table, keep: tuple[str, ...]) -> Table:
    """The table without columns that hold nothing."""
    used = [n for n, title in enumerate(table.columns) if title in keep or any(row[n] for row in table.rows)]
    rows = tuple(tuple(row[n] for n in used) for row in table.rows)
    return Table(table.caption, tuple(table.columns[n] for n in used), rows)


def spread_table(measurements: Sequence[Measurement]) -> Table | None:
    """Percentiles, standard deviation and maximum, one row for each region and quantity; None where none was measured."""
    found: dict[tuple[str, str, str, str], dict[str, Measurement]] = {}
    for m in measurements:
        if not m.is_normalised and m.statistic in SPREAD:
            found.setdefault((m.region, m.lesion_id, m.quantity, m.unit), {})[m.statistic] = m
    cells = [
        (
            _Row(region, lesion_id, quantity, "").who,
            symbol_of(quantity),
            unit_cell(quantity, unit),
            *(_value(by_statistic.get(name)) for name in SPREAD),
        )
        for (region, lesion_id, quantity, unit), by_statistic in found.items()
        if set(by_statistic) - {"median"}
    ]
    if not cells:
        return None
    table = Table("Spread over the voxels of each region.", ("Region", "Quantity", "Unit", *SPREAD_TITLES), tuple(cells))
    return without_empty(table, keep=("Region", "Quantity", "Unit"))


def visits_table(course: Course) -> Table | None:
    """Headline numbers of all visits side by side, each with its interval; None with fewer than two visits."""
    if len(course.visits) < 2:
        return None
    rows: dict[tuple[str, str, str, bool, str], dict[str, Measurement]] = {}
    for visit in course.visits:
        for m in visit.measurements:
            if m.region == "lesion" and (m.statistic in HEADLINE or "@" in m.statistic):
                key = (m.lesion_id, m.quantity, m.statistic, m.is_normalised, m.unit)
                rows.setdefault(key, {})[visit.session_id] = m
    cells = []
    for (lesion_id, quantity, statistic, normalised, unit), by_visit in rows.items():
        what = f"{statistic_words(statistic)}, lesion / reference" if normalised else statistic_words(statistic)
        values: list[str] = []
        for visit in course.visits:
            found = by_visit.get(visit.session_id)
            values += [number_in(found.value if found is not None else None, unit), _interval(found)]
        cells.append(
            (
                lesion_words(lesion_id),
                symbol_of(quantity),
                what,
                "ratio" if normalised and unit == "1" else unit_cell(quantity, unit),
                *values,
            )
        )
    titles = [title for visit in course.visits for title in (f"{day_words(visit.day)}", f"95 % interval, {day_words(visit.day)}")]
    return Table("All visits side by side.", ("Region", "Quantity", "Statistic", "Unit", *titles), tuple(cells))


def alignment_table(alignments: Sequence[Alignment]) -> Table:
    """What was registered onto what, how well, and whether to trust it."""
    rows = tuple(
        (
            a.source,
            a.target,
            "; ".join(named_number(name, value) for name, value in a.quality),
            "trusted" if a.trusted else "not trusted",
            a.remark,
        )
        for a in alignments
    )
    return without_empty(Table("Alignments.", ("Image", "Onto", "Quality", "Trust", "Remark"), rows), keep=("Image", "Onto"))


def _setting(value: Setting | tuple[Setting, ...]) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(_setting(part) for part in value)
        case _:
            return str(value)


def _settings(settings: Mapping[str, Setting | tuple[Setting, ...]]) -> str:
    return "; ".join(f"{name} = {_setting(value)}" for name, value in settings.items())


def provenance_table(steps: Sequence[Provenance]) -> Table:
    """Each step with its settings and the files it read, and the seconds it took where these are known."""
    heads: tuple[str, ...] = ("Step", "Version", "Settings", "Sources")
    rows = [(p.step, p.version, _settings(p.settings), ", ".join(p.sources)) for p in steps]
    if all(p.seconds is None for p in steps):
        return Table("Steps in their order.", heads, tuple(rows))
    seconds = ["" if p.seconds is None else number(p.seconds) for p in steps]
    timed = tuple((*row, took) for row, took in zip(rows, seconds, strict=True))
    return Table("Steps in their order.", (*heads, "Seconds"), timed)
