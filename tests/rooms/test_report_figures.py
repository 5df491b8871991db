"""The pictures of a report: which way up, in which window, and refused where grids do not fit."""

import io
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import report_patients as made
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult
from afterglow.report.figures.arterial import arterial_figure
from afterglow.report.figures.before_after import before_after
from afterglow.report.figures.change import change_figure
from afterglow.report.figures.curves import curves_figure
from afterglow.report.figures.maps import close_up, maps_overview
from afterglow.report.figures.motion import motion_figure
from afterglow.report.figures.planes import view_of
from afterglow.report.figures.scene import widest_slice
from afterglow.report.figures.windows import difference_window, window_of, windows_of

ORDERS = list(permutations(range(3)))
FLIPS = list(product((False, True), repeat=3))


def stored_otherwise(volume, affine, order, flips):
    """The same volume with its axes in another order and some of them reversed, and the affine that says so."""
    turned, matrix = volume.transpose(order), affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            turned = np.flip(turned, axis)
            matrix[:3, 3] += matrix[:3, axis] * (turned.shape[axis] - 1)
            matrix[:3, axis] *= -1
    return turned, matrix


def tilted(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])


@given(st.sampled_from(ORDERS), st.sampled_from(FLIPS), st.sampled_from(["axial", "sagittal", "coronal"]), st.floats(-25, 25))
def test_how_a_volume_is_stored_does_not_change_how_it_is_seen(order, flips, plane, degrees):
    spacing = {"axial": (1, 1.2, 4), "sagittal": (4, 1, 1.2), "coronal": (1, 4, 1.2)}[plane]
    affine = tilted(degrees) @ np.diag([*spacing, 1.0])
    affine[:3, 3] = (-7.0, 3.0, 11.0)
    volume = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    view = view_of(Grid(volume.shape, affine))
    turned, matrix = stored_otherwise(volume, affine, order, flips)
    other = view_of(Grid(turned.shape, matrix))
    np.testing.assert_array_equal(other.stand(turned), view.stand(volume))
    assert (other.left, other.right, other.top, other.bottom) == (view.left, view.right, view.top, view.bottom)
    assert other.plane == view.plane == plane
    assert other.slice_words(1) == view.slice_words(1)
    assert other.spacing_mm == pytest.approx(view.spacing_mm)


@pytest.mark.parametrize(
    ("spacing", "plane", "letters"),
    [
        ((1, 1, 1), "axial", "RLAP"),
        ((1, 1, 5), "axial", "RLAP"),
        ((5, 1, 1), "sagittal", "APSI"),
        ((1, 5, 1), "coronal", "RLSI"),
    ],
)
def test_the_letters_follow_radiological_convention(spacing, plane, letters):
    view = view_of(Grid((6, 6, 6), np.diag([*spacing, 1.0])))
    assert view.plane == plane
    assert view.left + view.right + view.top + view.bottom == letters


@pytest.mark.parametrize("flips", FLIPS)
def test_a_marker_in_the_right_front_shows_top_left(flips):
    volume = np.zeros((8, 8, 3), dtype=bool)
    volume[7, 7, 1] = True  # RAS: right, front
    turned, matrix = stored_otherwise(volume, np.diag([1.0, 1.0, 4.0, 1.0]), (0, 1, 2), flips)
    standing = view_of(Grid(turned.shape, matrix)).stand(turned)
    assert standing[1, 0, 0]
    assert standing.sum() == 1


def test_a_tilted_plane_says_its_tilt():
    assert view_of(Grid((4, 4, 4), tilted(20) @ np.diag([1, 1, 4, 1.0]))).words == "axial, tilted by 20°"
    assert view_of(Grid((4, 4, 4), tilted(2) @ np.diag([1, 1, 4, 1.0]))).words == "axial"


@pytest.fixture(scope="module")
def visit() -> ExamResult:
    return made.exam("01", 0.0)


def size_of(image: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(image)).size


