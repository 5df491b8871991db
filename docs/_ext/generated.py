"""Writes docs/reference/generated before a build: tables from the code, and one page of functions for each room."""

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import audit_tables
import command_page
import reference_tables
import simulation_tables

ROOMS = (
    "kernels",
    "records",
    "io",
    "align",
    "quantify",
    "lesions",
    "response",
    "cohort",
    "recurrence",
    "painting",
    "simulate",
    "report",
    "flows",
)


def pages() -> dict[str, str]:
    """Path below the generated folder, and what stands there."""
    made = {
        f"{name}.md": write()
        for name, write in {
            **reference_tables.FRAGMENTS,
            **simulation_tables.FRAGMENTS,
            **command_page.FRAGMENTS,
            **audit_tables.FRAGMENTS,
        }.items()
    }
    return {**made, **{f"api/{room}.rst": room_page(room) for room in ROOMS}}


def room_page(room: str) -> str:
    """Every module of a room with its public functions."""
    package = import_module(f"afterglow.{room}")
    said = (package.__doc__ or "").strip().partition(": ")[2]
    parts = [f"afterglow.{room}\n{'=' * (10 + len(room))}\n\n{said}\n"]
    for module in pkgutil.walk_packages(package.__path__, f"afterglow.{room}."):
        if not module.ispkg:
            short = module.name.removeprefix("afterglow.")
            parts.append(
                f"{short}\n{'-' * len(short)}\n\n.. automodule:: {module.name}\n   :members:\n   :member-order: bysource\n"
            )
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Bring the folder up to date; files that are right already are left alone, so that a second build is quick."""
    wanted = {folder / name: text for name, text in pages().items()}
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.*"):
        if path not in wanted:
            path.unlink()


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference" / "generated"))
    return {"parallel_read_safe": True}
