"""A small invented cohort of painted patients as the participant level leaves it: zone numbers and figures of plans, no image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from afterglow.io.dosimetry import DOSIMETRY_WORDS
from afterglow.io.measurements import measurements_path, write_measurements, zone_measurements_path
from afterglow.io.write import Cell, write_tsv
from afterglow.records.measurement import Measurement

PAINTED_METHOD = "seyithanoglu2025"
FIGURES = (("brain", "mean_dose", "Gy"), ("brain", "integral_dose", "J"), ("dose grid", "V12", "mL"))
_UNITS = {"ktrans": "/min", "iaugc60": "mmol/L.s", "cho_naa": "{ratio}"}


def zone_row(subject: str, session: str, day: float, region: str, quantity: str, value: float | None) -> Measurement:
    """A median in a zone; a value of None is that of an empty zone."""
    volume = 0.0 if value is None else 4.0
    return Measurement(
        subject, session, day, "all" if region != "lesion" else "1", region, quantity, "median", value, _UNITS[quantity], None, None, "",
        0 if value is None else 40, volume, "", None, "dce", PAINTED_METHOD, "r", () if value is not None else ("the region has no voxel",),
    )  # fmt: skip


def plan_rows(subject: str, plan: str, values: Sequence[float | None]) -> list[dict[str, Cell]]:
    return [
        {"participant_id": f"sub-{subject}", "session_id": "ses-pre", "plan": plan, "structure": structure, "figure": figure, "value": value,
         "unit": unit, "note": None if value is not None else "12 % of brain is not covered by the dose"}
        for (structure, figure, unit), value in zip(FIGURES, values, strict=True)
    ]  # fmt: skip


def write_plans(out: Path, rows: Sequence[Mapping[str, Cell]]) -> None:
    write_tsv(out / "dosimetry.tsv", rows, DOSIMETRY_WORDS)


def write_visit(
    out: Path, subject: str, session: str, day: float, zones: Mapping[tuple[str, str], float | None], cho_naa: float | None
) -> None:
    """One visit: medians by zone and quantity, and Cho/NAA of the lesion."""
    rows = [zone_row(subject, session, day, zone, quantity, value) for (zone, quantity), value in zones.items()]
    write_measurements(zone_measurements_path(out, subject, session), rows)
    lesion = [zone_row(subject, session, day, "lesion", "cho_naa", cho_naa)]
    write_measurements(measurements_path(out, subject, session), lesion)


def write_people(bids: Path, people: Sequence[Mapping[str, Cell]], follow_up: Mapping[str, float]) -> None:
    """The data set: participants, the sessions of each, radiosurgery on day 5."""
    (bids / "phenotype").mkdir(parents=True, exist_ok=True)
    (bids / "dataset_description.json").write_text('{"Name": "invented", "BIDSVersion": "1.11.1"}')
    treatments: list[dict[str, Cell]] = []
    for person in people:
        name = str(person["participant_id"]).removeprefix("sub-")
        days = {"pre": 0.0, **({"post": follow_up[name]} if name in follow_up else {})}
        for session in days:
            (bids / f"sub-{name}" / f"ses-{session}" / "perf").mkdir(parents=True, exist_ok=True)
        lines = "".join(f"ses-{session}\t{day:g}\n" for session, day in days.items())
        (bids / f"sub-{name}" / f"sub-{name}_sessions.tsv").write_text(f"session_id\tday\n{lines}")
        treatments.append({"participant_id": f"sub-{name}", "day": 5.0, "kind": "radiosurgery"})
    for path, rows in (("phenotype/treatments.tsv", treatments), ("participants.tsv", people)):
        write_tsv(bids / path, rows, dict.fromkeys(rows[0], "invented"))


def painted_cohort(root: Path, *, patients: int = 23, followed: int = 11, seed: int = 3) -> tuple[Path, Path]:
    """(bids, out): the painted plan a little lower in the brain, permeability halved in the aggressive zone of those followed."""
    bids, out = root / "bids", root / "out"
    rng = np.random.default_rng(seed)
    people: list[dict[str, Cell]] = []
    plans: list[dict[str, Cell]] = []
    days: dict[str, float] = {}
    for n in range(patients):
        name = f"{n + 1:02d}"
        people.append({"participant_id": f"sub-{name}", "sex": "FM"[n % 2], "age_years": float(30 + 3 * n), "kps": 70.0 + 10 * (n % 4),
                       "prior_dose_gy": 54.0 if n % 3 == 0 else 60.0})  # fmt: skip
        mean = float(rng.uniform(1.0, 3.5))
        uniform = [mean, 1.4 * mean, float(rng.lognormal(4.4, 0.5))]
        plans += plan_rows(name, "uniform", uniform)
        plans += plan_rows(name, "painted", [round(float(v * rng.normal(0.97, 0.02)), 3) for v in uniform])
        high, low, iauc = (float(rng.lognormal(m, s)) for m, s in ((-3.5, 0.8), (-5.3, 0.2), (1.1, 0.4)))
        before = {("aggressive", "ktrans"): high, ("aggressive", "iaugc60"): iauc, ("not aggressive", "ktrans"): low,
                  ("not aggressive", "iaugc60"): 0.4 * iauc}  # fmt: skip
        write_visit(out, name, "pre", 0.0, before, float(rng.lognormal(0.8, 0.3)))
        if n < followed:
            days[name] = 90.0 + n
            left = {key: 0.5 if key[0] == "aggressive" else 1.0 for key in before}
            after = {key: value * left[key] * float(rng.lognormal(0, 0.2)) for key, value in before.items()}
            write_visit(out, name, "post", days[name], after, None)
    write_people(bids, people, days)
    write_plans(out, plans)
    return bids, out
