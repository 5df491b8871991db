"""A notice that must travel with some files of a learning set: MODELS/data/NOTICE, named in the data card."""

from dataclasses import dataclass
from pathlib import Path

from afterglow.io.write import write_text


@dataclass(frozen=True)
class LearningNotice:
    """The notice, and the files (paths below the folder of the data) that it travels with."""

    text: str
    files: tuple[str, ...]


def write_notice(data: Path, notice: LearningNotice | None) -> dict[str, object]:
    """The notice beside the data, and what the data card says of it; without one, an earlier one goes."""
    path = data / "NOTICE"
    if notice is None:
        path.unlink(missing_ok=True)
        return {}
    written = write_text(path, notice.text + "\n")
    return {"notice": {"file": path.name, "sha256": written.sha256, "of": list(notice.files)}}
