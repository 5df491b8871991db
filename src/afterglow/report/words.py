"""How numbers, units and days are printed: three significant digits, a unit always, "not measured" for NaN and None.

A diffusion coefficient is kept in mm²/s and printed in 10⁻³ mm²/s, as it is read: `shown_in` is the factor of a unit.
"""

import math
import re

from afterglow.records.quantity import QUANTITIES, Quantity
from afterglow.records.response import PATIENT

NOT_MEASURED = "not measured"
ALL_LESIONS = ("", PATIENT)  # names that a call about all lesions of a patient together goes by

_UNITS = {
    "/min": "min⁻¹",
    "/s": "s⁻¹",
    "mmol/L.s": "mmol·s/L",
    "mmol/L/s": "mmol/L/s",
    "mL/(100.mL)/min": "mL/100 mL/min",
    "mL/(100.g)/min": "mL/100 g/min",
    "mL/(100.g)": "mL/100 g",
    "{arbitrary}": "arbitrary units",
    "{relative}": "relative units",
    "{plane}": "units of the plane",
    "mm2": "mm²",
    "/mm2": "mm⁻²",
    "mm2/s": "10⁻³ mm²/s",
    "um": "µm",
    "s-5/2": "s^(-5/2)",
    "s1/2": "s^(1/2)",
    "1": "",
}
_FACTORS = {"mm2/s": 1e3}
_POWER = re.compile(r"\^\(([-+0-9/]+)\)")

_MATH = {
    "ktrans": r"$K^{\mathrm{trans}}$",
    "kep": r"$k_{\mathrm{ep}}$",
    "ve": r"$v_{\mathrm{e}}$",
    "vp": r"$v_{\mathrm{p}}$",
    "fp": r"$F_{\mathrm{p}}$",
    "t1": r"$T_1$",
    "s0": r"$S_0$",
    "iaugc60": r"IAUGC$_{60}$",
    "iaugc90": r"IAUGC$_{90}$",
    "iaugc120": r"IAUGC$_{120}$",
    "peak": r"$C_{\mathrm{peak}}$",
    "signal_change": r"$\Delta S$",
    "cbv_uncorrected": r"CBV$_{\mathrm{raw}}$",
    "ucbv": r"$\mathrm{\mu}$CBV",
    "ucbv_uncorrected": r"$\mathrm{\mu}$CBV$_{\mathrm{raw}}$",
    "rucbv": r"r$\mathrm{\mu}$CBV",
    "cbv_volume": r"CBV$_{\mathrm{q}}$",
    "tmax": r"$T_{\mathrm{max}}$",
    "mti_uncorrected": r"MTI$_{\mathrm{raw}}$",
    "nmti_uncorrected": r"nMTI$_{\mathrm{raw}}$",
    "mti_negative": r"$P$(MTI < 0)",
    "cnr_ge": r"CNR$_{\mathrm{GE}}$",
    "cnr_se": r"CNR$_{\mathrm{SE}}$",
    "leakage_ge": r"$K_{2,\mathrm{GE}}$",
    "leakage_se": r"$K_{2,\mathrm{SE}}$",
    "vessel_radius": r"$R$",
    "vessel_density": r"$N$",
}

_SYMBOLS = {  # where the row's own symbol is not what a reader would say
    "ucbv": "µCBV",
    "ucbv_uncorrected": "µCBVraw",
    "rucbv": "rµCBV",
    "mti_negative": "P(MTI < 0)",
    "loop_disagreement": "MTI sign turned by correction",
    "loop_axis": "loop axis",
    "loop_slope": "loop slope",
    "cnr_ge": "CNR GE",
    "cnr_se": "CNR SE",
    "leakage_ge": "K2 GE",
    "leakage_se": "K2 SE",
}


def unit_words(unit: str) -> str:
    """A UCUM unit as a person reads it; empty for a plain fraction."""
    return _UNITS.get(unit, unit.replace("{", "").replace("}", "").replace(".", "·"))


def shown_in(unit: str) -> float:
    """What a value in that unit is multiplied by to be shown in `unit_words`."""
    return _FACTORS.get(unit, 1.0)


def unit_after(unit: str) -> str:
    """The unit as it follows a number: " min⁻¹", " × 10⁻³ mm²/s"; nothing for a plain fraction or a ratio."""
    words = "" if unit == "{ratio}" else unit_words(unit)
    return f" × {words}" if unit in _FACTORS else f" {words}" if words else ""


