"""What all series of one simulated visit share: the body, how it lies, the coils, the injections, and a seed for each series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.simulate.acquire import Fields
from afterglow.simulate.acquisition import Acquisition, DceProtocol, DscProtocol, Size
from afterglow.simulate.dce import Bolus
from afterglow.simulate.geometry import lie_down
from afterglow.simulate.injections import Given, give, plasma
from afterglow.simulate.scanner import flip_angle_field, receive_field
from afterglow.simulate.scene import Scene
from afterglow.simulate.story import VisitStory
from afterglow.simulate.subject import Subject

Matrix = NDArray[np.float64]

# The order only makes seeds: a series looks the same whether or not another one was scanned.
_SEEDED = ("visit", "dce", "vfa", "b1", "dsc-se", "dsc-ge", "dwi", "mrsi", "T1w", "CE-T1w", "T2w", "STIR", "FLAIR")
_PATIENT = 1  # a branch of the patient's seed beside that of the body
_DOSE_SPREAD = 0.08  # of a patient's plasma curve against the population's; assumed


@dataclass(frozen=True, eq=False)
class Visit:
    """One visit about to be scanned."""

    subject: Subject
    number: int
    story: VisitStory
    acquisition: Acquisition
    size: Size
    scene: Scene
    poses: dict[str, Matrix]  # by role, (4, 4) scanner mm to body mm
    fields: Fields
    given: tuple[Given, ...]
    scale: float  # of this patient's plasma curve
    seed: np.random.SeedSequence

    def seed_of(self, role: str) -> np.random.SeedSequence:
        """The seed of a series, the same whichever others were scanned."""
        return np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key, _SEEDED.index(role)))

    def rng_of(self, role: str) -> np.random.Generator:
        return np.random.default_rng(self.seed_of(role))

    def patient_rng(self) -> np.random.Generator:
        """Draws that are the patient's own, the same at every visit."""
        return np.random.default_rng(
            np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key[:-1], 0, _PATIENT))
        )

    def plasma(self, until_s: float) -> Bolus:
        """Plasma curves on the visit's clock; all zero where nothing was injected."""
        return plasma(self.given, until_s=until_s, haematocrit=self.acquisition.scanner.haematocrit, scale=self.scale)


def begin_visit(
    subject: Subject, number: int, story: VisitStory, acquisition: Acquisition, size: Size, seed: np.random.SeedSequence
) -> Visit:
    """Lay the patient down. Only series that were scanned inject anything."""
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
    scanner, field = acquisition.scanner, subject.field
    poses = lie_down(acquisition.roles, field, scanner.motion, rng)
    scale = float(np.exp(rng.normal(0.0, _DOSE_SPREAD)))
    dynamic: list[tuple[str, DceProtocol | DscProtocol]] = [(one.role, one) for one in acquisition.dsc]
    if acquisition.dce is not None:
        dynamic.append(("dce", acquisition.dce))
    given = give(tuple((role, one.start_s + one.injection.start_s, one.injection.dose_mmol_kg) for role, one in dynamic), rng)
    fields = Fields(
        receive_field(rng, scanner.bias_spread, field.turn_centre_mm),
        flip_angle_field(rng, scanner.b1_spread, field.turn_centre_mm),
    )
    scanned = tuple(one for one in given if one.role in story.roles)
    return Visit(subject, number, story, acquisition, size, subject.scene(number), poses, fields, scanned, scale, seed)
