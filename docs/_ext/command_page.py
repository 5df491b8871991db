"""The page of commands, written from the command line itself."""

from collections.abc import Iterator
from typing import Any

import typer.main
from reference_tables import table

from afterglow.cli.main import app


def walk() -> Iterator[tuple[str, Any]]:
    """Every command and subcommand with its full name."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name, command
        for sub, inner in getattr(command, "commands", {}).items():
            yield f"{name} {sub}", inner


def commands() -> str:
    parts = []
    for name, command in walk():
        parts += [f"## afterglow {name}\n", f"{command.help}\n", f"```text\n{_usage(name, command)}\n```\n"]
        parts.append(table(("Argument or option", "What", "Otherwise"), [_row(p) for p in command.params]))
    return "\n".join(parts)


def _usage(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    needed = [f"{p.opts[0]} VALUE" for p in command.params if p.param_type_name == "option" and p.required]
    shown = [p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments]
    return " ".join(["afterglow", name, *shown, *needed, "[OPTIONS]"])


def _row(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        names = parameter.name.upper()
    else:
        names = ", ".join(f"`{opt}`" for opt in (*parameter.opts, *parameter.secondary_opts))
    flag = getattr(parameter, "is_flag", False)
    default = (
        "needed"
        if parameter.required
        else "off"
        if parameter.default is False
        else "on"
        if flag
        else ""
        if parameter.default is None
        else f"`{parameter.default}`"
    )
    return names, parameter.help or "", default


def global_options() -> str:
    root = typer.main.get_command(app)
    return table(("Option", "What"), [(f"`{p.opts[0]}`", p.help) for p in root.params])


FRAGMENTS = {"commands": commands, "global-options": global_options}
