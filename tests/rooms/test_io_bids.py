"""Data sets, visits and exams."""

import time

import numpy as np
import pytest
from io_files import DCE_FIELDS, GRID, TIMES_S, noise, put_exam, put_image, put_json, put_text

from afterglow.io.bids import open_dataset, sessions
from afterglow.io.exam import ROLES, read_exam
from afterglow.io.names import bids_name, parse_name, parse_pattern
from afterglow.records.course import Treatment
from afterglow.records.errors import BadInput, MissingInput, MissingTiming
from afterglow.records.protocol import Anatomy, InversionRecovery, Spgr


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    return root


def two_visits(tmp_path, table):
    folders(tmp_path, "sub-01/ses-a", "sub-01/ses-b")
    if table is not None:
        put_text(tmp_path / "sub-01" / "sub-01_sessions.tsv", table)
    return open_dataset(tmp_path)


def test_names_are_taken_apart_and_put_together_in_the_order_of_the_specification():
    name = parse_name("sub-01_ses-2_ce-gd_run-1_dce.nii.gz")
    assert (
        name
        and name.entities == {"sub": "01", "ses": "2", "ce": "gd", "run": "1"}
        and (name.suffix, name.extension) == ("dce", ".nii.gz")
    )
    entities = {"param": "ktrans", "model": "etofts", "space": "T1w", "ses": "", "sub": "01"}
    assert bids_name(entities, "dcemap", ".nii.gz") == "sub-01_space-T1w_model-etofts_param-ktrans_dcemap.nii.gz"
    assert parse_name("notes.txt").entities == {} and parse_name("sub-01_x_y-_dce.json") is None
    for bad in ({"sub": "0_1"}, {"sub": "../x"}, {"colour": "red"}):
        with pytest.raises(ValueError):
            bids_name(bad, "dce", ".json")


@pytest.mark.parametrize("words", ["dce", "perf/", "perf/*", "perf/*_fast_dce", "perf/_*"])
def test_a_pattern_that_names_no_files_is_refused(words):
    with pytest.raises(BadInput, match="names no BIDS files"):
        parse_pattern(words)


def test_subjects_tables_and_treatments_are_read(tmp_path):
    folders(tmp_path, "sub-02", "sub-01", "derivatives", "sub-03")
    (tmp_path / "sub-99.txt").touch()
    put_text(tmp_path / "participants.tsv", "participant_id\tage_years\tgrade\r\nsub-01\t52\tn/a\r\nsub-02\t\tIV\r\n")
    put_text(
        tmp_path / "phenotype" / "treatments.tsv",
        "participant_id\tday\tkind\tdose_gy\tfractions\nsub-01\t12\tradiosurgery\t20\t1\nsub-01\t-30\tsurgery\tn/a\tn/a\n",
    )
    dataset = open_dataset(tmp_path)
    assert dataset.subjects == ("01", "02", "03")
    assert dataset.participants == {"01": {"age_years": "52", "grade": None}, "02": {"age_years": None, "grade": "IV"}}
    assert dataset.treatments["01"] == (Treatment("surgery", -30), Treatment("radiosurgery", 12, 20, 1))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("participants.tsv", "participant_id\nsub-01\nsub-01\n", "line 3, participant_id is 'sub-01'; it stands there twice"),
        ("participants.tsv", "participant_id,age\nsub-01,5\n", "not separated by tabs"),
        ("participants.tsv", "subject\tage\n", "no column 'participant_id'"),
        ("participants.tsv", "participant_id\tage\tage\n", "column 'age' stands there twice"),
        ("participants.tsv", "participant_id\tage\nsub-01\n", "line 2 has 1 cells under 2 columns"),
        ("participants.tsv", "", "no column 'participant_id'"),
        ("phenotype/treatments.tsv", "participant_id\tday\tkind\nsub-01\t3\tprayer\n", "kind is 'prayer'; write one of surgery"),
        ("phenotype/treatments.tsv", "participant_id\tday\tkind\nsub-01\tn/a\tsurgery\n", "line 2 gives no day"),
        (
            "phenotype/treatments.tsv",
            "participant_id\tday\tkind\nsub-01\t3,5\tsurgery\n",
            "day is '3,5'; write a number with a decimal point",
        ),
        ("phenotype/treatments.tsv", "participant_id\tday\tkind\tdose_gy\nsub-01\t3\tradiotherapy\t6000\n", "cGy"),
        ("phenotype/treatments.tsv", "participant_id\tday\tkind\tfractions\nsub-01\t3\tradiotherapy\t2.5\n", "whole number"),
    ],
)
def test_wrong_tables_are_refused_with_line_and_column(tmp_path, name, text, words):
    folders(tmp_path, "sub-01")
    put_text(tmp_path / name, text)
    with pytest.raises((BadInput, MissingInput), match=words) as caught:
        open_dataset(tmp_path)
    assert str(tmp_path / name) in str(caught.value)


