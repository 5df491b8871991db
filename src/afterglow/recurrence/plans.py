"""From a learning set to what nnU-Net trains on: its plan, its fingerprint and its preprocessed cases, in this process.

nnU-Net's own functions do each step; what its commands do around them (pools of processes, file names by number) is left
out. A channel's normalisation goes by the name that nnU-Net gives it, and is read back from the plan.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import BadInput
from afterglow.records.recurrence import Channel, Normalisation, Splits
from afterglow.recurrence.presets import Preset
from afterglow.recurrence.training_data import TrainingCase, filled

Progress = Callable[[str, int, int], None]
DATASET = "Dataset001_recurrence"
CONFIGURATION = "3d_fullres"
PLANS = "nnUNetPlans"
_SAMPLES = 10**7  # values drawn inside labels for "keep scale"; a tenth of nnU-Net's, whose draw takes gigabytes
_NAMES: dict[Normalisation, tuple[str, str]] = {  # nnU-Net's name of a channel, and its class
    "z-score": ("zscore", "ZScoreNormalization"),
    "keep scale": ("CT", "CTNormalization"),
    "none": ("noNorm", "NoNormalization"),
    "0 to 1": ("rescale_to_0_1", "RescaleTo01Normalization"),
}
NORMALISATIONS: dict[str, Normalisation] = {scheme: ours for ours, (_, scheme) in _NAMES.items()}


def dataset_json(channels: Sequence[Channel], n_cases: int) -> dict[str, Any]:
    """nnU-Net's description of a data set; the names say the normalisation and nothing else."""
    return {
        "channel_names": {str(k): _NAMES[channel.normalisation][0] for k, channel in enumerate(channels)},
        "labels": {"background": 0, "recurrence": 1},
        "numTraining": n_cases,
        "file_ending": ".nii.gz",
    }


def prepare(
    cases: Sequence[TrainingCase],
    channels: Sequence[Channel],
    splits: Splits,
    preset: Preset,
    work: Path,
    *,
    workers: int,
    told: Progress,
) -> dict[str, Any]:
    """The plan; cases preprocessed by it and the split lie below `work` afterwards. Made once: a second call reads it."""
    folder = work / "preprocessed" / DATASET
    ready = folder / "ready.json"  # written last
    if ready.is_file():
        return dict(json.loads(ready.read_text()))
    shutil.rmtree(folder, ignore_errors=True)
    for place in (folder, work / "raw" / DATASET):
        place.mkdir(parents=True, exist_ok=True)
    described = dataset_json(channels, len(cases))
    paths = {case.name: {"images": [str(case.images[c.name]) for c in channels], "label": str(case.label)} for case in cases}
    _save(work / "raw" / DATASET / "dataset.json", {**described, "dataset": paths})  # the images stay where they are
    _save(folder / "dataset_fingerprint.json", _fingerprint(cases, channels, splits, workers, told))
    plan = _plan(channels, preset)
    _save(folder / f"{PLANS}.json", plan)
    _save(folder / "dataset.json", described)
    _save(folder / "splits_final.json", _folds(cases, splits))
    _preprocess(cases, channels, plan, described, folder, workers, told)
    _save(ready, plan)
    return dict(json.loads(ready.read_text()))


