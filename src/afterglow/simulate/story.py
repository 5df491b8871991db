"""A digital patient's story: what the lesion is at each visit, what was done, how it ended. Drawn by a cohort, shown by a scanner."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from afterglow.records.course import Treatment


@dataclass(frozen=True)
class Perfusion:
    """Perfusion of one lesion tissue: means over that tissue; `spread` is the log-normal sigma from place to place."""

    ktrans_per_min: float
    ve: float
    vp: float
    delay_s: float = 1.0
    spread: float = 0.25
    architecture: str = "normal-like"  # row of vascular.ARCHITECTURES

    def __post_init__(self) -> None:
        if min(self.ktrans_per_min, self.ve, self.vp, self.spread) < 0 or self.ve + self.vp > 1:
            raise ValueError(f"Ktrans {self.ktrans_per_min}/min, ve {self.ve} and vp {self.vp} are not parts of one volume")
        if self.ktrans_per_min > 0 and self.ve <= 0:
            raise ValueError(f"agent leaks (Ktrans {self.ktrans_per_min}/min) but ve is {self.ve}")
        if self.delay_s < 0:
            raise ValueError(f"a delay of {self.delay_s} s is negative")


@dataclass(frozen=True)
class Nest:
    """A place beside the lesion where tumour cells sit; its place is the patient's own and the same at every visit."""

    number: int  # 0, 1, …: which of the patient's places
    volume_ml: float
    tissue: str  # "infiltration" (does not enhance visibly) or "tumour" (has come back)
    perfusion: Perfusion
    more_r1_per_s: float = 0.0  # than the row of its tissue has: its own water, in place of that of any other nest
    more_r2_per_s: float = 0.0

    @property
    def own_tissue(self) -> str:
        """Name of its tissue in the scene: its own where its water is."""
        return f"nest {self.number}" if self.more_r1_per_s or self.more_r2_per_s else self.tissue


@dataclass(frozen=True)
class LesionState:
    """A lesion at one visit. The enhancing tissue is a patchwork of tumour and scar; `tumour_share` is the tumour's part."""

    volume_ml: float  # enhancing tissue and core together
    tumour_share: float  # 0: pure treatment effect, 1: pure tumour
    tumour: Perfusion
    scar: Perfusion
    rim_mm: float = 6.0  # thickness of enhancing tissue around the core
    ragged_mm: float = 1.0  # how far the inner border wanders
    oedema_mm: float = 10.0  # how far oedema reaches along white matter (spine: how far the marrow is altered)
    patch_mm: float = 9.0  # size of the patches of tumour and scar
    cavity_ml: float = 0.0  # resection cavity, taken from where the lesion first was
    infiltration_mm: float = 0.0  # how far tumour cells reach beyond what enhances
    infiltration: Perfusion | None = None
    nests: tuple[Nest, ...] = ()
    extraosseous: float = 0.0  # spine: share of the volume outside the bone

    def __post_init__(self) -> None:
        sizes = (self.volume_ml, self.rim_mm, self.ragged_mm, self.oedema_mm, self.patch_mm, self.cavity_ml, self.infiltration_mm)
        if min(sizes) < 0:
            raise ValueError(f"a lesion of {self.volume_ml} mL with a cavity of {self.cavity_ml} mL: sizes are not negative")
        if not 0 <= self.tumour_share <= 1 or not 0 <= self.extraosseous <= 1:
            raise ValueError(f"tumour share {self.tumour_share} and extraosseous share {self.extraosseous} lie between 0 and 1")
        if self.infiltration_mm > 0 and self.infiltration is None:
            raise ValueError("tumour cells infiltrate but their perfusion is not given")


@dataclass(frozen=True)
class VisitStory:
    """One visit: when, in what state, and which series were acquired; what is missing from `roles` was not scanned."""

    session: str
    day: float
    lesion: LesionState
    roles: tuple[str, ...]  # names of io.exam.ROLES and "mrsi"


@dataclass(frozen=True)
class Outcome:
    """A row of phenotype/outcomes.tsv."""

    session: str
    label: str
    basis: str
    day: float
    lesion_id: str = "1"


@dataclass(frozen=True)
class Reading:
    """A row of phenotype/readings.tsv."""

    session: str
    reader: str
    method: str
    call: str
    confidence: float | None = None
    lesion_id: str = "1"


@dataclass(frozen=True)
class Story:
    """One patient. `participant` are the free columns of participants.tsv; `group` and `hidden` are known to the truth alone."""

    subject: str
    group: str
    participant: Mapping[str, str | float | None]
    visits: tuple[VisitStory, ...]
    treatments: tuple[Treatment, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    readings: tuple[Reading, ...] = ()
    hidden: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        days = [visit.day for visit in self.visits]
        if not days or days != sorted(set(days)):
            raise ValueError(f"sub-{self.subject}: visits are not in the order of their days: {days}")
