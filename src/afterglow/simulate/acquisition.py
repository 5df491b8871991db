"""How the scans of a simulated cohort are acquired: what a protocol sheet says, as a simulation file states it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from afterglow.records.protocol import Agent
from afterglow.simulate.cohort_draw import STRICT
from afterglow.simulate.dsc_signal import HAEMATOCRIT

Millimetres = tuple[float, float, float]


def _above_zero(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{owner}.{name} is {value:g}; give a positive number")


def _from_zero(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{owner}.{name} is {value:g}; times and shares are not negative")


@dataclass(frozen=True)
class Contrast:
    """The contrast agent with its relaxivities at the field of the scans."""

    name: str
    r1_per_mM_s: float
    r2star_per_mM_s: float
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _above_zero("agent", r1_per_mM_s=self.r1_per_mM_s, r2star_per_mM_s=self.r2star_per_mM_s)

    def record(self) -> Agent:
        """As the scanner's sidecar holds it."""
        return Agent(self.name, self.r1_per_mM_s, self.r2star_per_mM_s, self.source)


@dataclass(frozen=True)
class Bolus:
    """One injection into a dynamic series, on that series' clock."""

    dose_mmol_kg: float
    rate_ml_s: float
    start_s: float
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _above_zero("injection", dose_mmol_kg=self.dose_mmol_kg, rate_ml_s=self.rate_ml_s)
        _from_zero("injection", start_s=self.start_s)


@dataclass(frozen=True)
class DceProtocol:
    """A dynamic spoiled gradient echo. `vfa_flips_deg` are the angles of the T1 mapping, `b1` whether its field is mapped."""

    start_s: float  # after the start of the visit
    tr_s: float
    te_s: float
    flip_deg: float
    frames: int
    frame_s: float
    voxel_mm: Millimetres
    slices: int
    plane: Literal["axial", "sagittal"]
    injection: Bolus
    source: str
    vfa_flips_deg: tuple[float, ...] = ()
    b1: bool = False
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _from_zero("dce", start_s=self.start_s)
        _above_zero("dce", tr_s=self.tr_s, te_s=self.te_s, flip_deg=self.flip_deg, frame_s=self.frame_s, slices=self.slices)
        _above_zero("dce", **{f"voxel_mm[{k}]": size for k, size in enumerate(self.voxel_mm)})
        if self.te_s >= self.tr_s:
            raise ValueError(f"dce.te_s is {self.te_s:g} and tr_s {self.tr_s:g}; an echo comes before the next pulse")
        _check_frames("dce", self.frames, self.frame_s, self.injection)
        if any(not 0 < flip < 90 for flip in self.vfa_flips_deg) or len(set(self.vfa_flips_deg)) == 1:
            raise ValueError(f"dce.vfa_flips_deg is {list(self.vfa_flips_deg)}; give two different angles or more, or none")


@dataclass(frozen=True)
class DscProtocol:
    """A dynamic echo-planar series with its own injection. `echo` decides the role, dsc-ge or dsc-se."""

    echo: Literal["gradient", "spin"]
    start_s: float  # after the start of the visit
    tr_s: float
    te_s: float
    flip_deg: float
    frames: int
    voxel_mm: Millimetres
    slices: int
    injection: Bolus
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _from_zero("dsc", start_s=self.start_s)
        _above_zero("dsc", tr_s=self.tr_s, te_s=self.te_s, flip_deg=self.flip_deg, slices=self.slices)
        _above_zero("dsc", **{f"voxel_mm[{k}]": size for k, size in enumerate(self.voxel_mm)})
        if self.te_s >= self.tr_s:
            raise ValueError(f"dsc.te_s is {self.te_s:g} and tr_s {self.tr_s:g}; an echo comes before the next pulse")
        _check_frames("dsc", self.frames, self.tr_s, self.injection)

    @property
    def role(self) -> str:
        return "dsc-ge" if self.echo == "gradient" else "dsc-se"


