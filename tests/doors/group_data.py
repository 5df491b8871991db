"""A small invented cohort as the participant level leaves it: measurements and calls of spine lesions, without one image."""

from pathlib import Path

import numpy as np

from afterglow.flows.method import load_method
from afterglow.io.measurements import measurements_path, write_measurements
from afterglow.io.verdicts import write_verdicts
from afterglow.io.write import write_tsv
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.measurement import Measurement
from afterglow.response.judge import judge_course

_NUMBERS = (
    ("vp", "mean", True),
    ("ktrans", "mean", False),
    ("iaugc60", "mean", False),
    ("bidimensional_product", "value", False),
)


def measurement(
    subject: str, session: str, day: float, quantity: str, statistic: str, normalised: bool, value: float
) -> Measurement:
    unit = {"ktrans": "/min", "iaugc60": "mmol/L.s", "bidimensional_product": "mm2"}.get(quantity, "1")
    return Measurement(
        subject, session, day, "1", "lesion", quantity, statistic, value, unit, 0.9 * value, 1.1 * value, "invented", 50, 4.0,
        "adjacent vertebra" if normalised else "", 0.01 if normalised else None, "dce", "behar2023", "r",
    )  # fmt: skip


def invented_cohort(root: Path, *, patients: int = 24, failures: int = 8, seed: int = 1) -> tuple[Path, Path]:
    """(bids, out): failures keep their plasma volume, responders lose most of it; four of each kind of doubt are left to the tests."""
    bids, out = root / "bids", root / "out"
    rng = np.random.default_rng(seed)
    (bids / "phenotype").mkdir(parents=True)
    (bids / "dataset_description.json").write_text('{"Name": "invented", "BIDSVersion": "1.11.1"}')
    outcomes, treatments, people = [], [], []
    rules = [spec.record() for spec in load_method("behar2023").rule]
    for n in range(patients):
        name, failed = f"{n + 1:02d}", n < failures
        left = float(rng.uniform(0.8, 1.4) if failed else rng.uniform(0.1, 0.5))
        visits = tuple(_visit(rng, name, *when) for when in (("pre", 0.0, 1.0), ("post", 80.0, left)))
        course = Course(name, visits, (Treatment("radiotherapy", 10.0, 30.0, 5),))
        for visit in visits:
            (bids / f"sub-{name}" / f"ses-{visit.session_id}" / "perf").mkdir(parents=True)
            write_measurements(measurements_path(out, name, visit.session_id), visit.measurements)
        (bids / f"sub-{name}" / f"sub-{name}_sessions.tsv").write_text("session_id\tday\nses-pre\t0\nses-post\t80\n")
        write_verdicts(out, name, judge_course(course, rules, (), site="spine"))
        outcomes.append({"participant_id": f"sub-{name}", "session_id": "ses-post", "lesion_id": "1", "label": "failure" if failed else "response",
                         "basis": "follow-up", "day": 300.0})  # fmt: skip
        treatments.append({"participant_id": f"sub-{name}", "day": 10.0, "kind": "radiotherapy"})
        people.append({"participant_id": f"sub-{name}", "age_years": 50.0 + n, "sex": "FM"[n % 2]})
    for path, rows in (
        ("phenotype/outcomes.tsv", outcomes),
        ("phenotype/treatments.tsv", treatments),
        ("participants.tsv", people),
    ):
        write_tsv(bids / path, rows, dict.fromkeys(rows[0], "invented"))
    return bids, out


def _visit(rng: np.random.Generator, name: str, session: str, day: float, share: float) -> Visit:
    made = tuple(
        measurement(name, session, day, quantity, statistic, over, float(base * share * rng.lognormal(0, 0.05)))
        for (quantity, statistic, over), base in zip(_NUMBERS, (6.0, 0.1, 3.0, 400.0), strict=True)
    )
    return Visit(session, day, made)
