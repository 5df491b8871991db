"""Models that learned next to nothing from tiny patients, trained once for all tests that need one."""

import atexit
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from afterglow.records.recurrence import Channel, LearningCase, ModelCard, ModelWanted, Normalisation
from afterglow.recurrence.presets import SMOKE, Preset
from afterglow.recurrence.train import train_model
from afterglow.recurrence.training_data import TrainingData
from tests.recurrence_cases import CHANNELS, make_cases, written

TINY = replace(
    SMOKE, name="tiny", epochs=3, iterations=3, validation_iterations=1, save_every=1, patch=(16, 16, 16), features=(4, 8, 8)
)
COMBINED = ModelWanted("combined", ("CE-T1w", "FLAIR", "ve"))
SIDE = 24


@cache
def cases(folds: int = 1) -> tuple[LearningCase, ...]:
    return make_cases(9, 7, side=SIDE, folds=folds)[0]


@cache
def data(folds: int = 1, ve: Normalisation = "keep scale") -> TrainingData:
    """Six patients to learn from, three to test."""
    made, _, splits = make_cases(9, 7, side=SIDE, folds=folds)
    return written(made, (*CHANNELS[:2], normalised(ve)), splits, _folder() / "data")


def normalised(ve: Normalisation) -> Channel:
    return replace(CHANNELS[2], normalisation=ve)


def train(
    folder: Path,
    *,
    of: TrainingData | None = None,
    wanted: ModelWanted = COMBINED,
    preset: Preset = TINY,
    seed: int = 3,
    folds: tuple[int, ...] | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, n: None,
) -> ModelCard:
    return train_model(
        of or data(), wanted, preset, folder, method="yoon2024", device="cpu", seed=seed, folds=folds, progress=progress
    )


@cache
def trained(folds: int = 1, dropped: float = 0.0, ve: Normalisation = "keep scale") -> tuple[Path, ModelCard]:
    """A model's folder, never to be changed, and its card."""
    folder = _folder() / "combined"
    return folder, train(folder, of=data(folds, ve), wanted=replace(COMBINED, dropped=dropped))


def copied(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder / "copy")
    return folder / "copy"


def _folder() -> Path:
    folder = Path(mkdtemp(prefix="afterglow-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
