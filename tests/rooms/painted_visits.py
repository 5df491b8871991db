"""An invented visit to be painted: a head with a tumour whose one half leaks, has much blood and much choline."""

from dataclasses import replace
from functools import cache

import numpy as np
from plan_phantoms import QUICK
from report_patients import head

from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.course_space import Anchor
from afterglow.flows.method import Method, load_method
from afterglow.flows.work import Drawn
from afterglow.kernels.types import Status
from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.protocol import Anatomy
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult
from afterglow.records.series import Exam, Series

SUBJECT, SESSION = "01", "pre"
CENTRE_MM = np.array([34.0, -22.0, 12.0])  # of the lesion in report_patients.head
WHITE = {"ktrans": 0.01, "iaugc60": 0.8, "rcbv": 1.0, "cho_naa": 0.6, "cho_cr": 1.1}
ACTIVE = {"ktrans": 0.12, "iaugc60": 9.0, "rcbv": 4.0, "cho_naa": 3.0, "cho_cr": 2.6}
SCAR = {"ktrans": 0.012, "iaugc60": 1.0, "rcbv": 0.9, "cho_naa": 0.9, "cho_cr": 1.2}


@cache
def scene():
    """The head, once."""
    return head((63, 73, 50), 15.0, 3)


def painting_method() -> Method:
    """The shipped method on a coarse planning grid, with few points for its optimiser and two draws."""
    method = load_method("seyithanoglu2025")
    paint = method.paint
    plan = paint.plan.model_copy(
        update={"optimiser": replace(QUICK, target_points=120, shell_points=40, rounds=2, candidates=20)}
    )
    stability = paint.stability.model_copy(update={"draws": 2})
    return method.model_copy(update={"paint": paint.model_copy(update={"grid_mm": 3.0, "plan": plan, "stability": stability})})


def active_side(grid: Grid, shift_mm: float = 0.0) -> np.ndarray:
    """The half of the head to the right of the lesion's middle; `shift_mm` takes a point of the grid to the anatomy."""
    places = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1).astype(float))
    return places[..., 0] + shift_mm > CENTRE_MM[0]


def parameter_map(name: str, grid: Grid, lesion: np.ndarray, shift_mm: float, *, error: float | None = 0.01) -> ParameterMap:
    values = np.where(lesion & active_side(grid, shift_mm), ACTIVE[name], np.where(lesion, SCAR[name], WHITE[name])).astype(
        np.float32
    )
    how = Provenance("invented", "0", {"model": "etofts"}, ("dce.nii.gz",), f"{name} was invented.")
    status = np.full(grid.shape, np.uint8(Status.OK))
    return ParameterMap(
        QUANTITIES[name], values, grid, status, how, None if error is None else (error * values).astype(np.float32)
    )


def visit(*, session: str = SESSION, day: float = 0.0, tumour: bool = True) -> CourseVisit:
    """The visit with its anatomy and, where asked for, the outlined tumour."""
    here = scene()
    anatomy = Series(
        "CE-T1w", here.grid, np.zeros(0), Anatomy("T1w"), lambda: here.anatomy, f"sub-01/ses-{session}/anat/t1.nii.gz"
    )
    exam = Exam(SUBJECT, session, day, {"CE-T1w": (anatomy,)})
    drawn = (Drawn("lesion", "1", "lesion.nii.gz", "given mask", here.lesion, anatomy),) if tumour else ()
    return CourseVisit(Anchor(session, day, anatomy), exam, drawn)


def result(*, session: str = SESSION, day: float = 0.0, without: tuple[str, ...] = ()) -> ExamResult:
    """Maps on three grids: DCE on that of the anatomy, DSC on one shifted by 2 mm, spectra of 10 mm."""
    here = scene()
    source = f"sub-01/ses-{session}/anat/t1.nii.gz"

    def of(space: str, grid: Grid, names: tuple[str, ...], shift_mm: float) -> ExamResult:
        matrix = np.eye(4)
        matrix[0, 3] = shift_mm  # a point of this grid -> the anatomy
        index = np.stack(np.indices(grid.shape), axis=-1).astype(float)
        near = np.rint(here.grid.to_index(grid.to_mm(index) + np.array([shift_mm, 0.0, 0.0]))).astype(int)
        inside = ((near >= 0) & (near < here.grid.shape)).all(axis=-1)
        at = tuple(np.clip(near, 0, np.array(here.grid.shape) - 1)[..., axis] for axis in range(3))
        lesion, reference = here.lesion[at] & inside, here.reference[at] & inside
        maps = tuple(
            parameter_map(name, grid, lesion, shift_mm, error=None if name == "rcbv" else 0.01)
            for name in names
            if name not in without
        )
        return ExamResult(
            SUBJECT, session, day, "seyithanoglu2025", grid, np.zeros(grid.shape, np.float32), "CE-T1w", maps, None, None,
            (Alignment(source, f"{space}.nii.gz", matrix, (), True),), (Lesion("1", lesion, grid, "given", "" if lesion.any() else "none"),),
            Reference(reference, grid, "contralateral white matter", "invented"), (), (), (), space,
        )  # fmt: skip

    moved = here.grid.affine.copy()
    moved[0, 3] -= 2.0
    coarse = np.diag([10.0, 10.0, 10.0, 1.0])
    coarse[:3, 3] = [-75.0, -95.0, -65.0]
    dsc = of("dsc", Grid(here.grid.shape, moved), ("rcbv",), 2.0)
    mrs = of("mrs", Grid((16, 20, 14), coarse), ("cho_naa", "cho_cr"), 0.0)
    return replace(of("dce", here.grid, ("ktrans", "iaugc60"), 0.0), beside=(dsc, mrs))
