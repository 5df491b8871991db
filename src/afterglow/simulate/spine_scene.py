"""A spine with its lesion as the scanner finds it at one visit."""

import numpy as np
from numpy.typing import NDArray

from afterglow.simulate.scene import Scene
from afterglow.simulate.spine import Spine
from afterglow.simulate.spine_growth import BONE, SOFT_COST
from afterglow.simulate.spine_lesion import SpineLesion
from afterglow.simulate.spine_tissues import PERFUSED, spine_tissues_at

Map = NDArray[np.float32]

_SCLEROSIS = 0.30  # share of bone where a lesion has healed, the rest fatty marrow; assumed
_MARROW = ("red marrow", "fatty marrow")


def spine_scene(spine: Spine, lesion: SpineLesion, *, field_t: float) -> Scene:
    """Tissue gives way to lesion, marrow around it is altered, and where a lesion was before, the bone is dense and fatty.

    Tissues that the lesion does not touch are the spine's own arrays, not copies.
    """
    fractions = dict(spine.fractions)
    inside = {name: fractions[name][lesion.box] for name in fractions if name in BONE or name in SOFT_COST}
    own = spine.bone_of(lesion.level)[lesion.box]
    bone = sum(inside[name] for name in BONE if name in inside) * own
    marrow = sum(inside[name] for name in _MARROW)
    kept = 1 - lesion.bone_cover - lesion.healed
    altered = lesion.tissues["oedema"] / np.maximum(marrow * kept, 1e-6)
    for name in tuple(inside):
        if name in BONE:
            inside[name] = inside[name] * np.where(own, kept * (1 - altered) if name in _MARROW else kept, np.float32(1))
        if name in SOFT_COST:
            inside[name] = inside[name] * (1 - lesion.soft_cover)
    dense = lesion.healed * bone
    inside["bone"] = inside["bone"] + _SCLEROSIS * dense
    inside["fatty marrow"] = inside["fatty marrow"] + (1 - _SCLEROSIS) * dense
    for name, part in (inside | dict(lesion.tissues)).items():
        whole = fractions[name].copy() if name in fractions else np.zeros(spine.grid.shape, np.float32)
        whole[lesion.box] = part
        if whole.any():
            fractions[name] = whole
    return Scene(spine.grid, spine_tissues_at(field_t), fractions, lesion.drawn, spine.texture, PERFUSED)
