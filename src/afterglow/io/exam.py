"""One visit: the files that play a role, read as series with their times and physics."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from afterglow.io.bids import Dataset, session_folder, sessions
from afterglow.io.moments import acquired_s
from afterglow.io.mrs_maps import read_mrs_map
from afterglow.io.mrs_read import read_mrs
from afterglow.io.names import Pattern, parse_name, parse_pattern, sort_key
from afterglow.io.nifti import FloatImage, Image, describe, read_image
from afterglow.io.physics import agent, haematocrit, injection, inversion_recovery, scanner, spgr
from afterglow.io.physics_dsc import Echo, diffusion, epi
from afterglow.io.sidecar import Sidecar, read_sidecar
from afterglow.io.timing import frame_times_s
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.protocol import Anatomy, InversionRecovery, Protocol
from afterglow.records.series import Exam, Series
from afterglow.records.spectra import SpectralSeries

ROLES: Mapping[str, str] = {
    "dce": "perf/*_dce",
    "dsc-ge": "perf/*_acq-GE_dsc",  # gradient echo; two echoes of one excitation as echo-1 and echo-2
    "dsc-se": "perf/*_acq-SE_dsc",  # spin echo
    "dsc-sage": "perf/*_acq-SAGE_dsc",  # two gradient echoes and a spin echo of one excitation, as echo-1, echo-2 and echo-3
    "dwi": "dwi/*_dwi",
    "vfa": "anat/*_VFA",  # a file for each flip angle (flip-<n>), or one 4D file with a list of angles
    "irt1": "anat/*_IRT1",
    "b1": "fmap/*_TB1map",
    "T1w": "anat/*_T1w",
    "CE-T1w": "anat/*_ce-*_T1w",
    "T2w": "anat/*_T2w",
    "FLAIR": "anat/*_FLAIR",
}
SPECTRA = "mrsi"  # the role of a spectroscopic image: mrs/*_mrsi, its water reference beside it as _mrsref
ANATOMIES = ("T1w", "T2w", "FLAIR")
# Units of a relative transmit field, the factor to a fraction of the nominal flip angle.
_B1_UNITS = {"1": 1.0, "ratio": 1.0, "fraction": 1.0, "relative": 1.0, "arbitrary": 1.0, "%": 0.01, "percent": 0.01, "p.u.": 0.01}
_B1_RANGE = (0.3, 3.0)  # the median of a transmit field that is a fraction of nominal
_NO_TIMES = np.zeros(0)


def read_exam(dataset: Dataset, subject: str, session: str, roles: Mapping[str, str]) -> Exam:
    """One visit with its series by role; `roles` gives each role its file pattern (see ROLES). Voxels are read on demand.

    A role without files is absent from the exam. Raises BadInput, MissingInput, MissingTiming or CorruptFile.
    """
    visit = next((s for s in sessions(dataset, subject) if s.label == session), None)
    folder = session_folder(dataset, subject, session)
    if visit is None:
        raise MissingInput(f"{folder}: there is no such visit; check the session label")
    found: dict[str, tuple[Series, ...]] = {}
    for role, words in roles.items():
        if role == SPECTRA:
            continue
        pattern = parse_pattern(words)
        series = [one for path in _matching(folder, pattern) for one in _read(dataset, path, role, pattern.suffix)]
        if series:
            found[role] = tuple(series)
    spectra = _spectra(dataset, folder) if SPECTRA in roles else None
    ready = [read_mrs_map(path, dataset.root) for path in _matching_maps(folder)] if SPECTRA in roles and spectra is None else []
    remarks = tuple(line for _, line in ready if line is not None)
    maps = tuple(one for one, _ in ready)
    beside = [spectra.source] if spectra is not None else [source for one in maps for source in one.provenance.sources]
    when = _moments(dataset, beside, found) if beside else {}
    return Exam(subject, session, visit.day, found, spectra, maps, remarks, when)


def _moments(dataset: Dataset, beside: Sequence[str], found: Mapping[str, tuple[Series, ...]]) -> dict[str, float]:
    """When the spectra and the images of their visit were acquired, by source, where it is told."""
    sources = dict.fromkeys([*beside, *(one.source for several in found.values() for one in several)])
    told = ((source, acquired_s(dataset.root / source, dataset.root)) for source in sources)
    return {source: seconds for source, seconds in told if seconds is not None}


def _matching_maps(folder: Path) -> list[Path]:
    """Ready-made maps of spectra, which count where the visit has no spectra of its own."""
    return sorted((folder / "mrs").glob("*_mrsmap.nii*"), key=sort_key)


def _spectra(dataset: Dataset, folder: Path) -> SpectralSeries | None:
    """The visit's only spectroscopic image, with its water reference; None where it has none. BadInput where it has several."""
    found, water = (_matching(folder, parse_pattern(f"mrs/*_{suffix}")) for suffix in (SPECTRA, "mrsref"))
    if len(found) > 1 or len(water) > 1:
        several = ", ".join(path.name for path in (found if len(found) > 1 else water))
        raise BadInput(f"{folder}: {several}: one spectroscopic image of a visit can be read; move the others away")
    return read_mrs(found[0], dataset.root, water[0] if water else None) if found else None


