"""Claims about README and docs: what they say can be run runs, and what is generated is whole."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main

from afterglow import __version__
from afterglow.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

import generated  # noqa: E402  it lives beside the documentation
import reference_tables  # noqa: E402
from command_page import commands, walk  # noqa: E402
from key_words import KEY_WORDS  # noqa: E402

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *DOCS.glob("[rd]*/*.md")])
TWO_COMMANDS = [
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . && .venv/bin/afterglow demo",
    ".venv/bin/pip install -c constraints.txt -e '.[test]' && PATH=.venv/bin:$PATH scripts/test",
]
QUICK = ("methods", "check")  # commands that answer at once


def blocks(page: Path, kind: str) -> list[str]:
    """Contents of the fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    """Every afterglow command that a page tells the reader to type."""
    lines = [line.removeprefix("$ ") for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith("afterglow ")]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def parse(line: str) -> None:
    """Let the command line parse what stands there, without running it."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("afterglow", words)


def test_the_readme_holds_the_two_commands_word_for_word() -> None:
    between = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- commands -->")[1].split("<!-- /commands -->")[0]
    assert [line for line in between.splitlines() if line and not line.startswith("```")] == TWO_COMMANDS


def test_the_readme_says_what_it_is_before_anything_else() -> None:
    top = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- commands -->")[0]
    assert "docs/images/demo.png" in top
    assert "Not a medical device" in top
    assert (DOCS / "images" / "demo.png").stat().st_size < 400_000


@pytest.mark.parametrize("page", [p for p in PAGES if shell_lines(p)], ids=name_of)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    for line in shell_lines(page):
        parse(line)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_the_python_of_a_page_runs_and_its_quick_commands_too(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    for block in blocks(page, "console"):
        for command, shown in re.findall(r"^\$ afterglow (.*)\n((?:[^$].*\n)*)", block, flags=re.MULTILINE):
            needs_data = "my-study" in command and not Path("my-study").exists()
            if command.split()[0] in QUICK and not needs_data:
                assert run(command) == shown or not shown, command


def run(command: str) -> str:
    """Standard output of an afterglow command; it must succeed."""
    words = shlex.split(command.partition(" > ")[0])
    done = subprocess.run([sys.executable, "-m", "afterglow", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_of_commands_names_every_command_and_option() -> None:
    page = commands()
    for name, command in walk():
        assert f"## afterglow {name}\n" in page
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name} says nothing of itself"
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"`{option}`" in page


def test_the_readme_lists_every_command() -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2]
    for name, _ in walk():
        assert f"`afterglow {name}" in listed or f"`{name} " in listed


def test_every_key_of_a_method_file_has_words_and_no_word_lacks_its_key() -> None:
    models = [*reference_tables.STEPS, *reference_tables.TABLES.values(), *reference_tables.ANALYSES]
    there = {(m.__name__, key) for m in models for key in m.model_fields if key != "do"}
    there -= {(m.__name__, key) for m in reference_tables.INNER for key in reference_tables.NESTED}
    top = {("Method", key) for key in ("name", "title", "citation", "doi", "site", "panel")}
    assert set(KEY_WORDS) == there | top


def test_every_sidecar_field_that_is_read_stands_in_the_page_of_data() -> None:
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    source = "".join(
        (ROOT / "src/afterglow/io" / f"{name}.py").read_text(encoding="utf-8") for name in ("physics", "timing", "exam")
    )
    fields = set(re.findall(r'(?:sidecar\.(?:number|numbers|text)\(|name = )"([A-Z]\w+)"', source))
    assert {"FlipAngle", "RepetitionTimePreparation", "Relaxivity", "Units"} <= fields
    assert [field for field in sorted(fields) if f"`{field}`" not in page] == []


def test_every_reference_page_includes_a_table_that_is_generated() -> None:
    made = generated.pages()
    for page in PAGES:
        for wanted in re.findall(r"```\{include\} (?:reference/)?generated/(\S+)", page.read_text(encoding="utf-8")):
            assert len(made[wanted].splitlines()) > 0, f"{name_of(page)} includes {wanted}"


def test_every_room_has_its_page_of_functions() -> None:
    rooms = {path.parent.name for path in (ROOT / "src/afterglow").glob("*/__init__.py")}
    assert set(generated.ROOMS) == rooms - {"cli", "methods", "published"}  # doors, and folders of data
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert all(f"generated/api/{room}.rst" in page for room in generated.ROOMS)


def test_generation_writes_each_file_once_and_removes_what_is_gone(tmp_path: Path) -> None:
    stale = tmp_path / "api" / "gone.rst"
    stale.parent.mkdir()
    stale.write_text("gone")
    generated.write(tmp_path)
    first = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    generated.write(tmp_path)
    assert not stale.exists()
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")} == first
    assert len(first) == len(generated.pages())


def test_plain_docstrings_are_not_read_as_markup() -> None:
    from plain_docstrings import as_rest

    assert as_rest(["reads *_aif.tsv and `a_b`, or |x|"]) == [r"reads \*\_aif.tsv and ``a_b``, or \|x\|"]
    assert as_rest(["| a | b |", "| 1 | 2 |"]) == ["::", "", "   | a | b |", "   | 1 | 2 |"]


def test_signatures_are_those_of_the_source() -> None:
    from plain_docstrings import on_signature

    from afterglow.quantify.arterial import given_aif

    shown, returned = on_signature(SimpleNamespace(), "function", "given_aif", given_aif, None, "", "")
    assert shown == "(aif: ~afterglow.records.maps.Aif, source: str)"
    assert returned == "tuple[~afterglow.records.maps.Aif, ~afterglow.records.maps.Provenance]"


def test_the_citation_carries_the_version_of_the_package() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http", "#")) or "generated/" in target:
            continue
        assert (page.parent / target).exists(), target
