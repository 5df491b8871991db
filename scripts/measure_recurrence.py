#!/usr/bin/env python3
"""How long the deep model takes and how much memory: a smoke training of both models, a training on a device, one brain at 1 mm.

  scripts/measure_recurrence.py smoke [--patients 16] [--side 48] [--seed 1] [--json]
  scripts/measure_recurrence.py brain [--threads 1] [--mirroring] [--device cpu] [--json]
  scripts/measure_recurrence.py train [--preset default] [--epochs 1] [--iterations 10] [--side 128] [--device cuda] [--json]

`smoke`: the preset of that name on made patients (tests/recurrence_cases.py), combined against conventional, the test third predicted; how far the
combined model's probabilities move when ve is doubled, with its scale kept and as z-scores. `brain`: one fold of nnU-Net's own network as it plans
it for 160 x 190 x 160 voxels of 1 mm, with weights that learned nothing (the time does not know). `train`: seconds a batch of a preset at 1 mm.
Memory is the largest that the process held.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.recurrence_cases import CHANNELS, make_cases, splits_of, written

from afterglow.records.grid import Grid
from afterglow.records.recurrence import ModelWanted
from afterglow.recurrence.network import Network, probabilities
from afterglow.recurrence.plans import CONFIGURATION, dataset_json, prepare, read_case
from afterglow.recurrence.predict import predict_case
from afterglow.recurrence.presets import PRESETS, SMOKE
from afterglow.recurrence.train import train_model

COMBINED, CONVENTIONAL = ModelWanted("combined", ("CE-T1w", "FLAIR", "ve")), ModelWanted("conventional", ("CE-T1w", "FLAIR"))
BRAIN = (160, 190, 160)


def silent(what: str, done: int, of: int) -> None:
    """Nobody watches."""


def memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def smoke(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    cases, channels, splits = make_cases(given.patients, given.seed, side=given.side)
    data = written(cases, channels, splits, folder / "data")
    tested = [case for case in cases if case.subject in splits.test]
    began, cpu, found = time.perf_counter(), time.process_time(), {}
    for wanted in (COMBINED, CONVENTIONAL):
        card = train_model(
            data, wanted, SMOKE, folder / wanted.name, method="smoke", device="cpu", seed=given.seed, progress=silent
        )
        maps = [predict_case(folder / wanted.name, card, case) for case in tested]
        hit = [bool(np.nanmax(made.probability) >= 0.5) for made in maps]
        found[f"{wanted.name}: found of recurred"] = (
            f"{sum(h for h, c in zip(hit, tested, strict=True) if c.recurs)}/{sum(bool(c.recurs) for c in tested)}"
        )
        found[f"{wanted.name}: silent of the others"] = (
            f"{sum(not h for h, c in zip(hit, tested, strict=True) if not c.recurs)}/{sum(not c.recurs for c in tested)}"
        )
    found |= {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu, "memory_gb": memory_gb()}
    scored = replace(data, channels=(*channels[:2], replace(channels[2], normalisation="z-score")))
    train_model(scored, COMBINED, SMOKE, folder / "scored", method="smoke", device="cpu", seed=given.seed, progress=silent)
    found["ve doubled, scale kept: largest change"] = scale_counts(folder / "combined", tested)
    found["ve doubled, z-score: largest change"] = scale_counts(folder / "scored", tested)
    return found


def scale_counts(model: Path, cases) -> float:
    """Largest change of a probability when ve is doubled."""
    from afterglow.recurrence.card import read_card

    card, largest = read_card(model), 0.0
    for case in cases:
        twice = replace(case, images={**case.images, "ve": case.images["ve"] * np.float32(2)})
        change = predict_case(model, card, twice).probability - predict_case(model, card, case).probability
        largest = max(largest, float(np.nanmax(np.abs(change))))
    return largest


def whole_brains(folder: Path, n: int, shape=BRAIN):
    """Made patients at 1 mm in a head's box: a tumour, oedema and a recurrence in noise."""
    rng = np.random.default_rng(1)
    cases, _, _ = make_cases(n, 1, side=96, spacing_mm=1.0)
    index = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij"))
    brain = (index**2).sum(axis=0) <= 0.95
    made = []
    for case in cases:
        corner = [(size - 96) // 2 for size in shape]
        where = tuple(slice(c, c + 96) for c in corner)
        label = np.zeros(shape, dtype=bool)
        label[where] = case.label
        images = {
            name: (brain * rng.normal(scale, 0.1 * scale, shape)).astype(np.float32)
            for name, scale in zip(case.images, (400, 300, 0.1), strict=True)
        }
        for name, image in images.items():
            image[where] = np.where(case.brain, np.nan_to_num(case.images[name]), image[where])
        made.append(replace(case, grid=Grid(shape, np.eye(4)), images=images, brain=brain, label=label, enhancing=None))
    return written(made, CHANNELS, splits_of([c.subject for c in made], 1, 1), folder / "data")


def brain(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from afterglow.recurrence.extra import nnunet_surroundings, quiet

    torch.set_num_threads(given.threads)
    data = whole_brains(folder, 3)
    began = time.perf_counter()
    cases = data.cases[:1]
    one = replace(data.splits, folds=(replace(data.splits.folds[0], training=(cases[0].subject,), held_out=()),))
    with quiet(), nnunet_surroundings(folder / "work", 1):
        plan = prepare(cases, CHANNELS, one, PRESETS["default"], folder / "work", workers=1, told=silent)
        prepared = time.perf_counter() - began
        described, plans = dataset_json(CHANNELS, 1), PlansManager(plan)
        configuration = plans.get_configuration(CONFIGURATION)
        network = nnUNetTrainer.build_network_architecture(plans, configuration, len(CHANNELS), 2, enable_deep_supervision=False)
        predictor = nnUNetPredictor(device=torch.device(given.device), allow_tqdm=False)
        predictor.manual_initialization(network, plans, configuration, None, described, "nnUNetTrainer", None)
    untrained = {"network_weights": network.state_dict(), "inference_allowed_mirroring_axes": [0, 1, 2]}
    images, _, properties = read_case(cases[0], CHANNELS)
    before, began, cpu = memory_gb(), time.perf_counter(), time.process_time()
    probabilities(
        Network(predictor, lambda fold: untrained), images, properties["spacing"], folds=(0,), mirroring=given.mirroring
    )
    return {
        "shape": "x".join(map(str, BRAIN)),
        "patch": "x".join(map(str, configuration.patch_size)),
        "parameters": sum(p.numel() for p in network.parameters()),
        "threads": given.threads,
        "device": given.device,
        "prepare_seconds": prepared,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "memory_gb_before": before,
        "memory_gb": memory_gb(),
    }


def train(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    data = whole_brains(folder, 6, (given.side,) * 3)
    preset = replace(PRESETS[given.preset], epochs=given.epochs, iterations=given.iterations, validation_iterations=1)
    times = [time.perf_counter()]
    card = train_model(
        data, COMBINED, preset, folder / "model", method="speed", device=given.device, seed=1,
        progress=lambda what, done, of: times.append(time.perf_counter()) if "epochs" in what else None,
    )  # fmt: skip
    epochs = np.diff(times)
    return {
        "device": card.device,
        "patch": "x".join(map(str, card.settings["patch"])),
        "batch": card.settings["batch"],
        "first_epoch_with_preparing_seconds": float(epochs[0]),
        "seconds_a_batch": float(np.median(epochs[1:]) / given.iterations)
        if len(epochs) > 1
        else float(epochs[0] / given.iterations),
        "seconds": card.seconds,
        "memory_gb": memory_gb(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("smoke")
    one.add_argument("--patients", type=int, default=16)
    one.add_argument("--side", type=int, default=48)
    one.add_argument("--seed", type=int, default=1)
    two = what.add_parser("brain")
    two.add_argument("--threads", type=int, default=1)
    two.add_argument("--mirroring", action="store_true")
    two.add_argument("--device", default="cpu")
    three = what.add_parser("train")
    three.add_argument("--preset", choices=list(PRESETS), default="default")
    three.add_argument("--epochs", type=int, default=2)
    three.add_argument("--iterations", type=int, default=10)
    three.add_argument("--side", type=int, default=128)
    three.add_argument("--device", default="cpu")
    for each in (one, two, three):
        each.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = {"smoke": smoke, "brain": brain, "train": train}[given.what](given, Path(place))
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            print(f"{name:42} {value:.4g}" if isinstance(value, float) else f"{name:42} {value}")


if __name__ == "__main__":
    main()
