"""How long and how large a model is trained: one line a preset, every number with its reason."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True)
class Preset:
    """Settings of one training. None: what nnU-Net plans from the data. `features` has one number a stage."""

    name: str
    epochs: int
    iterations: int  # batches an epoch
    validation_iterations: int
    learning_rate: float  # at the start; falls as nnU-Net's polynomial to 0 at the last epoch
    optimiser: Literal["SGD", "AdamW"]
    why: str
    foreground: float = 0.33  # share of a batch that must hold the label (nnU-Net's own)
    save_every: int = 50  # epochs; a stopped training goes on from there (nnU-Net's own)
    patch: tuple[int, int, int] | None = None
    batch: int | None = None
    features: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "iterations": self.iterations, "validation iterations": self.validation_iterations}
        for what, count in {**counts, "epochs between checkpoints": self.save_every}.items():
            if count < 1:
                raise ValueError(f"preset {self.name}: {count} {what}; 1 at least")
        if not self.learning_rate > 0:
            raise ValueError(f"preset {self.name}: a learning rate of {self.learning_rate} does not learn")
        if (self.patch is None) != (self.features is None):
            raise ValueError(f"preset {self.name}: patch and features are both given or both left to nnU-Net")
        if self.patch and self.features:
            if len(self.features) < 3:
                raise ValueError(f"preset {self.name}: nnU-Net's loss needs three stages at least, not {len(self.features)}")
            step = 2 ** (len(self.features) - 1)
            if any(side % step for side in self.patch):
                raise ValueError(f"preset {self.name}: {len(self.features)} stages halve a patch {self.patch} to fractions")


SMOKE = Preset(
    name="smoke",
    epochs=10,
    iterations=25,
    validation_iterations=2,
    learning_rate=3e-3,
    optimiser="AdamW",
    foreground=0.5,
    save_every=5,
    patch=(32, 32, 32),
    batch=2,
    features=(8, 16, 32),
    why="A trial that ends in a minute on one core: AdamW, because nnU-Net's own SGD finds only background in so few steps; "
    "half of each batch holds the label, as nnU-Net rounds its third to with two in a batch.",
)
MEDIUM = Preset(
    name="medium",
    epochs=40,
    iterations=30,
    validation_iterations=4,
    learning_rate=1e-3,
    optimiser="AdamW",
    foreground=0.5,
    save_every=5,
    patch=(48, 48, 48),
    batch=2,
    features=(16, 32, 64, 128),
    why="For data at 2 mm on a CPU, half an hour a model: a patch of 96 mm holds a tumour with the oedema around it (one of 128 mm "
    "costs 3.5 times as much); four stages see all of it; AdamW, because 1,200 batches are too few for nnU-Net's SGD.",
)
DEFAULT = Preset(
    name="default",
    epochs=250,
    iterations=250,
    validation_iterations=50,
    learning_rate=1e-2,
    optimiser="SGD",
    save_every=10,
    why="nnU-Net's own plan and SGD for a quarter of its epochs, a length that nnU-Net ships too (nnUNetTrainer_250epochs).",
)
YOON2024 = Preset(
    name="yoon2024",
    epochs=1000,
    iterations=250,
    validation_iterations=50,
    learning_rate=1e-2,
    optimiser="SGD",
    save_every=10,
    why="nnU-Net left to itself, full resolution in three dimensions, as in doi:10.1038/s41598-024-52841-7 (the paper changes no "
    "setting; 1,000 epochs of 250 batches are nnU-Net's own).",
)
PRESETS = {preset.name: preset for preset in (SMOKE, MEDIUM, DEFAULT, YOON2024)}


def changed(preset: Preset) -> tuple[str, ...]:
    """What a person set in place of the numbers of the preset of that name, for which its reason does not stand."""
    standard = PRESETS.get(preset.name)
    if standard is None:
        return ()
    names = [field.name for field in fields(Preset) if getattr(preset, field.name) != getattr(standard, field.name)]
    return tuple(f"{name} {getattr(preset, name)} in place of {getattr(standard, name)}" for name in names)
