"""What `--config` and the environment tune of the flow of a command, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from omnitron.algebra import Tuning, near_place, overlooked, tune, unplaced_text
from omnitron.cli.exits import Misuse
from omnitron.cli.streams import tell
from omnitron.cli.targets import AnyFlow
from omnitron.errors import DefinitionError
from omnitron.runtime import Config, Setting

__all__ = ["read_config", "setting_lines", "tuned", "warn_overlooked"]

GAP = "  "
SHOWN = 6


def read_config(file: str | None) -> Config:
    """Give the configuration of a file, if one is given, and of the environment.

    Raises:
        Misuse: it cannot be read.
    """
    try:
        return Config.read(file)
    except DefinitionError as error:
        raise Misuse(str(error)) from error


def tuned(flow: AnyFlow, config: Config, *, runs: bool) -> AnyFlow:
    """Give a flow as a configuration has it.

    A place that only an executor could know is refused where the flow runs, because the command line has none. Where it is
    shown, the program that runs it may have one: there it is said, unless it is a slip.

    Raises:
        Misuse: a setting means nothing in it, or its value does not fit.
    """
    if not config:
        return flow
    try:
        unplaced = tune(flow.node, config).unplaced
        made = config.apply(flow)
    except DefinitionError as error:
        raise Misuse(str(error)) from error
    for one in unplaced:
        if runs or near_place(one.value):
            raise Misuse(unplaced_text(one))
        tell(f"omnitron: warning: {unplaced_text(one)}")
    return made


def warn_overlooked(flow: AnyFlow, config: Config, file: str | None) -> None:
    """Say on stderr, once, what a configuration leaves alone in a flow and may be meant for it.

    Args:
        flow: as it is written.
        config: what was read.
        file: of it the file, if one was given.
    """
    if not config and file is None:
        return
    found = overlooked(flow.node, config)
    lines = []
    if file is not None and found.settings is not None:
        has = f"It has {shortened(found.settings)}" if found.settings else 'It has no [tool.omnitron.flows."PATH"]'
        lines.append(f"{file} sets nothing in the flow {flow.name!r}. {has}; the flow has {shortened(found.paths)}.")
    for entry, path in found.parts:
        other = f"a flow {entry.path.partition('/')[0]!r}" if isinstance(entry, Setting) else "another flow"
        lines.append(
            f"{entry.source} is for {other}, not for the part {path!r} of this one. Write the whole path if that is meant."
        )
    if lines:
        lines.append(f'A table [tool.omnitron.flows."{flow.name}"], which may be empty, says that it is meant so.')
        tell(f"omnitron: warning: {' '.join(lines)}")


def shortened(names: Sequence[str]) -> str:
    """Give the first of some names."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


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
