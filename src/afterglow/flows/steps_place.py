"""The steps that hold series still and lay them on one another."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.align.near import register_series
from afterglow.align.resample import resample
from afterglow.align.stillness import STILL_MM, correct_motion
from afterglow.flows.method_steps import Align, Still
from afterglow.flows.work import Arm, Work
from afterglow.kernels.types import Status
from afterglow.quantify.diffusion import adc_map
from afterglow.records.alignment import Alignment, Motion
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance, Settings
from afterglow.records.protocol import Spgr
from afterglow.records.series import Series

EARLY_FRAMES = 5  # before contrast in any sensible protocol: what T1 images look like
_UNSTEADY = 3  # frames of an EPI series before magnetisation is steady
_MUCH_MOTION_MM = 2.0
_MUCH_GONE = 0.05  # of the voxels


def hold_still(work: Work, step: Still) -> None:
    if not work.arms:
        frames = range(min(EARLY_FRAMES, work.times_s.size))
        work.data, work.motion = _held_still(work, work.data, work.dynamic, frames)
    for arm in work.arms.values():
        if arm.one_injection:
            continue
        frames = range(min(_UNSTEADY, arm.series.times_s.size - 1), min(_UNSTEADY + EARLY_FRAMES, arm.series.times_s.size))
        later = [data for _, data in arm.echoes]
        later += [other.data for other in work.arms.values() if other.one_injection]
        arm.data, motion = _held_still(work, arm.data, arm.series, frames, companions=later)
        if arm.series is work.dynamic:
            work.data, work.motion = arm.data, motion


def _held_still(
    work: Work, data: NDArray[np.float32], series: Series, frames: range, companions: Sequence[NDArray[np.float32]] = ()
) -> tuple[NDArray[np.float32], Motion]:
    name = "" if len(work.arms) < 2 else f" of {series.role}"
    tell = lambda done, total: work.progress(f"motion correction{name}", done, total)  # noqa: E731
    unknown = float((~np.isfinite(data)).any(axis=-1).mean())
    data, motion = correct_motion(
        data, series.grid, series.times_s, reference_frames=frames, companions=companions, workers=work.workers, progress=tell
    )  # fmt: skip
    known = np.isfinite(motion.displacement_mm)
    worst, moved = float(motion.displacement_mm[known].max()), int(motion.resampled.sum())
    lost = int(np.count_nonzero(~known))
    words = f"at most {worst:.2f} mm; {moved} of {series.times_s.size} frames moved back" + (
        f"; {lost} could not be registered" if lost else ""
    )
    work.note(f"head motion{name}", words, "warning" if worst > _MUCH_MOTION_MM or lost else "ok")
    gone = float(np.isnan(data).any(axis=-1).mean()) - unknown
    if gone > _MUCH_GONE:
        advice = "they left the field of view in some frame and have no value; look at regions near the edge of the slab"
        work.note(f"voxels lost to motion{name}", f"{100 * gone:.1f} %", "warning", advice)
    sentence = (
        f"Every frame was registered rigidly to the mean of {len(frames)} early ones by mutual information; the {moved} frames{name} that had moved "
        f"more than {STILL_MM:g} mm were resampled."
    )
    settings = {"reference_frames": len(frames), "least_mm": STILL_MM, "frames_moved": moved, "frames_lost": lost}
    work.provenance.append(Provenance("still", __version__, settings, (series.source,), sentence))
    return data, motion


class _Moving(NamedTuple):
    """What is laid on the dynamic series: the image to go by, and whose it is."""

    image: NDArray[np.float32]
    grid: Grid
    source: str


def align(work: Work, step: Align) -> None:
    """All registrations of the step, side by side where there are workers; what follows from each comes in the step's order."""
    names: list[str] = [name for name in step.series if work.series(name) and work.series(name)[0] is not work.dynamic]
    names = [name for name in names if name != "se" or not work.arms["se"].one_injection]
    work.progress(f"registration of {', '.join(names)}", 0, 1)
    moving = {name: _moving(work, name) for name in names}
    target = {name: _target(work, name) for name in names}

    def found(name: str) -> Alignment:
        image, grid, source = moving[name]
        return register_series(image, grid, target[name], work.grid, names=(source, work.source))

    with ThreadPoolExecutor(max_workers=work.workers) as pool:
        for name, alignment in zip(names, pool.map(found, names), strict=True):
            work.alignments[name] = alignment
            match name:
                case "se":
                    _place_spin_echo(work, work.arms["se"], alignment)
                case "dwi":
                    _place_diffusion(work, alignment)
                case _:
                    _place(work, name, alignment)


def _moving(work: Work, name: str) -> _Moving:
    if name == "se":
        arm = work.arms["se"]
        return _Moving(_early(arm.data), arm.series.grid, arm.series.source)
    if name == "dwi":
        series = work.series("dwi")[0]
        work.adc, unweighted, how, line = adc_map(series)
        work.quality.append(line)
        work.provenance.append(how)
        return _Moving(unweighted, series.grid, series.source)
    lead = _most_like(work.series(name), work.protocol.flip_deg)
    return _Moving(lead.load(), lead.grid, lead.source)


