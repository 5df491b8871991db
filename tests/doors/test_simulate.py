"""Claims about `afterglow simulate`: a data set that methods accept, truth beside it, the same bytes however it was made."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.tiny_cohorts import NAMES, tiny_file

from afterglow.cli.main import main
from afterglow.flows.check import check_dataset
from afterglow.flows.method import load_method, method_names
from afterglow.flows.place import Place
from afterglow.flows.simulate import Order, SimulationReport, simulate_cohort
from afterglow.flows.visit import only_tells_what_came, open_visit
from afterglow.flows.work import silent
from afterglow.io.bids import open_dataset, sessions
from afterglow.io.exam import ROLES, read_exam
from afterglow.records.errors import MissingInput

SEED = 11
_BIDS_NAME = re.compile(r"sub-[0-9A-Za-z]+(_[a-z]+-[0-9A-Za-z]+)*_[0-9A-Za-z]+\.(nii\.gz|json|tsv|bval|bvec)")


def make(file: Path, out: Path, *, patients: int = 1, seed: int = SEED, workers: int = 1) -> SimulationReport:
    return simulate_cohort(Order(str(file), patients, seed, "full"), out, workers=workers, progress=silent)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One tiny patient of each shipped cohort."""
    root = tmp_path_factory.mktemp("cohorts")
    for name in NAMES:
        done = make(tiny_file(name, root), root / name)
        assert done.failures == ()
        assert (done.patients, done.made) == (1, 1)
    return {name: root / name for name in NAMES}


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(method_names())))
def test_a_method_can_run_on_every_visit_of_its_cohort_that_has_the_series_it_requires(
    cohorts: Mapping[str, Path], name: str
) -> None:
    found = check_dataset(cohorts[name] / "bids", name)
    story = json.loads((cohorts[name] / "truth" / "sub-01.json").read_text())
    required = [set(spec.roles) for spec in load_method(name).series.values() if spec.required]
    able = {visit["session"] for visit in story["visits"] if all(roles & set(visit["roles"]) for roles in required)}
    assert {visit.session for visit in found.visits if not visit.note} == able
    assert found.ready == len(able) > 0
    assert not found.problems
    assert (
        able == {visit["session"] for visit in story["visits"]} or name == "yoon2024"
    )  # it reads the visit before surgery alone


def test_a_follow_up_that_only_tells_what_came_is_no_failure_of_a_run(cohorts: Mapping[str, Path], tmp_path: Path) -> None:
    dataset, method = open_dataset(cohorts["yoon2024"] / "bids"), load_method("yoon2024")
    visits = {one.label: one for one in sessions(dataset, "01")}
    assert {label: only_tells_what_came(dataset, "01", one, method) for label, one in visits.items()} == {
        "pre": False,
        "post": True,
    }
    needed = method.model_copy(update={"recurrence": None})  # a method that measures change needs the series at every visit
    assert not only_tells_what_came(dataset, "01", visits["post"], needed)
    with pytest.raises(MissingInput, match="needs a series of role dce"):
        open_visit(Place(dataset, tmp_path, None), "01", visits["post"], method)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_visit_was_told_to_have_is_what_is_read_back(cohorts: Mapping[str, Path], name: str) -> None:
    dataset = open_dataset(cohorts[name] / "bids")
    story = json.loads((cohorts[name] / "truth" / "sub-01.json").read_text())
    assert [(v.label, v.day) for v in sessions(dataset, "01")] == [(v["session"], v["day"]) for v in story["visits"]]
    for visit in story["visits"]:
        exam = read_exam(dataset, "01", visit["session"], ROLES)
        assert set(exam.series) == set(visit["roles"]) - {"mrsi", "STIR"}
        for role in ("dce", "dsc-ge", "dsc-se"):
            for series in exam.series.get(role, ()):
                assert series.times_s.size == 12
                voxels = series.load()
                assert np.isfinite(voxels).all()
                assert voxels.max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_of_bids_and_every_image_has_a_sidecar(cohorts: Mapping[str, Path], name: str) -> None:
    bids = cohorts[name] / "bids"
    for path in bids.rglob("sub-*"):
        if path.is_file():
            assert _BIDS_NAME.fullmatch(path.name), path.name
            labels = [part for part in path.name.split("_") if part.startswith(("sub-", "ses-"))]
            assert [part for part in path.parts if part in labels] == labels  # the folders say the same
    for image in bids.rglob("*.nii.gz"):
        fields = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text())
        if "derivatives" not in image.parts:
            assert fields["Manufacturer"] == "afterglow (simulated)"
            assert fields.get("Units") == "1" or fields.get("MagneticFieldStrength", fields.get("SpectrometerFrequency"))