def _matching(folder: Path, pattern: Pattern) -> list[Path]:
    by_stem: dict[str, Path] = {}
    for path in sorted((folder / pattern.folder).glob(f"*_{pattern.suffix}.nii*")):
        name = parse_name(path.name)
        if name is None or not pattern.takes(name):
            continue
        stem = path.name.removesuffix(name.extension)
        if stem in by_stem:
            raise BadInput(f"{path}: {by_stem[stem].name} lies beside it; keep one of the two")
        by_stem[stem] = path
    return sorted(by_stem.values(), key=sort_key)


def _read(dataset: Dataset, path: Path, role: str, suffix: str) -> list[Series]:
    image = read_image(path)
    sidecar = read_sidecar(path, dataset.root)
    source = path.relative_to(dataset.root).as_posix()
    match suffix:
        case "dce":
            return [_dynamic(image, sidecar, role, source)]
        case "dsc":
            return [_bolus(image, sidecar, role, source)]
        case "dwi":
            return [_diffusion(image, sidecar, dataset.root, role, source)]
        case "VFA":
            return _flip_angles(image, sidecar, role, source)
        case "IRT1":
            protocol = inversion_recovery(sidecar, image.n_frames)
            return _inversions(image, protocol, role, source)
        case "TB1map":
            return [_transmit_field(image, sidecar, role, source)]
        case _ if suffix in ANATOMIES:
            return [_single(image, Anatomy(suffix), role, source, _usable(image, source))]
        case _:
            raise BadInput(
                f"{path}: afterglow does not know how to read the suffix {suffix!r}; known are dce, dsc, dwi, VFA, IRT1, TB1map, {', '.join(ANATOMIES)}"
            )


def _dynamic(image: Image, sidecar: Sidecar, role: str, source: str) -> Series:
    if image.n_frames < 2:
        raise BadInput(
            f"{image.path}: it is a single volume, a dynamic series has one for each time; join the frames into one 4D file"
        )
    times_s = frame_times_s(sidecar, image.n_frames)
    return Series(
        role,
        image.grid,
        times_s,
        spgr(sidecar, dynamic=True),
        _usable(image, source),
        source,
        injection(sidecar),
        agent(sidecar),
        haematocrit(sidecar),
        scanner(sidecar),
    )


def _bolus(image: Image, sidecar: Sidecar, role: str, source: str) -> Series:
    if image.n_frames < 2:
        raise BadInput(f"{image.path}: it is a single volume, DSC has one for each time; join the frames into one 4D file")
    name = parse_name(image.path.name)
    told, echo = (name.entities.get("acq", "").upper(), name.entities.get("echo", "")) if name else ("", "")
    spin = role == "dsc-se" or told == "SE" or (told == "SAGE" and echo == "3")
    gradient = role == "dsc-ge" or told == "GE" or (told == "SAGE" and echo in ("1", "2"))
    named: Echo | None = "spin" if spin else "gradient" if gradient else None
    protocol = epi(sidecar, named)
    times_s = frame_times_s(sidecar, image.n_frames, one_excitation=True)
    return Series(
        role, image.grid, times_s, protocol, _usable(image, source), source, injection(sidecar), None, haematocrit(sidecar),
        scanner(sidecar),
    )  # fmt: skip