def _check_frames(owner: str, frames: int, frame_s: float, injection: Bolus) -> None:
    if frames * frame_s <= injection.start_s + 2 * frame_s:
        raise ValueError(
            f"{owner} injects at {injection.start_s:g} s and ends at {frames * frame_s:g} s; give more frames or inject earlier"
        )


@dataclass(frozen=True)
class DwiProtocol:
    """Diffusion-weighted echo-planar imaging, one image for each b-value."""

    start_s: float
    tr_s: float
    te_s: float
    b_s_mm2: tuple[float, ...]
    voxel_mm: Millimetres
    slices: int
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _from_zero("dwi", start_s=self.start_s)
        _above_zero("dwi", tr_s=self.tr_s, te_s=self.te_s, slices=self.slices)
        if len(set(self.b_s_mm2)) < 2 or min(self.b_s_mm2) < 0:
            raise ValueError(f"dwi.b_s_mm2 is {list(self.b_s_mm2)}; give two different b-values or more, from 0")


@dataclass(frozen=True)
class MrsiProtocol:
    """A spectroscopic image by PRESS."""

    start_s: float
    tr_s: float
    te_s: float
    voxel_mm: Millimetres
    matrix: tuple[int, int, int]
    box_mm: Millimetres  # excited
    dwell_s: float
    points: int
    snr: float  # NAA peak of white matter in one voxel
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _from_zero("mrsi", start_s=self.start_s)
        _above_zero(
            "mrsi",
            tr_s=self.tr_s,
            te_s=self.te_s,
            dwell_s=self.dwell_s,
            points=self.points,
            snr=None if self.snr == math.inf else self.snr,
        )
        for k in range(3):
            if not 0 < self.box_mm[k] <= self.matrix[k] * self.voxel_mm[k]:
                raise ValueError(
                    f"mrsi.box_mm[{k}] is {self.box_mm[k]:g}, beyond the {self.matrix[k]} voxels of {self.voxel_mm[k]:g} mm; shrink it"
                )


@dataclass(frozen=True)
class AnatomyProtocol:
    """An anatomical image. `ti_s` makes it an inversion recovery; `nulled` names the tissue that sets the inversion time instead."""

    role: Literal["T1w", "CE-T1w", "T2w", "STIR", "FLAIR"]
    sequence: Literal["spin echo", "turbo spin echo", "inversion gradient echo"]
    start_s: float
    tr_s: float
    te_s: float
    plane: Literal["axial", "sagittal"]
    voxel_mm: Millimetres
    source: str
    ti_s: float | None = None
    nulled: Literal["", "csf", "fat"] = ""
    train_s: float | None = None  # turbo spin echo: from excitation to the last echo
    flip_deg: float | None = None  # inversion gradient echo, with its number of pulses and their spacing
    pulses: int | None = None
    spacing_s: float | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        train = {"flip_deg": self.flip_deg, "pulses": self.pulses, "spacing_s": self.spacing_s}
        _from_zero(self.role, start_s=self.start_s)
        _above_zero(self.role, tr_s=self.tr_s, te_s=self.te_s, ti_s=self.ti_s, train_s=self.train_s, **train)
        _above_zero(self.role, **{f"voxel_mm[{k}]": size for k, size in enumerate(self.voxel_mm)})
        if self.te_s >= self.tr_s:
            raise ValueError(f"{self.role}.te_s is {self.te_s:g} and tr_s {self.tr_s:g}; an echo comes before the next pulse")
        if self.role in ("STIR", "FLAIR") and (self.ti_s is None) == (not self.nulled):
            raise ValueError(f"{self.role}: give either ti_s or the tissue that is nulled")
        if (self.sequence == "turbo spin echo") != (self.train_s is not None):
            raise ValueError(
                f"{self.role}: train_s is {self.train_s}; a turbo spin echo has one, a {self.sequence} otherwise has none"
            )
        if any((value is not None) != (self.sequence == "inversion gradient echo") for value in train.values()):
            raise ValueError(
                f"{self.role}: flip_deg, pulses and spacing_s describe an inversion gradient echo; give all three there, none elsewhere"
            )


