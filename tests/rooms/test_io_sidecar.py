"""Sidecars: inherited as BIDS says, and physics that cannot be right is refused with file, field, value and remedy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_files import put_json

from afterglow.io import physics
from afterglow.io.sidecar import Sidecar, read_json, read_sidecar
from afterglow.io.tables import read_table
from afterglow.io.timing import frame_times_s
from afterglow.records.errors import BadInput, MissingInput, MissingTiming
from afterglow.records.protocol import Injection


def sidecar(tmp_path, **fields):
    image = tmp_path / "sub-01" / "perf" / "sub-01_dce.nii.gz"
    put_json(image.with_name("sub-01_dce.json"), fields)
    return read_sidecar(image, tmp_path)


def test_the_nearest_and_most_specific_file_wins(tmp_path):
    image = tmp_path / "sub-01" / "ses-1" / "perf" / "sub-01_ses-1_acq-fast_run-2_dce.nii.gz"
    put_json(tmp_path / "dce.json", {"a": 1, "b": 1, "c": 1, "d": 1})
    put_json(tmp_path / "acq-fast_dce.json", {"b": 2, "c": 2, "d": 2})
    put_json(tmp_path / "acq-slow_dce.json", {"a": 9, "e": 9})
    put_json(tmp_path / "T1w.json", {"a": 9, "e": 9})
    put_json(tmp_path / "sub-01" / "sub-01_dce.json", {"c": 3, "d": 3})
    put_json(image.with_name("sub-01_ses-1_acq-fast_run-2_dce.json"), {"d": 4})
    put_json(image.with_name("sub-01_ses-1_acq-fast_run-1_dce.json"), {"d": 9, "e": 9})
    found = read_sidecar(image, tmp_path)
    assert found.fields == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert found.where("c").name == "sub-01_dce.json"


def test_files_above_the_data_set_are_not_asked(tmp_path):
    put_json(tmp_path / "dce.json", {"a": 1})
    assert read_sidecar(tmp_path / "data" / "sub-01" / "perf" / "sub-01_dce.nii.gz", tmp_path / "data").is_empty


def test_two_files_of_one_rank_that_contradict_each_other_are_refused(tmp_path):
    put_json(tmp_path / "acq-fast_dce.json", {"FlipAngle": 10})
    put_json(tmp_path / "run-1_dce.json", {"FlipAngle": 12})
    with pytest.raises(BadInput, match=r"FlipAngle is 12 here but 10 in acq-fast_dce\.json"):
        read_sidecar(tmp_path / "sub-01" / "perf" / "sub-01_acq-fast_run-1_dce.nii.gz", tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON at line 1"),
        ('{"a": 1,\n}', "not valid JSON at line 2"),
        ("[1, 2]", "holds a list"),
        ('{"a": 1, "a": 2}', "names a twice"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": ' + "1" * 5000 + "}", "mend or convert"),
    ],
)
def test_json_that_cannot_be_trusted_is_refused(tmp_path, text, words):
    path = put_json(tmp_path / "x_dce.json", text)
    with pytest.raises(BadInput, match=words) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


@settings(deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]":,\t\n19.eE-n/aNul \ufeff', max_size=40).map(str.encode))
def test_no_bytes_end_in_an_unstated_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "x_dce.json"
    path.write_bytes(content)
    for read in (read_json, read_table, lambda p: [row.number(name) for row in read_table(p) for name in row.cells]):
        try:
            read(path)
        except BadInput as error:
            assert str(path) in str(error)


def test_json_in_another_encoding_is_refused_and_a_byte_order_mark_is_not(tmp_path):
    (tmp_path / "a.json").write_bytes('{"name": "Größe"}'.encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "b.json") == {"a": 1}


ASKED = ["FlipAngle", "EchoTime", "RepetitionTime", "RepetitionTimeExcitation", "FrameTimesStart", "ContrastDose", "Relaxivity"]
json_scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**400) | st.sampled_from(["", "5", "5 ms"])
json_values = json_scalars | st.lists(json_scalars | st.lists(json_scalars, max_size=2), max_size=4)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(ASKED), json_values))
def test_whatever_a_sidecar_holds_the_answer_is_a_number_or_a_stated_error(fields):
    one = Sidecar(Path("sub-01_dce.nii.gz"), fields, {})
    for ask in (
        lambda: physics.spgr(one, dynamic=True),
        lambda: frame_times_s(one, 3),
        lambda: physics.injection(one),
        lambda: physics.agent(one),
    ):
        try:
            ask()
        except (BadInput, MissingInput) as error:
            assert "sub-01_dce.nii.gz" in str(error) and ";" in str(error)


# ------------------------------------------------------------------------------------------------ time


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"FrameTimesStart": [0, 2.5, 7]}, [0, 2.5, 7]),
        ({"FrameTimesStart": [-5, 0, 5]}, [-5, 0, 5]),
        ({"VolumeTiming": [1, 2, 4]}, [1, 2, 4]),
        ({"FrameTimesStart": [10, 15, 20], "VolumeTiming": [0, 5, 10]}, [10, 15, 20]),
        ({"RepetitionTime": 4.5, "RepetitionTimeExcitation": 0.005}, [0, 4.5, 9]),
        ({"FrameTimesStart": [0, 5, 10], "RepetitionTime": 0.005}, [0, 5, 10]),
        ({"FrameTimesStart": [0, 5, 10], "RepetitionTime": 0.2, "RepetitionTimeExcitation": 0.2}, [0, 5, 10]),
        ({"FrameTimesStart": [0, 5.01, 10], "RepetitionTime": 5, "RepetitionTimeExcitation": 0.005}, [0, 5.01, 10]),
    ],
)
def test_the_time_of_each_frame_is_taken_from_the_sidecar(tmp_path, fields, expected):
    np.testing.assert_allclose(frame_times_s(sidecar(tmp_path, **fields), 3), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, MissingTiming, "no JSON sidecar|gives no FrameTimesStart"),
        ({"FlipAngle": 15}, MissingTiming, "gives no FrameTimesStart"),
        ({"RepetitionTime": 0.0042}, MissingTiming, "0.0042 s is the time between two excitations"),
        ({"RepetitionTime": 0.0042, "RepetitionTimeExcitation": 0.0042}, MissingTiming, "between two excitations"),
        ({"RepetitionTime": 0.3, "RepetitionTimeExcitation": 0.3}, MissingTiming, "between two excitations"),
        ({"RepetitionTime": 5}, MissingTiming, "5 s stands alone"),
        ({"RepetitionTime": 5000, "RepetitionTimeExcitation": 0.005}, BadInput, "milliseconds"),
        ({"FrameTimesStart": [0, 5]}, BadInput, "has 2 times but .* has 3 frames"),
        ({"FrameTimesStart": []}, BadInput, "has 0 times"),
        ({"FrameTimesStart": 5}, BadInput, "has 1 times"),
        ({"FrameTimesStart": [0, 5, 5]}, BadInput, r"does not rise from frame 2 \(5 s\) to frame 3"),
        ({"FrameTimesStart": [10, 5, 0]}, BadInput, "does not rise from frame 1"),
        ({"FrameTimesStart": [0, 5000, 10000]}, BadInput, "spaced by 5000 s; BIDS wants seconds"),
        ({"FrameTimesStart": [0, 0.0042, 0.0084]}, MissingTiming, "spaced by 0.0042 s"),
        ({"FrameTimesStart": "0, 5, 10"}, BadInput, '"0, 5, 10"'),
        ({"FrameTimesStart": [0, None, 10]}, BadInput, "list of finite numbers"),
        ({"FrameTimesStart": [0, 5, 10], "VolumeTiming": [0, 6, 12]}, BadInput, "disagree"),
        (
            {"FrameTimesStart": [0, 5, 10], "RepetitionTime": 2.5, "RepetitionTimeExcitation": 0.005},
            BadInput,
            "2.5 s between volumes but",
        ),
    ],
)
def test_a_time_axis_is_never_guessed(tmp_path, fields, kind, words):
    with pytest.raises(kind, match=words) as caught:
        frame_times_s(sidecar(tmp_path, **fields), 3)
    assert "sub-01_dce" in str(caught.value) and ";" in str(caught.value)


def test_a_series_without_any_sidecar_says_so(tmp_path):
    alone = read_sidecar(tmp_path / "sub-01" / "perf" / "sub-01_dce.nii.gz", tmp_path)
    with pytest.raises(MissingTiming, match="no JSON sidecar beside or above it"):
        frame_times_s(alone, 3)
    with pytest.raises(MissingInput, match="no JSON sidecar beside or above it gives FlipAngle"):
        physics.spgr(alone, dynamic=True)


# --------------------------------------------------------------------------------------------- physics

SOUND = {"RepetitionTimeExcitation": 0.005, "EchoTime": 0.002, "FlipAngle": 15, "MagneticFieldStrength": 3}


def test_the_protocol_is_read_in_bids_units(tmp_path):
    found = physics.spgr(sidecar(tmp_path, **SOUND), dynamic=True)
    assert (found.tr_s, found.te_s, found.flip_deg, found.field_t) == (0.005, 0.002, 15, 3)


@pytest.mark.parametrize("dynamic", [True, False])
def test_an_excitation_time_may_stand_in_RepetitionTime_where_it_can_mean_nothing_else(tmp_path, dynamic):
    assert physics.spgr(sidecar(tmp_path, RepetitionTime=0.006, FlipAngle=10), dynamic=dynamic).tr_s == 0.006
    assert physics.spgr(sidecar(tmp_path, RepetitionTime=0.15, FlipAngle=10), dynamic=False).tr_s == 0.15


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"RepetitionTimeExcitation": 5}, BadInput, "RepetitionTimeExcitation is 5; .*milliseconds"),
        ({"RepetitionTimeExcitation": 0}, BadInput, "RepetitionTimeExcitation is 0;"),
        ({"RepetitionTimeExcitation": 5e-6}, BadInput, "RepetitionTimeExcitation is 5e-06"),
        ({"RepetitionTimeExcitation": None}, MissingInput, "gives no RepetitionTimeExcitation"),
        ({"RepetitionTimeExcitation": None, "RepetitionTime": 0.4}, MissingInput, "0.4 s may be the time between volumes"),
        ({"RepetitionTimeExcitation": None, "RepetitionTime": 5.2}, BadInput, "or add RepetitionTimeExcitation"),
        ({"RepetitionTimeExcitation": "0.005 s"}, BadInput, '"0.005 s"'),
        ({"RepetitionTimeExcitation": True}, BadInput, "true"),
        ({"EchoTime": 2.1}, BadInput, "EchoTime is 2.1; .*milliseconds"),
        ({"EchoTime": 0.033}, BadInput, "EchoTime is 0.033; it must be shorter than the repetition time"),
        ({"EchoTime": -0.002}, BadInput, "EchoTime is -0.002"),
        ({"FlipAngle": None}, MissingInput, "gives no FlipAngle"),
        ({"FlipAngle": 0.26}, BadInput, "FlipAngle is 0.26; .*radians"),
        ({"FlipAngle": 200}, BadInput, "FlipAngle is 200"),
        ({"FlipAngle": [2, 5]}, BadInput, "single angle"),
        ({"MagneticFieldStrength": 30000}, BadInput, "tesla"),
    ],
)
def test_physics_that_cannot_be_right_is_refused(tmp_path, change, kind, words):
    with pytest.raises(kind, match=words) as caught:
        physics.spgr(sidecar(tmp_path, **{**SOUND, **change}), dynamic=True)
    assert "sub-01_dce" in str(caught.value) and ";" in str(caught.value)


def test_what_was_injected_is_read_and_nothing_is_made_up(tmp_path):
    assert physics.injection(sidecar(tmp_path, FlipAngle=15)) is None
    assert physics.agent(sidecar(tmp_path, ContrastBolusIngredient="GADOLINIUM")) is None
    full = sidecar(
        tmp_path,
        ContrastBolusIngredient="gadobutrol",
        ContrastDose=0.1,
        InjectionStart=60,
        InjectionRate=3,
        Relaxivity=4.5,
        Haematocrit=0.42,
    )
    assert physics.injection(full) == Injection("gadobutrol", 0.1, 60, 3)
    found = physics.agent(full)
    assert found and found.r1_per_mM_s == 4.5 and "sub-01_dce.json" in found.source
    assert physics.haematocrit(full) == 0.42


@pytest.mark.parametrize(
    ("read", "field", "value", "words"),
    [
        (physics.injection, "ContrastDose", 7.5, "mmol per kg"),
        (physics.injection, "ContrastDose", -0.1, "mmol per kg"),
        (physics.injection, "InjectionRate", 180, "mL/s"),
        (physics.agent, "Relaxivity", 4500, r"1/\(mM s\)"),
        (physics.haematocrit, "Haematocrit", 42, "divide by 100"),
    ],
)
def test_contrast_in_other_units_is_refused(tmp_path, read, field, value, words):
    with pytest.raises(BadInput, match=words) as caught:
        read(sidecar(tmp_path, **{field: value}))
    assert f"{field} is {value}" in str(caught.value)


def test_inversion_times_are_seconds_one_for_each_volume(tmp_path):
    found = physics.inversion_recovery(sidecar(tmp_path, InversionTime=[0.1, 0.5], RepetitionTimePreparation=5), 2)
    assert (found.ti_s, found.tr_s) == ((0.1, 0.5), 5)
    for change, words in (({"InversionTime": [100, 500]}, "milliseconds"), ({"InversionTime": [0.1]}, "each of the 2"), ({"InversionTime": [0, 1]}, "between 0 and 20"),
                          ({"RepetitionTimePreparation": 5000}, "seconds"), ({"RepetitionTimePreparation": None}, "two inversions"), ({"InversionTime": None}, "gives no InversionTime")):  # fmt: skip
        with pytest.raises((BadInput, MissingInput), match=words):
            physics.inversion_recovery(
                sidecar(tmp_path, **{"InversionTime": [0.1, 0.5], "RepetitionTimePreparation": 5, **change}), 2
            )