def _place(work: Work, name: str, alignment: Alignment) -> None:
    _note_alignment(work, name, alignment)
    if name not in ("anatomy", "flair"):
        matrix = alignment.matrix if alignment.trusted else None
        work.aligned[name] = tuple(on_grid(one, work, matrix) for one in work.series(name))
    how = (
        "registered rigidly by mutual information"
        if alignment.trusted
        else "left where its header puts it (the registration was not trusted)"
    )
    sentence = f"{alignment.source} was {how} onto {work.source}."
    settings: Settings = {"series": name, "trusted": alignment.trusted}
    work.provenance.append(Provenance("align", __version__, settings, (alignment.source,), sentence))


def _most_like(series: tuple[Series, ...], flip_deg: float) -> Series:
    """Of several flip angles the one nearest to the dynamic series: its contrast is the most alike."""

    def apart(one: Series) -> float:
        return abs(one.protocol.flip_deg - flip_deg) if isinstance(one.protocol, Spgr) else 0.0

    return min(series, key=apart)


def _target(work: Work, name: str) -> NDArray[np.float32]:
    frames = work.data if name in ("anatomy", "flair") and not work.arms else work.data[..., :EARLY_FRAMES]
    mean: NDArray[np.float32] = frames.mean(axis=-1, dtype=np.float64).astype(np.float32)
    return mean


def on_grid(one: Series, work: Work, matrix: NDArray[np.float64] | None) -> Series:
    moved = resample(one.load(), one.grid, work.grid, matrix).astype(np.float32)
    return replace(one, grid=work.grid, load=lambda: moved)


def _note_alignment(work: Work, name: str, alignment: Alignment) -> None:
    numbers = ", ".join(f"{label.replace('_', ' ')} {value:.2f}" for label, value in alignment.quality)
    level = "ok" if alignment.trusted else "warning"
    advice = "" if alignment.trusted else f"{alignment.remark}; the position in the file headers was used instead"
    work.note(f"registration of {name} onto the dynamic series", numbers or "failed", level, advice)


def _place_spin_echo(work: Work, arm: Arm, alignment: Alignment) -> None:
    """The spin-echo series is moved only where it lies elsewhere, since moving blurs."""
    same = arm.series.grid.same_as(work.grid)
    moved_mm = _displacement_mm(alignment, work.grid)
    if not same:
        work.note(
            "geometry of the two DSC series", "different", "warning",
            "the spin echo was resampled: its voxels are mixed, and distortions of the two may not match",
        )  # fmt: skip
    matrix = alignment.matrix if alignment.trusted else None
    still = same and (matrix is None or moved_mm < STILL_MM)
    if not still:
        arm.data = resample(arm.data, arm.series.grid, work.grid, matrix).astype(np.float32)
        arm.series = replace(arm.series, grid=work.grid)
    found = f"{moved_mm:.2f} mm apart; {'left where it is' if still else 'resampled'}" if alignment.trusted else "failed"
    work.note(
        "registration of the spin echo onto the gradient echo", found, "ok" if alignment.trusted else "warning", alignment.remark
    )
    sentence = f"{arm.series.source} was {'found in place' if still else 'resampled onto'} {'on' if still else ''} {work.source}."
    work.provenance.append(
        Provenance(
            "align",
            __version__,
            {"series": "se", "moved_mm": moved_mm, "resampled": not still},
            (arm.series.source,),
            " ".join(sentence.split()),
        )
    )


def _early(data: NDArray[np.float32]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.nan_to_num(
        data[..., _UNSTEADY : _UNSTEADY + EARLY_FRAMES].mean(axis=-1, dtype=np.float64)
    ).astype(np.float32)
    return mean


def _displacement_mm(alignment: Alignment, grid: Grid) -> float:
    """Mean displacement over the inner half of the field of view."""
    corners = np.array(np.meshgrid(*[(n * 0.25, n * 0.75) for n in grid.shape])).reshape(3, -1).T
    points = grid.to_mm(corners)
    moved = points @ alignment.matrix[:3, :3].T + alignment.matrix[:3, 3]
    return float(np.linalg.norm(moved - points, axis=1).mean())


def _place_diffusion(work: Work, alignment: Alignment) -> None:
    """ADC was made where the diffusion series lies and is carried over, so that images are interpolated once."""
    _note_alignment(work, "dwi", alignment)
    if work.adc is not None:
        work.adc = _carried(work.adc, work.grid, alignment.matrix if alignment.trusted else None)


def diffusion_in_place(work: Work) -> None:
    """ADC of a diffusion series that no step registered: where its header puts it."""
    _moving(work, "dwi")
    if work.adc is not None:
        work.adc = _carried(work.adc, work.grid, None)


def _carried(one: ParameterMap, grid: Grid, matrix: NDArray[np.float64] | None) -> ParameterMap:
    values = resample(one.values, one.grid, grid, matrix).astype(np.float32)
    status = np.where(np.isfinite(values), np.uint8(Status.OK), np.uint8(Status.NOT_ASKED))
    error = None if one.standard_error is None else resample(one.standard_error, one.grid, grid, matrix).astype(np.float32)
    return ParameterMap(one.quantity, values, grid, status, one.provenance, error)
