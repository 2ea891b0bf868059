"""The audit on the command line: running its flow, and printing its report, its comparison and its times.

What is audited, and how, is the room `omnitron.audit`; the JSON is described in `docs/audit.md`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from omnitron.algebra import AsyncFlow, flow
from omnitron.audit import COLUMNS, DEFAULT_TARGETS, Comparison, Report, Row, audit_flow, compare
from omnitron.cli.exits import Exit, Misuse
from omnitron.cli.progress import Progress, live
from omnitron.cli.results import json_bytes, printable
from omnitron.cli.running import Interruptions
from omnitron.cli.streams import tell, writing
from omnitron.cli.trees import describe_counts, grow, lines_of
from omnitron.errors import InvalidValue
from omnitron.runtime import context
from omnitron.store import SQLiteStore

__all__ = ["CACHE_NAME", "audit_targets", "kept_in", "table_lines"]

CACHE_NAME = "audit.db"
HEAD_LINES = 2
NAME_WIDTH = 32
SPARED = ("version", "lines", "files", "dynamic", "environment", "file", "process", "network")
WIDTH_ELSEWHERE = 140


def audit_targets(
    signals: Interruptions,
    targets: Sequence[str],
    *,
    limit: int,
    as_json: bool,
    strict: bool,
    comparing: bool,
    shown: bool,
    store: SQLiteStore | None,
) -> Exit:
    """Run the audit, print what it found, and give the exit code.

    Args:
        store: where what was read before is found; None reads everything anew.

    Raises:
        Misuse: a target is nothing that could be audited.
        Unwritable: what was found cannot be printed.
    """
    named = tuple(targets) or DEFAULT_TARGETS
    work, progress = audit_flow(store=store), Progress()
    try:
        with live(work, progress if shown else None) as tree:
            signals.show = None if tree is None else tree.show
            report: Report = signals.run(context(observers=[progress]), work, (named,), {})
    except InvalidValue as error:
        raise Misuse(str(error)) from error
    compared = measured(signals, named, shown=shown) if comparing else None
    with writing():
        if as_json:
            print_json(report, compared, progress)
        else:
            print_report(report, compared, progress, work, limit)
    return Exit(report.exit_code(strict=strict))


def measured(signals: Interruptions, targets: tuple[str, ...], *, shown: bool) -> Comparison:
    """Do the work by a plain loop and by the flow, on processes that start for it and with nothing watching."""
    if shown:
        click.echo("comparing with a plain loop …", err=True)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = SQLiteStore(Path(folder, CACHE_NAME))
        comparing = flow(compare).bind(store=store)
        measured: Comparison = signals.run(context(), comparing, (targets,), {})
        store.close()
    return measured


def kept_in(path: Path) -> SQLiteStore | None:
    """Give the store in a file, whose folder is made; where it cannot be, say so, and give None."""
    store = SQLiteStore(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        store.get("")
    except Exception as error:
        tell(
            f"{path} cannot be used as the cache of the audit ({error}), which goes on without one. Give another --cache."
        )
        return None
    return store


def print_json(report: Report, compared: Comparison | None, progress: Progress) -> None:
    """Print everything as one object."""
    data = report.describe()
    data["comparison"] = None if compared is None else compared.describe()
    data["times"] = describe_counts(progress.counts)
    stream = sys.stdout.buffer
    stream.write(json_bytes(data))
    stream.flush()


def print_report(
    report: Report,
    compared: Comparison | None,
    progress: Progress,
    work: AsyncFlow[..., Report],
    limit: int,
) -> None:
    """Print the table, the comparison, and the tree with its times."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH_ELSEWHERE
    lines = table_lines(report.rows(limit - HEAD_LINES), width)
    if report.failures:
        first = report.failures[0]
        said = "" if first.trouble is None else f"{first.trouble.kind}, {first.trouble.text}"
        lines += ["", f"{len(report.failures):,} could not be looked into, first {first.source.path}: {said}"]
        lines += ["--json lists all of them."]
    if compared is not None:
        lines += ["", compared.sentence()]
    lines += ["", *lines_of(grow(work, progress.counts), progress.counts)]
    print(printable("\n".join(lines)), flush=True)


def table_lines(rows: Sequence[Row], width: int) -> list[str]:
    """Give rows as lines of a table no wider than `width`: columns that have no room are left out."""
    heads = ["package", "version", *COLUMNS]
    cells = [[row.name, row.version, *(f"{number:,}" for number in row.numbers)] for row in rows]
    widths = {head: max(len(head), *(len(line[place]) for line in cells)) for place, head in enumerate(heads)}
    widths["package"] = min(widths["package"], NAME_WIDTH)
    widths["version"] = min(widths["version"], 12)
    kept = list(heads)
    for spared in SPARED:
        if sum(widths[head] + 2 for head in kept) - 2 > width:
            kept.remove(spared)
    lines = [line_of(dict(zip(heads, line, strict=True)), kept, widths) for line in [heads, *cells]]
    return [lines[0], "─" * min(max(map(len, lines)), width), *lines[1:]]


def line_of(cells: dict[str, str], kept: Sequence[str], widths: dict[str, int]) -> str:
    """Give one line: names to the left, numbers to the right."""
    parts = []
    for head in kept:
        text, room = cells[head], widths[head]
        text = text if len(text) <= room else f"{text[: room - 1]}…"
        parts.append(text.ljust(room) if head in ("package", "version") else text.rjust(room))
    return "  ".join(parts).rstrip()
