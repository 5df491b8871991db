"""The shipped cohorts made tiny: their own patients and sequences, twelve frames, voxels and bodies of several millimetres."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from afterglow.flows.simulation_file import load_simulation, simulation_text
from afterglow.simulate.acquisition import Acquisition, Size

NAMES = ("ademola2025", "behar2023", "seyithanoglu2025", "stadlbauer2025", "yoon2024")
TINY = Size(4.0, "tiny", (6.0, 6.0, 6.0), (8.0, 8.0, 8.0))
_CHANGES = {
    r"\nframes = \d+": "\nframes = 12",
    r"\nframe_s = [\d.]+": "\nframe_s = 20.0",
    r"\nmatrix = .*": "\nmatrix = [8, 8, 4]",
    r"\npoints = \d+": "\npoints = 128",
}
_SIZE = '[acquisition.size.{}]\nbody_mm = 4.0\nanatomy_mm = [6.0, 6.0, 6.0]\ndynamic_mm = [8.0, 8.0, 8.0]\nsource = "tiny"\n'


def tiny_text(name: str, changes: Mapping[str, str] | None = None) -> str:
    """A simulation file as a user may write it: a shipped one with other frames and sizes, and with `changes` by pattern."""
    text = simulation_text(name)
    text = text[: text.index("[acquisition.size.full]")] + _SIZE.format("full") + _SIZE.format("coarse")
    for pattern, new in {**_CHANGES, **(changes or {})}.items():
        text, count = re.subn(pattern, new, text)
        assert count or pattern in _CHANGES, pattern
    return text


def tiny_file(name: str, folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """The same in a file."""
    path = folder / f"{name}.toml"
    path.write_text(tiny_text(name, changes))
    return path


def tiny_acquisition(name: str, *, frames: int) -> Acquisition:
    """The scans of a shipped cohort in that many frames: DCE over its own time, DSC by its own TR."""
    made = load_simulation(name).acquisition
    dsc = tuple(replace(one, frames=frames) for one in made.dsc)
    dce = None if made.dce is None else replace(made.dce, frames=frames, frame_s=made.dce.frame_s * made.dce.frames / frames)
    return replace(made, dsc=dsc, dce=dce)
