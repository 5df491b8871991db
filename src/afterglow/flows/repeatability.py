"""Own test-retest pairs: a table, or two visits of a run -> repeatability with its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.measurements import collect_measurements
from afterglow.io.repeatability import read_pairs, write_repeatability
from afterglow.io.write import write_tsv
from afterglow.records.errors import MissingInput
from afterglow.records.measurement import Measurement
from afterglow.records.repeat import RepeatPair, RepeatStudy
from afterglow.records.response import Repeatability
from afterglow.report.figures.bland_altman import bland_altman_figure
from afterglow.response.retest import row_of, studies_of


@dataclass(frozen=True)
class Repeated:
    """What the pairs say, as studies and as rows of a repeatability table; `left_out` in words."""

    studies: tuple[RepeatStudy, ...]
    rows: tuple[Repeatability, ...]
    left_out: tuple[str, ...] = ()


def repeatability_of_table(path: Path, *, site: str) -> Repeated:
    """Repeatability of the pairs in a TSV or CSV."""
    return _repeated(read_pairs(path), str(path), path.name, site)


def repeatability_of_run(out: Path, *, sessions: tuple[str, str], site: str) -> Repeated:
    """Repeatability of two sessions of every participant of a run, between which nothing should have changed.

    Numbers of lesions only, matched by lesion, region, quantity and statistic. Numbers that are missing, or not above zero,
    at one scan are left out and told.
    """
    labels = tuple(label.removeprefix("ses-") for label in sessions)
    measurements = [m for m in collect_measurements(out) if m.session_id in labels and m.region == "lesion"]
    days = _days_apart(measurements, labels)
    if not days:
        raise MissingInput(
            f"{out}: no participant has measurements of both ses-{labels[0]} and ses-{labels[1]}; name two sessions that were run"
        )
    pairs, left_out = _matched(measurements, labels)
    if not pairs:
        raise MissingInput(f"{out}: no lesion has a number above zero at both ses-{labels[0]} and ses-{labels[1]}")
    source = f"ses-{labels[0]} and ses-{labels[1]} of {out.resolve().name}, up to {max(days):g} days apart"
    made = _repeated(pairs, str(out), source, site, skip_single=True)
    return Repeated(made.studies, made.rows, (*left_out, *made.left_out))


def write_repeated(path: Path, repeated: Repeated) -> tuple[Written, ...]:
    """The rows as a table that `run` and rules can read."""
    return write_repeatability(path, list(zip(repeated.rows, repeated.studies, strict=True)))


def write_bland_altman(path: Path, repeated: Repeated) -> tuple[Written, ...]:
    """The Bland-Altman plots as PNG; beside it, under names that no table of pairs has, the same as SVG and the numbers behind it."""
    figure = bland_altman_figure(repeated.studies)
    written = [write_bytes(path, figure.image)]
    beside = f"{path.stem}_{figure.name}"
    if figure.vector is not None:
        written.append(write_bytes(path.with_name(f"{beside}.svg"), figure.vector))
    if figure.data is not None:
        written += write_tsv(path.with_name(f"{beside}.tsv"), figure.data.records, figure.data.described)
    return tuple(written)


def _repeated(pairs: Sequence[RepeatPair], where: str, source: str, site: str, *, skip_single: bool = False) -> Repeated:
    left_out: list[str] = []
    if skip_single:
        counted = [(p.quantity, p.statistic, p.normalised) for p in pairs]
        single = {key for key in counted if counted.count(key) < 2}
        if len(single) < len(set(counted)):
            left_out = [f"{statistic} {quantity}: one pair only" for quantity, statistic, _ in sorted(single)]
            pairs = [p for p, key in zip(pairs, counted, strict=True) if key not in single]
    studies = studies_of(pairs, source=where)
    return Repeated(studies, tuple(row_of(study, site=site, source=source) for study in studies), tuple(left_out))


def _days_apart(measurements: Sequence[Measurement], labels: tuple[str, ...]) -> list[float]:
    days = {(m.participant_id, m.session_id): m.day for m in measurements}
    people = sorted({person for person, _ in days})
    return [abs(days[p, labels[1]] - days[p, labels[0]]) for p in people if (p, labels[0]) in days and (p, labels[1]) in days]


def _matched(measurements: Sequence[Measurement], labels: tuple[str, ...]) -> tuple[list[RepeatPair], tuple[str, ...]]:
    by_key: dict[tuple[str, str, str, str, bool], dict[str, Measurement]] = {}
    for m in measurements:
        by_key.setdefault((m.participant_id, m.lesion_id, m.quantity, m.statistic, m.is_normalised), {})[m.session_id] = m
    pairs, left_out = [], []
    for key, both in by_key.items():
        values = [both[label].value if label in both else None for label in labels]
        first, second = values
        if first is None or second is None or min(first, second) <= 0:
            left_out.append(f"sub-{key[0]} lesion {key[1]}: {key[3]} {key[2]} is missing, or not above zero, at one of the scans")
            continue
        pairs.append(RepeatPair(*key, both[labels[1]].unit, first, second))
    return pairs, tuple(left_out)
