"""Claims about patients as a model reads them: everything lies on one grid, and what cannot be learnt from says why."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.learning_patients import (
    BACK_MM,
    SHIFTS_MM,
    again,
    comes_back,
    finished_run,
    followed,
    image_path,
    one_head,
    outline_path,
    small_method,
    study,
)
from tests.recurrence_cases import make_cases

from afterglow.flows import learning_labels, learning_laid
from afterglow.flows.learning_cases import learning_case, make_learning_set
from afterglow.flows.learning_visit import spec_of
from afterglow.flows.method import Method
from afterglow.flows.method_recurrence import SplitSpec
from afterglow.flows.place import Place
from afterglow.io.bids import open_dataset
from afterglow.io.images import write_image, write_mask
from afterglow.io.learning import StoredCase, read_learning_set, write_case
from afterglow.io.nifti import read_image
from afterglow.records.alignment import Alignment
from afterglow.records.errors import AfterglowError, BadInput, GridMismatch, MissingInput, NotVerified, Unwritable
from afterglow.records.grid import Grid
from afterglow.records.recurrence import LearningCase
from afterglow.records.space import PatientSpace

METHOD = small_method()
UP_MM = np.array([0.0, 0.0, 30.0])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """A copy that may be spoilt."""
    for name in ("bids", "out"):
        shutil.copytree(made.out.parent / name, tmp_path / name)
    return Place(open_dataset(tmp_path / "bids"), tmp_path / "out", None)


def at(case: LearningCase, name: str, point_mm: np.ndarray) -> float:
    i, j, k = np.rint(case.grid.to_index(point_mm)).astype(int)
    return float(case.images[name][i, j, k])


def test_images_maps_and_label_of_one_patient_meet_on_one_grid(made: Place) -> None:
    case = learning_case(made, "01", METHOD)
    assert case.grid.spacing_mm == pytest.approx((5.0, 5.0, 5.0))
    assert (case.subject, case.session, case.recurs) == ("01", "pre", True)
    assert case.label is not None
    middle = case.grid.to_mm(np.argwhere(case.label).astype(float)).mean(axis=0)
    np.testing.assert_allclose(middle, BACK_MM, atol=2.5)
    assert at(case, "FLAIR", BACK_MM) == pytest.approx(500.0, rel=0.05)
    assert at(case, "FLAIR", BACK_MM + UP_MM) == pytest.approx(304.0, rel=0.05)
    assert at(case, "ve", BACK_MM) == pytest.approx(0.25, abs=0.02)
    assert at(case, "ve", BACK_MM + UP_MM) == pytest.approx(0.05, abs=0.02)
    assert case.enhancing is not None
    lesion_mm = case.grid.to_mm(np.argwhere(case.enhancing).astype(float)).mean(axis=0)
    np.testing.assert_allclose(lesion_mm, [34.0, -22.0, 12.0], atol=3.0)
    assert at(case, "ve", np.array([34.0, -22.0, 12.0])) == pytest.approx(0.35, abs=0.02)
    assert np.isnan(case.images["ve"][~case.brain]).mean() > 0.5
    assert any("the maps cover" in one for one in case.remarks)


def test_a_map_is_known_by_the_exams_own_file_or_by_the_manifest(place: Place) -> None:
    (place.out / "manifest.json").unlink()  # a run that still goes on, or was killed
    assert learning_case(place, "01", METHOD).recurs
    finished_run(place.out, "01")
    shutil.rmtree(place.out / ".afterglow")  # a copy that left hidden folders behind
    assert learning_case(place, "01", METHOD).recurs


def test_every_source_is_named_with_its_hash(made: Place) -> None:
    names = set(learning_case(made, "01", METHOD).sources)
    for part in (
        "ce-gadolinium_T1w.nii.gz",
        "FLAIR.nii.gz",
        "label-recurrence",
        "label-lesion",
        "param-ve_dcemap.nii.gz",
        "exam.json",
    ):
        assert any(part in name for name in names), part


def test_an_outcome_without_recurrence_is_an_empty_label(made: Place) -> None:
    case = learning_case(made, "02", METHOD)
    assert case.recurs is False


def test_a_patient_without_an_outcome_can_be_read_and_not_learnt_from(place: Place) -> None:
    _forget_outcome(place, "02")
    assert learning_case(again(place), "02", METHOD).label is None
    with pytest.raises(MissingInput, match="no outcome is known"):
        learning_case(again(place), "02", METHOD, label_needed=True)


def test_a_recurrence_that_nobody_outlined_is_left_out(place: Place) -> None:
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    with pytest.raises(MissingInput, match="came back and where is not outlined"):
        learning_case(again(place), "01", METHOD, label_needed=True)


def test_an_outline_against_its_outcome_is_refused(place: Place) -> None:
    here = one_head(2)
    write_mask(outline_path(place.dataset.root, "02", "space-T1w_label-recurrence"), comes_back(here.grid), here.grid)
    with pytest.raises(BadInput, match="holds a recurrence and the outcome is 'no recurrence'"):
        learning_case(place, "02", METHOD, label_needed=True)
    path = outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence")
    write_mask(path, np.zeros(here.grid.shape, dtype=bool), read_image(path).grid)
    with pytest.raises(BadInput, match="is empty and the outcome is 'recurrence'"):
        learning_case(place, "01", METHOD, label_needed=True)


def test_a_later_outline_is_carried_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here = one_head(1)
    there = followed(here.grid)
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    write_mask(outline_path(place.dataset.root, "01", "space-T1w_label-recurrence", "post"), comes_back(here.grid), there)
    move = there.affine @ np.linalg.inv(here.grid.affine)

    def space(images):  # type: ignore[no-untyped-def]
        first, second = images
        assert (first.session, second.session) == ("pre", "post")
        ways = [Alignment(f"ses-{s}", "patient", m, (), trusted=True) for s, m in (("pre", np.eye(4)), ("post", move))]
        quality = (("forward_backward_mm", 0.4), ("halves_apart_mm", 1.2))
        pair = Alignment("ses-post", "ses-pre", move, quality, trusted=True)
        return PatientSpace(here.grid, tuple(ways), (pair,), "invented")

    monkeypatch.setattr(learning_labels, "patient_space", space)
    case = learning_case(place, "01", METHOD, label_needed=True)
    assert case.label is not None
    middle = case.grid.to_mm(np.argwhere(case.label).astype(float)).mean(axis=0)
    np.testing.assert_allclose(middle, BACK_MM, atol=2.5)
    words = " ".join(case.remarks)
    assert "outlined at ses-post and carried back" in words
    assert "0.4 mm" in words
    assert "caution: a brain shifts after surgery" in words


@pytest.mark.slow
def test_a_later_outline_comes_back_to_where_it_was_drawn_through_the_real_registration(place: Place) -> None:
    here = one_head(1)
    gyri = 120.0 * ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(here.grid.shape), 1.0) * here.brain
    for session, grid in (("pre", here.grid), ("post", followed(here.grid))):
        image = (here.anatomy + 5 * gyri).astype(np.float32)
        write_image(image_path(place.dataset.root, "01", "ce-gadolinium_T1w", session), image, grid)
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    path = outline_path(place.dataset.root, "01", "space-T1w_label-recurrence", "post")
    write_mask(path, comes_back(here.grid), followed(here.grid))
    case = learning_case(place, "01", METHOD, label_needed=True)
    assert case.label is not None
    middle = case.grid.to_mm(np.argwhere(case.label).astype(float)).mean(axis=0)
    np.testing.assert_allclose(middle, BACK_MM, atol=3.0)


def test_a_later_visit_that_cannot_be_laid_on_the_first_teaches_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here = one_head(1)
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    path = outline_path(place.dataset.root, "01", "space-T1w_label-recurrence", "post")
    write_mask(path, comes_back(here.grid), followed(here.grid))
    lost = tuple(Alignment(f"ses-{s}", "patient", np.eye(4), (), trusted=s == "pre") for s in ("pre", "post"))
    apart = PatientSpace(here.grid, lost, (), "invented", ("ses-post is not used: they share too little",))
    monkeypatch.setattr(learning_labels, "patient_space", lambda _: apart)
    with pytest.raises(BadInput, match=r"ses-post could not be laid on it.*they share too little"):
        learning_case(place, "01", METHOD, label_needed=True)
    spec = METHOD.recurrence
    assert spec is not None
    never = small_method(label=spec.label.model_copy(update={"carried_back": False}))
    with pytest.raises(MissingInput, match="where is not outlined"):
        learning_case(place, "01", never, label_needed=True)


def test_without_a_brain_outline_the_brain_is_found(place: Place) -> None:
    outline_path(place.dataset.root, "01", "space-T1w_label-brain").unlink()
    case = learning_case(place, "01", METHOD)
    here = one_head(1)
    inside = case.brain[tuple(np.rint(case.grid.to_index(here.grid.to_mm(np.argwhere(here.brain).astype(float)))).astype(int).T)]
    assert inside.mean() > 0.95
    assert np.count_nonzero(case.brain) < 1.35 * np.count_nonzero(here.brain)
    assert any("found in CE-T1w by its brightness" in one for one in case.remarks)


def test_a_model_that_reads_no_map_needs_no_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(place.out)
    with pytest.raises(MissingInput, match="has no finished run"):
        learning_case(place, "01", METHOD, maps_needed=True)
    move = np.eye(4)
    move[:3, 3] = SHIFTS_MM["FLAIR"]
    laid: list[tuple[str, str]] = []

    def register(*_: object, names: tuple[str, str]) -> Alignment:
        laid.append(names)
        return Alignment(*names, move, (), trusted=True)

    monkeypatch.setattr(learning_laid, "register_series", register)
    spec = METHOD.recurrence
    assert spec is not None
    case = learning_case(place, "01", METHOD)
    assert "ve is missing: the visit has no series to make it from" in case.remarks
    assert list(case.images) == list(learning_case(place, "01", METHOD, channels=spec.channels[:2]).images) == ["CE-T1w", "FLAIR"]
    assert at(case, "FLAIR", BACK_MM) == pytest.approx(500.0, rel=0.05)
    assert [Path(one).name for one in laid[0]] == ["sub-01_ses-pre_FLAIR.nii.gz", "sub-01_ses-pre_ce-gadolinium_T1w.nii.gz"]


def test_a_visit_with_a_dynamic_series_is_to_be_run_first(place: Place) -> None:
    shutil.rmtree(place.out)
    perf = place.dataset.root / "sub-01" / "ses-pre" / "perf"
    frames = np.ones((4, 4, 4, 3), dtype=np.float32) * np.arange(1, 4, dtype=np.float32)
    sidecar = {"RepetitionTimeExcitation": 0.004, "EchoTime": 0.0015, "FlipAngle": 10.0, "MagneticFieldStrength": 3.0}
    path = perf / "sub-01_ses-pre_dce.nii.gz"
    write_image(path, frames, Grid((4, 4, 4), np.eye(4)), times_s=np.array([0.0, 5.0, 10.0]), sidecar=sidecar)
    with pytest.raises(MissingInput, match="has no finished run; run it first"):
        learning_case(place, "01", METHOD)


def test_an_image_that_cannot_be_laid_on_the_others_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(place.out)
    lost = Alignment("a", "b", np.eye(4), (), trusted=False, remark="they share too little")
    monkeypatch.setattr(learning_laid, "register_series", lambda *_, names: lost)
    spec = METHOD.recurrence
    assert spec is not None
    with pytest.raises(BadInput, match=r"FLAIR\.nii\.gz: it could not be laid on .* \(they share too little\)"):
        learning_case(place, "01", METHOD, channels=spec.channels[:2])


# --- bad input: one sentence each ---


def _swap_map(place: Place) -> None:
    for path in (place.out / "sub-02" / "ses-pre" / "perf").glob("*param-ve*"):
        shutil.copy(path, place.out / "sub-01" / "ses-pre" / "perf" / path.name.replace("sub-02", "sub-01"))


def _other_unit(place: Place) -> None:
    path = next((place.out / "sub-01" / "ses-pre" / "perf").glob("*param-ve_dcemap.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "Units": "%"}))


def _changed_map(place: Place) -> None:
    path = next((place.out / "sub-01" / "ses-pre" / "perf").glob("*param-ve_dcemap.nii.gz"))
    image = read_image(path)
    write_image(path, image.load() * np.float32(0.5), image.grid)


def _moved_map(place: Place) -> None:
    path = next((place.out / "sub-01" / "ses-pre" / "perf").glob("*param-ve_dcemap.nii.gz"))
    image = read_image(path)
    write_image(path, image.load(), one_head(1).grid if image.grid.shape == one_head(1).grid.shape else followed(image.grid))


def _foreign_label(place: Place) -> None:
    path = outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence")
    image = read_image(path)
    write_mask(path, image.load()[:-1] > 0, type(image.grid)((image.grid.shape[0] - 1, *image.grid.shape[1:]), image.grid.affine))


def _label_in_air(place: Place) -> None:
    path = outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence")
    image = read_image(path)
    mask = np.zeros(image.grid.shape, dtype=bool)
    mask[1:5, 1:5, 1:5] = True
    write_mask(path, mask, image.grid)


def _label_beside_the_brain(place: Place) -> None:
    path = outline_path(place.dataset.root, "01", "space-T1w_label-recurrence")
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    here = one_head(1)
    near = np.zeros(here.grid.shape, dtype=bool)
    where = np.argwhere(here.brain)
    top = where[np.argmax(where[:, 1])]
    near[top[0] - 1 : top[0] + 2, top[1] + 1 : top[1] + 3, top[2] - 1 : top[2] + 2] = True
    write_mask(path, near, here.grid)


def _label_below_the_slab(place: Place) -> None:
    path = outline_path(place.dataset.root, "01", "space-T1w_label-recurrence")
    outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence").unlink()
    here = one_head(1)
    low = here.brain.copy()
    low[:, :, 7:] = False
    write_mask(path, low, here.grid)


def _other_values(place: Place) -> None:
    path = outline_path(place.dataset.root, "01", "space-FLAIR_label-recurrence")
    image = read_image(path)
    write_image(path, (3 * image.load()).astype(np.uint8), image.grid)


def _without_treatment(place: Place) -> None:
    table = place.dataset.root / "phenotype" / "treatments.tsv"
    table.write_text("participant_id\tday\tkind\n")


def _late_images(place: Place) -> None:
    table = place.dataset.root / "phenotype" / "treatments.tsv"
    table.write_text(table.read_text().replace("sub-01\t5", "sub-01\t-5"))


def _empty_flair(place: Place) -> None:
    path = image_path(place.dataset.root, "01", "FLAIR")
    image = read_image(path)
    data = image.load().copy()
    data[...] = 7.0
    data[0, 0, 0] = 1.0
    write_image(path, data, image.grid)


def _exchanged(place: Place, *, extensions: tuple[str, ...]) -> None:
    """The voxels stay on their own grids: it is the images that stand for one another."""
    one, other = (image_path(place.dataset.root, "01", name) for name in ("ce-gadolinium_T1w", "FLAIR"))
    first, second = read_image(one), read_image(other)
    voxels = first.load(), second.load()
    write_image(one, voxels[1], first.grid)
    write_image(other, voxels[0], second.grid)
    for extension in extensions:
        sidecars = [path.with_name(path.name.replace(".nii.gz", extension)) for path in (one, other)]
        texts = [path.read_text() for path in sidecars]
        for path, text in zip(sidecars, reversed(texts), strict=True):
            path.write_text(text)


def _exchanged_without_words(place: Place) -> None:
    _exchanged(place, extensions=())
    for name in ("ce-gadolinium_T1w", "FLAIR"):
        image_path(place.dataset.root, "01", name).with_name(f"sub-01_ses-pre_{name}.json").unlink()


def test_images_that_look_exchanged_against_their_echo_times_are_remarked_on(place: Place) -> None:
    assert not any("exchanged" in one for one in learning_case(place, "01", METHOD).remarks)
    _exchanged(place, extensions=())
    remarks = learning_case(place, "01", METHOD).remarks
    assert any("CE-T1w and FLAIR look exchanged" in one and "echo times are right" in one for one in remarks)


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (
            lambda p: _exchanged(p, extensions=(".json",)),
            BadInput,
            "an echo time of 0.12 s and FLAIR one of 0.003 s; they look exchanged",
        ),
        (_exchanged_without_words, BadInput, "CE-T1w and FLAIR look exchanged: deep in the brain FLAIR is the brighter one"),
        (lambda p: image_path(p.dataset.root, "01", "FLAIR").unlink(), MissingInput, "the channel FLAIR is missing"),
        (lambda p: image_path(p.dataset.root, "01", "ce-gadolinium_T1w").unlink(), MissingInput, "the channel CE-T1w is missing"),
        (lambda p: shutil.rmtree(p.out / "sub-01"), MissingInput, "has no finished run"),
        (lambda p: finished_run(p.out, "01", method="ademola2025"), BadInput, "made by the method ademola2025"),
        (lambda p: finished_run(p.out, "01", factor=100.0), BadInput, "is it in per cent\\? divide it by 100"),
        (lambda p: finished_run(p.out, "01", factor=0.01), BadInput, "divided by 100 twice"),
        (_swap_map, BadInput, "was made from sub-02/ses-pre"),
        (_other_unit, BadInput, "Units is '%'"),
        (_changed_map, NotVerified, "not the file that the run wrote"),
        (_moved_map, BadInput, "is not that of the run"),
        (_foreign_label, GridMismatch, "is that of no image it could be drawn on"),
        (_label_in_air, BadInput, "drawn in another space, or on another patient"),
        (_label_beside_the_brain, BadInput, "of the label lies outside the brain"),
        (_label_below_the_slab, BadInput, "where the maps were not measured"),
        (_other_values, BadInput, r"holds the values \[3\]"),
        (_without_treatment, MissingInput, "no surgery is in phenotype/treatments.tsv"),
        (_late_images, MissingInput, "no visit lies on or before day -5"),
        (_empty_flair, BadInput, "FLAIR is 7 everywhere in the brain"),
    ],
)
def test_what_cannot_be_read_says_why(place: Place, spoil, kind: type[AfterglowError], words: str) -> None:  # type: ignore[no-untyped-def]
    spoil(place)
    with pytest.raises(kind, match=words) as error:
        learning_case(again(place), "01", METHOD, label_needed=True, maps_needed=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spoil", [_label_in_air, _label_beside_the_brain, _foreign_label, _other_values])
def test_a_label_that_is_wrong_stops_nobody_who_only_predicts(place: Place, spoil) -> None:  # type: ignore[no-untyped-def]
    spoil(place)
    case = learning_case(again(place), "01", METHOD)
    assert case.label is None
    assert sum(one.startswith("label: left out, ") for one in case.remarks) == 1
    assert str(place.dataset.root) not in " ".join(case.remarks)


# --- the whole set ---


def _forget_outcome(place: Place, subject: str) -> None:
    table = place.dataset.root / "phenotype" / "outcomes.tsv"
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if f"sub-{subject}" not in line))


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_set_is_the_same_with_one_worker_and_with_more_and_made_once(
    made: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_learning_set(made, METHOD, tmp_path / "one", workers=1)
    make_learning_set(made, METHOD, tmp_path / "more", workers=3)
    assert everything(tmp_path / "one") == everything(tmp_path / "more")
    assert sorted(one.entries) == ["01", "02", "03", "04", "05", "06"]
    assert one.splits.test == ("05", "06")
    assert [one.entries[s].recurs for s in sorted(one.entries)] == [True, False] * 3
    monkeypatch.setattr("afterglow.flows.learning_cases.case_of", None)  # would fail if a case were made again
    make_learning_set(made, METHOD, tmp_path / "one", workers=1)
    assert everything(tmp_path / "one") == everything(tmp_path / "more")


def test_who_is_left_out_stands_in_the_card(place: Place, tmp_path: Path) -> None:
    _forget_outcome(place, "06")
    outline_path(place.dataset.root, "05", "space-FLAIR_label-recurrence").unlink()
    table = place.dataset.root / "participants.tsv"
    table.write_text(table.read_text().replace("sub-06\ttest", "sub-06\tn/a"))
    with pytest.raises(BadInput, match="4 patients into training and 0 into the test"):
        make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)
    table.write_text(table.read_text().replace("sub-04\ttrain", "sub-04\ttest"))
    with pytest.raises(BadInput, match="3 patients to learn from are too few for 2 folds"):
        make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)


def test_the_card_names_the_reasons(tmp_path: Path) -> None:
    place = study(tmp_path / "study", 8)
    _forget_outcome(place, "02")
    shutil.rmtree(place.out / "sub-08")
    made = make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)
    assert "no outcome is known" in made.left_out["02"]
    assert made.left_out["08"].startswith("sub-08/ses-pre/perf/")  # where on this machine is nobody's business
    assert "no finished run" in made.left_out["08"]
    assert dict(read_learning_set(tmp_path / "models").left_out) == dict(made.left_out)
    with pytest.raises(MissingInput, match="no finished run"):
        made.case("08")


def test_one_person_under_two_names_is_refused(place: Place, tmp_path: Path) -> None:
    source = image_path(place.dataset.root, "03", "ce-gadolinium_T1w")
    shutil.copy(image_path(place.dataset.root, "01", "ce-gadolinium_T1w"), source)
    with pytest.raises(BadInput, match="sub-03 and sub-01 have the same image, byte for byte"):
        make_learning_set(place, METHOD, tmp_path / "models", workers=1)


def test_one_person_packed_anew_under_another_name_is_refused(place: Place, tmp_path: Path) -> None:
    bids = place.dataset.root
    for name in ("ce-gadolinium_T1w", "FLAIR"):
        image = read_image(image_path(bids, "01", name))
        image_path(bids, "03", name).unlink()
        unpacked = image_path(bids, "03", name).with_suffix("")
        unpacked.write_bytes(gzip.decompress(image.path.read_bytes()))
    for name in ("space-T1w_label-lesion", "space-T1w_label-brain", "space-FLAIR_label-recurrence"):
        shutil.copy(outline_path(bids, "01", name), outline_path(bids, "03", name))
    finished_run(place.out, "03", extension=".nii")
    with pytest.raises(
        BadInput, match=r"sub-03 and sub-01 have the same image, byte for byte \(sub-03_ses-pre/CE-T1w\.nii\.gz\)"
    ):
        make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)


def test_one_class_alone_is_refused(place: Place, tmp_path: Path) -> None:
    table = place.dataset.root / "phenotype" / "outcomes.tsv"
    for subject in ("01", "03", "05"):
        outline_path(place.dataset.root, subject, "space-FLAIR_label-recurrence").unlink()
    table.write_text(table.read_text().replace("\trecurrence", "\tno recurrence"))
    with pytest.raises(BadInput, match="no patient who trains has a recurrence"):
        make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)


def test_folds_and_a_test_set_can_be_drawn_where_no_column_tells_them(place: Place, tmp_path: Path) -> None:
    drawn = small_method(split=SplitSpec(kind="k-fold", folds=2, test_share=0.34, seed=3, source="our own"))
    (place.dataset.root / "participants.tsv").unlink()
    splits = make_learning_set(again(place), drawn, tmp_path / "models", workers=1).splits
    assert (splits.kind, splits.stratified_by, splits.seed, len(splits.folds)) == ("k-fold", "recurrence", 3, 2)
    assert [int(one) % 2 for one in splits.test].count(1) == len(splits.test) - 1 == 1
    with pytest.raises(BadInput, match="kind of split k-fold, now temporal"):
        make_learning_set(
            place, small_method(split=METHOD.recurrence.split.model_copy(update={"seed": 3})), tmp_path / "models", workers=1
        )  # type: ignore[union-attr]


def test_a_full_disk_stops_the_set_and_leaves_nobody_out(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise Unwritable("the disk is full")

    monkeypatch.setattr("afterglow.flows.learning_cases.write_case", full)
    with pytest.raises(Unwritable, match="the disk is full"):
        make_learning_set(place, METHOD, tmp_path / "models", workers=2)
    assert not (tmp_path / "models" / "data" / "data.json").exists()


def test_a_case_that_was_damaged_is_made_again(place: Place, tmp_path: Path) -> None:
    made = make_learning_set(place, METHOD, tmp_path / "models", workers=1)
    before = everything(tmp_path / "models")
    path = made.path("02", "ve")
    path.write_bytes(path.read_bytes()[:-4])
    make_learning_set(place, METHOD, tmp_path / "models", workers=1)
    assert everything(tmp_path / "models") == before


def test_another_set_is_not_made_over_one_that_is_there(place: Place, tmp_path: Path) -> None:
    make_learning_set(place, METHOD, tmp_path / "models", workers=1)
    before = everything(tmp_path / "models")
    with pytest.raises(BadInput, match=r"made with spacing_mm 5\.0, now 8\.0"):
        make_learning_set(place, small_method(spacing_mm=8.0), tmp_path / "models", workers=1)
    split = METHOD.recurrence.split.model_copy(update={"seed": 5})  # type: ignore[union-attr]
    with pytest.raises(BadInput, match="made with seed 2024, now 5"):
        make_learning_set(place, small_method(split=split), tmp_path / "models", workers=1)
    table = place.dataset.root / "participants.tsv"
    table.write_text(table.read_text().replace("sub-03\ttrain", "sub-03\ttest").replace("sub-05\ttest", "sub-05\ttrain"))
    with pytest.raises(BadInput, match="other patients in the test set"):
        make_learning_set(again(place), METHOD, tmp_path / "models", workers=1)
    assert everything(tmp_path / "models") == before


def test_the_notice_of_the_average_brain_travels_with_masks_that_were_found_with_it(
    made: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {case.subject: case for case in make_cases(6, seed=3, side=12)[0]}

    def stored(_: Place, subject: str, method: Method, folder: Path) -> StoredCase:
        told = "brain: the average brain laid on CE-T1w, joined …" if subject in ("02", "05") else "brain: a given outline"
        return write_case(folder, replace(cases[subject], remarks=(told,)), spec_of(method).channels)

    monkeypatch.setattr("afterglow.flows.learning_cases._stored", stored)
    make_learning_set(made, METHOD, tmp_path, workers=1)
    said = json.loads((tmp_path / "data" / "data.json").read_text())["notice"]
    assert said["of"] == ["sub-02_ses-pre/brain.nii.gz", "sub-05_ses-pre/brain.nii.gz"]
    assert "Louis Collins" in (tmp_path / "data" / said["file"]).read_text()
