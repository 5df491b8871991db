"""The manifest remembers, and finds what changed."""

import multiprocessing

import numpy as np
import pytest

from afterglow.io.manifest import (
    FileEntry,
    ManifestEntry,
    fingerprint,
    input_entry,
    is_finished,
    is_finished_on_disk,
    merged_at_the_end,
    merging_later,
    output_entry,
    publish,
    read_entry,
    read_manifest,
    record,
    verify,
)
from afterglow.io.write import write_text
from afterglow.records.errors import BadInput


def exam(out, key, content="map", state="done"):
    written = write_text(out / key / "map.txt", content)
    return ManifestEntry(key, state, "behar2023", "f" * 64, (FileEntry("sub-01/a.nii.gz", "0" * 64, 3),), (output_entry(written, out),),
                         {"steps": ["t1", "fit"], "hct": 0.42}, {"afterglow": "0.1.0"}, {"fit": 1.25}, "Maps were fitted.")  # fmt: skip


def test_what_is_recorded_is_read_again(tmp_path):
    entries = [exam(tmp_path, f"sub-0{n}_ses-1") for n in (2, 1)]
    for entry in entries:
        record(tmp_path, entry)
    assert dict(read_manifest(tmp_path).entries) == {entry.key: entry for entry in entries}
    assert verify(read_manifest(tmp_path)) == []
    assert dict(read_manifest(tmp_path / "nothing").entries) == {}


def test_a_later_record_replaces_the_earlier(tmp_path):
    record(tmp_path, exam(tmp_path, "sub-01", "half", "failed"))
    record(tmp_path, exam(tmp_path, "sub-01", "whole"))
    assert read_manifest(tmp_path).entries["sub-01"].state == "done"
    assert verify(read_manifest(tmp_path)) == []


def test_any_change_of_one_byte_is_found(tmp_path):
    for n in range(3):
        record(tmp_path, exam(tmp_path, f"sub-0{n}", "0123456789" * 20))
    paths = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert len(paths) == 7
    rng = np.random.default_rng(0)
    missed = []
    for n in range(300):
        path = paths[n % len(paths)]
        sound = path.read_bytes()
        spoilt = bytearray(sound)
        where = int(rng.integers(len(spoilt)))
        spoilt[where] = (spoilt[where] + int(rng.integers(1, 256))) % 256
        path.write_bytes(spoilt)
        try:
            if not verify(read_manifest(tmp_path)):
                missed.append((path, where))
        except BadInput:
            pass
        path.write_bytes(sound)
    assert missed == []
    assert verify(read_manifest(tmp_path)) == []


def test_a_missing_file_is_named(tmp_path):
    record(tmp_path, exam(tmp_path, "sub-01"))
    (tmp_path / "sub-01" / "map.txt").unlink()
    (problem,) = verify(read_manifest(tmp_path))
    assert "map.txt: written for sub-01, now missing" in problem


def test_inputs_are_compared_where_the_data_set_is_given(tmp_path):
    bids, out = tmp_path / "bids", tmp_path / "out"
    source = write_text(bids / "sub-01" / "a.txt", "scan").path
    entry = exam(out, "sub-01")
    record(out, ManifestEntry(**{**vars(entry), "inputs": (input_entry(source, bids),)}))
    assert verify(read_manifest(out), inputs_root=bids) == []
    source.write_text("scam")
    (problem,) = verify(read_manifest(out), inputs_root=bids)
    assert "read for sub-01, changed since" in problem


def test_an_output_outside_the_folder_is_refused(tmp_path):
    entry = exam(tmp_path, "sub-01")
    record(tmp_path, ManifestEntry(**{**vars(entry), "outputs": (FileEntry("../secret", "0" * 64, 1),)}))
    assert "lies outside" in verify(read_manifest(tmp_path))[0]


def test_a_finished_exam_is_known_by_its_fingerprint_and_its_files(tmp_path):
    entry = exam(tmp_path, "sub-01")
    record(tmp_path, entry)
    manifest = read_manifest(tmp_path)
    assert is_finished(manifest, "sub-01", entry.fingerprint)
    assert not is_finished(manifest, "sub-01", "0" * 64)
    assert not is_finished(manifest, "sub-02", entry.fingerprint)
    (tmp_path / "sub-01" / "map.txt").write_text("ma")
    assert not is_finished(manifest, "sub-01", entry.fingerprint)
    record(tmp_path, exam(tmp_path, "sub-01", state="failed"))
    assert not is_finished(read_manifest(tmp_path), "sub-01", entry.fingerprint)


