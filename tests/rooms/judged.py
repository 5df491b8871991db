"""Courses of numbers alone, to be judged."""

from collections.abc import Mapping, Sequence

from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.track import Event, Sighting, Track

RADIOSURGERY = Treatment("radiosurgery", 10.0, dose_gy=20, fractions=1)
RADIOTHERAPY = Treatment("radiotherapy", 10.0, dose_gy=60, fractions=30)


def number(
    value: float | None,
    quantity: str,
    *,
    lesion: str = "1",
    statistic: str = "mean",
    normalised: bool = True,
    ci: tuple[float, float] | None = None,
    volume_ml: float = 1.0,
    flags: tuple[str, ...] = (),
) -> Measurement:
    """One number of one lesion; without an interval unless `ci` gives one."""
    low, high = ci if ci is not None else (None, None)
    unit, kind = ("1", "given region") if normalised else (QUANTITIES[quantity].unit, "")
    return Measurement(
        "01", "x", 0.0, lesion, "lesion", quantity, statistic, value, unit, low, high, "", 10, volume_ml, kind,
        1.0 if normalised else None, "dce", "m", "r", flags,
    )  # fmt: skip


def sized(lesion: str, diameter_mm: float) -> tuple[Measurement, ...]:
    """The sizes of a ball; those of an empty outline for 0."""
    volume = 3.14159265 / 6 * diameter_mm**3 / 1000
    values = {
        "volume": volume,
        "longest_diameter": diameter_mm if diameter_mm > 0 else None,
        "bidimensional_product": diameter_mm**2 if diameter_mm > 0 else None,
    }
    return tuple(
        number(value, quantity, lesion=lesion, statistic="value", normalised=False, volume_ml=volume)
        for quantity, value in values.items()
    )


def course(
    visits: Mapping[float, Sequence[Measurement]],
    *,
    treatments: tuple[Treatment, ...] = (),
    tracks: tuple[Track, ...] = (),
    events: tuple[Event, ...] = (),
) -> Course:
    """Visits by day, named 01, 02 … in that order."""
    made = tuple(Visit(f"{n:02d}", day, tuple(visits[day])) for n, day in enumerate(sorted(visits), start=1))
    return Course("01", made, treatments, tracks, events)


def balls(*diameters_mm: Mapping[str, float], days: Sequence[float], **more: object) -> Course:
    """A course of round lesions: their diameters by name, visit after visit."""
    visits = {day: [m for name, d in each.items() for m in sized(name, d)] for day, each in zip(days, diameters_mm, strict=True)}
    return course(visits, **more)  # type: ignore[arg-type]


def track(lesion: str, days: Mapping[str, float], parents: tuple[str, ...] = ()) -> Track:
    """A lesion seen at these sessions on these days."""
    seen = tuple(Sighting(session, day, lesion, 1.0, "name", None, None) for session, day in days.items())
    return Track(lesion, f"2.25.{abs(hash(lesion)) % 1000}", seen, parents)