def test_folders_that_are_no_data_set_are_refused(tmp_path):
    with pytest.raises(MissingInput, match="no such folder"):
        open_dataset(tmp_path / "x")
    with pytest.raises(MissingInput, match="holds no folder named sub-"):
        open_dataset(tmp_path)
    with pytest.raises(BadInput, match="not a BIDS label"):
        open_dataset(folders(tmp_path, "sub-a_b"))


# ---------------------------------------------------------------------------------------------- visits


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("session_id\tday\nses-a\t90\nses-b\t-3\n", [("b", -3), ("a", 90)]),
        ("session_id\tday\na\t0\nb\t0.2\nses-c\t0\n", [("a", 0), ("b", 0.2)]),
        ("session_id\tacq_time\nses-b\t1877-06-20T23:59:00\nses-a\t1877-06-21T00:01:00\n", [("b", 0), ("a", 1)]),
        ("session_id\tacq_time\nses-a\t2024-02-28\nses-b\t2024-03-01T08:00:00.5\n", [("a", 0), ("b", 2)]),
        ("\ufeffsession_id\tday\tscanner\nses-a\t1\tX\nses-b\t2\tn/a\n", [("a", 1), ("b", 2)]),
    ],
)
def test_visits_come_in_the_order_of_their_days(tmp_path, table, expected):
    assert [(s.label, s.day) for s in sessions(two_visits(tmp_path, table), "01")] == expected


@pytest.mark.parametrize(
    ("table", "kind", "words"),
    [
        (None, MissingInput, "days of the 2 visits are unknown"),
        ("session_id\tday\nses-a\t5\nses-b\t5\n", BadInput, "ses-a and ses-b both lie on day 5"),
        ("session_id\tacq_time\nses-a\t2024-03-01T08:00:00\nses-b\t2024-03-01T20:00:00\n", BadInput, "both lie on day 0"),
        ("session_id\tday\nses-a\t5\n", MissingInput, "ses-b has a folder but no line"),
        ("session_id\tday\nses-a\t5\nses-b\tn/a\n", MissingInput, "line 3 gives no day"),
        ("session_id\tday\tacq_time\nses-a\t5\tn/a\nses-b\tn/a\t2024-03-01\n", MissingInput, "line 3 gives no day"),
        ("session_id\tacq_time\nses-a\t2024-03-01\nses-b\tn/a\n", MissingInput, "neither day nor acq_time"),
        ("session_id\tday\nses-a\t5\nses-a\t6\nses-b\t7\n", BadInput, "stands in line 2 already"),
        ("session_id\tacq_time\nses-a\t03/04/2024\nses-b\t2024-03-05\n", BadInput, "03/04/2024.*two ways"),
        ("session_id\tacq_time\nses-a\t2024-02-30\nses-b\t2024-03-05\n", BadInput, "2024-02-30"),
        ("session_id\tday\nses-a\tmonday\nses-b\t2\n", BadInput, "day is 'monday'"),
        ("session_id\tday\nses-a\tinf\nses-b\t2\n", BadInput, "finite"),
    ],
)
def test_visits_without_a_certain_order_are_refused(tmp_path, table, kind, words):
    with pytest.raises(kind, match=words) as caught:
        sessions(two_visits(tmp_path, table), "01")
    assert "sub-01_sessions.tsv" in str(caught.value)


