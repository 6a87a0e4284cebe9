"""Writes the command line's own help as Markdown."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from turnout_cli.__main__ import app


def page() -> str:
    """All commands with their arguments and options."""
    root: Any = get_command(app)
    lines = ["# The `turnout` command", "", root.help, "", root.epilog, "", *_commands(root, "turnout")]
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: Any, name: str) -> Iterator[str]:
    """Every command below `group`, which typer's own types do not describe."""
    for own, command in group.commands.items():
        path = f"{name} {own}"
        if hasattr(command, "commands"):
            yield from _commands(command, path)
        else:
            yield from _command(command, path)


def _command(command: Any, path: str) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    words = " ".join(argument.name.upper() for argument in arguments)
    yield from (f"## {path}", "", f"`{path} [OPTIONS] {words}".rstrip() + "`", "", command.help, "")
    if arguments or options:
        yield from ("| | default | |", "| --- | --- | --- |")
        yield from (f"| `{argument.name.upper()}` | required | {argument.help} |" for argument in arguments)
        yield from (_option(option) for option in options)
        yield ""


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = option.default
    shown = "" if default in (None, "", False, ()) else f"`{str(default).lower() if default is True else default}`"
    return f"| {names} | {shown} | {option.help} |"
