"""`afterglow verify`: is everything still as it was written?"""

from pathlib import Path

from afterglow.io.manifest import read_manifest, verify
from afterglow.records.errors import MissingInput


def verify_output(out: Path, bids_dir: Path | None) -> list[str]:
    """A sentence for each file that differs from the manifest; MissingInput where there is no manifest."""
    manifest = read_manifest(out.absolute())
    if not manifest.entries:
        raise MissingInput(f"{out}: there is no manifest.json here, so nothing can be verified; give the output folder of a run")
    return verify(manifest, inputs_root=None if bids_dir is None else bids_dir.absolute())