@pytest.mark.parametrize("name", NAMES)
def test_sidecars_tell_the_sequence_of_every_image(cohorts: Mapping[str, Path], name: str) -> None:
    for image in (cohorts[name] / "bids").glob("sub-*/ses-*/*/*.nii.gz"):
        fields = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text())
        if image.parent.name in ("anat", "dwi", "perf"):
            assert fields["EchoTime"] < fields.get("RepetitionTime", fields.get("RepetitionTimeExcitation"))
            assert 0 < fields["FlipAngle"] <= 90
        if image.parent.name == "perf":
            shape = nib.load(image).shape
            assert len(fields["FrameTimesStart"]) == shape[3]
            assert fields["ContrastDose"] > 0
            assert len(fields.get("SliceTiming", range(shape[2]))) == shape[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_column_of_every_table_is_described(cohorts: Mapping[str, Path], name: str) -> None:
    tables = list(cohorts[name].rglob("*.tsv"))
    assert {"participants.tsv", "sub-01_sessions.tsv", "treatments.tsv"} <= {path.name for path in tables}
    for path in tables:
        columns = path.read_text().splitlines()[0].split("\t")
        described = json.loads(path.with_suffix(".json").read_text())
        assert list(described) == columns
        assert all(one["Description"] for one in described.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_lies_beside_the_data_set_and_no_word_of_it_inside(cohorts: Mapping[str, Path], name: str) -> None:
    bids, truth = cohorts[name] / "bids", cohorts[name] / "truth"
    story = json.loads((truth / "sub-01.json").read_text())
    for visit in story["visits"]:
        folder = truth / "sub-01" / f"ses-{visit['session']}"
        assert (folder / f"sub-01_ses-{visit['session']}_truth.json").is_file()
        measured = [role for role in visit["roles"] if role in ("dce", "dsc-ge", "dsc-se", "dwi", "mrsi")]
        assert bool(list(folder.glob("*_map.nii.gz"))) == bool(measured)
    names = [path.relative_to(bids).as_posix() for path in bids.rglob("*")]
    assert not [one for one in names if "truth" in one or "param-" in one]
    outcomes = {event["label"] for event in story["events"] if event["what"] == "outcome"}
    hidden = {*story["hidden"], "tumour_share", "ktrans", story["group"]} - outcomes - set(story["participant"])
    for path in bids.rglob("*"):
        if path.is_file() and path.suffix != ".gz":
            text = path.read_text()
            found = [word for word in hidden if re.search(rf"\b{re.escape(word)}\b", text)]
            assert found == [], path


def test_outcomes_are_in_the_table_and_fit_the_story(cohorts: Mapping[str, Path]) -> None:
    rows = (cohorts["ademola2025"] / "bids" / "phenotype" / "outcomes.tsv").read_text().splitlines()
    story = json.loads((cohorts["ademola2025"] / "truth" / "sub-01.json").read_text())
    told = [event for event in story["events"] if event["what"] == "outcome"]
    assert [row.split("\t")[3] for row in rows[1:]] == [event["label"] for event in told]


def test_the_same_order_gives_the_same_bytes_elsewhere_and_by_two_workers(cohorts: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    file = tiny_file("ademola2025", tmp_path / "mine")
    make(file, tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(cohorts["ademola2025"])


def test_another_seed_makes_another_patient(cohorts: Mapping[str, Path], tmp_path: Path) -> None:
    make(tiny_file("behar2023", tmp_path), tmp_path / "other", seed=SEED + 1)
    mine, other = contents(tmp_path / "other" / "bids"), contents(cohorts["behar2023"] / "bids")
    images = [name for name in mine if name.endswith(".nii.gz") and name in other]
    assert images
    assert not [name for name in images if mine[name] == other[name]]


def test_json_tells_where_everything_is(
    cohorts: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = cohorts["behar2023"]
    file = out.with_name("behar2023.toml")
    monkeypatch.setattr(
        "sys.argv", ["afterglow", "simulate", str(file), str(out), "--patients", "1", "--seed", str(SEED), "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "bids": str(out / "bids"), "truth": str(out / "truth"), "patients": 1, "exams": 2, "made": 0, "failures": [],
    }  # fmt: skip
