"""What other programs, and accidents, put into an RTSTRUCT: said, or refused in one sentence."""

import dataclasses

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
from rt_series import AXIAL, THICK  # noqa: E402
from rt_structure_sets import write_set  # noqa: E402

from afterglow.io.rt_structures_read import read_structure_set, read_structures  # noqa: E402
from afterglow.io.rt_structures_write import write_structures  # noqa: E402
from afterglow.records.errors import AfterglowError, BadInput, CorruptFile, GridMismatch, MissingInput  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402


@pytest.fixture(scope="module", params=[THICK], ids=["1 x 1 x 2 mm"])
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rt")
    return folder, *write_set(folder, request.param)


def changed(written, tmp_path, change):
    """A copy whose first structure's contours went through `change` (a data set)."""
    ds = pydicom.dcmread(written[0] / "rs.dcm")
    change(ds)
    ds.save_as(tmp_path / "changed.dcm")
    return tmp_path / "changed.dcm"


def contours(ds, roi=2):
    return ds.ROIContourSequence[roi].ContourSequence


def put(contour, points):
    contour.ContourData, contour.NumberOfContourPoints = [f"{v:.6f}" for v in np.ravel(points)], len(points)


def points_of(contour):
    return np.array(contour.ContourData, dtype=float).reshape(-1, 3)


def remarks(path, grid):
    return {line.what: line.found for line in read_structure_set(path, grid).remarks}


def test_another_frame_of_reference_is_refused(written):
    with pytest.raises(GridMismatch, match="register the two first"):
        read_structures(written[0] / "rs.dcm", written[2][0].grid, frame_uid="1.2.3")


def test_points_and_open_contours_are_passed_over_and_said(written, tmp_path):
    def change(ds):
        contours(ds)[0].ContourGeometricType = "OPEN_PLANAR"
        contours(ds)[1].ContourGeometricType = "POINT"

    said = remarks(changed(written, tmp_path, change), written[2][0].grid)
    assert said == {"structure one in changed.dcm": "1 x OPEN_PLANAR, 1 x POINT passed over"}


def test_a_contour_closed_by_hand_is_the_same(written, tmp_path):
    def change(ds):
        for contour in contours(ds):
            points = points_of(contour)
            put(contour, np.vstack((points, points[:1])))

    path = changed(written, tmp_path, change)
    found, want = (read_structures(p, written[2][0].grid)[2] for p in (path, written[0] / "rs.dcm"))
    np.testing.assert_array_equal(found.share, want.share)


def test_a_contour_that_is_there_twice_counts_once(written, tmp_path):
    def change(ds):
        items = contours(ds)
        copy = pydicom.Dataset()
        copy.ContourGeometricType = "CLOSED_PLANAR"
        put(copy, np.roll(points_of(items[3])[::-1], 2, axis=0))
        items.append(copy)

    path = changed(written, tmp_path, change)
    assert list(remarks(path, written[2][0].grid).values()) == ["1 contours are there twice"]
    found, want = (read_structures(p, written[2][0].grid)[2] for p in (path, written[0] / "rs.dcm"))
    assert found.volume_ml == pytest.approx(want.volume_ml, rel=1e-6)


def test_a_contour_that_crosses_itself_is_noticed(written, tmp_path):
    def change(ds):
        x, y, z = points_of(contours(ds)[3]).mean(axis=0)
        put(contours(ds)[3], [[x - 4, y - 4, z], [x + 4, y + 4, z], [x + 4, y - 4, z], [x - 4, y + 4, z]])

    said = remarks(changed(written, tmp_path, change), written[2][0].grid)
    assert "1 contours cross themselves" in said.values()


def test_rings_in_rings_are_holes_whatever_their_sense(written, tmp_path):
    volumes = []
    for kind, turned in (("CLOSED_PLANAR", False), ("CLOSED_PLANAR", True), ("CLOSEDPLANAR_XOR", True)):

        def change(ds, kind=kind, turned=turned):
            items = contours(ds)
            z = points_of(items[3])[0, 2]
            del items[:]
            angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
            for radius, sense in ((8.0, 1), (5.0, -1 if turned else 1)):
                item = pydicom.Dataset()
                item.ContourGeometricType = kind
                put(item, np.column_stack((radius * np.cos(angle), sense * radius * np.sin(angle), np.full(200, z))))
                items.append(item)

        volumes.append(read_structures(changed(written, tmp_path, change), written[2][0].grid)[2].volume_ml)
    thickness = written[2][0].grid.spacing_mm[2]
    np.testing.assert_allclose(volumes, np.pi * (64 - 25) * thickness / 1000, rtol=2e-3)


def test_what_reaches_beyond_the_grid_is_cut_and_said(written):
    grid = written[2][0].grid
    half = Grid((18, *grid.shape[1:]), grid.affine)
    found = read_structure_set(written[0] / "rs.dcm", half)
    said = [line for line in found.remarks if "lie outside the grid" in line.found]
    assert len(said) >= 5
    whole = read_structures(written[0] / "rs.dcm", grid)
    for got, want in zip(found.structures, whole, strict=True):
        np.testing.assert_allclose(got.share, want.share[:18], atol=1e-6)


