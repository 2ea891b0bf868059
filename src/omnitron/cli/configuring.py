"""What `--config` and the environment tune of the flow of a command, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omnitron.algebra import Tuning, tune
from omnitron.cli.exits import Misuse
from omnitron.cli.targets import AnyFlow
from omnitron.errors import DefinitionError
from omnitron.runtime import Config, Setting

__all__ = ["read_config", "setting_lines", "tuned"]

GAP = "  "


def read_config(file: str | None) -> Config:
    """Give the configuration of a file, if one is given, and of the environment.

    Raises:
        Misuse: it cannot be read.
    """
    try:
        return Config.read(file)
    except DefinitionError as error:
        raise Misuse(str(error)) from error


def tuned(flow: AnyFlow, config: Config) -> AnyFlow:
    """Give a flow as a configuration has it.

    Raises:
        Misuse: a setting means nothing in it, or its value does not fit.
    """
    try:
        return config.apply(flow)
    except DefinitionError as error:
        raise Misuse(str(error)) from error


def setting_lines(flow: AnyFlow, config: Config) -> list[str]:
    """Give what a configuration sets in a flow and where that stands, one setting a line; nothing where there is none."""
    if not config:
        return []
    try:
        found = tune(flow.node, config)
    except DefinitionError as error:
        raise Misuse(str(error)) from error
    lines = list(columns(rows_of(found)))
    if found.others:
        lines += ["for other flows:", *columns(other_rows(found))]
    return ["", "configuration:", *(f"  {line}" for line in lines or ["nothing for this flow"])]


def rows_of(found: Tuning) -> Iterator[tuple[str, ...]]:
    """Give the settings of a flow: where, what, what it was, and what says so."""
    for one in sorted(found.changes, key=lambda one: (one.path, one.parameter)):
        before = "was not set" if one.before is None else f"was {value_text(one.before)}"
        yield one.path, f"{one.parameter} = {value_text(one.value)}", before, one.source


def other_rows(found: Tuning) -> Iterator[tuple[str, ...]]:
    """Give the settings of other flows."""
    for one in found.others:
        if isinstance(one, Setting):
            yield f"  {one.path}", f"{one.parameter} = {value_text(one.value)}", one.source
        else:
            yield "  ?", f"= {value_text(one.value)}", one.source


def value_text(value: Any) -> str:
    """Give a value as TOML has it, as far as it is a plain one."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and value.isprintable() and '"' not in value else repr(value)


def columns(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Give rows as lines whose cells stand beneath each other."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
