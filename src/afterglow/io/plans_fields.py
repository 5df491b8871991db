"""Where a painted object comes from, as fields of its sidecar, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afterglow.io.sidecar import read_json
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.maps import Provenance

_ORIGIN = ("Step", "Settings", "Sources", "Methods", "DOIs", "GeneratedBy")
_AGAIN = "it was written by another version or by hand, run this visit again"


def origin_fields(provenance: Provenance) -> dict[str, object]:
    """Step, settings, sources and the methods sentence. Seconds are left to the manifest: they differ from run to run."""
    return {
        "Step": provenance.step,
        "Settings": dict(provenance.settings),
        "Sources": list(provenance.sources),
        "Methods": provenance.sentence,
        "DOIs": list(provenance.dois),
        "GeneratedBy": {"Name": "afterglow", "Version": provenance.version},
    }


def read_origin(fields: Mapping[str, Any], path: Path) -> Provenance:
    """The provenance in a sidecar; BadInput where a field is missing."""
    require(fields, _ORIGIN, path)
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in fields["Settings"].items()}
    version = str(fields["GeneratedBy"].get("Version", ""))
    return Provenance(fields["Step"], version, settings, tuple(fields["Sources"]), fields["Methods"], tuple(fields["DOIs"]))


def read_fields(path: Path, needed: tuple[str, ...]) -> Mapping[str, Any]:
    """The sidecar of an image, or a JSON itself; MissingInput where it is not there, BadInput where a field is missing."""
    json_path = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".json") + ".json")
    if not json_path.is_file():
        raise MissingInput(f"{json_path}: it is not there; run this visit again")
    fields: Mapping[str, Any] = read_json(json_path)
    require(fields, needed, json_path)
    return fields


def require(fields: Mapping[str, Any], needed: tuple[str, ...], path: Path) -> None:
    """BadInput naming the first field that is missing."""
    for name in needed:
        if name not in fields:
            raise BadInput(f"{path}: it has no {name}; {_AGAIN}")
