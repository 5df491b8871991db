"""Regions and curves that a person made."""

import numpy as np
import pytest
from io_files import GRID, put_image, put_text

from afterglow.io.bids import open_dataset
from afterglow.io.outlines import find_aif_curve, find_outlines, parts_of, read_mask
from afterglow.records.errors import BadInput, MissingInput


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "bids" / "sub-01" / "ses-1" / "perf").mkdir(parents=True)
    return open_dataset(tmp_path / "bids")


def mask(*values):
    array = np.zeros(GRID.shape, dtype=np.uint8)
    for n, value in enumerate(values or (1,)):
        array[n, 0:2, 1] = value
    return array


def put(dataset, name, array=None, folder="anat"):
    home = dataset.root / "derivatives" / "outlines" / "sub-01" / "ses-1" / folder
    return put_image(home / f"sub-01_ses-1_{name}.nii.gz", mask() if array is None else array)


def found(dataset):
    return {(o.label, o.lesion_id, o.space, o.folder, o.index) for o in find_outlines(dataset, "01", "1")}


def test_masks_are_found_and_named(dataset):
    put(dataset, "space-T1w_label-lesion_mask")
    put(dataset, "space-T1w_label-lesion_desc-left_mask")
    put(dataset, "label-lesion7_mask")
    put(dataset, "label-reference_mask")
    put(dataset, "label-brain_mask")
    put(dataset, "label-vertebra_mask")
    put(dataset, "label-aif_mask", folder="perf")
    assert found(dataset) == {
        ("lesion", "1", "T1w", "anat", None),
        ("lesion", "left", "T1w", "anat", None),
        ("lesion", "7", "", "anat", None),
        ("reference", "", "", "anat", None),
        ("aif", "", "", "perf", None),
        ("vertebra", "", "", "anat", None),
        ("brain", "", "", "anat", None),
    }


def test_no_outlines_are_no_error_but_a_wrong_folder_is(dataset, tmp_path):
    assert find_outlines(dataset, "01", "1") == ()
    with pytest.raises(MissingInput, match="no such folder of outlines"):
        find_outlines(dataset, "01", "1", tmp_path / "nothing")


def test_outlines_may_lie_elsewhere_and_without_sessions(dataset, tmp_path):
    put_image(tmp_path / "mine" / "sub-01" / "anat" / "sub-01_label-lesion_mask.nii.gz", mask())
    (one,) = find_outlines(dataset, "01", "", tmp_path / "mine")
    assert read_mask(one).sum() == 2


def test_a_segmentation_gives_one_outline_for_each_named_label(dataset):
    path = put(dataset, "space-T1w_dseg", mask(3, 5, 6))
    table = path.with_name(path.name.replace(".nii.gz", ".tsv"))
    put_text(table, "index\tname\tcolor\n0\tbackground\tn/a\n3\tlesion 2\tred\n5\tfrontal\tn/a\n6\tReference\tn/a\n")
    outlines = find_outlines(dataset, "01", "1")
    assert [(o.label, o.lesion_id, o.index) for o in outlines] == [
        ("lesion", "2", 3),
        ("lesion", "frontal", 5),
        ("reference", "", 6),
    ]
    np.testing.assert_array_equal(read_mask(outlines[1]), mask(0, 5).astype(bool))


def test_the_table_of_a_segmentation_may_be_inherited(dataset):
    put(dataset, "dseg", mask(1))
    put_text(dataset.root / "derivatives" / "outlines" / "dseg.tsv", "index\tname\n1\tlesion\n")
    assert found(dataset) == {("lesion", "1", "", "anat", 1)}


@pytest.mark.parametrize(
    ("table", "kind", "words"),
    [
        (None, MissingInput, "sub-01_ses-1_dseg.tsv beside it"),
        ("index\tname\n1\tlesion\n1\tlesion\n", BadInput, "lesion 1 is outlined in"),
        ("index\tname\n1.5\tlesion\n", BadInput, "whole number"),
        ("index\tname\nn/a\tlesion\n", BadInput, "index is None"),
        ("index\tlabel\n1\tlesion\n", BadInput, "no column 'name'"),
    ],
)
def test_a_segmentation_without_a_sound_table_is_refused(dataset, table, kind, words):
    path = put(dataset, "dseg", mask(1))
    if table:
        put_text(path.with_name("sub-01_ses-1_dseg.tsv"), table)
    with pytest.raises(kind, match=words):
        find_outlines(dataset, "01", "1")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (mask(1, 2, 255), r"values \[2, 255\] besides 0 and 1"),
        (mask().astype(np.float32) * 0.7, "value 0.7"),
        (np.zeros((*GRID.shape, 2), np.uint8), "2 frames, a mask has one"),
    ],
)
def test_a_mask_that_is_none_is_refused(dataset, array, words):
    path = put(dataset, "label-lesion_mask", array)
    (one,) = find_outlines(dataset, "01", "1")
    with pytest.raises(BadInput, match=words) as caught:
        read_mask(one)
    assert str(path) in str(caught.value)


