"""What a spine is made of: rows in the manner of `tissues.TISSUES`, at 3 T, so that `tissues_at` takes them to 1.5 T.

Marrow is two tissues and bone: cells, fat and trabeculae share a voxel, and the age decides how. Its plasma volume is then about
.009, so that a metastasis of .05 to .08 shows the ratios of 5 to 9 that behar2023 prints in its two examples.
"""

from collections.abc import Mapping

from afterglow.simulate.tissues import TISSUES, Tissue, tissues_at

_BAZELAIRE = "T1 and T2 at 3 T: de Bazelaire, Radiology 2004;230:652 (abstract)"
_CORD = "T1 and T2 of cervical grey and white matter at 3 T: Smith, Magn Reson Med 2008 (abstract); perfusion as white matter"
_METASTASIS = "Ktrans .077/min and kep .49/min of spinal metastases: doi:10.1016/j.mri.2012.10.006 (abstract)"
_MARROW = "assumed, so that a half fatty marrow has the T1 and T2 of L4 in de Bazelaire 2004 and enhances slowly"

_ROWS = (
    #      name         PD    T1    T2     R2*    ADC      Ktrans ve    vp     delay arch
    Tissue("cord",      0.75, 0.92, 0.074, 25.0, 0.90e-3, 0.0040, 0.03, 0.012, 2.5, "normal-like", f"{_CORD}; the rest assumed"),
    Tissue("red marrow", 0.85, 1.00, 0.042, 110., 0.60e-3, 0.0400, 0.14, 0.018, 3.0, "balanced", _MARROW),
    Tissue("fatty marrow", 0.85, 0.38, 0.066, 80.0, 0.10e-3, 0.0060, 0.05, 0.004, 3.5, "balanced", f"{_MARROW}; T1 and T2 as fat", fat=1.0),
    Tissue("nucleus",   0.92, 1.40, 0.120, 12.0, 1.80e-3, 0.0,    0.0,  0.0,   0.0, "balanced", "hydrated nucleus pulposus: long T2, no vessels; assumed"),
    Tissue("fibrous",   0.55, 0.85, 0.024, 80.0, 0.80e-3, 0.0060, 0.10, 0.003, 4.0, "balanced", "annulus, ligament, fascia, dura: short T2, few vessels; assumed"),
    Tissue("lung",      0.18, 1.30, 0.040, 600., 2.00e-3, 0.0200, 0.10, 0.080, 0.0, "balanced", "mostly air: little signal that is soon gone; assumed"),
    Tissue("liver",     0.80, 0.809, 0.034, 45.0, 1.10e-3, 0.3000, 0.25, 0.060, 5.0, "balanced", f"{_BAZELAIRE}; perfusion assumed"),
    Tissue("myocardium", 0.82, 1.40, 0.047, 32.0, 1.50e-3, 0.2500, 0.20, 0.050, 1.0, "balanced", "assumed"),
    Tissue("gut",       0.80, 1.25, 0.065, 40.0, 1.60e-3, 0.1200, 0.25, 0.030, 4.0, "balanced", "wall of bowel, pharynx and oesophagus with contents; assumed"),
    Tissue("oedema",    0.85, 1.25, 0.095, 60.0, 1.20e-3, 0.0500, 0.22, 0.014, 3.0, "balanced", "altered marrow around a metastasis: wet, mildly enhancing; assumed"),
    Tissue("core",      0.92, 2.00, 0.220, 15.0, 2.00e-3, 0.0010, 0.02, 0.001, 4.0, "balanced", "liquid necrosis; assumed"),
    Tissue("tumour",    0.85, 1.35, 0.080, 28.0, 1.00e-3, 0.0770, 0.16, 0.060, 2.0, "venule", f"{_METASTASIS}; the rest assumed, perfusion drawn from the story"),
    Tissue("scar",      0.70, 1.10, 0.055, 50.0, 1.50e-3, 0.0300, 0.16, 0.010, 2.5, "balanced", "irradiated, partly sclerotic metastasis; assumed, perfusion drawn from the story"),
)  # fmt: skip

_SHARED = ("csf", "artery", "vein", "muscle", "fat", "bone")  # as in the head

SPINE_TISSUES: Mapping[str, Tissue] = {name: TISSUES[name] for name in _SHARED} | {row.name: row for row in _ROWS}  # at 3 T
PERFUSED = ("red marrow", "fatty marrow", "muscle")  # their perfusion varies from place to place


def spine_tissues_at(field_t: float) -> Mapping[str, Tissue]:
    """The spine's table at 1.5 or 3 T; ValueError at another field."""
    return tissues_at(field_t, SPINE_TISSUES)
