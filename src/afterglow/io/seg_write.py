"""Zones as a DICOM segmentation of the planning series."""

from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from afterglow import __version__
from afterglow.io.atomic import Written, write_bytes
from afterglow.io.dicom_bytes import uid
from afterglow.io.dicom_rt import MANUFACTURER, MODEL, SERIES_NUMBERS, digest_of, object_bytes, put_moment, research
from afterglow.io.rt_reference import ReferenceSeries
from afterglow.io.rt_structures_write import tracking_uid
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import BadInput
from afterglow.records.zones import TUMOUR, TUMOUR_COLOUR, ZONE_COLOURS, ZONE_WORDS, ZoneMap


def write_segments(path: Path, zones: ZoneMap, reference: ReferenceSeries) -> Written:
    """Write the tumour and each zone that has a voxel as one segment of a binary SEG; an empty zone has none.

    GridMismatch where the zones do not lie on the series' own voxels, BadInput where there is no tumour. The same zones give the
    same bytes.
    """
    labels = reference.arranged(zones.labels, zones.grid, "zones")
    if not labels.any():
        raise BadInput("zones: there is no tumour, and a segmentation without a segment is none; nothing is written")
    if not reference.moment[0]:
        raise BadInput(
            f"{reference.source}: the series tells no date, which a segmentation must hold, and none is invented; use a series with one"
        )
    masks = [labels != 0, *(labels == int(zone) for zone in ZONE_COLOURS)]
    names = [TUMOUR, *(ZONE_WORDS[zone] for zone in ZONE_COLOURS)]
    colours = [TUMOUR_COLOUR, *ZONE_COLOURS.values()]
    kept = [n for n, mask in enumerate(masks) if mask.any()]
    described = [_segment(number, names[n], colours[n], reference) for number, n in enumerate(kept, start=1)]
    parts = (reference.series_uid, "SEG", digest_of(labels).hex())
    segmentation = hd.seg.Segmentation(
        source_images=list(reference.datasets),
        pixel_array=_frames([masks[n] for n in kept], reference),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=str(uid(*parts, "series")),
        series_number=SERIES_NUMBERS["SEG"],
        sop_instance_uid=str(uid(*parts, "instance")),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        device_serial_number="0",
        content_label="ZONES",
        content_description=NOT_FOR_TREATMENT,
        series_description=research("Zones"),
    )
    _without_clock(segmentation, reference, str(uid(*parts, "dimensions")))
    return write_bytes(path, object_bytes(segmentation))


def _segment(number: int, name: str, colour: tuple[int, int, int], reference: ReferenceSeries) -> hd.seg.SegmentDescription:
    """No code for these zones is known: all are parts of a neoplasm, and the label tells them apart."""
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="afterglow zones", family=codes.DCM.MultispectralProcessing, version=__version__
        ),
        tracking_uid=tracking_uid(reference, name),
        tracking_id=name,
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )


def _frames(masks: list[NDArray[np.bool_]], reference: ReferenceSeries) -> NDArray[np.uint8]:
    """(frames, rows, columns, segments) in the order of the source's files, or of its frames where all are in one file."""
    pixels = np.stack([mask.transpose(2, 1, 0) for mask in masks], axis=-1).astype(np.uint8)
    numbers = [one.frame for one in reference.instances if one.frame is not None]
    if not numbers:
        return pixels
    turned = np.empty_like(pixels)
    turned[np.array(numbers) - 1] = pixels
    return turned


def _without_clock(segmentation: hd.seg.Segmentation, reference: ReferenceSeries, dimensions: str) -> None:
    """Dates of the source instead of now, and a derived UID for the dimensions."""
    put_moment(segmentation, reference, "Content", "InstanceCreation", "Series")
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    for item in segmentation.get("ContributingEquipmentSequence") or []:
        item.pop("ContributionDateTime", None)
