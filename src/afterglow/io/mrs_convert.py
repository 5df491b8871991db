"""Scanner files of spectra to NIfTI-MRS, by spec2nii (extra `mrs`): a program of its own in the same Python.

Siemens (.rda, DICOM, twix) and GE (P-file). What identifies a patient in such a file's header does not go along.
"""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from afterglow.io.atomic import write_bytes
from afterglow.records.errors import BadInput, MissingInput

INSTALL = "pip install 'afterglow[mrs]'"
_TIMEOUT_S = 1800.0
_RUN = "import sys; from spec2nii.spec2nii import main; sys.exit(main())"
_PHILIPS = (".spar", ".sdat", ".data", ".list", ".raw", ".lab")
_SPECTRA = (".nii", ".gz")


@dataclass(frozen=True)
class ScannerFile:
    """One kind of scanner file: how it is told, and the arguments of spec2nii that convert it."""

    name: str
    endings: tuple[str, ...]
    arguments: tuple[str, ...]


SCANNER_FILES = (
    ScannerFile("Siemens RDA", (".rda",), ("rda",)),
    ScannerFile("Siemens twix", (".dat",), ("twix", "-e", "image", "-q")),
    ScannerFile("GE P-file", (".7",), ("ge",)),
    ScannerFile("Siemens DICOM", (".ima", ".dcm", ""), ("dicom",)),  # a folder of DICOM has no ending
)


def needs_conversion(path: Path) -> bool:
    """Whether a file of spectra is anything but NIfTI."""
    return path.suffix.lower() not in _SPECTRA


def convert_spectra(source: Path, out: Path) -> tuple[Path, Path | None]:
    """Convert a scanner's file, or a folder of DICOM, to `out` (…_mrsi.nii.gz): the spectra, and the water reference where it holds one.

    The reference goes beside it as …_mrsref.nii.gz. MissingInput without spec2nii, BadInput where it cannot convert the file.
    """
    if not source.exists():
        raise MissingInput(f"{source}: there is no such file; check the path")
    if source.suffix.lower() in _PHILIPS:
        raise BadInput(
            f"{source}: Philips spectroscopic images are not converted by spec2nii; export NIfTI-MRS, or maps of the ratios, from the scanner's software"
        )
    ending = "" if source.is_dir() else source.suffix.lower()  # a folder holds DICOM
    kind = next((one for one in SCANNER_FILES if ending in one.endings), None)
    if kind is None:
        known = ", ".join(f"{one.name} ({', '.join(e or 'folder' for e in one.endings)})" for one in SCANNER_FILES)
        raise BadInput(f"{source}: its ending is that of no file known here; give NIfTI-MRS, or one of {known}")
    if importlib.util.find_spec("spec2nii") is None:
        raise MissingInput(
            f"{source}: {kind.name} is converted with spec2nii, which is not installed; install it with: {INSTALL}"
        )
    with TemporaryDirectory(prefix="afterglow-spectra-") as folder:
        made = _run(kind, source, Path(folder))
        main, reference = _told_apart(made, source)
        write_bytes(out, main.read_bytes())
        if reference is None:
            return out, None
        beside = out.with_name(out.name.replace("_mrsi.", "_mrsref.") if "_mrsi." in out.name else f"water_{out.name}")
        write_bytes(beside, reference.read_bytes())
        return out, beside


def _run(kind: ScannerFile, source: Path, folder: Path) -> list[Path]:
    command = [sys.executable, "-c", _RUN, *kind.arguments, str(source.absolute()), "-f", "spectra", "-o", str(folder), "--anon"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, cwd=folder, check=False)
    except subprocess.TimeoutExpired:
        raise BadInput(f"{source}: spec2nii did not end within {_TIMEOUT_S / 60:.0f} minutes; is this a {kind.name}?") from None
    made = sorted(folder.glob("*.nii.gz"))
    if done.returncode or not made:
        words = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise BadInput(
            f"{source}: spec2nii could not convert it as {kind.name} ({words[-1][:200] if words else 'it wrote nothing'}); check the file"
        )
    return made


def _told_apart(made: list[Path], source: Path) -> tuple[Path, Path | None]:
    """The spectra and their reference, which spec2nii marks with ref in its name."""
    references = [path for path in made if "ref" in path.name.removeprefix("spectra")]
    spectra = [path for path in made if path not in references]
    if len(spectra) != 1 or len(references) > 1:
        names = ", ".join(path.name for path in made)
        raise BadInput(f"{source}: spec2nii made {names} of it; convert it yourself and give the one that is meant")
    return spectra[0], references[0] if references else None
