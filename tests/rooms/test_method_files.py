"""Claims about method files: what they may say, and what happens to a misspelt key."""

import tomllib
from pathlib import Path

import pytest

from afterglow.flows.method import load_method, method_names, method_text
from afterglow.kernels.models import MODELS
from afterglow.records.errors import BadMethod
from afterglow.records.quantity import QUANTITIES


@pytest.mark.parametrize("name", method_names())
def test_every_shipped_method_is_valid_and_names_its_sources(name: str) -> None:
    method = load_method(name)
    assert method.name == name
    for table in (method.agent, method.haematocrit, method.reference, *method.rule):
        assert table is None or table.source
    steps = [step.do for step in method.step]
    assert steps.count("aif" if "dce" in method.series else "arteries") == 1


@pytest.mark.parametrize("name", method_names())
def test_every_number_of_a_step_has_a_source(name: str) -> None:
    for step in tomllib.loads(method_text(name))["step"]:
        numbers = [
            key
            for key, value in step.items()
            if isinstance(value, float | int | list) and not isinstance(value, bool) and key not in ("series", "quantities")
        ]
        if numbers:
            assert step.get("source"), f"{name}: step {step['do']} sets {numbers} without a source"


def changed(tmp_path: Path, old: str, new: str) -> str:
    text = method_text("behar2023")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    return str(path)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("fixed_s = 1.0", "fixd_s = 1.0", "fixd_s"),
        ('model = "etofts"', 'model = "etoft"', "etoft"),
        ("threshold = -40.0", "treshold = -40.0", "treshold"),
        ('how = ["fixed"]', 'how = ["vfa"]', "fixed_s goes with"),
        ("value = 0.45", "value = 45", "less than 1"),
        ('statistic = "mean"', 'statistic = "p95"', "which no [[measure]] makes"),
        ("delay_range_s = [-5.0, 20.0]", "delay_range_s = [20.0, -5.0]", "empty"),
        ('do = "smooth"', 'do = "smoth"', "smoth"),
        ("[haematocrit]", "[hematocrit]", "hematocrit"),
        ('do = "background"', 'do = "volume"', "does not go with"),
    ],
)
def test_a_mistake_is_refused_with_its_key(tmp_path: Path, old: str, new: str, word: str) -> None:
    with pytest.raises(BadMethod, match=r"mine\.toml") as error:
        load_method(changed(tmp_path, old, new))
    assert word in str(error.value)


def test_a_users_copy_runs_like_the_shipped_file(tmp_path: Path) -> None:
    assert load_method(changed(tmp_path, "threshold = -40.0", "threshold = -30.0")).rule[0].threshold == -30.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadMethod, match="ademola2025, behar2023"):
        load_method("behar2024")


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(BadMethod, match=r"broken\.toml"):
        load_method(str(path))


def test_every_parameter_of_every_model_is_a_quantity() -> None:
    for model in MODELS.values():
        assert set(model.parameters) <= set(QUANTITIES)
