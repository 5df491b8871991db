"""Stories a digital patient can have: what the lesion is before and after treatment. A story is a row.

The ratios to white matter lie inside the ranges that ademola2025 prints (recurrence: median rKtrans 7.4, rVp 3.1; necrosis: 1.6
and 0.9, up to 198 and 6.4). A scar that enhances leaks more than white matter, so its rKtrans stays above 1.5 here and it is
its plasma volume that has fallen; the absolute values are assumed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LesionState:
    """A lesion at one visit. Perfusion values are means over the enhancing tissue; `spread` is their log-normal sigma."""

    tissue: str  # the enhancing tissue: tumour or scar
    volume_ml: float  # enhancing tissue and core together
    rim_mm: float  # thickness of enhancing tissue around the core
    ragged_mm: float  # how far the inner border wanders
    oedema_mm: float  # how far oedema reaches along white matter
    ktrans_per_min: float
    ve: float
    vp: float
    delay_s: float
    spread: float


@dataclass(frozen=True)
class Scenario:
    """A patient's story over two visits with radiosurgery between them."""

    name: str
    truth: str  # what the lesion is at the second visit
    states: tuple[LesionState, LesionState]
    days: tuple[float, float]
    treatment_day: float
    dose_gy: float


_BEFORE = LesionState("tumour", 9.0, 6.5, 0.8, 9.0, ktrans_per_min=0.12, ve=0.30, vp=0.050, delay_s=1.0, spread=0.22)

# 284 days between treatment and suspected progression: ademola2025, Results. Volumes within its range, larger for legibility.
SCENARIOS: dict[str, Scenario] = {
    row.name: row
    for row in (
        Scenario(
            "necrosis",
            "radiation necrosis",
            (
                _BEFORE,
                LesionState("scar", 16.0, 7.0, 2.0, 16.0, ktrans_per_min=0.030, ve=0.20, vp=0.009, delay_s=1.2, spread=0.30),
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
                LesionState("tumour", 15.0, 5.8, 1.2, 13.0, ktrans_per_min=0.10, ve=0.32, vp=0.045, delay_s=1.0, spread=0.28),
            ),
            days=(0.0, 295.0),
            treatment_day=11.0,
            dose_gy=20.0,
        ),
    )
}
