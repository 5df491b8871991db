"""Figures of plans from OUT/dosimetry.tsv, by patient, as the analyses of plans read them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from afterglow.cohort.analyse_plans import PlanFigure
from afterglow.flows.method_painted import PlanFigureSpec, Plans
from afterglow.io.dosimetry import DosimetryRow, read_dosimetry_table
from afterglow.records.errors import BadInput, MissingInput

PlanTable = Mapping[tuple[str, str, str, str], DosimetryRow]  # by participant, plan, structure and figure


def read_dosimetry_figures(out: Path) -> PlanTable:
    """OUT/dosimetry.tsv, each figure once."""
    path = out / "dosimetry.tsv"
    if not path.is_file():
        raise MissingInput(f"{path}: no plan was made; run the participant level first, with a method that has [paint]")
    found: dict[tuple[str, str, str, str], DosimetryRow] = {}
    for row in read_dosimetry_table(path):
        one = row.figure
        key = row.participant_id, one.plan, one.structure, one.name
        other = found.get(key)
        if other is not None:
            visits = " and ".join(dict.fromkeys(f"ses-{r.session_id}" for r in (other, row)))
            raise BadInput(
                f"{path}: sub-{key[0]} has {one.name} of {one.structure} by the plan {one.plan} twice ({visits}); keep the visit that was painted"
            )
        found[key] = row
    if not found:
        raise MissingInput(f"{path}: holds no figure of any plan; run the participant level first, and see its failures")
    return found


def plan_figure(rows: PlanTable, wanted: PlanFigureSpec, spec: Plans, out: Path) -> PlanFigure:
    """One figure of both plans of each patient in the table."""
    path = out / "dosimetry.tsv"
    for plan in spec.plans:
        if not any(key[1] == plan for key in rows):
            known = ", ".join(sorted({key[1] for key in rows}))
            raise BadInput(
                f"{path}: no patient has a plan {plan!r}, which the analysis {spec.name!r} compares; there are {known}"
            )
    if not any(key[2:] == (wanted.structure, wanted.figure) for key in rows):
        known = ", ".join(sorted({key[3] for key in rows if key[2] == wanted.structure})) or "nothing"
        raise BadInput(
            f"{path}: no plan has {wanted.figure} of {wanted.structure}, which {wanted.name!r} reads; of {wanted.structure} there are {known}"
        )
    patients = tuple(sorted({key[0] for key in rows}))
    values = np.full((2, len(patients)), np.nan)
    notes: list[str] = []
    units: set[str] = set()
    for which, plan in enumerate(spec.plans):
        for n, patient in enumerate(patients):
            row = rows.get((patient, plan, wanted.structure, wanted.figure))
            if row is None:
                notes.append(f"sub-{patient}, {plan}: not there")
                continue
            values[which, n] = row.figure.value
            units.add(row.figure.unit)
            if not np.isfinite(row.figure.value):
                notes.append(f"sub-{patient}, {plan}: {row.figure.note or 'n/a'}")
    if len(units) > 1:
        raise BadInput(
            f"{path}: {wanted.figure} of {wanted.structure} stands there in {' and in '.join(sorted(units))}; one unit for all"
        )
    return PlanFigure(wanted.name, units.pop() if units else "1", patients, values[0], values[1], tuple(notes))
