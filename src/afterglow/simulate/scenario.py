"""Stories a digital patient can have: what the lesion is before and after treatment. A story is a row.

The ratios to white matter lie inside the ranges that ademola2025 prints (recurrence: median rKtrans 7.4, rVp 3.1; necrosis: 1.6
and 0.9, up to 198 and 6.4). A scar that enhances leaks more than white matter, so its rKtrans stays above 1.5 here and it is
its plasma volume that has fallen; the absolute values are assumed.
"""

from dataclasses import dataclass

from afterglow.records.course import Treatment
from afterglow.simulate.story import LesionState, Perfusion, Story, VisitStory

_SUBJECT = "01"
_ROLES = ("dce", "vfa", "b1", "CE-T1w")


@dataclass(frozen=True)
class Scenario:
    """A patient's story over two visits with radiosurgery between them."""

    name: str
    truth: str  # what the lesion is at the second visit
    states: tuple[LesionState, LesionState]
    days: tuple[float, float]
    treatment_day: float
    dose_gy: float

    def story(self) -> Story:
        """As a cohort would tell it; what the lesion is stays with the truth."""
        visits = tuple(
            VisitStory(f"{number:02d}", day, state, _ROLES)
            for number, (day, state) in enumerate(zip(self.days, self.states, strict=True), start=1)
        )
        treatment = Treatment("radiosurgery", self.treatment_day, dose_gy=self.dose_gy, fractions=1, target="metastasis")
        return Story(_SUBJECT, self.name, {"diagnosis": "brain metastasis"}, visits, (treatment,), hidden={"lesion": self.truth})


_TUMOUR = Perfusion(ktrans_per_min=0.12, ve=0.30, vp=0.050, delay_s=1.0, spread=0.22, architecture="venule")
_BACK = Perfusion(ktrans_per_min=0.10, ve=0.32, vp=0.045, delay_s=1.0, spread=0.28, architecture="venule")
_SCAR = Perfusion(ktrans_per_min=0.030, ve=0.20, vp=0.009, delay_s=1.2, spread=0.30, architecture="balanced")
_BEFORE = LesionState(9.0, 1.0, _TUMOUR, _SCAR, rim_mm=6.5, ragged_mm=0.8, oedema_mm=9.0)

# 284 days between treatment and suspected progression: ademola2025, Results. Volumes within its range, larger for legibility.
SCENARIOS: dict[str, Scenario] = {
    row.name: row
    for row in (
        Scenario(
            "necrosis",
            "radiation necrosis",
            (
                _BEFORE,
                LesionState(16.0, 0.0, _TUMOUR, _SCAR, rim_mm=7.0, ragged_mm=2.0, oedema_mm=16.0),
            ),
            days=(0.0, 295.0),
            treatment_day=11.0,
            dose_gy=20.0,
        ),
        Scenario(
            "recurrence",
            "recurrent metastasis",
            (
                _BEFORE,
                LesionState(15.0, 1.0, _BACK, _SCAR, rim_mm=5.8, ragged_mm=1.2, oedema_mm=13.0),
            ),
            days=(0.0, 295.0),
            treatment_day=11.0,
            dose_gy=20.0,
        ),
    )
}
