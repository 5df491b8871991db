"""One visit of a digital patient, scanned: every series that the story says was acquired, the outlines, and the truth."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.protocol import Anatomy
from afterglow.simulate import anatomy_images, diffusion_images
from afterglow.simulate.acquisition import Acquisition, AnatomyProtocol, DwiProtocol, MrsiProtocol, Size
from afterglow.simulate.anatomy_images import LateContrast, acquire_anatomy
from afterglow.simulate.diffusion_images import acquire_dwi
from afterglow.simulate.exam_dynamic import Scanned, scan_dce, scan_dsc
from afterglow.simulate.exam_plans import anatomy_plan, anatomy_voxels, dwi_plan, dynamic_voxels, mrsi_plan
from afterglow.simulate.exam_visit import Visit, begin_visit
from afterglow.simulate.geometry import series_grid
from afterglow.simulate.metabolites import individual_contents
from afterglow.simulate.mrsi_plan import place_box
from afterglow.simulate.series import DigitalExam, DigitalSeries, DigitalSpectra, Outline, TrueLabels, TrueMap, VisitTruth
from afterglow.simulate.spectroscopy import acquire_mrsi
from afterglow.simulate.story import VisitStory
from afterglow.simulate.subject import Subject
from afterglow.simulate.warp import resample

Map = NDArray[np.float32]

_FAINT = 0.6  # of the largest share, where no voxel is filled
_OUTLINED = {"lesion": 0.5, "reference": 0.9, "recurrence": 0.5}  # share of a voxel from which it belongs to a region
_METABOLITE_SPREAD = 0.2  # of a lesion's metabolites from patient to patient; assumed
_SPACES = ("CE-T1w", "T1w")  # a region is drawn on the first of these that was scanned
_RECURRENCE_SPACES = ("FLAIR", *_SPACES)  # as yoon2024 draws it


def scan_visit(
    subject: Subject,
    number: int,
    story: VisitStory,
    acquisition: Acquisition,
    size: Size,
    seed: np.random.SeedSequence,
    *,
    workers: int = 1,
) -> DigitalExam:
    """Scan visit `number` of the subject. Every series has a seed of its own: the others may be scanned or not, with any number of workers."""
    visit = begin_visit(subject, number, story, acquisition, size, seed)
    done = [scan_anatomy(visit, one) for one in acquisition.anatomy if one.role in story.roles]
    if acquisition.dwi is not None and "dwi" in story.roles:
        done.append(scan_dwi(visit, acquisition.dwi))
    spectra = None
    if acquisition.mrsi is not None and "mrsi" in story.roles:
        spectra, truth = scan_mrsi(visit, acquisition.mrsi)
        done.append(Scanned((), truth))
    if acquisition.dce is not None and "dce" in story.roles:
        done.append(scan_dce(visit, acquisition.dce, workers))
    both = tuple(one for one in acquisition.dsc if one.role in story.roles)
    if both:
        done.append(scan_dsc(visit, both, workers))
    series = tuple(one for part in done for one in part.series)
    own = VisitTruth(values=subject.values(number), labels=_labels(visit, series))
    return DigitalExam(
        story.session, story.day, series, spectra, _outlines(visit, series), _merged([own, *(p.truth for p in done)])
    )


def scan_anatomy(visit: Visit, made: AnatomyProtocol) -> Scanned:
    """One anatomical image; one named CE- meets all contrast agent given before it."""
    plan = anatomy_plan(made, visit.acquisition.scanner.snr[made.role], visit.subject.snr_in)
    voxel_mm, field, pose = anatomy_voxels(made.voxel_mm, visit.size), visit.subject.field, visit.poses[made.role]
    slices = None if made.plane == "axial" else _sagittal_slices(visit, voxel_mm)
    grid = series_grid(made.plane, voxel_mm, slices, field.anatomy_mm, field.anatomy_centre_mm)
    late = None
    if made.role.startswith("CE-") and visit.given:
        late = LateContrast(visit.plasma(made.start_s + 2.0), visit.acquisition.agent.record(), made.start_s)
    image = acquire_anatomy(visit.scene, grid, pose, plan, late=late, receive=visit.fields.receive, rng=visit.rng_of(made.role))
    series = anatomy_images.as_series(plan, image, visit.scene.tissues, field_t=visit.acquisition.field_t, start_s=made.start_s)
    series = replace(series, name=made.sequence)
    return Scanned((series,), VisitTruth(transforms={made.role: pose}))


def scan_dwi(visit: Visit, made: DwiProtocol) -> Scanned:
    """The diffusion series with the truth of its apparent diffusion coefficient."""
    scanner, pose = visit.acquisition.scanner, visit.poses["dwi"]
    plan = dwi_plan(made, scanner.snr["dwi"], shim_error_ppm=scanner.shim_error_ppm)
    voxel_mm, slices = dynamic_voxels(made.voxel_mm, made.slices, visit.size)
    field = visit.subject.field
    grid = series_grid("axial", voxel_mm, slices, field.dynamic_mm, field.dynamic_centre_mm, field.tilt_deg)
    dwi = acquire_dwi(visit.scene, grid, pose, plan, receive=visit.fields.receive, rng=visit.rng_of("dwi"))
    series = diffusion_images.as_series(plan, dwi.image, field_t=visit.acquisition.field_t, start_s=made.start_s)
    return Scanned((series,), VisitTruth(dwi.maps, transforms={"dwi": pose}))


def scan_mrsi(visit: Visit, made: MrsiProtocol) -> tuple[DigitalSpectra, VisitTruth]:
    """The spectroscopic image, its box laid on the lesion."""
    plan, pose = mrsi_plan(made, visit.acquisition.field_t), visit.poses["mrsi"]
    centre = place_box(visit.scene, pose, plan, _lesion_mm(visit, pose))
    contents = individual_contents(visit.patient_rng(), spread=_METABOLITE_SPREAD)
    spectra, maps = acquire_mrsi(visit.scene, pose, centre, plan, visit.rng_of("mrsi"), contents=contents)
    return spectra, VisitTruth(maps, transforms={"mrsi": pose})


def _lesion_mm(visit: Visit, pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the lesion (of where it was, where it is gone) in scanner mm."""
    share, grid = visit.subject.regions(visit.number).get("lesion", visit.subject.regions(0).get("lesion", (None, None)))
    if share is None or grid is None:
        return visit.subject.field.dynamic_centre_mm
    index = np.argwhere(share > 0.5)
    body_mm = grid.to_mm(index.astype(np.float64)).mean(axis=0) if index.size else visit.subject.field.dynamic_centre_mm
    out: NDArray[np.float64] = (np.linalg.inv(pose) @ np.append(body_mm, 1.0))[:3]
    return out


