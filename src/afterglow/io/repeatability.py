"""Tables of pairs that are read, and the table of repeatability that is written and read."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.integrity import opened
from afterglow.io.tables import MISSING, Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.errors import BadInput
from afterglow.records.quantity import QUANTITIES
from afterglow.records.repeat import RepeatPair, RepeatStudy
from afterglow.records.response import Repeatability

PAIR_COLUMNS = ("participant_id", "lesion_id", "quantity", "statistic", "normalised", "unit", "first", "second")
ROW_COLUMNS: dict[str, str] = {
    "quantity": "Name in the table of quantities",
    "normalised": "Whether it is a ratio to the reference tissue: true or false",
    "site": "brain, spine: the rows that a method of that site reads",
    "statistic": "Of which statistic of the lesion; n/a for any",
    "wcv": "Within-subject coefficient of variation, a fraction, from the differences of logarithms",
    "wcv_low": "Lower end of its 95 % interval (chi-square, one degree of freedom for each pair)",
    "wcv_high": "Upper end of its 95 % interval",
    "n_pairs": "Pairs of scans",
    "source": "Where the pairs come from",
    "confirmed": "Whether the number was read at its source; true for pairs of one's own",
    "unit": "Unit of the columns that follow with one",
    "wcv_rms": "Within-subject coefficient of variation by root mean square",
    "wsd": "Within-subject standard deviation",
    "wsd_low": "Lower end of its 95 % interval",
    "wsd_high": "Upper end of its 95 % interval",
    "rc": "Repeatability coefficient, 2.77 wsd",
    "rc_percent": "Repeatability coefficient in per cent, 277 wcv",
    "largest_fall_percent": "Largest fall that repeating gives in 95 % of pairs",
    "largest_rise_percent": "Largest rise that repeating gives in 95 % of pairs",
    "bias": "Mean of second less first",
    "bias_low": "Lower end of its 95 % interval (t)",
    "bias_high": "Upper end of its 95 % interval",
    "agreement_low": "Lower Bland-Altman limit",
    "agreement_high": "Upper Bland-Altman limit",
}
_NEEDED = ("quantity", "normalised", "site", "wcv", "source")


def read_pairs(path: Path) -> tuple[RepeatPair, ...]:
    """Pairs of a TSV, or of a CSV by the ending of its name. BadInput names the line and the cell of whatever is wrong."""
    rows = _comma_rows(path) if path.suffix.lower() == ".csv" else read_table(path, PAIR_COLUMNS)
    if not rows:
        raise BadInput(f"{path}: it holds no pair; write one line for each lesion that was scanned twice")
    return tuple(_pair(row) for row in rows)


def write_repeatability(path: Path, rows: Sequence[tuple[Repeatability, RepeatStudy]]) -> tuple[Written, ...]:
    """The table with its description; `read_repeatability` brings it back."""
    return write_tsv(path, [_cells(row, study) for row, study in rows], ROW_COLUMNS)


def read_repeatability(path: Path) -> tuple[Repeatability, ...]:
    """A site's own rows, as `afterglow repeatability --out` writes them; a table by hand needs five of the columns."""
    return tuple(_row(row) for row in read_table(path, _NEEDED))


def _comma_rows(path: Path) -> tuple[Row, ...]:
    with opened(path) as stream:
        try:
            text = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8") from None
    lines = list(csv.reader(io.StringIO(text)))
    columns = [name.strip() for name in lines[0]] if lines else []
    for name in PAIR_COLUMNS:
        if columns.count(name) != 1:
            found = ", ".join(columns) or "nothing"
            raise BadInput(f"{path}: it needs one column {name!r} (found: {found}); separate columns by commas, or save as .tsv")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if len(cells) != len(columns):
            raise BadInput(f"{path}: line {number} has {len(cells)} cells under {len(columns)} columns")
        named = {name: None if cell in MISSING else cell for name, cell in zip(columns, cells, strict=True)}
        rows.append(Row(path, number, named))
    return tuple(rows)


def _pair(row: Row) -> RepeatPair:
    numbers = []
    for column in ("first", "second"):
        value = row.number(column)
        if value is None:
            raise row.refuse(column, "both scans of a pair need a number; leave the line out otherwise")
        if value <= 0:
            raise row.refuse(column, "a coefficient of variation needs numbers above zero; leave the pair out and say so")
        numbers.append(value)
    quantity = _quantity(row)
    try:
        return RepeatPair(
            row.required("participant_id").removeprefix("sub-"), row.text("lesion_id") or "", quantity, row.required("statistic"),
            _truth(row, "normalised"), row.required("unit"), *numbers,
        )  # fmt: skip
    except ValueError as error:
        raise row.refuse("statistic", str(error)) from None


def _quantity(row: Row) -> str:
    name = row.required("quantity")
    if name not in QUANTITIES:
        raise row.refuse("quantity", "write a name from the table of quantities, such as ktrans or vp")
    return name


def _truth(row: Row, column: str) -> bool:
    said = row.required(column).lower()
    if said not in ("true", "false"):
        raise row.refuse(column, "write true or false")
    return said == "true"


def _row(row: Row) -> Repeatability:
    wcv = row.number("wcv")
    if wcv is None or wcv <= 0:
        raise row.refuse("wcv", "write the within-subject coefficient of variation as a fraction above zero")
    try:
        return Repeatability(
            _quantity(row), _truth(row, "normalised"), row.required("site"), wcv, row.required("source"),
            confirmed=row.text("confirmed") is not None and _truth(row, "confirmed"), statistic=row.text("statistic") or "",
            wcv_low=row.number("wcv_low"), wcv_high=row.number("wcv_high"), n_pairs=row.whole("n_pairs"),
        )  # fmt: skip
    except ValueError as error:
        raise row.refuse("wcv", str(error)) from None


def _cells(row: Repeatability, study: RepeatStudy) -> dict[str, Cell]:
    fall, rise = study.limits_percent
    lower, upper = study.agreement
    return {
        "quantity": row.quantity, "normalised": row.normalised, "site": row.site, "statistic": row.statistic or None,
        "wcv": row.wcv, "wcv_low": row.wcv_low, "wcv_high": row.wcv_high, "n_pairs": row.n_pairs, "source": row.source,
        "confirmed": row.confirmed, "unit": study.unit, "wcv_rms": study.wcv_rms.value, "wsd": study.wsd.value,
        "wsd_low": study.wsd.low, "wsd_high": study.wsd.high, "rc": study.rc.value, "rc_percent": study.rc_percent.value,
        "largest_fall_percent": fall, "largest_rise_percent": rise, "bias": study.bias.value, "bias_low": study.bias.low,
        "bias_high": study.bias.high, "agreement_low": lower.value, "agreement_high": upper.value,
    }  # fmt: skip