def stored_visit(visit: ExamResult, order, flips) -> ExamResult:
    """The visit as another scanner would have stored it."""
    _, matrix = stored_otherwise(visit.backdrop, np.array(visit.grid.affine), order, flips)

    def turn(volume):
        return stored_otherwise(volume, np.eye(4), order, flips)[0]

    grid = Grid(turn(visit.backdrop).shape, matrix)
    return replace(
        visit,
        grid=grid,
        backdrop=turn(visit.backdrop),
        maps=tuple(replace(m, values=turn(m.values), status=turn(m.status), grid=grid) for m in visit.maps),
        lesions=tuple(replace(lesion, mask=turn(lesion.mask), grid=grid) for lesion in visit.lesions),
        reference=replace(visit.reference, mask=turn(visit.reference.mask), grid=grid),
    )


def test_the_picture_of_the_maps_is_the_same_however_the_visit_is_stored(visit):
    other = stored_visit(visit, (2, 0, 1), (True, False, True))
    a = maps_overview(visit, visit.lesions[0], windows_of([visit]))
    b = maps_overview(other, other.lesions[0], windows_of([other]))
    assert a == b


def test_the_same_visit_gives_the_same_bytes(visit):
    assert close_up(visit, visit.lesions[0], windows_of([visit])) == close_up(visit, visit.lesions[0], windows_of([visit]))


def test_voxels_a_fifth_flatter_make_the_picture_a_fifth_flatter(visit):
    lesion, windows = visit.lesions[0], windows_of([visit])
    squeezed = Grid(visit.grid.shape, visit.grid.affine @ np.diag([1, 0.8, 1, 1]))
    flatter = replace(
        visit,
        grid=squeezed,
        maps=tuple(replace(m, grid=squeezed) for m in visit.maps),
        lesions=(replace(lesion, grid=squeezed),),
        reference=replace(visit.reference, grid=squeezed),
    )
    wide, high = size_of(maps_overview(visit, lesion, windows).image)
    wide_too, high_too = size_of(maps_overview(flatter, flatter.lesions[0], windows).image)
    titles_and_gaps = 2 * 0.3 * 150 + 6
    assert (high_too - titles_and_gaps) / (high - titles_and_gaps) == pytest.approx(0.8, rel=0.05)
    assert wide_too == wide


def test_the_caption_tells_window_unit_and_slice(visit):
    figure = maps_overview(visit, visit.lesions[0], windows_of([visit]))
    for words in ("Ktrans 0 to 0.3 min⁻¹ (usual range)", "axial slice at", "given mask", "fitted", "best fit on a bound"):
        assert words in figure.caption
    wide, high = size_of(figure.image)
    assert 1200 < wide <= 1700
    assert 500 < high < 1400


def test_maps_on_another_grid_are_refused(visit):
    elsewhere = Grid(visit.grid.shape, visit.grid.affine + np.diag([0.1, 0, 0, 0]))
    moved = replace(visit, maps=(replace(visit.maps[0], grid=elsewhere),))
    with pytest.raises(GridMismatch, match=r"sub-01 ses-01: the ktrans map lies on .*resample"):
        windows_of([moved])
    with pytest.raises(GridMismatch, match="the anatomy is"):
        maps_overview(replace(visit, backdrop=visit.backdrop[:-1]), None, {})
    with pytest.raises(GridMismatch, match="lesion 1"):
        curious = Lesion("1", visit.lesions[0].mask, elsewhere, "given")
        maps_overview(replace(visit, lesions=(curious,)), curious, windows_of([visit]))


def test_arterial_voxels_outside_the_grid_are_refused(visit):
    beyond = replace(visit.aif, voxels=np.array([[0, 0, 99]], dtype=np.intp))
    with pytest.raises(GridMismatch, match="reach index"):
        arterial_figure(replace(visit, aif=beyond))


def test_a_population_input_has_a_curve_and_no_voxels(visit):
    given_aif = replace(visit.aif, voxels=np.zeros((0, 3), dtype=np.intp), quality=np.nan, origin="population, Parker 2006")
    figure = arterial_figure(replace(visit, aif=given_aif))
    assert "quality not judged" in figure.caption
    assert "No voxels" in figure.caption


def test_a_visit_without_lesion_or_with_an_empty_one_is_still_shown(visit):
    bare = replace(visit, lesions=(), reference=None)
    assert "No lesion was outlined" in maps_overview(bare, None, windows_of([bare])).caption
    gone = Lesion("1", np.zeros(visit.grid.shape, dtype=bool), visit.grid, "given mask", note="resolved on T1w")
    healed = replace(visit, lesions=(gone,))
    assert "resolved on T1w" in maps_overview(healed, gone, windows_of([healed])).caption
    assert close_up(healed, gone, windows_of([healed])) is None