def _sagittal_slices(visit: Visit, voxel_mm: tuple[float, float, float]) -> int:
    """As many sagittal slices as the dynamic series covers."""
    made = visit.acquisition.dce
    thick = 60.0 if made is None else made.slices * made.voxel_mm[2]
    return max(4, round(thick / voxel_mm[2]))


def _outlines(visit: Visit, series: tuple[DigitalSeries, ...]) -> tuple[Outline, ...]:
    grids = {one.role: one.image.grid for one in series}
    drawn = []
    for label, (share, grid) in visit.subject.regions(visit.number).items():
        wanted = _RECURRENCE_SPACES if label == "recurrence" else _SPACES
        space = next((role for role in wanted if role in grids), None)
        if space is not None:
            seen = resample(share.astype(np.float32), grid, grids[space], visit.poses[space])
            mask = seen > min(_OUTLINED[label], _FAINT * float(seen.max()))  # what fills no voxel is drawn where it shows most
            if mask.any():
                drawn.append(Outline(label, mask, grids[space], space.removeprefix("CE-")))
    return tuple(drawn)


def _labels(visit: Visit, series: tuple[DigitalSeries, ...]) -> TrueLabels | None:
    """Tissues on the grid of the first anatomical image; None where none was scanned."""
    image = next((one for one in series if isinstance(one.protocol, Anatomy) and one.role != "b1"), None)
    if image is None:
        return None
    return anatomy_images.true_labels(visit.scene, image.image.grid, visit.poses[image.role], image.role)


def _merged(parts: list[VisitTruth]) -> VisitTruth:
    maps: tuple[TrueMap, ...] = tuple(one for part in parts for one in part.maps)
    return VisitTruth(
        maps,
        {name: table for part in parts for name, table in part.curves.items()},
        {role: motion for part in parts for role, motion in part.motion.items()},
        {role: pose for part in parts for role, pose in part.transforms.items()},
        {name: value for part in parts for name, value in part.values.items()},
        parts[0].labels,
    )