def powers_math(words: str) -> str:
    """Powers such as "s^(-5/2)" as mathtext sets them."""
    return _POWER.sub(r"$^{\1}$", words)


def unit_cell(quantity: str, unit: str) -> str:
    """The unit in a table, where a plain fraction is called one."""
    row = QUANTITIES.get(quantity)
    return "fraction" if unit == "1" and row is not None and row.sane == (0.0, 1.0) else unit_words(unit)


def decimals_of(value: float) -> int:
    """Digits after the point that show three significant ones."""
    if value == 0:
        return 2
    rounded = float(f"{value:.2e}")
    return max(0, 2 - math.floor(math.log10(abs(rounded))))


def number(value: float | None, decimals: int | None = None) -> str:
    """A number with three significant digits, or with the given decimals; "not measured" for None, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    rounded = float(f"{value:.2e}")
    if decimals is None and rounded != 0 and abs(rounded) < 1e-4:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    places = decimals_of(value) if decimals is None else decimals
    shown = rounded if decimals is None else value
    return f"{shown + 0.0:.{places}f}"


def with_unit(value: float | None, unit: str) -> str:
    """The number and its unit, "0.123 min⁻¹"; no unit after "not measured"."""
    shown = number_in(value, unit)
    return shown if shown == NOT_MEASURED else f"{shown}{unit_after(unit)}"


def number_in(value: float | None, unit: str) -> str:
    """The number alone, for a cell whose unit stands elsewhere as `unit_words` says it."""
    return number(None if value is None else value * shown_in(unit))


def interval(value: float | None, low: float | None, high: float | None, unit: str = "1") -> str:
    """ "0.110 to 0.136", with the decimals of the value it belongs to, in `unit_words` of that unit."""
    value, low, high = (None if v is None else v * shown_in(unit) for v in (value, low, high))
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOT_MEASURED
    scale = value if value is not None and math.isfinite(value) and value != 0 else max(abs(low), abs(high))
    if 0 < abs(scale) < 1e-4:
        return f"{number(low)} to {number(high)}"
    places = decimals_of(scale)
    return f"{number(low, places)} to {number(high, places)}"


_ENDS = {"_mm": "mm", " in mm": "mm", "_deg": "°", "_s": "s"}  # of names that say their unit
_AT = {"hotspot": "hot spot, radius {} mm", "volume_above": "volume above {}", "share_above": "share above {}"}


def statistic_words(name: str) -> str:
    """ "hot spot, radius 5 mm" for "hotspot@5"; nothing for a single value."""
    base, _, number_there = name.partition("@")
    return "" if name == "value" else _AT.get(base, base).format(number_there)


def named_number(name: str, value: float) -> str:
    """ "forward backward 0.130 mm" of a number of a registration that is called "forward_backward_mm"."""
    what, unit = next(((name.removesuffix(end), f" {unit}") for end, unit in _ENDS.items() if name.endswith(end)), (name, ""))
    return f"{what.replace('_', ' ')} {number(value)}{unit}"


def day_words(day: float) -> str:
    """ "day 62"."""
    return f"day {day:g}"


def visit_words(session: str, day: float) -> str:
    """ "ses-02 (day 62)"."""
    return f"ses-{session} ({day_words(day)})"


def lesion_words(lesion_id: str) -> str:
    """ "lesion 1"; an identifier that says lesion by itself stays as it is; "all lesions" of a call about the patient."""
    if lesion_id in ALL_LESIONS:
        return "all lesions"
    return lesion_id if lesion_id.lower().startswith("lesion") else f"lesion {lesion_id}"


def lesion_title(lesion_id: str) -> str:
    """The same at the start of a sentence."""
    words = lesion_words(lesion_id)
    return words[:1].upper() + words[1:]


def symbol_math(quantity: Quantity) -> str:
    """The symbol for a picture, with sub- and superscripts (matplotlib's mathtext)."""
    return _MATH.get(quantity.name, quantity.symbol)


def title_math(quantity: Quantity) -> str:
    """Symbol and unit for a colour bar or an axis: "K^trans [min⁻¹]"."""
    unit = powers_math(unit_words(quantity.unit))
    return f"{symbol_math(quantity)} [{unit}]" if unit else symbol_math(quantity)


def symbol_of(name: str) -> str:
    """The plain symbol of a quantity's name; the name itself where the table has no such row."""
    return _SYMBOLS.get(name, QUANTITIES[name].symbol) if name in QUANTITIES else name
