"""A trained network in memory, and probabilities from it: nnU-Net's own preprocessing, sliding window and way back."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import MissingInput, NotVerified
from afterglow.records.recurrence import ModelCard
from afterglow.recurrence.card import TRUSTED
from afterglow.recurrence.dropout import HIDDEN
from afterglow.recurrence.extra import nnunet_surroundings, quiet
from afterglow.recurrence.plans import CONFIGURATION


@dataclass(frozen=True, eq=False)
class Network:
    """nnU-Net's predictor and, for each fold, what its checkpoint holds, read anew each time."""

    predictor: Any  # nnUNetPredictor
    checkpoint: Callable[[int], Mapping[str, Any]]


def load_network(model_folder: Path, card: ModelCard, device: str) -> Network:
    """A network whose weights are read only from files that have the card's hashes. The last two are kept, without weights."""
    hashes = tuple(sorted(card.files.items()))
    return _load(model_folder.resolve(), hashes, bool(card.settings.get(TRUSTED, False)), device)


@lru_cache(maxsize=2)
def _load(folder: Path, hashes: tuple[tuple[str, str], ...], trusted: bool, device: str) -> Network:
    files = dict(hashes)
    described, plan = (json.loads(_read(folder, name, files)) for name in ("dataset.json", "plans.json"))
    with quiet(), nnunet_surroundings(folder, processes=1):
        import torch
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
        from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

        plans = PlansManager(plan)
        configuration = plans.get_configuration(CONFIGURATION)
        heads = plans.get_label_manager(described).num_segmentation_heads
        network = nnUNetTrainer.build_network_architecture(
            plans, configuration, len(described["channel_names"]), heads, enable_deep_supervision=False
        )
        predictor = nnUNetPredictor(device=torch.device(device), allow_tqdm=False)
        predictor.manual_initialization(network, plans, configuration, None, described, "nnUNetTrainer", None)

    def checkpoint(fold: int) -> Mapping[str, Any]:
        data = io.BytesIO(_read(folder, f"fold_{fold}/checkpoint_final.pth", files))
        found: Mapping[str, Any] = torch.load(data, map_location="cpu", weights_only=not trusted)
        return found

    return Network(predictor, checkpoint)


def _read(folder: Path, name: str, files: dict[str, str]) -> bytes:
    """A file's bytes, looked at before anything is made of them."""
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError:
        raise MissingInput(
            f"{folder / name}: the model's card names this file and it is gone; copy the model's folder whole"
        ) from None
    if name not in files or hashlib.sha256(data).hexdigest() != files[name]:
        raise NotVerified(
            f"{folder / name}: its bytes are not those that the model's card names; copy the model again from its source"
        )
    return data


def probabilities(
    network: Network,
    images: NDArray[np.float32],
    spacing_mm: Sequence[float],
    *,
    folds: Sequence[int],
    mirroring: bool,
    hidden: Sequence[int] = (),
) -> NDArray[np.float32]:
    """Probability that the tumour comes back (z, y, x) from images (c, z, y, x); folds are averaged in probability."""
    import torch

    predictor = network.predictor
    plans, configuration, described = predictor.plans_manager, predictor.configuration_manager, predictor.dataset_json
    mean = np.zeros(images.shape[1:], dtype=np.float64)
    with quiet(), nnunet_surroundings(Path(), processes=1):
        from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape as way_back

        predictor.use_mirroring = mirroring
        preprocessor = configuration.preprocessor_class(verbose=False)
        data, _, properties = preprocessor.run_case_npy(
            images, None, {"spacing": [float(mm) for mm in spacing_mm]}, plans, configuration, described
        )
        data[list(hidden)] = HIDDEN
        tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
        for fold in folds:
            checkpoint = network.checkpoint(fold)
            predictor.network.load_state_dict(checkpoint["network_weights"])
            predictor.allowed_mirroring_axes = tuple(checkpoint["inference_allowed_mirroring_axes"] or ()) or None
            del checkpoint
            logits = predictor.predict_sliding_window_return_logits(tensor).cpu().float()
            _, one = way_back(
                logits,
                plans,
                configuration,
                predictor.label_manager,
                properties,
                return_probabilities=True,
                num_threads_torch=torch.get_num_threads(),
            )
            mean += one[1]
    return (mean / len(folds)).clip(0.0, 1.0).astype(np.float32)