def test_a_single_visit_needs_no_table(tmp_path):
    dataset = open_dataset(folders(tmp_path, "sub-01/ses-pre", "sub-02/anat"))
    assert [(s.label, s.day) for s in sessions(dataset, "01")] == [("pre", 0)]
    assert [(s.label, s.day) for s in sessions(dataset, "02")] == [("", 0)]
    with pytest.raises(MissingInput, match="no such subject"):
        sessions(dataset, "77")


def test_two_thousand_subjects_open_in_a_moment(tmp_path):
    for n in range(2000):
        (tmp_path / f"sub-{n:04d}" / "ses-1").mkdir(parents=True)
    start = time.process_time()
    dataset = open_dataset(tmp_path)
    assert sessions(dataset, "1999")[0].label == "1"
    assert time.process_time() - start < 0.5


# ----------------------------------------------------------------------------------------------- exams


@pytest.mark.parametrize("session", ["01", ""])
def test_an_exam_holds_its_series_by_role(tmp_path, session):
    path = put_exam(tmp_path, session=session)
    exam = read_exam(open_dataset(tmp_path), "01", session, ROLES)
    assert set(exam.series) == {"dce", "vfa", "T1w", "CE-T1w"}
    dce = exam.one("dce")
    assert dce and dce.source == path.relative_to(tmp_path).as_posix()
    np.testing.assert_array_equal(dce.times_s, TIMES_S)
    assert dce.load().shape == (*GRID.shape, TIMES_S.size) and dce.injection and dce.injection.start_s == 12
    assert [s.protocol.flip_deg for s in exam.series["vfa"]] == [2, 5, 15]
    t1w = exam.one("T1w")
    assert t1w and t1w.protocol == Anatomy("T1w") and "ce-" not in t1w.source and t1w.times_s.size == 0
    assert t1w.load().shape == GRID.shape


def test_flip_angles_in_one_4d_file_become_one_series_each(tmp_path):
    stack = noise((*GRID.shape, 3))
    path = tmp_path / "sub-01" / "anat" / "sub-01_VFA.nii.gz"
    put_image(path, stack, {"FlipAngle": [2, 5, 15], "RepetitionTime": 0.005})
    vfa = read_exam(open_dataset(tmp_path), "01", "", ROLES).series["vfa"]
    assert [s.protocol.flip_deg for s in vfa] == [2, 5, 15]
    np.testing.assert_array_equal(vfa[2].load(), stack[..., 2])
    put_image(path, stack, {"FlipAngle": [2, 5], "RepetitionTime": 0.005})
    with pytest.raises(BadInput, match="2 angles for the 3 volumes"):
        read_exam(open_dataset(tmp_path), "01", "", ROLES)


def test_flip_ten_comes_after_flip_two_and_inversions_are_read(tmp_path):
    for n in (10, 2, 1):
        put_image(
            tmp_path / f"sub-01/anat/sub-01_inv-{n}_IRT1.nii.gz", None, {"InversionTime": n / 10, "RepetitionTimePreparation": 5}
        )
    series = read_exam(open_dataset(tmp_path), "01", "", ROLES).series["irt1"]
    assert [s.protocol for s in series] == [InversionRecovery((ti,), 5, None, None) for ti in (0.1, 0.2, 1.0)]


@pytest.mark.parametrize(("units", "scale"), [("1", 1), ("%", 100), ("percent", 100)])
def test_a_transmit_field_is_a_fraction_of_nominal(tmp_path, units, scale):
    b1 = 1 + 0.1 * np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32)
    put_image(tmp_path / "sub-01/fmap/sub-01_TB1map.nii.gz", b1 * np.float32(scale), {"Units": units})
    loaded = read_exam(open_dataset(tmp_path), "01", "", ROLES).one("b1").load()
    np.testing.assert_allclose(loaded, b1, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, MissingInput, "no Units"),
        ({"Units": "degrees"}, BadInput, '"degrees"'),
        ({"Units": "1"}, BadInput, "median is 10[01] times"),
    ],
)
def test_an_unclear_transmit_field_is_refused(tmp_path, fields, kind, words):
    put_image(tmp_path / "sub-01/fmap/sub-01_TB1map.nii.gz", noise(GRID.shape), fields)
    with pytest.raises(kind, match=words):
        read_exam(open_dataset(tmp_path), "01", "", ROLES).one("b1").load()


