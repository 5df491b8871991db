"""Fixtures of the doors `train` and `predict`: a data set of made patients, their learning set, and models that are only files."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from click.testing import Result
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows.method import load_method
from afterglow.io.learning import read_learning_set, write_learning_set
from afterglow.io.write import write_json, write_text
from afterglow.records.maps import Provenance
from afterglow.records.recurrence import LearningCase, ModelCard, RecurrenceMap
from afterglow.recurrence.card import hash_model, write_card
from tests.recurrence_cases import make_cases

METHOD = "yoon2024"
MODELS = ("combined", "conventional")
N_PATIENTS = 4


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def made_study(root: Path, n: int = N_PATIENTS) -> None:
    """A BIDS data set of as many patients without images, and MODELS/data with made cases of all of them but the last."""
    subjects = [f"{k + 1:02d}" for k in range(n)]
    write_json(root / "bids" / "dataset_description.json", {"Name": "made", "BIDSVersion": "1.11.1"})
    write_text(root / "bids" / "participants.tsv", "\n".join(["participant_id", *(f"sub-{one}" for one in subjects)]) + "\n")
    for one in subjects:
        (root / "bids" / f"sub-{one}" / "ses-pre" / "anat").mkdir(parents=True)
    cases, channels, splits = make_cases(n - 1, 1, side=20)
    spec = load_method(METHOD).recurrence
    assert spec is not None
    channels = tuple(
        replace(one, low=spec_one.low, high=spec_one.high) for one, spec_one in zip(channels, spec.channels, strict=True)
    )
    write_learning_set(root / "models", cases, channels, splits, method=METHOD, spacing_mm=spec.spacing_mm, left_out={})


def made_models(root: Path, method: str = METHOD) -> None:
    """Folders with a card whose files are there and hold nothing that could run."""
    learning = read_learning_set(root / "models")
    for name in MODELS:
        folder = root / "models" / name
        (folder / "fold_0").mkdir(parents=True)
        for file in ("dataset.json", "plans.json", "fold_0/checkpoint_final.pth"):
            (folder / file).write_bytes(f"{name} {file}".encode())
        channels = learning.channels if name == "combined" else learning.channels[:2]
        write_card(
            folder,
            ModelCard(
                name, method, channels, "smoke", learning.splits, (0,), (2.0, 2.0, 2.0), 1, "cpu", {"dropped": 0.0}, learning.sha256,
                {}, {}, "not stated", hash_model(folder, (0,)), math.nan,
            ),
        )  # fmt: skip


def pretended(model_folder: Path, card: ModelCard, case: LearningCase, **_: object) -> RecurrenceMap:
    """A model's answer without a model: high where ve is, or nowhere for a model that does not read it."""
    reads_ve = "ve" in [one.name for one in card.channels]
    ve = np.nan_to_num(case.images["ve"]) if reads_ve else np.zeros(case.grid.shape)
    values = np.where(case.brain, np.clip(2 * ve, 0, 1), np.nan).astype(np.float32)
    provenance = Provenance("predict", "0.1.0", {"mirroring": False}, tuple(case.sources), f"Predicted by {card.name}.", ())
    shown = card.splits.shown(case.subject)
    return RecurrenceMap(case.subject, case.session, card.name, values, case.grid, shown, (0,), provenance)
