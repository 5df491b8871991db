"""Round tumours in a round head, and settings that plan them quickly."""

import dataclasses

import numpy as np

from afterglow.painting.settings import PlanSettings
from afterglow.records.dose import Structure
from afterglow.records.grid import Grid

QUICK = PlanSettings(
    isodose=0.5,
    candidate_spacing_mm=2.5,
    candidates=40,
    target_points=300,
    shell_points=80,
    shell_distances_mm=(1.5, 4.0, 8.0, 15.0),
    shell_shares=(0.9, 0.6, 0.35, 0.15),
    underdose_penalty=1000.0,
    spill_penalty=10.0,
    brain_penalty=10.0,
    beam_on_penalty=0.3,
    least_shot_share=0.05,
    zone_least=0.98,
    band_gy=1.0,
    coverage=0.98,
    hottest=4.0,
    rounds=3,
    head_radius_mm=85.0,
    sectors=False,
    seed=1,
)


def quick(**changed):
    return dataclasses.replace(QUICK, **changed)


class Phantom:
    """A sphere of `ml` with an aggressive core off its middle, in a head of `head_mm` radius; voxels of `spacing_mm`."""

    def __init__(self, ml=4.0, spacing_mm=(1.5, 1.5, 1.5), head_mm=40.0, tilt=None):
        spacing = np.array(spacing_mm)
        shape = tuple(int(n) for n in np.ceil(2 * head_mm / spacing))
        affine = np.eye(4)
        affine[:3, :3] = (np.eye(3) if tilt is None else tilt) * spacing
        affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
        self.grid = Grid(shape, affine)
        places = self.grid.to_mm(np.stack(np.indices(shape), axis=-1).astype(float))
        self.radius_mm = (ml * 1000 * 3 / 4 / np.pi) ** (1 / 3)
        distance = np.linalg.norm(places, axis=-1)
        share = np.clip((self.radius_mm - distance) / spacing.mean() + 0.5, 0, 1).astype(np.float32)
        self.target = Structure("tumour", share, self.grid, "target")
        self.brain = distance < 0.92 * head_mm
        core = np.linalg.norm(places - [0.3 * self.radius_mm, 0, 0], axis=-1)
        inside = share > 0
        self.uniform = np.where(inside, 16, 0).astype(np.float32)
        levels = np.where(core < 0.45 * self.radius_mm, 18, np.where(core < 0.65 * self.radius_mm, 16.5, 15))
        self.painted = np.where(inside, levels, 0).astype(np.float32)
