"""Claims about maps that no model reads: they lie on the case's grid, may be missing, and stop no prediction."""

from pathlib import Path

import numpy as np
import pytest
from tests.learning_patients import finished_run, small_method, study

from afterglow.flows.learning_cases import learning_case
from afterglow.flows.method_recurrence import BesideSpec
from afterglow.flows.place import Place
from afterglow.flows.predict_beside import MapsBeside, maps_beside
from afterglow.io.learning_maps import map_files

BESIDE = (
    BesideSpec(name="leak", quantity="ve", source="mine"),
    BesideSpec(name="vp", quantity="vp", source="mine"),
)
METHOD = small_method(beside=BESIDE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return study(tmp_path_factory.mktemp("study"), 3)


def test_a_map_of_the_run_lies_where_a_channel_would_and_one_that_it_has_not_is_absent(made: Place) -> None:
    case = learning_case(made, "01", METHOD)
    found = maps_beside(made, case, METHOD)
    assert [one.name for one in found.channels] == ["leak"] and found.remarks == ()
    np.testing.assert_array_equal(found.images["leak"], case.images["ve"])
    (path,) = (one.relative_to(made.out).as_posix() for one in map_files(made.out, "01", "pre").values())
    assert list(found.sources) == [path] and found.sources[path] == case.sources[path]


def test_without_such_maps_in_the_method_nothing_is_opened(made: Place) -> None:
    case = learning_case(made, "01", METHOD)
    assert maps_beside(made, case, small_method(beside=())).images == MapsBeside().images


def test_what_cannot_be_read_is_a_remark_without_folders(made: Place) -> None:
    case = learning_case(made, "02", METHOD)
    finished_run(made.out, "02", method="behar2023")
    found = maps_beside(made, case, METHOD)
    assert not found.images and not found.channels
    (words,) = found.remarks
    assert words.startswith("beside the models: sub-02 ses-pre: its run was made by the method behar2023")
    assert str(Path(made.out)) not in words