def without(*names, **more):
    return {k: v for k, v in {**DCE_FIELDS, **more}.items() if k not in names}


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        (None, MissingTiming, "no JSON sidecar"),
        (without("FrameTimesStart"), MissingTiming, "FrameTimesStart"),
        (without("FrameTimesStart", "RepetitionTimeExcitation", RepetitionTime=0.0042), MissingTiming, "0.0042"),
        (without("FlipAngle"), MissingInput, "gives no FlipAngle"),
        (without(RepetitionTimeExcitation=5), BadInput, "RepetitionTimeExcitation is 5"),
        (without(FrameTimesStart=[0, 1]), BadInput, "has 2 times but .* has 8 frames"),
        (without(FrameTimesStart=[0, 1, 2, 3, 3, 5, 6, 7]), BadInput, "does not rise"),
    ],
)
def test_a_dynamic_series_without_sound_physics_is_refused(tmp_path, fields, kind, words):
    put_exam(tmp_path, dce_fields=fields)
    with pytest.raises(kind, match=words) as caught:
        read_exam(open_dataset(tmp_path), "01", "01", ROLES)
    assert "_dce." in str(caught.value)


def test_a_volume_is_not_a_series_and_a_series_is_not_a_volume(tmp_path):
    dce = put_exam(tmp_path)
    dataset = open_dataset(tmp_path)
    put_image(dce)
    with pytest.raises(BadInput, match="single volume"):
        read_exam(dataset, "01", "01", {"dce": ROLES["dce"]})
    put_image(tmp_path / "sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz", noise((*GRID.shape, 2)))
    with pytest.raises(BadInput, match="2 frames where one volume is due"):
        read_exam(dataset, "01", "01", {"T1w": ROLES["T1w"]})


@pytest.mark.parametrize(
    ("array", "words"),
    [(np.zeros((*GRID.shape, 8)), "zero"), (np.repeat(noise((*GRID.shape, 1)), 8, axis=3), "all its 8 frames are the same")],
)
def test_a_series_without_content_is_refused_when_it_is_loaded(tmp_path, array, words):
    put_image(put_exam(tmp_path), array.astype(np.float32))
    dce = read_exam(open_dataset(tmp_path), "01", "01", ROLES).one("dce")
    with pytest.raises(BadInput, match=words):
        dce.load()


def test_phase_images_and_twins_do_not_slip_in(tmp_path):
    dce = put_exam(tmp_path)
    put_image(dce.with_name("sub-01_ses-01_part-phase_dce.nii.gz"), noise((*GRID.shape, 8)), DCE_FIELDS)
    dataset = open_dataset(tmp_path)
    assert len(read_exam(dataset, "01", "01", ROLES).series["dce"]) == 1
    dce.with_suffix("").write_bytes(b"")
    with pytest.raises(BadInput, match="lies beside it; keep one of the two"):
        read_exam(dataset, "01", "01", ROLES)


def test_a_pattern_picks_among_acquisitions(tmp_path):
    for acq in ("fast", "slow"):
        put_image(tmp_path / f"sub-01/perf/sub-01_acq-{acq}_dce.nii.gz", noise((*GRID.shape, 8)))
    put_json(tmp_path / "dce.json", DCE_FIELDS)
    exam = read_exam(open_dataset(tmp_path), "01", "", {"dce": "perf/*_acq-slow_dce", "all": "perf/*_dce"})
    assert isinstance(exam.one("dce").protocol, Spgr) and "acq-slow" in exam.one("dce").source
    assert len(exam.series["all"]) == 2


def test_a_visit_that_is_not_there_is_named(tmp_path):
    put_exam(tmp_path)
    with pytest.raises(MissingInput, match="ses-99: there is no such visit"):
        read_exam(open_dataset(tmp_path), "01", "99", ROLES)
