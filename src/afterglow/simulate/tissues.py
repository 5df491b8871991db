"""What each tissue is made of: the one table of numbers behind digital heads and spines, with a source for each row.

ktrans_per_min, ve and vp are per volume of tissue; blood volume is vp / (1 - haematocrit), so that DCE and DSC see one patient.
Where no paper prints a number for this use, the row says "assumed".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tissue:
    """Relaxation without contrast agent, diffusion and perfusion. `blood` names the curve a vessel carries."""

    name: str
    proton_density: float  # CSF = 1
    t1_s: float
    t2_s: float
    r2star_per_s: float
    adc_mm2_s: float
    ktrans_per_min: float
    ve: float
    vp: float
    delay_s: float  # arrival after the carotid artery
    architecture: str  # of its vessels: a row of vascular.ARCHITECTURES
    source: str
    blood: str = ""  # "artery" or "vein": the voxel is blood
    fat: float = 0.0  # share of the signal that fat suppression takes
    variant_of: str = ""  # row of the table that it is but for its water

    @property
    def kind(self) -> str:
        """The row of the table that it is, whatever its water."""
        return self.variant_of or self.name

    def __post_init__(self) -> None:
        if self.ve + self.vp > 1 or min(self.ktrans_per_min, self.ve, self.vp) < 0:
            raise ValueError(f"tissue {self.name}: ve {self.ve} and vp {self.vp} are not parts of one volume")
        if self.ktrans_per_min > 0 and self.ve <= 0:
            raise ValueError(f"tissue {self.name}: agent leaks (Ktrans {self.ktrans_per_min}/min) but ve is {self.ve}")
        if not min(self.t1_s, self.t2_s, self.r2star_per_s) > 0 or self.adc_mm2_s < 0:
            raise ValueError(f"tissue {self.name}: relaxation and diffusion must be positive")


_WANSAPURA = "T1, T2* doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L"
_GOLD = "T1 doi:10.2214/ajr.183.2.1830343"
_STANISZ = "T1 doi:10.1002/mrm.20605"
_BAZELAIRE = "T2 de Bazelaire, Radiology 2004;230:652 (abstract)"
_BLOOD = "T1 doi:10.1002/mrm.24550; T2 and T2* assumed"
_BBB = "vp of the order of doi:10.1038/jcbfm.2014.126; Ktrans above the healthy values printed there, assumed for a treated brain"
_LOOSE = "perfusion assumed: no barrier, so it enhances"
_USUAL = "T2 and ADC of the usual order, assumed"

_SEEN = "normal-like"
_ROWS = (
    #      name       PD    T1    T2     R2*    ADC      Ktrans  ve    vp     delay arch
    Tissue("grey",    0.82, 1.33, 0.095, 20.0, 0.85e-3, 0.0050, 0.04, 0.022, 1.0, _SEEN, f"{_WANSAPURA}; {_USUAL}; {_BBB}"),
    Tissue("white",   0.70, 0.83, 0.075, 21.5, 0.75e-3, 0.0040, 0.03, 0.011, 1.6, _SEEN, f"{_WANSAPURA}; {_USUAL}; {_BBB}"),
    Tissue("csf",     1.00, 4.30, 1.200, 1.5,  3.00e-3, 0.0,    0.0,  0.0,   0.0, _SEEN, f"T1 doi:10.1002/mrm.21122; {_USUAL}; T2* assumed"),
    Tissue("artery",  0.90, 1.65, 0.150, 20.0, 3.00e-3, 0.0,    0.0,  0.0,   0.0, _SEEN, _BLOOD, blood="artery"),
    Tissue("vein",    0.90, 1.65, 0.060, 35.0, 3.00e-3, 0.0,    0.0,  0.0,   0.0, _SEEN, _BLOOD, blood="vein"),
    Tissue("dura",    0.60, 1.20, 0.050, 30.0, 1.00e-3, 0.0500, 0.25, 0.040, 1.0, "balanced", f"T1 assumed; {_USUAL}; {_LOOSE}"),
    Tissue("plexus",  0.90, 1.60, 0.120, 15.0, 2.00e-3, 0.1500, 0.30, 0.080, 1.0, "balanced", f"T1 assumed; {_USUAL}; {_LOOSE}"),
    Tissue("mucosa",  0.85, 1.40, 0.080, 40.0, 1.50e-3, 0.1500, 0.35, 0.060, 1.5, "balanced", f"T1 assumed; {_USUAL}; {_LOOSE}"),
    Tissue("muscle",  0.80, 1.41, 0.035, 30.0, 1.30e-3, 0.0600, 0.12, 0.020, 2.5, "balanced", f"{_STANISZ}; T2 near the 29 ms of {_BAZELAIRE}; {_LOOSE}"),
    Tissue("fat",     0.85, 0.37, 0.068, 40.0, 0.10e-3, 0.0050, 0.05, 0.005, 2.5, "balanced", f"{_GOLD}; {_BAZELAIRE}; ADC assumed; {_LOOSE}", fat=1.0),
    Tissue("marrow",  0.55, 0.45, 0.049, 90.0, 0.40e-3, 0.0200, 0.15, 0.020, 2.5, "balanced", f"{_GOLD}, mixed with haematopoietic marrow; {_BAZELAIRE}; ADC assumed; {_LOOSE}", fat=0.6),
    Tissue("bone",    0.12, 0.60, 0.002, 400., 0.0,     0.0,    0.0,  0.0,   0.0, "balanced", "short-lived signal of compact bone; assumed"),
    Tissue("oedema",  0.86, 1.35, 0.130, 13.0, 1.40e-3, 0.0040, 0.05, 0.010, 1.8, _SEEN, "vasogenic oedema: long T1 and T2, intact barrier; assumed"),
    Tissue("core",    0.93, 2.20, 0.300, 10.0, 2.20e-3, 0.0010, 0.02, 0.001, 3.0, _SEEN, "liquid necrosis; assumed"),
    Tissue("cavity",  0.98, 3.20, 0.700, 2.5,  2.80e-3, 0.0,    0.0,  0.0,   0.0, _SEEN, "fluid of a resection cavity, with some protein; assumed"),
    Tissue("infiltration", 0.85, 1.35, 0.115, 14.0, 1.15e-3, 0.0060, 0.08, 0.016, 1.4, _SEEN, "tumour cells between healthy ones; assumed, perfusion drawn from the story"),
    Tissue("tumour",  0.88, 1.40, 0.110, 16.0, 1.10e-3, 0.1200, 0.30, 0.050, 1.0, "venule", "T1, T2 and ADC assumed; perfusion drawn from the story"),
    Tissue("scar",    0.88, 1.30, 0.105, 17.0, 1.50e-3, 0.0300, 0.20, 0.009, 1.2, "balanced", "irradiated tissue that enhances slowly; T1, T2 and ADC assumed, perfusion drawn from the story"),
)  # fmt: skip

TISSUES: Mapping[str, Tissue] = {row.name: row for row in _ROWS}  # at 3 T
_T1_RATIO = (
    1.21  # T1 at 3 T over 1.5 T, mean of abdominal tissues: de Bazelaire, Radiology 2004;230:652 (abstract); assumed for all
)
# Free water's T1 does not change with the field: Wang, NeuroImage 2020;213:116700 (abstract) takes it so; for fluid with protein assumed.
_FLUIDS = ("csf", "cavity")
_HALF_FIELD_T, _FIELD_T = 1.5, 3.0


_BARRIER = ("grey", "white", "oedema")


def with_barrier(leak: float, rows: Mapping[str, Tissue] = TISSUES) -> Mapping[str, Tissue]:
    """The table with the Ktrans of brain times `leak`: 1 is a treated brain, .1 one of the order of a healthy barrier."""
    return {n: replace(row, ktrans_per_min=leak * row.ktrans_per_min) if n in _BARRIER else row for n, row in rows.items()}


def with_water(name: str, row: Tissue, *, more_r1_per_s: float, more_r2_per_s: float) -> Tissue:
    """The row under another name with other rates. ValueError where none would be left."""
    rates = 1 / row.t1_s + more_r1_per_s, 1 / row.t2_s + more_r2_per_s
    if not 0 < rates[0] < rates[1]:
        raise ValueError(
            f"{name}: R1 of {rates[0]:.3g} and R2 of {rates[1]:.3g} /s are no tissue's; change R1 and R2 less for each unit of ve"
        )
    return replace(
        row, name=name, variant_of=row.kind, t1_s=1 / rates[0], t2_s=1 / rates[1], r2star_per_s=row.r2star_per_s + more_r2_per_s
    )


def tissues_at(field_t: float, rows: Mapping[str, Tissue] = TISSUES) -> Mapping[str, Tissue]:
    """The table at 1.5 or 3 T. T1 shrinks by a printed factor but in fluids, T2 stays, and what T2* has beyond T2 goes with the field.

    ValueError at another field, for which nothing is known here.
    """
    if field_t == _FIELD_T:
        return rows
    if field_t != _HALF_FIELD_T:
        raise ValueError(f"tissues are known at 1.5 and 3 T, not at {field_t:g} T; choose one of the two")
    return {
        name: replace(
            row,
            t1_s=row.t1_s / (1.0 if name in _FLUIDS else _T1_RATIO),
            r2star_per_s=1 / row.t2_s + max(row.r2star_per_s - 1 / row.t2_s, 0.0) / 2,
        )
        for name, row in rows.items()
    }
