"""A head with its lesion as the scanner meets it, and the healthy tissue it is compared with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from afterglow.simulate.head import Head
from afterglow.simulate.scene import Drawn, Scene
from afterglow.simulate.story import Nest
from afterglow.simulate.tissues import TISSUES, Tissue, with_water
from afterglow.simulate.tumour import Lesion, Seat

Map = NDArray[np.float32]

_GIVING_WAY = ("grey", "white", "csf", "vein", "plexus")  # where a lesion grows; all else stays and is not copied


def scene_of(head: Head, lesion: Lesion, tissues: Mapping[str, Tissue] = TISSUES) -> Scene:
    """The head with the lesion in it: brain gives way to lesion, white matter to oedema, sulci are pressed shut."""
    fractions = {name: part.copy() if name in _GIVING_WAY else part for name, part in head.fractions.items()}
    inside = {name: part[lesion.box] for name, part in fractions.items()}
    solid = {name: lesion.fractions[name] for name in ("tumour", "scar", "core", "cavity")}
    taken = np.sum(list(solid.values()), axis=0)
    pressed = inside["csf"] * np.clip(0.7 * lesion.fractions["oedema"], 0, 1)
    inside["csf"] -= pressed
    inside["grey"] += pressed
    for name in _GIVING_WAY:
        inside[name] *= 1 - taken
    wet = [nest.own_tissue for nest in lesion.state.nests if nest.own_tissue not in tissues]
    there = [name for name in (*solid, *wet, "infiltration", "oedema") if lesion.fractions[name].any()]
    added = {name: np.zeros(head.grid.shape, np.float32) for name in there}
    for name, grey_share in (*((name, 1.0) for name in wet), ("infiltration", 1.0), ("oedema", 0.35)):
        if name not in added:
            continue
        for tissue, weight in (("white", 1.0), ("grey", grey_share)):
            share = weight * lesion.fractions[name]
            added[name][lesion.box] += inside[tissue] * share
            inside[tissue] *= 1 - share
    room = 1.0 - sum(inside.values()) - sum(added[name][lesion.box] for name in ("oedema", "infiltration", *wet) if name in added)
    kept = np.minimum(np.clip(room, 0.0, 1.0) / np.maximum(taken, 1e-6), 1.0).astype(np.float32)
    for name in solid.keys() & added.keys():
        added[name][lesion.box] = solid[name] * kept
    drawn = {}
    for name, one in lesion.drawn.items():
        scale = _ratio(added[name][lesion.box], lesion.fractions[name])
        drawn[name] = Drawn(
            one.box, one.grid, one.ktrans_per_min * scale, one.ve * scale, one.vp * scale, one.delay_s, one.architecture
        )
    return Scene(head.grid, with_nests(tissues, lesion.state.nests), fractions | added, drawn, head.texture, ("grey", "white"))


def with_nests(tissues: Mapping[str, Tissue], nests: tuple[Nest, ...]) -> Mapping[str, Tissue]:
    """The table and a row for each nest with water of its own."""
    own = {
        nest.own_tissue: with_water(
            nest.own_tissue, tissues[nest.tissue], more_r1_per_s=nest.more_r1_per_s, more_r2_per_s=nest.more_r2_per_s
        )
        for nest in nests
        if nest.own_tissue not in tissues
    }
    return {**tissues, **own}


def _ratio(part: Map, whole: Map) -> Map:
    out: Map = np.where(whole > 1e-4, part / np.maximum(whole, 1e-4), 0.0).astype(np.float32)
    return out


def contralateral(head: Head, seat: Seat, *, radius_mm: float) -> Map:
    """White matter (i, j, k share) within `radius_mm` of the seat's mirror image in the template."""
    mirror = np.array([-seat.centre_mm[0], seat.centre_mm[1], seat.centre_mm[2]], dtype=np.float32).reshape(3, 1, 1, 1)
    near = ((head.template_mm - mirror) ** 2).sum(axis=0) < radius_mm**2
    out: Map = head.fractions["white"] * near
    return out
