"""Tiny made patients of a glioma: a ring that enhances, oedema around it, and a part of the oedema where the tumour comes back."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.recurrence import Channel, Fold, LearningCase, Splits
from afterglow.recurrence.training_data import TrainingCase, TrainingData

CHANNELS = (
    Channel("CE-T1w", "z-score"),
    Channel("FLAIR", "z-score"),
    Channel("ve", "keep scale", quantity="ve", low=0.0, high=1.0),
)
SESSION = "pre"


def make_cases(
    n: int, seed: int, side: int = 40, ve_linked: bool = True, folds: int = 1, spacing_mm: float = 2.0
) -> tuple[tuple[LearningCase, ...], tuple[Channel, ...], Splits]:
    """`n` patients, every second one recurs; the last third (rounded up) is the test set, the others are in every fold.

    `ve_linked`: ve is high where the tumour comes back, else it knows nothing of it. CE-T1w and FLAIR never know.
    Images are zero outside the brain but for ve, which is NaN there and above the slab.
    """
    cases = tuple(
        _case(f"{k + 1:02d}", k % 2 == 0, np.random.default_rng((seed, k)), side, ve_linked, spacing_mm) for k in range(n)
    )
    return cases, CHANNELS, splits_of([case.subject for case in cases], folds, seed)


def splits_of(subjects: list[str], folds: int, seed: int) -> Splits:
    """The last third is the test set; fold k holds every `folds`-th pair of patients out (of one fold: the last pair)."""
    n_test = -(-len(subjects) // 3)
    learning, test = tuple(subjects[:-n_test]), tuple(subjects[-n_test:])
    pairs = [learning[k : k + 2] for k in range(0, len(learning), 2)]
    parts = [sum(pairs[k::folds], ()) for k in range(folds)] if folds > 1 else [pairs[-1]]
    made = tuple(Fold(tuple(s for s in learning if s not in part), part) for part in parts)
    return Splits("k-fold", made, test, seed, "recurrence")


def written(cases: Sequence[LearningCase], channels: Sequence[Channel], splits: Splits, folder: Path) -> TrainingData:
    """The cases as NIfTI files in a folder, and what a training is told of them."""
    folder.mkdir(parents=True)
    made = []
    for case in cases:
        masks = {"brain": case.brain, "label": case.label}
        arrays = {**case.images, **{name: mask.astype(np.uint8) for name, mask in masks.items() if mask is not None}}
        paths = {name: folder / f"sub-{case.subject}_{name}.nii.gz" for name in arrays}
        for name, path in paths.items():
            nib.save(nib.Nifti1Image(arrays[name], case.grid.affine), path)
        images = {name: paths[name] for name in case.images}
        made.append(TrainingCase(case.subject, case.session, images, paths["brain"], paths.get("label")))
    return TrainingData(tuple(made), tuple(channels), splits, "0" * 64)


def _case(subject: str, recurs: bool, rng: np.random.Generator, side: int, ve_linked: bool, spacing_mm: float) -> LearningCase:
    index = np.stack(np.meshgrid(*(np.arange(side),) * 3, indexing="ij"), axis=-1)
    middle = (side - 1) / 2
    brain = _ball(index, np.full(3, middle), 0.47 * side)
    towards = rng.normal(size=3)
    towards /= np.linalg.norm(towards)
    centre = middle + rng.uniform(-0.06, 0.06, 3) * side
    tumour, oedema = _ball(index, centre, 0.11 * side), _ball(index, centre, 0.27 * side)
    enhancing = tumour & ~_ball(index, centre, 0.06 * side)
    comes_back = _ball(index, centre + towards * 0.17 * side, 0.09 * side) & oedema & ~tumour
    label = comes_back if recurs else np.zeros_like(brain)
    leaks = comes_back if ve_linked and recurs else np.zeros_like(brain)
    ce_t1w = 400.0 + 250.0 * enhancing - 120.0 * (tumour & ~enhancing) - 40.0 * oedema + rng.normal(0, 15.0, brain.shape)
    flair = 300.0 + 160.0 * oedema + rng.normal(0, 15.0, brain.shape)
    ve = np.clip(0.08 + 0.06 * oedema + 0.3 * enhancing + 0.3 * leaks + rng.normal(0, 0.015, brain.shape), 0.0, 1.0)
    ve[~brain | (index[..., 2] > 0.8 * side)] = np.nan  # the slab ends below the crown
    gain = rng.uniform(0.7, 1.4)  # a scanner's arbitrary units
    return LearningCase(
        subject,
        SESSION,
        Grid((side,) * 3, np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])),
        {
            "CE-T1w": (ce_t1w * gain * brain).astype(np.float32),
            "FLAIR": (flair * gain * brain).astype(np.float32),
            "ve": ve.astype(np.float32),
        },
        brain,
        label,
        enhancing,
    )


def _ball(index: NDArray[np.intp], centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ((index - centre) ** 2).sum(axis=-1) <= radius**2
    return inside
