"""What a plan is made with. Every field is asked for: the method file has them all."""

from dataclasses import dataclass

from afterglow.records.errors import BadMethod


@dataclass(frozen=True)
class PlanSettings:
    """Two plans are compared under equal conditions when their settings and their machine are the same.

    Penalties are per Gy of the mean over the points they speak of; only their ratios matter.
    """

    isodose: float  # share of the largest dose on which the prescription lies: .5
    candidate_spacing_mm: float  # least distance between possible isocentres of the smallest collimator; it grows with the size
    candidates: int  # isocentres of one collimator at most
    target_points: int  # points in the target that the first programme sees
    shell_points: int  # points on each shell outside the target
    shell_distances_mm: tuple[float, ...]  # from the target's surface
    shell_shares: tuple[float, ...]  # of the greatest prescription: what a shell may receive without penalty
    underdose_penalty: float  # of what is missing in the target
    spill_penalty: float  # of what a shell receives over its share
    brain_penalty: float  # of the dose of the brain outside the target
    beam_on_penalty: float  # of the sum of all shots' beam-on, in Gy of the largest collimator
    least_shot_share: float  # a shot with less than this share of the largest one's weight is dropped
    zone_least: float  # D95 of each band of prescription over the prescription: .98
    band_gy: float  # width of these bands
    coverage: float  # share of the target that receives its prescription in the end
    hottest: float  # unless more than so many times the prescription would be reached somewhere
    rounds: int  # programmes solved at most
    head_radius_mm: float  # of the water sphere that stands for the head
    sectors: bool  # each sector on its own, where the machine has them
    seed: int  # points are drawn

    def __post_init__(self) -> None:
        if not 0 < self.isodose < 1 or not 0 < self.coverage <= 1 or not 0 < self.zone_least <= 1:
            raise BadMethod(
                f"plan: isodose {self.isodose}, coverage {self.coverage} and zone_least {self.zone_least} are shares between 0 and 1"
            )
        if len(self.shell_distances_mm) != len(self.shell_shares) or not self.shell_shares:
            raise BadMethod(
                f"plan: {len(self.shell_distances_mm)} shells with {len(self.shell_shares)} shares; give one share for each shell"
            )
        if self.hottest < 1 / self.isodose:
            raise BadMethod(
                f"plan: hottest {self.hottest} lies below the {1 / self.isodose:g} times the prescription that the isodose asks for"
            )
        if min(self.candidates, self.target_points, self.shell_points, self.rounds) < 1:
            raise BadMethod("plan: candidates, target_points, shell_points and rounds are counts from 1 on")
        if min(self.candidate_spacing_mm, self.band_gy, self.head_radius_mm, *self.shell_distances_mm) <= 0:
            raise BadMethod("plan: candidate_spacing_mm, band_gy, head_radius_mm and shell_distances_mm are above 0")
        penalties = (self.underdose_penalty, self.spill_penalty, self.brain_penalty, self.beam_on_penalty)
        if min(penalties) < 0 or self.underdose_penalty == 0:
            raise BadMethod("plan: penalties are 0 or more, and that of underdose above 0")
        if not 0 <= self.least_shot_share < 1:
            raise BadMethod(f"plan: least_shot_share {self.least_shot_share} is a share from 0 to below 1")
