"""How a simulated visit is acquired. A plan is a row: everything a protocol sheet would say, nothing assumed in code."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.protocol import Agent, Injection, Spgr

GADOBUTROL_3T = Agent(
    "gadobutrol",
    r1_per_mM_s=5.0,
    r2star_per_mM_s=7.1,
    source="plasma, 37 C, 3 T: doi:10.1097/01.rli.0000184756.66360.d3; r2* taken as its r2",
)


@dataclass(frozen=True)
class Plan:
    """Protocol, agent and imperfections of one visit."""

    name: str
    head_spacing_mm: float  # of the head itself and of the T1w image
    anatomy_shape: tuple[int, int, int]
    dce_shape: tuple[int, int, int]
    dce_voxel_mm: tuple[float, float, float]
    n_frames: int
    frame_s: float
    dce: Spgr
    vfa_flips_deg: tuple[float, ...]
    vfa_averages: int
    agent: Agent
    injection: Injection
    haematocrit: float
    anatomy_delay_s: float  # T1w after the start of the injection
    snr: float  # white matter before contrast, one frame of the DCE
    anatomy_snr: float
    motion: float  # 1 is a patient who tries to lie still, 0 a stone
    b1_spread: float
    bias_spread: float
    inflow_mm_s: float = 0.0  # velocity of arterial blood that enters through the lowest slice; 0: all blood in the steady state

    def __post_init__(self) -> None:
        if self.injection.start_s is None:
            raise ValueError(f"plan {self.name}: the simulation needs the start of the injection")
        if self.n_frames * self.frame_s <= self.injection.start_s:
            raise ValueError(f"plan {self.name}: the injection starts after the last frame")

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Start of each frame (t,) on the clock of the dynamic series."""
        return np.arange(self.n_frames, dtype=np.float64) * self.frame_s

    @property
    def field_t(self) -> float:
        """ValueError where the protocol is silent."""
        if self.dce.field_t is None:
            raise ValueError(f"plan {self.name}: the simulation needs the field strength")
        return self.dce.field_t


_DCE_3T = Spgr(tr_s=0.0040, te_s=0.0018, flip_deg=25.0, field_t=3.0)  # a smaller angle saturates in the artery
_SINGLE_DOSE = Injection("gadobutrol", dose_mmol_kg=0.1, start_s=30.0, rate_ml_s=3.0)

PLANS: dict[str, Plan] = {
    row.name: row
    for row in (
        Plan(
            "brain", 1.0, (180, 232, 164), (112, 112, 32), (2.0, 2.0, 4.0), 60, 5.0, _DCE_3T, (2.0, 5.0, 10.0, 15.0), 4,
            GADOBUTROL_3T, _SINGLE_DOSE, 0.42, anatomy_delay_s=420.0, snr=30.0, anatomy_snr=30.0, motion=1.0, b1_spread=0.04, bias_spread=0.12,
        ),
        Plan(
            "coarse", 2.0, (92, 116, 82), (56, 56, 22), (4.0, 4.0, 6.0), 30, 10.0, _DCE_3T, (2.0, 5.0, 10.0, 15.0), 4,
            GADOBUTROL_3T, _SINGLE_DOSE, 0.42, anatomy_delay_s=420.0, snr=40.0, anatomy_snr=30.0, motion=1.0, b1_spread=0.04, bias_spread=0.12,
        ),
    )
}  # fmt: skip
