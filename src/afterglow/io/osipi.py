"""Reader of OSIPI's conformance data: a folder of CSV files in, cases in house units out.

Each file is known by its name and its columns, so that files laid out alike but not shipped with the folder (another delay,
another patient group) are read too. Units are turned once, here: minutes, milliseconds and per cent stay outside.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.io.osipi_case import Case, Kind, Layout, Row, Tolerance, Value, number, numbers, same_length
from afterglow.io.osipi_dsc import DSC_LAYOUTS
from afterglow.records.errors import BadInput, MissingInput


@dataclass(frozen=True)
class Cases:
    """All cases of a folder, in the order of its files, and the CSV files that are not known."""

    cases: tuple[Case, ...]
    unknown: tuple[str, ...] = field(default=())


def read_cases(folder: Path) -> Cases:
    """Every case of every known CSV file under `folder`. BadInput where a known file is malformed."""
    if not folder.is_dir():
        raise MissingInput(f"{folder}: no such folder; give one laid out like OSIPI's test data")
    cases: list[Case] = []
    unknown: list[str] = []
    for path in sorted(folder.rglob("*.csv")):
        name = path.relative_to(folder).as_posix()
        layout = next((known for known in LAYOUTS if re.fullmatch(known.name, path.name)), None)
        if layout is None:
            unknown.append(name)
        else:
            cases += layout.read(name, _rows(path, name, layout.columns))
    if not cases:
        raise MissingInput(f"{folder}: none of {len(unknown)} CSV files is one of OSIPI's test files that afterglow knows")
    return Cases(tuple(cases), tuple(unknown))


def _rows(path: Path, name: str, columns: tuple[str, ...]) -> list[Row]:
    """The rows of a file, headers without blanks and without a byte order mark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: not a text file (byte {error.start}); copy it again") from error
    try:
        table = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise BadInput(f"{name}: not a table of comma separated values ({error}); copy it again") from error
    if len(table) < 2:
        raise BadInput(f"{name}: found {len(table)} lines, expected a header and at least one case")
    header = [title.strip() for title in table[0]]
    missing = [column for column in columns if column not in header]
    if missing:
        raise BadInput(f"{name}: no column {', '.join(missing)} among {', '.join(header)}")
    for line, row in enumerate(table[1:], start=2):
        if len(row) != len(header):
            raise BadInput(f"{name}: row {line} has {len(row)} cells under {len(header)} columns; the file may be cut off")
    return [dict(zip(header, row, strict=True)) for row in table[1:]]


class _Parameter(NamedTuple):
    """One fitted quantity: its column, its name in house units, OSIPI's tolerance."""

    column: str
    name: str
    tolerance: Tolerance


_VP = _Parameter("vp", "vp", Tolerance(0.025, 0))
_VE = _Parameter("ve", "ve", Tolerance(0.05, 0))
_PS = _Parameter("ps", "ps_per_min", Tolerance(0.005, 0.1))
_KTRANS = _Parameter("Ktrans", "ktrans_per_min", Tolerance(0.005, 0.1))
_FP = _Parameter("fp", "fp_ml_100ml_min", Tolerance(5, 0.1))
_DELAY = Tolerance(1, 0)
_R1 = Tolerance(0.05, 0.05)


def _tissue(kind: Kind, parameters: tuple[_Parameter, ...], delay: str) -> Callable[[str, list[Row]], Iterator[Case]]:
    """Reader of simulated tissue curves of Patlak and exchange models, whose delay stands in the row."""

    def read(name: str, rows: list[Row]) -> Iterator[Case]:
        for row in rows:
            t, tissue, plasma = same_length(name, row, "t", "C_t", "cp_aif")
            yield _tissue_case(name, kind, row, (t, tissue, t, plasma), parameters, number(name, row, delay), "")

    return read


def _reference_object(kind: Kind, parameters: tuple[_Parameter, ...], shift: int) -> Callable[[str, list[Row]], Iterator[Case]]:
    """Reader of the QIBA reference objects: each row as it is, and with the tissue curve `shift` samples later."""

    def read(name: str, rows: list[Row]) -> Iterator[Case]:
        for row in rows:
            t, tissue = same_length(name, row, "t", "C")
            t_plasma, plasma = same_length(name, row, "ta", "ca")
            if t.size <= shift:
                raise BadInput(f"{name}, {row['label']}: {t.size} samples, expected more than {shift}")
            delay_s = number(name, row, "arterialdelay")
            yield _tissue_case(name, kind, row, (t, tissue, t_plasma, plasma), parameters, delay_s, "")
            later = np.concatenate([np.zeros(shift), tissue[:-shift]])
            shift_s = float(t[shift] - t[0])
            yield _tissue_case(
                name, kind, row, (t, later, t_plasma, plasma), parameters, delay_s + shift_s, f" {shift_s:g} s later"
            )

    return read


def _tissue_case(
    name: str,
    kind: Kind,
    row: Row,
    curves: tuple[NDArray[np.float64], ...],
    parameters: tuple[_Parameter, ...],
    delay_s: float,
    note: str,
) -> Case:
    inputs = dict(zip(("times_s", "tissue_mM", "plasma_times_s", "plasma_mM"), curves, strict=True))
    reference = {p.name: number(name, row, p.column) for p in parameters}
    tolerance = {p.name: p.tolerance for p in parameters}
    return Case(name, kind, row["label"] + note, inputs, {**reference, "delay_s": delay_s}, {**tolerance, "delay_s": _DELAY})


