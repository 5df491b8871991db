"""One rule for axes of time: days up to a year, months beyond; records and tables stay in days."""

YEAR_D = 365.25
MONTH_D = YEAR_D / 12


def unit_of_time(span_days: float) -> tuple[str, float]:
    """What an axis of that length counts in, and how many days one of it has: ("day", 1.0) or ("month", 30.4375)."""
    return ("month", MONTH_D) if span_days > YEAR_D else ("day", 1.0)
