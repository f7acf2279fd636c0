"""What ``--help`` shows: usage, options in their groups with names that are never cut, and examples.

Typer's own tables cut the names of options where a terminal has 80 columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

_WIDEST = 110  # columns; longer lines are hard to read
_PLACEHOLDERS = {" <str>": " TEXT", " <float>": " X", " <int range>": " N", " <int>": " N"}
_NAMES = 30  # columns of the names; those that are longer take a second line at a / or before a placeholder


class HelpfulCommand(TyperCommand):
    """A command with this help; its epilog are its examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        _print_help(self, ctx, [])


class HelpfulGroup(TyperGroup):
    """A command with subcommands, and with this help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        inner = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        _print_help(self, ctx, [command for command in inner if command is not None and not command.hidden])


def _print_help(command: Any, ctx: Any, commands: Sequence[Any]) -> None:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    parameters = [one for one in command.get_params(ctx) if not getattr(one, "hidden", False)]
    console.print(Text("Usage: ", "bold yellow") + Text(_usage(ctx, parameters, bool(commands))))
    for number, paragraph in enumerate(cleandoc(command.help or "").split("\n\n")):
        console.print()
        console.print(Text(" ".join(paragraph.split()), "" if number else "bold"))
    if command.epilog:
        console.print()
        console.print(_panel("Examples", _lines(cleandoc(command.epilog).splitlines())))
    if commands:
        rows = [(one.name, _first_paragraph(one.help)) for one in commands]
        console.print(_panel("Commands", _table(rows)))
    for title, members in _in_panels(parameters).items():
        console.print(_panel(title, _table(_cells(_record(one, ctx)) for one in members)))


def _usage(ctx: Any, parameters: Sequence[Any], is_group: bool) -> str:
    arguments = [_placeholder(one) for one in parameters if one.param_type_name == "argument"]
    return " ".join([ctx.command_path, *arguments, *(["COMMAND"] if is_group else []), "[OPTIONS]"])


def _placeholder(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _in_panels(parameters: Iterable[Any]) -> dict[str, list[Any]]:
    """The parameters by the panel that they stand in; those without one come first."""
    panels: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for one in parameters:
        usual = "Arguments" if one.param_type_name == "argument" else "Options"
        panels.setdefault(getattr(one, "rich_help_panel", None) or usual, []).append(one)
    return {title: members for title, members in panels.items() if members}


def _record(parameter: Any, ctx: Any) -> tuple[str, str]:
    names, help = parameter.get_help_record(ctx)
    return (_placeholder(parameter) if parameter.param_type_name == "argument" else names), help


def _cells(record: tuple[str, str]) -> tuple[str, str]:
    """The two cells of a help record of click: names, and what the option does."""
    names, help = record
    for type_name, placeholder in _PLACEHOLDERS.items():
        names = names.replace(type_name, placeholder)
    if len(names) > _NAMES:
        names = names.replace(" / ", " /\n")
    help = help.replace("\\[", "[")  # which Typer escapes for its own markup
    return names, re.sub(r"\[default: \((.*?)\)(?=\]|;)", r"[default: \1", help)


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="fold", style="bold cyan")
    table.add_column(ratio=1)
    for names, help in rows:
        text = Text(help)
        text.highlight_regex(r"\[[^\[\]]*\]$", "dim")
        table.add_row(Text(names), text)
    return table


def _lines(lines: Iterable[str]) -> Text:
    """Commands to be copied, with dim remarks."""
    text = Text("\n".join(lines), overflow="fold")
    text.highlight_regex(r"#.*", "dim")
    return text


def _panel(title: str, content: Any) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim")


def _first_paragraph(help: str | None) -> str:
    return " ".join(cleandoc(help or "").split("\n\n")[0].split())
