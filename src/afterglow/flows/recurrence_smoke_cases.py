"""Sixteen small made patients for the smoke run: a ring that enhances, oedema around it, and in half of them a nest that comes back."""

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.recurrence import Channel, Fold, LearningCase, Splits

CHANNELS = (
    Channel("CE-T1w", "z-score"),
    Channel("FLAIR", "z-score"),
    Channel("ve", "keep scale", quantity="ve", low=0.0, high=1.0),
)
N_PATIENTS, N_TEST, SIDE, SPACING_MM = 16, 6, 40, 2.0


def smoke_cases(seed: int) -> tuple[LearningCase, ...]:
    """Every second patient recurs. Only ve is raised where the tumour comes back; no other image knows the place."""
    return tuple(_patient(f"{n + 1:02d}", n % 2 == 0, np.random.default_rng((seed, n))) for n in range(N_PATIENTS))


def smoke_splits(seed: int) -> Splits:
    """The last six are the test set; of the ten others two are held out."""
    names = [f"{n + 1:02d}" for n in range(N_PATIENTS)]
    learning, test = names[:-N_TEST], tuple(names[-N_TEST:])
    return Splits("k-fold", (Fold(tuple(learning[:-2]), tuple(learning[-2:])),), test, seed, "recurrence")


def _patient(subject: str, recurs: bool, rng: np.random.Generator) -> LearningCase:
    grid = Grid((SIDE,) * 3, np.diag([SPACING_MM] * 3 + [1.0]))
    middle = np.full(3, (SIDE - 1) / 2)
    brain = _ball(middle, 0.46)
    centre = middle + rng.uniform(-0.05, 0.05, 3) * SIDE
    way = rng.normal(size=3)
    nest = _ball(centre + 0.17 * SIDE * way / np.linalg.norm(way), 0.09)
    core, oedema = _ball(centre, 0.11), _ball(centre, 0.28)
    enhancing, nest = core & ~_ball(centre, 0.06), nest & oedema & ~core
    label = nest if recurs else np.zeros_like(nest)
    noise = rng.normal(size=(3, *grid.shape))
    gain = rng.uniform(0.7, 1.4)  # the arbitrary units of a scanner
    t1w = gain * brain * (400 + 250 * enhancing - 120 * (core & ~enhancing) - 40 * oedema + 15 * noise[0])
    flair = gain * brain * (300 + 160 * oedema + 15 * noise[1])
    ve = np.clip(0.08 + 0.06 * oedema + 0.3 * enhancing + 0.3 * label + 0.015 * noise[2], 0, 1)
    ve[~brain] = np.nan
    images = {name: image.astype(np.float32) for name, image in (("CE-T1w", t1w), ("FLAIR", flair), ("ve", ve))}
    return LearningCase(subject, "pre", grid, images, brain, label, enhancing)


def _ball(centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """`radius` as a share of the side."""
    index = np.moveaxis(np.indices((SIDE,) * 3), 0, -1)
    inside: NDArray[np.bool_] = ((index - centre) ** 2).sum(axis=-1) <= (radius * SIDE) ** 2
    return inside