def read_case(case: TrainingCase, channels: Sequence[Channel]) -> tuple[NDArray[np.float32], NDArray[np.int16], dict[str, Any]]:
    """Images (c, z, y, x), label (1, z, y, x) and nnU-Net's properties of one patient."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    reader = SimpleITKIO()
    images, properties = reader.read_images([str(case.images[channel.name]) for channel in channels])
    brain, _ = reader.read_seg(str(case.brain))
    label, _ = reader.read_seg(str(case.label))
    if not images.shape[1:] == brain.shape[1:] == label.shape[1:]:
        raise BadInput(f"{case.name}: its images, brain and label are not on one grid; make the learning set again")
    return filled(images, brain > 0), (label > 0).astype(np.int16), {"spacing": [float(mm) for mm in properties["spacing"]]}


def _fingerprint(
    cases: Sequence[TrainingCase], channels: Sequence[Channel], splits: Splits, workers: int, told: Progress
) -> dict[str, Any]:
    """nnU-Net's fingerprint of a data set; "keep scale" takes its numbers from inside the labels."""
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero

    def one(case: TrainingCase) -> tuple[Any, ...]:
        images, label, properties = read_case(case, channels)
        data, seg, _ = crop_to_nonzero(images, label)
        inside, _ = DatasetFingerprintExtractor.collect_foreground_intensities(seg, data, num_samples=_SAMPLES // len(cases))
        share = float(np.prod(data.shape[1:]) / np.prod(images.shape[1:]))
        return [int(n) for n in data.shape[1:]], properties["spacing"], inside, share

    found = _each(one, cases, workers, told, "reading patients")
    _check_classes({case.subject for case, one in zip(cases, found, strict=True) if len(one[2][0])}, splits)
    values = [np.concatenate([case[2][c] for case in found]) for c in range(len(channels))]
    return {
        "shapes_after_crop": [case[0] for case in found],
        "spacings": [case[1] for case in found],
        "foreground_intensity_properties_per_channel": {str(c): _statistics(values[c]) for c in range(len(channels))},
        "median_relative_size_after_cropping": float(np.median([case[3] for case in found])),
    }


def _check_classes(recurred: set[str], splits: Splits) -> None:
    for k, fold in enumerate(splits.folds):
        if fold.training and not recurred & set(fold.training):
            raise BadInput(
                f"fold {k}: the tumour came back in none of the {len(fold.training)} patients it would learn from; "
                "nothing can be learned from one class alone; split again, by recurrence"
            )


def _statistics(values: NDArray[np.float32]) -> dict[str, float]:
    low, middle, high = np.percentile(values, (0.5, 50.0, 99.5))
    return {
        "mean": float(values.mean()),
        "median": float(middle),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "percentile_00_5": float(low),
        "percentile_99_5": float(high),
    }


def _plan(channels: Sequence[Channel], preset: Preset) -> dict[str, Any]:
    """nnU-Net's plan in full resolution, with what the preset sets; the normalisations are those that were asked for."""
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

    plan: dict[str, Any] = ExperimentPlanner(DATASET).plan_experiment()
    full = plan["configurations"][CONFIGURATION]
    plan["configurations"] = {CONFIGURATION: full}
    if preset.patch and preset.features:
        full["patch_size"] = list(preset.patch)
        stages = len(preset.features)
        full["architecture"]["arch_kwargs"].update(
            n_stages=stages,
            features_per_stage=list(preset.features),
            kernel_sizes=[[3, 3, 3]] * stages,
            strides=[[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
            n_conv_per_stage=[2] * stages,
            n_conv_per_stage_decoder=[2] * (stages - 1),
        )
    if preset.batch:
        full["batch_size"] = preset.batch
    for channel, scheme in zip(channels, full["normalization_schemes"], strict=True):
        if scheme != _NAMES[channel.normalisation][1]:
            raise BadInput(f"channel {channel.name}: nnU-Net planned {scheme} where {channel.normalisation} was asked for")
    return plan


def _folds(cases: Sequence[TrainingCase], splits: Splits) -> list[dict[str, list[str]]]:
    """nnU-Net's split by file name. A fold that holds nobody out watches its first training patient."""
    names = {case.subject: case.name for case in cases}
    return [
        {"train": [names[s] for s in fold.training], "val": [names[s] for s in fold.held_out or fold.training[:1]]}
        for fold in splits.folds
    ]


def _preprocess(
    cases: Sequence[TrainingCase],
    channels: Sequence[Channel],
    plan: dict[str, Any],
    described: dict[str, Any],
    folder: Path,
    workers: int,
    told: Progress,
) -> None:
    """Crop, normalise, resample and store each case as nnU-Net does."""
    from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager(plan)
    configuration = plans.get_configuration(CONFIGURATION)
    place = folder / configuration.data_identifier
    place.mkdir()
    preprocessor = configuration.preprocessor_class(verbose=False)
    patch = tuple(configuration.patch_size)

    def one(case: TrainingCase) -> None:
        images, label, properties = read_case(case, channels)
        data, seg, properties = preprocessor.run_case_npy(images, label, properties, plans, configuration, described)
        data, seg = data.astype(np.float32, copy=False), seg.astype(np.int16, copy=False)
        blocks, chunks = comp_blosc2_params(data.shape, patch, data.itemsize)
        seg_blocks, seg_chunks = comp_blosc2_params(seg.shape, patch, seg.itemsize)
        nnUNetDatasetBlosc2.save_case(
            data,
            seg,
            properties,
            str(place / case.name),
            chunks=chunks,
            blocks=blocks,
            chunks_seg=seg_chunks,
            blocks_seg=seg_blocks,
        )

    _each(one, cases, workers, told, "preparing patients")


def _each(
    one: Callable[[TrainingCase], Any], cases: Sequence[TrainingCase], workers: int, told: Progress, what: str
) -> list[Any]:
    """Every case, in order; the first failure ends it."""
    done = []
    with ThreadPoolExecutor(workers) as pool:
        for answer in pool.map(one, cases):
            done.append(answer)
            told(what, len(done), len(cases))
    return done


def _save(path: Path, content: object) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(path)