def test_an_empty_lesion_is_a_statement_and_an_empty_reference_is_none(dataset):
    nothing = np.zeros(GRID.shape, np.uint8)
    put(dataset, "label-lesion_mask", nothing)
    path = put(dataset, "label-reference_mask", nothing)
    lesion, reference = find_outlines(dataset, "01", "1")
    assert not read_mask(lesion).any()
    with pytest.raises(BadInput, match="the mask is empty; outline the reference") as caught:
        read_mask(reference)
    assert str(path) in str(caught.value)


def test_parts_beside_an_outline_are_its_parts(dataset):
    put(dataset, "label-lesion_mask")
    put(dataset, "label-necrosis_mask")
    (lesion,) = find_outlines(dataset, "01", "1")
    ((kind, part),) = parts_of(lesion)
    assert kind == "necrosis"
    assert part.any()


def test_two_files_for_one_lesion_are_refused(dataset):
    put(dataset, "space-T1w_label-lesion_mask")
    put(dataset, "label-lesion_mask")
    with pytest.raises(BadInput, match="lesion 1 is outlined in"):
        find_outlines(dataset, "01", "1")


def put_curve(dataset, text, root=None):
    return put_text((root or dataset.root) / "sub-01" / "ses-1" / "perf" / "sub-01_ses-1_aif.tsv", text)


def test_a_given_curve_is_plasma_or_becomes_plasma(dataset):
    assert find_aif_curve(dataset, "01", "1", haematocrit=0.4) is None
    put_curve(dataset, "time_s\tplasma_mM\n0\t0\n30\t6\n60\t1.5\n")
    given = find_aif_curve(dataset, "01", "1", haematocrit=0.4)
    assert given is not None
    np.testing.assert_array_equal(given.plasma_mM, [0, 6, 1.5])
    put_curve(dataset, "time_s\tblood_mM\n0\t0\n30\t6\n60\t1.5\n")
    given = find_aif_curve(dataset, "01", "1", haematocrit=0.4)
    assert given is not None
    np.testing.assert_allclose(given.plasma_mM, [0, 10, 2.5])
    assert np.isnan(given.quality) and given.haematocrit == 0.4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time_s\tplasma_mM\n0\t0\n30\t6\n", "2 rows"),
        ("time_s\tconc\n0\t0\n30\t6\n60\t1\n", "neither plasma_mM nor blood_mM"),
        ("time_s\tplasma_mM\tblood_mM\n0\t0\t0\n30\t6\t6\n60\t1\t1\n", "plasma_mM and blood_mM"),
        ("time_s\tplasma_mM\n0\t0\n60\t6\n30\t1\n", "does not rise at line 4"),
        ("time_s\tplasma_mM\n0\t0\n1\t6\n5\t1\n", "minutes"),
        ("time_s\tplasma_mM\n0\t0\n30\t0\n60\t0\n", "highest plasma_mM is 0"),
        ("time_s\tplasma_mM\n0\tn/a\n30\t5\n60\t0\n", "line 2, plasma_mM is None"),
    ],
)
def test_a_curve_that_is_none_is_refused(dataset, text, words):
    path = put_curve(dataset, text)
    with pytest.raises(BadInput, match=words) as caught:
        find_aif_curve(dataset, "01", "1", haematocrit=0.4)
    assert str(path) in str(caught.value)


def test_two_curves_are_refused(dataset):
    put_curve(dataset, "time_s\tplasma_mM\n")
    put_curve(dataset, "time_s\tplasma_mM\n", dataset.root / "derivatives" / "outlines")
    with pytest.raises(BadInput, match="already; keep one of the two"):
        find_aif_curve(dataset, "01", "1", haematocrit=0.4)
