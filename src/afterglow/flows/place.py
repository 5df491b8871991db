"""Where a run reads and writes, and what it was told beside the method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from afterglow.io.bids import Dataset
from afterglow.records.response import Reading, Repeatability


@dataclass(frozen=True)
class Place:
    """A data set, an output folder, and a person's own outlines and repeatability where given."""

    dataset: Dataset
    out: Path
    outlines_dir: Path | None
    repeatability: tuple[Repeatability, ...] = ()
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)  # by subject

    @property
    def outlines_root(self) -> Path:
        """The folder of outlines."""
        return (self.outlines_dir or self.dataset.root / "derivatives" / "outlines").absolute()
