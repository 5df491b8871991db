"""What proton spectroscopy sees in each tissue: the one table of metabolites behind digital spectra, with a source for each row.

Concentrations are per litre of tissue. T2 was measured at 3 T and serves at 1.5 T too (assumed); so does T1. The NAA multiplets
(2.5 to 2.7 ppm), glutamate and glutamine are left out: little of them remains at an echo time of 135 ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from afterglow.kernels.spectrum import WATER_PPM, press_weight
from afterglow.simulate.tissues import Tissue

_WATER_PROTONS_MM = 2 * 55.1e3  # of pure water at 37 C, from memory
ELSEWHERE = ""  # key of a mapping for every tissue not named in it


@dataclass(frozen=True)
class Line:
    """One line or doublet; `protons` is its number per molecule."""

    ppm: float
    protons: float
    j_hz: float = 0.0  # above 0: a doublet of that coupling
    width_ppm: float = 0.0  # Gaussian width of its own, beyond the voxel's


@dataclass(frozen=True)
class Metabolite:
    """Lines and relaxation; the first line is the one that is read. `t2_s` by tissue."""

    name: str
    words: str
    unit: str
    lines: tuple[Line, ...]
    t1_s: float
    t2_s: Mapping[str, float] = field(hash=False)
    source: str

    def t2_of(self, tissue: str) -> float:
        """T2 in s in that tissue."""
        return self.t2_s.get(tissue, self.t2_s[ELSEWHERE])

    def weight(self, tissue: str, *, te_s: float, tr_s: float) -> float:
        """Signal of one proton at the echo over that of a fully relaxed one."""
        return press_weight(te_s=te_s, tr_s=tr_s, t1_s=self.t1_s, t2_s=self.t2_of(tissue))


@dataclass(frozen=True)
class Contents:
    """Concentrations in mmol/L of one tissue; `lipid` and `broad` in mmol/L of protons."""

    tissue: str
    naa: float
    cr: float
    cho: float
    mi: float
    lac: float
    lipid: float  # mobile lipid of damaged tissue; that of fat follows from the tissue table
    broad: float  # what is left of macromolecules at the echo
    source: str

    def of(self, metabolite: str) -> float:
        """Concentration of one metabolite. KeyError where the table does not know it."""
        return {
            "naa": self.naa, "cr": self.cr, "cho": self.cho, "mi": self.mi, "lac": self.lac, "lipid": self.lipid, "broad": self.broad,
        }[metabolite]  # fmt: skip


_T2 = "T2 in grey and white matter: Zaaraoui 2007 (Magn Reson Med 57:983, abstract)"
_T2_TUMOUR = "longer for Cho and Cr and the same for NAA in tumour: doi:10.1002/jmri.21453 (abstract; the size is assumed)"
_T1 = "T1 of white matter of a macaque, within 10 % of human values: doi:10.1002/mrm.22270"
_LESIONS = ("tumour", "infiltration")


def _t2(grey: float, white: float, lesion: float) -> dict[str, float]:
    return {"grey": grey, ELSEWHERE: white, **dict.fromkeys(_LESIONS, lesion)}


_METABOLITES = (
    Metabolite("naa", "N-acetylaspartate", "mmol/L", (Line(2.01, 3),), 1.188, _t2(0.226, 0.264, 0.264), f"{_T2}; {_T2_TUMOUR}; {_T1}"),
    Metabolite("cr", "creatine and phosphocreatine", "mmol/L", (Line(3.03, 3), Line(3.91, 2)), 1.201, _t2(0.137, 0.155, 0.185), f"{_T2}; {_T2_TUMOUR}; {_T1}"),
    Metabolite("cho", "choline compounds", "mmol/L", (Line(3.20, 9),), 1.082, _t2(0.207, 0.202, 0.240), f"{_T2}; {_T2_TUMOUR}; {_T1}"),
    Metabolite("mi", "myo-inositol", "mmol/L", (Line(3.56, 1.0),), 1.1, {ELSEWHERE: 0.165}, "T2 160 to 170 ms: Choi, ISMRM 2010, 3330 (abstract); T1 assumed; one line for what strong coupling leaves of the multiplet, assumed"),
    Metabolite("lac", "lactate", "mmol/L", (Line(1.33, 3, j_hz=6.93),), 1.3, {ELSEWHERE: 0.240}, "T2 in gliomas: doi:10.1002/mrm.25352; T1 assumed; the quartet at 4.1 ppm is left out"),
    Metabolite("lipid", "mobile lipids", "mmol/L of protons", (Line(1.30, 0.70, width_ppm=0.13), Line(0.90, 0.09, width_ppm=0.13)), 0.37, {ELSEWHERE: 0.068}, "T1, T2 of fat as in the tissue table; shares and widths assumed"),
    Metabolite("broad", "broad baseline", "mmol/L of protons", (Line(0.92, 0.25, width_ppm=0.25), Line(1.35, 0.25, width_ppm=0.3), Line(2.10, 0.3, width_ppm=0.35), Line(3.00, 0.2, width_ppm=0.35)), 0.25, {ELSEWHERE: float("inf")}, "given as it is at the echo; assumed"),
)  # fmt: skip

METABOLITES: Mapping[str, Metabolite] = {row.name: row for row in _METABOLITES}
WATER = "water"  # not a row: it follows from the tissue table
WATER_LINE = Line(WATER_PPM, 1.0)

_NORMAL = (
    "NAA 8 to 9 and Cr 5 to 6 mmol/L: doi:10.1002/nbm.1940050406 (abstract); Cho a ninth of NAA in white matter: doi:10.1002/nbm.1940060114 "
    "(abstract), taken up so that Cho/NAA at the echo is near a half; mI of about half of Cr: Choi, ISMRM 2010, 3330 (abstract)"
)
_RATIOS = "Cho/NAA and Cho/Cr at TE 135 ms above those of treated and of normal brain: Schlemmer 2001 (AJNR 22:1316, abstract); sizes assumed"
_LACTATE = "lactate of high-grade gliomas near 7 mmol/L: doi:10.1002/mrm.25352"
_NECROSIS = "all metabolites diminished or much lactate: doi:10.2176/nmc.37.250 (abstract); sizes assumed"
_OUTSIDE = "outside the brain; assumed"
_NOTHING = "no metabolites that are seen; assumed"
_CONTENTS = (
    #        tissue       NAA  Cr   Cho  mI   lac  lip  broad
    Contents("grey",      9.0, 7.0, 1.3, 4.0, 0.4, 0.0, 4.0, _NORMAL),
    Contents("white",     9.0, 5.5, 1.6, 3.0, 0.3, 0.0, 4.0, _NORMAL),
    Contents("csf",       0.0, 0.0, 0.0, 0.0, 1.5, 0.0, 0.0, "lactate assumed"),
    Contents("artery",    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, _NOTHING),
    Contents("vein",      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, _NOTHING),
    Contents("dura",      0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0, _OUTSIDE),
    Contents("plexus",    0.0, 1.0, 1.5, 3.0, 1.0, 0.0, 2.0, _OUTSIDE),
    Contents("mucosa",    0.0, 2.0, 1.5, 0.0, 0.0, 5.0, 3.0, _OUTSIDE),
    Contents("muscle",    0.0, 25., 3.0, 0.0, 1.0, 300., 5.0, _OUTSIDE),
    Contents("fat",       0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "lipid by the tissue table"),
    Contents("marrow",    0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, "lipid by the tissue table; Cho assumed"),
    Contents("bone",      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, _NOTHING),
    Contents("oedema",    6.5, 4.3, 1.25, 2.6, 0.8, 0.0, 3.0, "white matter thinned by water; assumed"),
    Contents("core",      0.3, 0.4, 0.2, 0.2, 8.0, 60., 3.0, f"{_NECROSIS}; lipid assumed"),
    Contents("cavity",    0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, "lactate assumed"),
    Contents("infiltration", 5.5, 5.0, 2.2, 3.5, 1.0, 0.0, 4.0, f"between white matter and tumour; {_RATIOS}"),
    Contents("tumour",    2.0, 4.0, 3.0, 3.0, 7.0, 15., 4.0, f"{_RATIOS}; {_LACTATE}; lipid assumed"),
    Contents("scar",      3.0, 3.0, 1.2, 2.0, 3.0, 30., 4.0, f"{_RATIOS}; lipid assumed"),
)  # fmt: skip

CONTENTS: Mapping[str, Contents] = {row.tissue: row for row in _CONTENTS}
_INDIVIDUAL = ("core", "infiltration", "tumour", "scar")


def individual_contents(rng: np.random.Generator, *, spread: float) -> Mapping[str, Contents]:
    """The table of one patient: each concentration of the lesion's tissues times its own log-normal factor (sigma `spread`)."""
    factors = np.exp(rng.normal(0.0, spread, (len(_INDIVIDUAL), 6)))
    drawn = {}
    for name, by in zip(_INDIVIDUAL, factors, strict=True):
        row = CONTENTS[name]
        naa, cr, cho, mi, lac, lipid = (
            float(f * v) for f, v in zip(by, (row.naa, row.cr, row.cho, row.mi, row.lac, row.lipid), strict=True)
        )
        drawn[name] = replace(row, naa=naa, cr=cr, cho=cho, mi=mi, lac=lac, lipid=lipid)
    return {**CONTENTS, **drawn}


def concentration_of(name: str, tissue: Tissue, contents: Mapping[str, Contents]) -> float:
    """Concentration in one litre of tissue: of a metabolite in its unit, of water in mmol/L of protons.

    ValueError for a tissue that has no row.
    """
    if tissue.kind not in contents:
        raise ValueError(f"tissue {tissue.name} has no row in the table of metabolites; add one to CONTENTS")
    protons = _WATER_PROTONS_MM * tissue.proton_density
    if name == WATER:
        return protons * (1 - tissue.fat)
    amount = contents[tissue.kind].of(name)
    return amount + protons * tissue.fat if name == "lipid" else amount


def water_of(tissue: Tissue, *, te_s: float, tr_s: float) -> float:
    """Signal of a tissue's water at the echo, in the unit of the metabolites' (mmol/L of relaxed protons)."""
    weight = press_weight(te_s=te_s, tr_s=tr_s, t1_s=tissue.t1_s, t2_s=tissue.t2_s)
    return _WATER_PROTONS_MM * tissue.proton_density * (1 - tissue.fat) * weight
