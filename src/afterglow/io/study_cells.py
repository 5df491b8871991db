"""Cells of other people's tables: numbers and dates, read when there is one way to read them and refused when there are two."""

import re
from collections.abc import Iterable
from datetime import date

ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})([T ].*)?")
_THREE = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})")
_SEEN_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}|[0-9]{1,2}[-. /][A-Za-z]{3,9}[-. /][0-9]{2,4}")
_MONTH = r"(jan|feb|mar|mär|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec)[a-zäé]*[.]?"
_SURE_DATE = re.compile(
    r"(?<![0-9.])([0-9]{4}([-/.])[0-9]{1,2}\2[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\3([0-9]{4}|[0-9]{2}))(?![0-9]|[.][0-9])"
    r"|\b(19|20)[0-9]{2}[-/](0[1-9]|1[0-2])\b|\b(0?[1-9]|1[0-2])/(19|20)[0-9]{2}\b"
    rf"|\b[0-9]{{1,2}}(st|nd|rd|th|[.])?[- ]*(of )?{_MONTH}[-, ]*[0-9]{{2,4}}\b|\b{_MONTH}[- ]*([0-9]{{1,2}}(st|nd|rd|th)?,? +)?(19|20)[0-9]{{2}}\b",
    re.IGNORECASE,
)
_DIGITS_DATE = re.compile(r"(?<![0-9])(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])(?![0-9])")
_COMMA, _POINT = re.compile(r"[-+]?[0-9]+,[0-9]+"), re.compile(r"[-+]?[0-9]+\.[0-9]+")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+|[-+]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[-+]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = {"yyyy": r"(?P<y>[0-9]{4})", "mmm": r"(?P<n>[A-Za-z]{3})", "mm": r"(?P<m>[0-9]{1,2})", "dd": r"(?P<d>[0-9]{1,2})"}
MOST_DAYS = 36525.0  # a hundred years; what lies beyond is a date in disguise


class Unreadable(Exception):
    """A cell that cannot be taken; `remedy` says why and what to do."""

    def __init__(self, remedy: str) -> None:
        super().__init__(remedy)
        self.remedy = remedy


def shape_of(text: str) -> str:
    """The text with digits as # and letters as x: what may stand in a report where the cell names a person or a day."""
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "#", text[:40]))


def without_dates(text: str) -> str:
    """The text with every date in it reduced to its shape."""
    masked = text[:60]
    for pattern in (_SURE_DATE, _DIGITS_DATE, _SEEN_DATE):
        masked = pattern.sub(lambda match: shape_of(match[0]), masked)
    return masked


def holds_date(text: str) -> bool:
    """Whether something in the text is a calendar date, in digits or with the month as a word; 5.1.7 is a version."""
    return _SURE_DATE.search(text) is not None or _DIGITS_DATE.search(text) is not None


def decimal_of(cells: Iterable[str], separator: str) -> str:
    """How a file writes decimals, from its number cells: "." or ",", "" where that cannot be told.

    A decimal comma is believed where semicolons separate columns, and no cell has a decimal point.
    """
    texts = list(cells)
    commas = [text for text in texts if _COMMA.fullmatch(text)]
    if not commas:
        return "."
    sure = any(not _GROUPED.fullmatch(text) for text in commas)
    return "," if separator == ";" and sure and not any(_POINT.fullmatch(text) for text in texts) else ""


def number_of(text: str, decimal: str) -> float:
    """A number by the file's decimal sign. Unreadable where it is none, or could be another one ten or a thousand times as large."""
    if _COMMA.fullmatch(text) and decimal == ",":
        return float(text.replace(",", "."))
    if "," in text and decimal != "," and re.fullmatch(r"[-+.,0-9]+", text):
        raise Unreadable(
            'a comma may be a decimal sign or group thousands; write a decimal point, or decimal = "," under [source] in the map'
        )
    if decimal == "," and _POINT.fullmatch(text):
        raise Unreadable("this file writes decimal commas, and a point may group thousands; write the number with a comma")
    if re.fullmatch(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", text):
        return float(text)
    raise Unreadable("write a number, or leave the cell empty where it is not known")


def date_of(text: str, form: str) -> date:
    """A date: YYYY-MM-DD always, another form where the map gives it, and without one only where a single reading is possible."""
    iso = ISO.fullmatch(text)
    if iso:
        return _made(int(iso[1]), int(iso[2]), int(iso[3]))
    if form:
        match = re.fullmatch(date_pattern(form), text)
        if match is None:
            raise Unreadable(f"it is not written as {form}, which the map says, nor as YYYY-MM-DD; correct it")
        parts = match.groupdict()
        month = int(parts["m"]) if parts.get("m") else _month(parts["n"])
        return _made(int(parts["y"]), month, int(parts["d"]))
    return _only_reading(text)


def date_pattern(form: str) -> str:
    """The regular expression of a form such as dd/mm/yyyy. ValueError where year, month and day do not all stand in it once."""
    pattern, rest = "", form.lower()
    while rest:
        token = next((one for one in _TOKENS if rest.startswith(one)), None)
        pattern, rest = (pattern + _TOKENS[token], rest[len(token) :]) if token else (pattern + re.escape(rest[0]), rest[1:])
    names = re.findall(r"\?P<(.)>", pattern)
    if sorted(name.replace("n", "m") for name in names) != ["d", "m", "y"]:
        raise ValueError(f"the date form {form!r} needs yyyy, mm (or mmm) and dd, each once, such as dd/mm/yyyy")
    return pattern


def _only_reading(text: str) -> date:
    match = _THREE.fullmatch(text)
    if match is None:
        raise Unreadable('write the date as YYYY-MM-DD, or say how it is written with dates = "dd/mm/yyyy" in the map')
    first, middle, last = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        orders = [(first, middle, last)]  # year first: month and day follow in the order of every calendar that writes so
    elif len(match[4]) == 4:
        orders = [(last, middle, first), (last, first, middle)]
    else:
        raise Unreadable("the year has two digits; write the date as YYYY-MM-DD")
    found = {made for made in (_possible(*order) for order in orders) if made is not None}
    if len(found) > 1:
        raise Unreadable(
            'it can be read as day/month or as month/day; say which with dates = "dd/mm/yyyy" or "mm/dd/yyyy" in the map'
        )
    if not found:
        raise Unreadable("there is no such day in the calendar; correct it")
    return found.pop()


def _month(name: str) -> int:
    if name.lower() not in _MONTHS:
        raise Unreadable(f"{name!r} is no month in English; write the date as YYYY-MM-DD")
    return _MONTHS.index(name.lower()) + 1


def _possible(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _made(year: int, month: int, day: int) -> date:
    made = _possible(year, month, day)
    if made is None:
        raise Unreadable("there is no such day in the calendar; correct it")
    return made
