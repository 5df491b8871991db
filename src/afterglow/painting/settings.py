"""What a plan is made with. Every field is asked for: the method file has them all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanSettings:
    """Two plans are compared under equal conditions when their settings and their machine are the same."""

    isodose: float  # share of the largest dose on which the prescription lies: .5
    candidate_spacing_mm: float  # lattice of possible isocentres
    target_points: int  # points inside the target that the first programme sees
    ring_points: int  # points on each shell outside it
    ring_distances_mm: tuple[float, ...]  # shells outside the target
    underdose_penalty: float  # for each missing Gy over the prescription, mean over the target's points
    spill_penalty: float  # for each Gy over what falls off freely, mean over the shells
    brain_penalty: float  # for each Gy, mean over the brain
    beam_on_penalty: float  # for each Gy of beam-on, over the prescription
    least_shot_share: float  # a shot below this share of the largest is dropped
    zone_least: float  # D95 of each band of prescription over the prescription: .98
    band_gy: float  # width of these bands
    coverage: float  # share of the target that gets its prescription in the end
    rounds: int  # programmes solved at most
    head_radius_mm: float  # of the water sphere that stands for the head
    sectors: bool  # each sector on its own, where the machine has them
    seed: int  # points are drawn