def test_a_fingerprint_ignores_order_and_notices_everything_else():
    a, b = FileEntry("a", "1" * 64, 1), FileEntry("b", "2" * 64, 1)
    base = fingerprint((a, b), {"x": 1, "y": {"p": 1, "q": 2}}, {"v": "1"})
    assert fingerprint((b, a), {"y": {"q": 2, "p": 1}, "x": 1}, {"v": "1"}) == base
    others = {fingerprint((a,), {"x": 1, "y": {"p": 1, "q": 2}}, {"v": "1"}), fingerprint((a, b), {"x": 1, "y": {"p": 1, "q": 3}}, {"v": "1"}),
              fingerprint((a, b), {"x": 1, "y": {"p": 1, "q": 2}}, {"v": "2"})}  # fmt: skip
    assert len(others | {base}) == 4


@pytest.mark.parametrize("text", ["{}", '{"schema": 1, "exams": {"sub-01": {}}}', '{"exams": {"sub-01": 3}}', "not json"])
def test_a_damaged_manifest_is_a_stated_error(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_manifest_that_a_killed_run_left_behind_is_made_again(tmp_path):
    record(tmp_path, exam(tmp_path, "sub-01"))
    (tmp_path / "manifest.json").unlink()
    assert verify(read_manifest(tmp_path)) != []
    publish(tmp_path)
    assert verify(read_manifest(tmp_path)) == []


def _record_many(out, worker):
    for n in range(15):
        record(out, exam(out, f"sub-{worker}x{n}".replace("x", "0")))


def test_processes_that_record_at_once_lose_nothing(tmp_path):
    workers = [multiprocessing.get_context("fork").Process(target=_record_many, args=(tmp_path, n)) for n in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    manifest = read_manifest(tmp_path)
    assert len(manifest.entries) == 60 and verify(manifest) == []


def test_a_key_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match="plain label"):
        exam_entry = exam(tmp_path, "sub-01")
        ManifestEntry(**{**vars(exam_entry), "key": "../x"})


def test_an_exam_is_asked_by_its_own_file_alone(tmp_path):
    entry = exam(tmp_path, "sub-01")
    record(tmp_path, entry)
    (tmp_path / "manifest.json").write_text("not json")
    assert read_entry(tmp_path, "sub-01") == entry
    assert is_finished_on_disk(tmp_path, "sub-01", entry.fingerprint)
    assert not is_finished_on_disk(tmp_path, "sub-01", "0" * 64)
    assert not is_finished_on_disk(tmp_path, "sub-02", entry.fingerprint)
    (tmp_path / "sub-01" / "map.txt").write_text("ma")
    assert not is_finished_on_disk(tmp_path, "sub-01", entry.fingerprint)


@pytest.mark.parametrize("content", ["", "{", '{"key": 3}', "[]"])
def test_a_damaged_file_of_an_exam_proves_nothing_and_is_made_again(tmp_path, content):
    entry = exam(tmp_path, "sub-01")
    record(tmp_path, entry)
    (tmp_path / ".afterglow" / "exams" / "sub-01.json").write_text(content)
    assert not is_finished_on_disk(tmp_path, "sub-01", entry.fingerprint)
    record(tmp_path, entry)
    assert is_finished_on_disk(tmp_path, "sub-01", entry.fingerprint)
    assert verify(read_manifest(tmp_path)) == []


def test_many_exams_are_merged_once_before_and_once_after_even_when_stopped(tmp_path):
    with merging_later():
        record(tmp_path, exam(tmp_path, "sub-01"))  # as after a kill
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(KeyboardInterrupt), merged_at_the_end(tmp_path):
        assert set(read_manifest(tmp_path).entries) == {"sub-01"}
        record(tmp_path, exam(tmp_path, "sub-02"))
        assert set(read_manifest(tmp_path).entries) == {"sub-01"}
        raise KeyboardInterrupt
    assert set(read_manifest(tmp_path).entries) == {"sub-01", "sub-02"}
    assert verify(read_manifest(tmp_path)) == []
    record(tmp_path, exam(tmp_path, "sub-03"))
    assert "sub-03" in read_manifest(tmp_path).entries
