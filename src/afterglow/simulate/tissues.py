"""What each tissue is made of at 3 T: the one table of numbers behind the digital head, with a source for each row.

ktrans_per_min, ve and vp are per volume of tissue. Where no paper prints a number for this use, the row says "assumed".
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tissue:
    """Relaxation at 3 T without contrast agent, and perfusion. `blood` names the curve a vessel carries."""

    name: str
    proton_density: float  # CSF = 1
    t1_s: float
    r2star_per_s: float
    ktrans_per_min: float
    ve: float
    vp: float
    delay_s: float  # arrival after the carotid artery
    source: str
    blood: str = ""  # "artery" or "vein": the voxel is blood

    def __post_init__(self) -> None:
        if self.ve + self.vp > 1 or min(self.ktrans_per_min, self.ve, self.vp) < 0:
            raise ValueError(f"tissue {self.name}: ve {self.ve} and vp {self.vp} are not parts of one volume")
        if self.ktrans_per_min > 0 and self.ve <= 0:
            raise ValueError(f"tissue {self.name}: agent leaks (Ktrans {self.ktrans_per_min}/min) but ve is {self.ve}")


_WANSAPURA = "T1, T2* doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L"
_GOLD = "T1 doi:10.2214/ajr.183.2.1830343"
_STANISZ = "T1 doi:10.1002/mrm.20605"
_BLOOD = "T1 doi:10.1002/mrm.24550; T2* assumed"
_BBB = "vp of the order of doi:10.1038/jcbfm.2014.126; Ktrans above the healthy values printed there, assumed for a treated brain"
_LOOSE = "perfusion assumed: no barrier, so it enhances"

_ROWS = (
    #      name       PD    T1    R2*   Ktrans  ve    vp     delay
    Tissue("grey",    0.82, 1.33, 20.0, 0.0050, 0.04, 0.022, 1.0, f"{_WANSAPURA}; {_BBB}"),
    Tissue("white",   0.70, 0.83, 21.5, 0.0040, 0.03, 0.011, 1.6, f"{_WANSAPURA}; {_BBB}"),
    Tissue("csf",     1.00, 4.30, 1.5,  0.0,    0.0,  0.0,   0.0, "T1 doi:10.1002/mrm.21122; T2* assumed"),
    Tissue("artery",  0.90, 1.65, 20.0, 0.0,    0.0,  0.0,   0.0, _BLOOD, blood="artery"),
    Tissue("vein",    0.90, 1.65, 35.0, 0.0,    0.0,  0.0,   0.0, _BLOOD, blood="vein"),
    Tissue("dura",    0.60, 1.20, 30.0, 0.0500, 0.25, 0.040, 1.0, f"T1 assumed; {_LOOSE}"),
    Tissue("plexus",  0.90, 1.60, 15.0, 0.1500, 0.30, 0.080, 1.0, f"T1 assumed; {_LOOSE}"),
    Tissue("mucosa",  0.85, 1.40, 40.0, 0.1500, 0.35, 0.060, 1.5, f"T1 assumed; {_LOOSE}"),
    Tissue("muscle",  0.80, 1.41, 30.0, 0.0600, 0.12, 0.020, 2.5, f"{_STANISZ}; {_LOOSE}"),
    Tissue("fat",     0.85, 0.37, 40.0, 0.0050, 0.05, 0.005, 2.5, f"{_GOLD}; {_LOOSE}"),
    Tissue("marrow",  0.55, 0.45, 90.0, 0.0200, 0.15, 0.020, 2.5, f"{_GOLD}, mixed with haematopoietic marrow; {_LOOSE}"),
    Tissue("bone",    0.12, 0.60, 400., 0.0,    0.0,  0.0,   0.0, "short-lived signal of compact bone; assumed"),
    Tissue("oedema",  0.86, 1.35, 13.0, 0.0040, 0.05, 0.010, 1.8, "vasogenic oedema: long T1 and T2, intact barrier; assumed"),
    Tissue("core",    0.93, 2.20, 10.0, 0.0010, 0.02, 0.001, 3.0, "liquid necrosis; assumed"),
    Tissue("tumour",  0.88, 1.40, 16.0, 0.1200, 0.30, 0.050, 1.0, "T1 assumed; the perfusion drawn is that of the scenario in tumour.py"),
    Tissue("scar",    0.88, 1.30, 17.0, 0.0300, 0.20, 0.009, 1.2, "irradiated tissue that enhances slowly; T1 assumed, perfusion as above"),
)  # fmt: skip

TISSUES: dict[str, Tissue] = {row.name: row for row in _ROWS}