@dataclass(frozen=True)
class Size:
    """How fine a cohort is simulated. None keeps the protocol's own voxels and frames."""

    body_mm: float  # of the head or spine itself
    source: str
    anatomy_mm: Millimetres | None = None
    dynamic_mm: Millimetres | None = None
    dce_frame_s: float | None = None  # coarser frames over the same time
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _above_zero("size", body_mm=self.body_mm, dce_frame_s=self.dce_frame_s)
        for name in ("anatomy_mm", "dynamic_mm"):
            _above_zero("size", **{f"{name}[{k}]": size for k, size in enumerate(getattr(self, name) or ())})


@dataclass(frozen=True)
class Scanner:
    """Noise and imperfections. `snr` by role: of white matter (brain) or muscle (spine) before contrast, in one image."""

    snr: Mapping[str, float]
    motion: float  # 1 is a patient who tries to lie still, 0 a stone
    b1_spread: float
    bias_spread: float
    haematocrit: float
    source: str
    inflow_mm_s: float = 0.0  # of arterial blood into an axial slab; 0: all blood in the steady state
    shim_error_ppm: float = 0.0  # what the shim missed, 100 mm from the centre; 0: echo-planar diffusion without distortion
    brain_leak: float = 1.0  # Ktrans of brain against the tissue table's, which is that of a treated brain
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _above_zero("scanner.snr", **{role: value for role, value in self.snr.items() if value != math.inf})
        _from_zero("scanner", motion=self.motion, b1_spread=self.b1_spread, bias_spread=self.bias_spread)
        _from_zero("scanner", inflow_mm_s=self.inflow_mm_s, shim_error_ppm=self.shim_error_ppm, brain_leak=self.brain_leak)
        if not 0 < self.haematocrit < 1:
            raise ValueError(f"scanner.haematocrit is {self.haematocrit:g}; give a fraction between 0 and 1")


@dataclass(frozen=True)
class Acquisition:
    """All of a visit's series; a method has the ones it names."""

    field_t: float
    source: str
    agent: Contrast
    scanner: Scanner
    size: Mapping[str, Size]  # full, coarse
    dce: DceProtocol | None = None
    dsc: tuple[DscProtocol, ...] = ()
    dwi: DwiProtocol | None = None
    mrsi: MrsiProtocol | None = None
    anatomy: tuple[AnatomyProtocol, ...] = field(default=())
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _above_zero("acquisition", field_t=self.field_t)
        lacking = [name for name in ("full", "coarse") if name not in self.size]
        if lacking:
            raise ValueError(f"acquisition.size has no {lacking[0]!r}; add it")
        silent = [role for role in self.roles if role not in self.scanner.snr and role != "mrsi"]
        if silent:
            raise ValueError(f"acquisition.scanner.snr says nothing for {silent[0]}; add it")
        if len({(one.voxel_mm, one.slices) for one in self.dsc}) > 1:
            raise ValueError("acquisition.dsc gives two slabs; give both echoes the same voxel_mm and slices")
        if self.dsc and self.scanner.haematocrit != HAEMATOCRIT:
            raise ValueError(f"scanner.haematocrit is {self.scanner.haematocrit:g}; with a DSC series it is {HAEMATOCRIT:g}")
        if len(set(self.roles)) < len(self.roles):
            raise ValueError(f"acquisition gives a series twice: {', '.join(self.roles)}; keep one of each")

    @property
    def roles(self) -> tuple[str, ...]:
        """Every series a visit can have: names of io.exam.ROLES, STIR and mrsi."""
        found = [] if self.dce is None else ["dce", *["vfa"] * bool(self.dce.vfa_flips_deg), *["b1"] * self.dce.b1]
        found += [one.role for one in self.dsc]
        found += ["dwi"] * (self.dwi is not None) + ["mrsi"] * (self.mrsi is not None)
        return (*found, *(one.role for one in self.anatomy))
