"""Claims about the command line: it answers at once, one sentence for each mistake, exit codes 0, 1, 2."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "scipy", "nibabel", "SimpleITK", "matplotlib", "pandas", "nilearn", "skimage", "pydantic", "jinja2")


def afterglow(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "afterglow", *arguments], capture_output=True, text=True, timeout=120, check=False, **more
    )  # type: ignore[call-overload,no-any-return]


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys, afterglow.cli; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_help_answers_in_half_a_second_of_processor_time() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    afterglow("--help")  # the first time compiles
    before = spent()
    assert afterglow("--help").returncode == 0
    assert spent() - before < 0.5


@pytest.mark.parametrize(
    "command", ["demo", "run", "check", "methods", "verify", "bench", "conformance", "audit", "tables", "power"]
)
def test_every_command_explains_itself_and_knows_json(command: str) -> None:
    done = afterglow(command, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "a", "b", "nonsense", "--method", "behar2023"), ("nonsense",), ("demo", "--wrong")]
)
def test_wrong_usage_ends_with_two(arguments: tuple[str, ...]) -> None:
    assert afterglow(*arguments).returncode == 2


def test_a_stated_error_is_one_sentence_on_standard_error_and_ends_with_one(tmp_path: Path) -> None:
    done = afterglow("check", str(tmp_path / "nowhere"), "--method", "behar2023")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("afterglow: ")
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_json_an_error_is_an_object(tmp_path: Path) -> None:
    done = afterglow("verify", str(tmp_path), "--json")
    assert done.returncode == 1
    assert "manifest" in json.loads(done.stdout)["error"]


def test_methods_are_listed_and_shown() -> None:
    listed = json.loads(afterglow("methods", "--json").stdout)["methods"]
    assert {m["name"] for m in listed} >= {"ademola2025", "behar2023"}
    assert afterglow("methods", "show", "behar2023").stdout.startswith('name = "behar2023"')
    assert afterglow("methods", "show", "behar2022").returncode == 1


def test_the_version_is_printed() -> None:
    assert afterglow("--version").stdout.strip().count(".") == 2


def test_the_shell_completes_commands() -> None:
    asked = {**os.environ, "_AFTERGLOW_COMPLETE": "complete_bash", "COMP_WORDS": "afterglow me", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['afterglow']; from afterglow.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=asked)
    assert done.stdout.split() == ["methods"]
