"""Claims about the key of a learning case: it changes with each thing that the case is made from, and with nothing else."""

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest
from tests.learning_patients import again, image_path, outline_path, small_method, study

from afterglow.flows import learning_brain, learning_cases
from afterglow.flows.learning_cases import case_key
from afterglow.flows.learning_visit import open_before
from afterglow.flows.method import Method
from afterglow.flows.place import Place
from afterglow.io.bids import open_dataset

METHOD = small_method()
SPEC = METHOD.recurrence
assert SPEC is not None
VE = SPEC.channel[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return study(tmp_path_factory.mktemp("study"), 2)


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    for name in ("bids", "out"):
        shutil.copytree(made.out.parent / name, tmp_path / name)
    return Place(open_dataset(tmp_path / "bids"), tmp_path / "out", None)


def key(place: Place, method: Method = METHOD) -> str:
    spec = method.recurrence
    assert spec is not None
    return case_key(open_before(again(place), "01", "pre", method, spec.channels, maps_needed=True), spec)


def sources(place: Place) -> dict[str, Path]:
    """Every file that the case says it is made from, where it lies."""
    visit = open_before(place, "01", "pre", METHOD, SPEC.channels, maps_needed=True)
    roots = (place.dataset.root, place.out)
    return {one.path: next(root / one.path for root in roots if (root / one.path).is_file()) for one in visit.inputs}


def other_bytes(path: Path) -> None:
    """The same content in other bytes: whatever reads the file still can."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1, mtime=1))
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), "Note": "looked at"}))


def test_the_bytes_of_each_file_that_a_case_is_made_from_change_its_key(place: Place) -> None:
    before, files = key(place), sources(place)
    for part in (
        "pre_ce-gadolinium_T1w.nii.gz", "pre_ce-gadolinium_T1w.json", "pre_FLAIR.nii.gz", "pre_FLAIR.json", "label-lesion_mask.nii.gz",
        "label-brain_mask.nii.gz", "label-recurrence_mask.nii.gz", "param-ve_dcemap.nii.gz", "param-ve_dcemap.json", "exam.json",
    ):  # fmt: skip
        assert any(name.endswith(part) for name in files), part
    for name, path in files.items():
        was = path.read_bytes()
        other_bytes(path)
        assert key(place) != before, name
        path.write_bytes(was)
    assert key(place) == before


def test_an_outline_of_a_later_visit_that_is_carried_back_changes_it_and_so_does_the_image_it_is_carried_by(place: Place) -> None:
    own = outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence")
    later = outline_path(place.dataset.root, "01", "space-T1w_label-recurrence", "post")
    later.parent.mkdir(parents=True)
    shutil.copy(outline_path(place.dataset.root, "01", "space-T1w_label-lesion"), later)
    own.unlink()
    found = [key(place)]
    for path in (later, image_path(place.dataset.root, "01", "ce-gadolinium_T1w", "post")):
        other_bytes(path)
        found.append(key(place))
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"spacing_mm": 4.0},
        {"around_mm": SPEC.around_mm + 1},
        {"channel": SPEC.channel[:2]},
        {"channel": (*SPEC.channel[:2], VE.model_copy(update={"high": 0.9}))},
        {"channel": (*SPEC.channel[:2], VE.model_copy(update={"normalisation": "z-score"}))},
        {"channel": tuple(reversed(SPEC.channel))},
        {"label": SPEC.label.model_copy(update={"carried_back": not SPEC.label.carried_back})},
    ],
    ids=str,
)
def test_each_setting_that_a_case_is_made_by_changes_it(made: Place, changes: dict[str, object]) -> None:
    assert key(made, small_method(**changes)) != key(made)


def test_another_outcome_of_the_patient_changes_it(place: Place) -> None:
    before = key(place)
    table = place.dataset.root / "phenotype" / "outcomes.tsv"
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "sub-01" not in line))
    assert key(place) != before


@pytest.mark.parametrize("name", ["afterglow", "simpleitk"])
def test_another_version_of_what_makes_it_changes_it(made: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, known = key(made), learning_cases.versions()
    assert name in known
    monkeypatch.setattr(learning_cases, "versions", lambda: {**known, name: "99"})
    assert key(made) != before


@pytest.mark.parametrize("name", ["AROUND_MM", "FOLLOWED_MM"])
def test_another_way_to_find_the_brain_changes_it(made: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(made)
    monkeypatch.setattr(learning_brain, name, 3.5)
    assert key(made) != before


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0.25},
        {"margin_mm": SPEC.margin_mm + 5},
        {"model": SPEC.model[:1]},
        {"split": SPEC.split.model_copy(update={"seed": 5, "folds": 3})},
    ],
    ids=str,
)
def test_what_is_done_with_a_case_later_does_not_change_it(made: Place, changes: dict[str, object]) -> None:
    other = small_method(**changes)
    assert other != METHOD
    assert key(made, other) == key(made)


def test_neither_another_folder_nor_time_nor_another_patient_changes_it(made: Place, place: Place) -> None:
    before = key(made)
    for path in sources(place).values():
        os.utime(path, (1, 1))
    for folder in (place.dataset.root, place.out):
        shutil.rmtree(folder / "sub-02")
    table = place.dataset.root / "phenotype" / "outcomes.tsv"
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "sub-02" not in line))
    (place.dataset.root / "sub-01" / "ses-pre" / "anat" / "notes.txt").write_text("what no model reads")
    assert key(place) == before