def _t1(tr_unit_s: float, column: str, to_r1_per_s: Callable[[float], float]) -> Callable[[str, list[Row]], Iterator[Case]]:
    """Reader of variable flip angle signals. The reference is the fit without B1, also where the file holds a B1."""

    def read(name: str, rows: list[Row]) -> Iterator[Case]:
        for row in rows:
            signal, flips = same_length(name, row, "s", "FA")
            tr_s = numbers(name, row, "TR") * tr_unit_s
            if tr_s.size not in (1, signal.size):
                raise BadInput(f"{name}, {row['label']}: {tr_s.size} repetition times for {signal.size} signals")
            relaxation = number(name, row, column)
            if not relaxation > 0:
                raise BadInput(f"{name}, {row['label']}: {column} is {relaxation:g}, expected a positive number")
            r1 = to_r1_per_s(relaxation)
            inputs = {"signal": signal, "flip_deg": flips, "tr_s": np.broadcast_to(tr_s, signal.shape).copy()}
            yield Case(name, "t1_vfa", row["label"], inputs, {"r1_per_s": r1}, {"r1_per_s": _R1})

    return read


def _signal(name: str, rows: list[Row]) -> Iterator[Case]:
    """Signals to concentrations. The reference's baseline leaves the first sample out: samples 1 .. n - 1, counted from 0."""
    for row in rows:
        signal, conc = same_length(name, row, "s", "conc")
        if not 2 <= number(name, row, "numbaselinepts") <= signal.size:
            raise BadInput(
                f"{name}, {row['label']}: numbaselinepts is {row['numbaselinepts']}; one sample is skipped, two are needed"
            )
        inputs: dict[str, Value] = {
            "signal": signal,
            "flip_deg": number(name, row, "FA"),
            "tr_s": number(name, row, "TR"),
            "t10_s": number(name, row, "T1base"),
            "r1_per_mM_s": number(name, row, "r1"),
            "baseline_first": 1.0,
            "baseline_stop": number(name, row, "numbaselinepts"),
        }
        yield Case(name, "si_to_conc", row["label"], inputs, {"tissue_mM": conc}, {"tissue_mM": Tolerance(1e-5, 1e-5)})


def _population(curve: str, time_unit_s: float, tolerance: Tolerance) -> Callable[[str, list[Row]], Iterator[Case]]:
    """Reader of population curves of whole blood, one sample a row, grouped by label."""

    def read(name: str, rows: list[Row]) -> Iterator[Case]:
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(row["label"], []).append(row)
        for label, group in groups.items():
            times_s = np.array([number(name, row, "time") for row in group]) * time_unit_s
            blood = np.array([number(name, row, "Cb") for row in group])
            delay_s = number(name, group[0], "delay") if "delay" in group[0] else 0.0
            inputs: dict[str, Value] = {"curve": curve, "times_s": times_s, "delay_s": delay_s}
            yield Case(name, "population_aif", label, inputs, {"blood_mM": blood}, {"blood_mM": tolerance})

    return read


_OBJECT = ("label", "arterialdelay", "t", "C", "ca", "ta")
_CURVES = ("label", "arterial_delay", "t", "C_t", "cp_aif")
_VFA = ("label", "FA", "TR", "s")
_SIGNAL = ("label", "FA", "TR", "T1base", "numbaselinepts", "r1", "s", "conc")
_BLOOD = ("label", "time", "Cb")
_EXACT, _LOOSE = Tolerance(1e-4, 0.01), Tolerance(0.1, 0.1)
LAYOUTS = (
    Layout(r"dce_DRO_data_tofts\.csv", (*_OBJECT, "Ktrans", "ve"), _reference_object("tofts", (_KTRANS, _VE), 10)),
    Layout(
        r"dce_DRO_data_extended_tofts\.csv", (*_OBJECT, "Ktrans", "ve", "vp"), _reference_object("etofts", (_KTRANS, _VE, _VP), 5)
    ),
    Layout(r"patlak_.*\.csv", (*_CURVES, "vp", "ps"), _tissue("patlak", (_VP, _PS), "arterial_delay")),
    Layout(r"2cxm_.*\.csv", (*_CURVES, "vp", "ve", "fp", "ps"), _tissue("2cxm", (_VP, _VE, _FP, _PS), "arterial_delay")),
    Layout(r"2cum_.*\.csv", (*_CURVES, "vp", "fp", "ps"), _tissue("2cum", (_VP, _FP, _PS), "arterial_delay")),
    Layout(r"t1_brain_.*\.csv", (*_VFA, "R1"), _t1(1.0, "R1", lambda r1_per_s: r1_per_s)),
    Layout(r"t1_quiba_.*\.csv", (*_VFA, "R1"), _t1(1.0, "R1", lambda r1_per_ms: 1000 * r1_per_ms)),
    Layout(r"t1_prostate_.*\.csv", (*_VFA, "T1 nonlinear"), _t1(1e-3, "T1 nonlinear", lambda t1_ms: 1000 / t1_ms)),
    Layout(r"SI2Conc_.*\.csv", _SIGNAL, _signal),
    Layout(r"ParkerAIF_ref\.csv", _BLOOD, _population("parker", 60.0, _EXACT)),
    Layout(r"ParkerAIF_ref_with_delay\.csv", (*_BLOOD, "delay"), _population("parker", 60.0, _LOOSE)),
    Layout(r"GeorgiouAIF_ref.*\.csv", _BLOOD, _population("georgiou", 60.0, _EXACT)),
    Layout(r"preclinicalAIF_ref.*\.csv", (*_BLOOD, "delay"), _population("mcgrath", 1.0, _EXACT)),
    *DSC_LAYOUTS,
)
