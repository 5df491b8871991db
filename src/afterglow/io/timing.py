"""When each frame was acquired. Only the sidecar is asked, never pixdim[4], and nothing is guessed."""

import numpy as np
from numpy.typing import NDArray

from afterglow.io.sidecar import Sidecar
from afterglow.records.errors import BadInput, MissingTiming

SHORTEST_VOLUME_S = 0.1  # below it a RepetitionTime can only be the time between two excitations
LONGEST_VOLUME_S = 400.0  # above it a spacing is in milliseconds (half a second is 500 ms)
_AGREEMENT = 0.05  # share by which two sources of one spacing may differ
_REMEDY = "give FrameTimesStart in seconds, one for each frame, or convert again from DICOM"


def frame_times_s(sidecar: Sidecar, n_frames: int, *, one_excitation: bool = False) -> NDArray[np.float64]:
    """Start of each frame (t,) in seconds, on the series' own clock.

    Taken from FrameTimesStart or VolumeTiming, or from RepetitionTime as the volume spacing where
    RepetitionTimeExcitation is given beside it. MissingTiming where none is there or RepetitionTime is the excitation's;
    BadInput where a list has the wrong length, does not rise, is in milliseconds or contradicts another field.
    With `one_excitation` (single-shot EPI) a volume is one excitation of each slice, so RepetitionTime is both spacings.
    """
    listed = [name for name in ("FrameTimesStart", "VolumeTiming") if sidecar.numbers(name) is not None]
    if not listed:
        return _volume_spacing_s(sidecar, one_excitation) * np.arange(n_frames, dtype=np.float64)
    times_s = _listed_times_s(sidecar, listed[0], n_frames)
    if len(listed) == 2 and not np.allclose(
        np.diff(times_s), np.diff(_listed_times_s(sidecar, listed[1], n_frames)), rtol=_AGREEMENT, atol=1e-3
    ):
        raise BadInput(f"{sidecar.where(listed[1])}: FrameTimesStart and VolumeTiming disagree; keep the one that is right")
    _compare_with_spacing(sidecar, listed[0], times_s)
    return times_s


def _listed_times_s(sidecar: Sidecar, name: str, n_frames: int) -> NDArray[np.float64]:
    times_s = np.array(sidecar.numbers(name), dtype=np.float64)
    if times_s.size != n_frames:
        raise BadInput(
            f"{sidecar.where(name)}: {name} has {times_s.size} times but {sidecar.image.name} has {n_frames} frames; {_REMEDY}"
        )
    steps_s = np.diff(times_s)
    if (steps_s <= 0).any():
        first = int(np.argmax(steps_s <= 0))
        raise BadInput(
            f"{sidecar.where(name)}: {name} does not rise from frame {first + 1} ({times_s[first]:g} s) to frame {first + 2} "
            f"({times_s[first + 1]:g} s); put the frames in the order of their acquisition"
        )
    if steps_s.size:
        _check_spacing(sidecar, name, float(np.median(steps_s)))
    return times_s


def _check_spacing(sidecar: Sidecar, name: str, spacing_s: float) -> None:
    if spacing_s >= LONGEST_VOLUME_S:
        raise BadInput(
            f"{sidecar.where(name)}: {name} is spaced by {spacing_s:g} s; BIDS wants seconds, divide by 1000 if these are milliseconds"
        )
    if spacing_s < SHORTEST_VOLUME_S:
        raise MissingTiming(
            f"{sidecar.where(name)}: {name} is spaced by {spacing_s:g} s, which is the time between two excitations, not between volumes; {_REMEDY}"
        )


def _volume_spacing_s(sidecar: Sidecar, one_excitation: bool) -> float:
    volume_s, excitation_s = sidecar.number("RepetitionTime"), sidecar.number("RepetitionTimeExcitation")
    if volume_s is None:
        beside = "no JSON sidecar beside or above it" if sidecar.is_empty else "its sidecar gives no FrameTimesStart"
        raise MissingTiming(f"{sidecar.image}: {beside}, so the time of each frame is unknown; {_REMEDY}")
    if volume_s < SHORTEST_VOLUME_S or (volume_s == excitation_s and not one_excitation):
        raise MissingTiming(
            f"{sidecar.where('RepetitionTime')}: RepetitionTime {volume_s:g} s is the time between two excitations, not between volumes, "
            f"and FrameTimesStart is missing; {_REMEDY}"
        )
    if excitation_s is None and not one_excitation:
        raise MissingTiming(
            f"{sidecar.where('RepetitionTime')}: RepetitionTime {volume_s:g} s stands alone, so it may be either spacing; "
            "add RepetitionTimeExcitation if it is the time between volumes, or give FrameTimesStart"
        )
    _check_spacing(sidecar, "RepetitionTime", volume_s)
    return volume_s


def _compare_with_spacing(sidecar: Sidecar, name: str, times_s: NDArray[np.float64]) -> None:
    """Where RepetitionTime claims to be the volume spacing too, it must agree with the listed times."""
    volume_s, excitation_s = sidecar.number("RepetitionTime"), sidecar.number("RepetitionTimeExcitation")
    if volume_s is None or excitation_s is None or volume_s == excitation_s or volume_s < SHORTEST_VOLUME_S or times_s.size < 2:
        return
    spacing_s = float(np.median(np.diff(times_s)))
    if abs(spacing_s - volume_s) > _AGREEMENT * spacing_s:
        raise BadInput(
            f"{sidecar.where('RepetitionTime')}: RepetitionTime says {volume_s:g} s between volumes but {name} {spacing_s:g} s; "
            "correct the one that is wrong"
        )