def test_a_visit_of_one_slice_with_odd_voxels_is_shown(visit):
    keep = slice(5, 6)
    grid = Grid((*visit.grid.shape[:2], 1), visit.grid.affine)
    values = visit.maps[0].values[..., keep].copy()
    values[::2] = np.nan
    values[1, 1] = np.inf
    backdrop = visit.backdrop[..., keep].copy()
    backdrop[:3] = np.nan
    lesion = Lesion("1", visit.lesions[0].mask[..., keep], grid, "given mask")
    status = visit.maps[0].status[..., keep]
    flat = replace(
        visit, grid=grid, backdrop=backdrop, maps=(replace(visit.maps[0], values=values, status=status, grid=grid),),
        lesions=(lesion,), reference=None,
    )  # fmt: skip
    assert close_up(flat, lesion, windows_of([flat])) is not None


def test_labels_with_dollar_signs_and_backslashes_are_only_text(visit):
    evil = r"lesion $\frac{1}$ <b>"
    curves = tuple(replace(curve, label=evil, model="$x", parameters=(("$y$", 1.0, "$"),)) for curve in visit.curves)
    assert curves_figure(replace(visit, curves=curves)) is not None
    assert maps_overview(replace(visit, backdrop_name=evil, maps=()), None, {}) is not None


def test_nothing_is_drawn_where_nothing_was_looked_at(visit):
    assert motion_figure(replace(visit, motion=None)) is None
    assert curves_figure(replace(visit, curves=())) is None


def test_the_window_is_the_usual_one_unless_the_lesion_needs_another():
    ktrans, delay = QUANTITIES["ktrans"], QUANTITIES["delay"]
    usual = window_of(ktrans, np.full(50, 0.2), called="the lesion")
    assert (usual.low, usual.high) == ktrans.display
    bright = window_of(ktrans, np.full(50, 1.1), called="the lesion")
    assert bright.high == 1.5
    assert "98th percentile of the lesion" in bright.said
    assert window_of(ktrans, np.full(50, np.nan), called="the lesion").high == usual.high
    assert window_of(delay, np.array([-3.0, 9.0]), called="the lesion").low == -10.0


@given(st.floats(1e-6, 1e4))
def test_a_difference_window_has_zero_in_the_middle_and_holds_the_change(size):
    change = np.linspace(-size, size, 101)
    window = difference_window(QUANTITIES["ktrans"], change, np.ones(101, dtype=bool))
    assert window.low == -window.high
    assert window.high >= np.percentile(np.abs(change), 98) * (1 - 1e-9)


def test_all_visits_share_one_window(visit):
    faded = made.exam("02", 62.0, strength=0.3)
    windows = windows_of([visit, faded])
    assert windows["vp"].high == windows_of([visit])["vp"].high
    assert windows["vp"].high > windows_of([faded])["vp"].high


def test_the_widest_slice_is_chosen():
    mask = np.zeros((5, 6, 6), dtype=bool)
    mask[1, 0, 0] = mask[3, :2, :2] = True
    assert widest_slice(mask, mask) == 3
    assert widest_slice(np.zeros_like(mask), np.zeros_like(mask)) == 2


def test_before_and_after_refuses_arrays_of_another_shape():
    pair = made.patient().pair
    with pytest.raises(GridMismatch, match="anatomy"):
        before_after(replace(pair, backdrops=(pair.backdrops[0], pair.backdrops[1][:-1])), {})


def test_the_change_plot_names_values_threshold_and_repeatability():
    patient = made.patient()
    figure = change_figure(patient.course, patient.verdicts[0], made.RULE, (made.REPEATABILITY,))
    assert figure is not None
    for words in ("on day 0", "on day 62", "21.3 %", "10.3174/ajnr.A8057"):
        assert words in figure.caption
    lonely = replace(patient.course, visits=patient.course.visits[:1])
    assert change_figure(lonely, patient.verdicts[0], made.RULE, ()) is None