def _diffusion(image: Image, sidecar: Sidecar, root: Path, role: str, source: str) -> Series:
    """Diffusion weighting is no time: the volumes are told apart by the protocol's b-values."""
    if image.n_frames < 2:
        raise BadInput(f"{image.path}: it is a single volume, diffusion needs one for each b-value; join them into one 4D file")
    protocol = diffusion(sidecar, root, image.n_frames)
    return Series(role, image.grid, _NO_TIMES, protocol, _usable(image, source), source)


def _single(image: Image, protocol: Protocol, role: str, source: str, load: Callable[[], FloatImage]) -> Series:
    if image.n_frames != 1:
        raise BadInput(f"{image.path}: it has {image.n_frames} frames where one volume is due; split it into one file for each")
    return Series(role, image.grid, _NO_TIMES, protocol, load, source)


def _flip_angles(image: Image, sidecar: Sidecar, role: str, source: str) -> list[Series]:
    """One series for each flip angle, be they in files of their own or the frames of one 4D file."""
    if image.n_frames == 1:
        return [_single(image, spgr(sidecar, dynamic=False), role, source, _usable(image, source))]
    flips_deg = sidecar.numbers("FlipAngle") or ()
    if len(flips_deg) != image.n_frames:
        raise BadInput(
            f"{sidecar.where('FlipAngle')}: FlipAngle has {len(flips_deg)} angles for the {image.n_frames} volumes of {image.path.name}; "
            "give one for each, or one file for each angle"
        )
    protocols = [spgr(sidecar, dynamic=False, frame=n) for n in range(image.n_frames)]
    return [Series(role, image.grid, _NO_TIMES, p, _frame(image, n, source), source) for n, p in enumerate(protocols)]


def _inversions(image: Image, protocol: InversionRecovery, role: str, source: str) -> list[Series]:
    if image.n_frames == 1:
        return [_single(image, protocol, role, source, _usable(image, source))]
    single = [InversionRecovery((ti_s,), protocol.tr_s, protocol.te_s, protocol.field_t) for ti_s in protocol.ti_s]
    return [Series(role, image.grid, _NO_TIMES, p, _frame(image, n, source), source) for n, p in enumerate(single)]


def _transmit_field(image: Image, sidecar: Sidecar, role: str, source: str) -> Series:
    units = sidecar.text("Units")
    if units is None:
        raise MissingInput(f"{image.path}: its sidecar gives no Units, so 1 and 100 could both be nominal; add Units, '1' or '%'")
    if units not in _B1_UNITS:
        sidecar.refuse("Units", "write '1' where 1 is the nominal flip angle, '%' where 100 is")
    factor = np.float32(_B1_UNITS[units])
    usable = _usable(image, source)

    def load() -> FloatImage:
        relative: FloatImage = usable() * factor
        inside = relative[np.isfinite(relative) & (relative > 0)]
        median = float(np.median(inside)) if inside.size else 0.0
        if not _B1_RANGE[0] <= median <= _B1_RANGE[1]:
            raise BadInput(
                f"{image.path}: in the units {units!r} its median is {median:.3g} times the nominal flip angle; correct Units"
            )
        return relative

    return _single(image, Anatomy("TB1map"), role, source, load)


def _usable(image: Image, source: str) -> Callable[[], FloatImage]:
    """Loads the voxels and refuses an image without content."""

    def load() -> FloatImage:
        data = image.load()
        describe(data, source)
        return data

    return load


def _frame(image: Image, index: int, source: str) -> Callable[[], FloatImage]:
    def load() -> FloatImage:
        frame = image.load()[..., index].copy(order="F")
        describe(frame, f"{source} (volume {index + 1})")
        return frame

    return load