def test_a_forgotten_slice_leaves_a_gap_that_is_said(written, tmp_path):
    def change(ds):
        del contours(ds, 3)[4]

    said = remarks(changed(written, tmp_path, change), written[2][0].grid)
    assert said == {"structure five in changed.dcm": "1 gaps between its planes"}


def test_planes_between_the_slices_of_the_grid_keep_their_volume(written):
    grid = written[2][0].grid
    affine = grid.affine.copy()
    affine[:3, 3] += [0.3, -0.2, 0.45]
    affine[:3, 2] *= 0.7
    shifted = Grid((*grid.shape[:2], int(grid.shape[2] / 0.7) - 1), affine)
    for got, want in zip(read_structures(written[0] / "rs.dcm", shifted)[:-1], written[2], strict=False):
        assert got.volume_ml == pytest.approx(want.volume_ml, rel=1e-4)


def test_a_structure_set_without_contours_is_refused(written, tmp_path):
    def nothing(ds):
        for item in ds.ROIContourSequence:
            del item.ContourSequence

    with pytest.raises(BadInput, match="none of its 8 structures has a closed contour"):
        read_structures(changed(written, tmp_path, nothing), AXIAL)

    def no_list(ds):
        del ds.StructureSetROISequence

    with pytest.raises(BadInput, match="lists no structure"):
        read_structures(changed(written, tmp_path, no_list), AXIAL)


def test_only_the_structures_that_are_named_are_read(written):
    grid = written[2][0].grid
    assert [one.name for one in read_structures(written[0] / "rs.dcm", grid, names=["one", "hole"])] == ["one", "hole"]
    with pytest.raises(BadInput, match="it has no structure 'brain'; there are tenth, third"):
        read_structures(written[0] / "rs.dcm", grid, names=["brain"])


def test_contours_that_are_lines_enclose_nothing(written, tmp_path):
    def change(ds):
        for contour in contours(ds):
            z = points_of(contour)[0, 2]
            put(contour, [[0, 0, z], [3, 3, z], [6, 6, z]])

    path = changed(written, tmp_path, change)
    assert remarks(path, written[2][0].grid) == {"changed.dcm: structure one": "its contours enclose nothing"}
    assert "one" not in [one.name for one in read_structures(path, written[2][0].grid)]


def test_a_structure_of_another_frame_of_reference_is_not_written(written, tmp_path):
    strange = dataclasses.replace(written[2][0], frame_uid="1.2.3")
    with pytest.raises(GridMismatch, match="give the series that it was drawn on"):
        write_structures(tmp_path / "no.dcm", [strange], written[1])


def test_a_structure_without_contours_is_left_out_and_said(written, tmp_path):
    def change(ds):
        del ds.ROIContourSequence[1].ContourSequence

    path = changed(written, tmp_path, change)
    assert remarks(path, written[2][0].grid) == {"structure third in changed.dcm": "no contours"}
    assert len(read_structures(path, written[2][0].grid)) == 7


def test_a_structure_set_that_does_not_say_what_is_a_target_is_read_and_said(written, tmp_path):
    def change(ds):
        del ds.RTROIObservationsSequence

    path = changed(written, tmp_path, change)
    assert remarks(path, written[2][0].grid) == {"structures of changed.dcm": "no observations"}
    assert {one.kind for one in read_structures(path, written[2][0].grid)} == {"organ"}


def test_a_contour_with_too_few_numbers_is_damaged(written, tmp_path):
    def change(ds):
        contours(ds)[0].ContourData = list(contours(ds)[0].ContourData)[:-3]

    with pytest.raises(CorruptFile, match="should hold"):
        read_structures(changed(written, tmp_path, change), AXIAL)


def test_a_contour_out_of_its_plane_is_refused(written, tmp_path):
    def change(ds):
        points = points_of(contours(ds)[0])
        points[0, 2] += 0.5
        put(contours(ds)[0], points)

    with pytest.raises(BadInput, match="out of its plane"):
        read_structures(changed(written, tmp_path, change), AXIAL)


def test_other_files_are_refused_by_name(written, tmp_path):
    with pytest.raises(MissingInput, match="no such file"):
        read_structures(tmp_path / "no.dcm", AXIAL)
    (tmp_path / "text.dcm").write_text("not DICOM " * 50)
    with pytest.raises(BadInput, match="not a DICOM file"):
        read_structures(tmp_path / "text.dcm", AXIAL)
    with pytest.raises(BadInput, match="it is a MR Image Storage, not a RT Structure Set"):
        read_structures(written[0] / "series" / "00001.dcm", AXIAL)


def test_a_file_that_ends_too_early_is_damaged_even_between_two_contours(written, tmp_path):
    whole = (written[0] / "rs.dcm").read_bytes()
    end = whole.rindex(bytes.fromhex("0630 8000"))  # what follows the contours
    between = [n for n in range(len(whole)) if whole.startswith(bytes.fromhex("0630 1600"), n)]  # an item's first element
    cuts = {*np.linspace(200, end - 1, 25).astype(int).tolist(), *(n - 8 for n in between[-40::4])}
    for cut in sorted(cuts):
        (tmp_path / "cut.dcm").write_bytes(whole[:cut])
        with pytest.raises(AfterglowError):
            read_structures(tmp_path / "cut.dcm", written[2][0].grid)
