"""What the commands do: how reading, running and printing are put together.

What they take is declared in `omnitron.cli.commands`, which imports this module only once a command runs: completion in a
shell, and `--help`, do not wait for it. Finding flows, reading inputs, running and printing stand in modules of their own;
the audit's printing is in `omnitron.cli.auditing`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import click
from platformdirs import user_cache_path
from rich.console import Console

from omnitron.cli.auditing import CACHE_NAME, audit_targets, kept_in
from omnitron.cli.bodies import draw_tree
from omnitron.cli.configuring import read_config, setting_lines, tuned, warn_overlooked
from omnitron.cli.exits import Exit, Misuse
from omnitron.cli.facts import fact_lines
from omnitron.cli.inputs import NOTHING, read_arguments, read_pairs, read_settings
from omnitron.cli.lines import Lines
from omnitron.cli.progress import Progress, live
from omnitron.cli.results import Described, TooDeep, json_bytes, render_result
from omnitron.cli.running import Interruptions, deadline_hint, tell_failure
from omnitron.cli.streams import Unwritable, meets_stderr, person_bytes, result_stream, tell
from omnitron.cli.targets import AnyFlow, find_flow
from omnitron.cli.trees import grow, lines_of
from omnitron.cli.wants import check_wants, read_values
from omnitron.errors import DefinitionError
from omnitron.runtime import Config, Context, context

__all__ = ["audit_code", "run_flow", "show_flow"]


def run_flow(
    click_context: click.Context,
    target: str,
    arguments: tuple[str, ...],
    *,
    input_text: str | None,
    input_file: IO[bytes] | None,
    capabilities: tuple[str, ...],
    deadline: float | None,
    values: tuple[str, ...],
    config_file: str | None,
    run_id: str | None,
    trace: bool,
    as_json: bool,
    quiet: bool,
    show_traceback: bool,
) -> None:
    """Run a flow and print what it gives. The arguments are those of the command `run`."""
    as_json = as_json or not sys.stdout.isatty()
    own = [word for one in click_context.command.params if isinstance(one, click.Option) for word in one.opts]
    with Interruptions() as signals, result_stream(alone=as_json) as stream:
        words, settings = read_pairs(arguments, lambda: find_flow(target), options=own), read_settings(values)
        given = read_input(input_text, input_file)
        config = read_config(config_file)
        written = find_flow(target, show_traceback=show_traceback)
        flow = tuned(written, config, runs=True)
        args, kwargs = read_arguments(flow, words, given)
        shown = sys.stderr.isatty() and not quiet
        progress = Progress() if trace or shown else None
        ctx = make_context(read_values(flow, settings), capabilities, deadline, config, run_id, progress)
        check_wants(flow, ctx, kwargs)
        warn_overlooked(written, config, config_file)
        try:
            with live(flow, progress if shown else None) as tree:
                signals.show = None if tree is None else tree.show
                lines = Lines(stream, signals, tree.close if tree is not None and meets_stderr(stream) else bool)
                signals.run(ctx, flow, args, kwargs, lines)
        except TooDeep as error:
            tell(f"omnitron: {error}")
            click_context.exit(Exit.FAILED)
        except BaseException as error:
            if signals.count:
                click_context.exit(Exit.INTERRUPTED)
            if isinstance(error, Unwritable) or (signals.forked and isinstance(error, SystemExit)):
                raise
            tell_failure(error, show_traceback=show_traceback, hint=deadline_hint(error, ctx, deadline))
            click_context.exit(Exit.FAILED)
        finally:
            if trace and progress is not None and not signals.forked:
                tell("\n".join(lines_of(grow(flow, progress.counts), progress.counts)))
        code = lines.code if lines.result is None else print_result(lines.result, stream if as_json else None)
    click_context.exit(Exit.INTERRUPTED if signals.count else code)


def read_input(text: str | None, file: IO[bytes] | None) -> Any:
    """Give what stands in `--input` or `--input-file`, or NOTHING."""
    if text is not None and file is not None:
        raise Misuse("--input and --input-file are two ways to give the same; use one.")
    where, given = ("--input", text) if file is None else ("--input-file", read_file(file))
    if given is None:
        return NOTHING
    try:
        return json.loads(given)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and has_more(error):
            raise Misuse(
                f"{where} has several JSON documents, and is read as one. `jq -s .` makes one array of them, for a flow "
                "that takes a list."
            ) from error
        raise Misuse(f"{where} is not JSON: {error}.") from error


def has_more(error: json.JSONDecodeError) -> bool:
    """Say whether what follows a JSON document, where reading ended, is another one."""
    if not error.msg.startswith("Extra data"):
        return False
    try:
        json.JSONDecoder().raw_decode(error.doc, error.pos)
    except (ValueError, RecursionError):
        return False
    return True


def read_file(file: IO[bytes]) -> bytes:
    """Give what is in a file."""
    try:
        return file.read()
    except OSError as error:
        raise Misuse(f"--input-file cannot be read: {error.strerror}.") from error


def make_context(
    values: Mapping[str, Any],
    capabilities: Sequence[str],
    deadline: float | None,
    config: Config,
    run_id: str | None,
    progress: Progress | None,
) -> Context:
    """Make the root context of the run."""
    try:
        ctx = context(
            values,
            capabilities=set(capabilities) if capabilities else None,
            deadline=deadline,
            config=config or None,
            observers=[] if progress is None else [progress],
        )
        return ctx if run_id is None else ctx.as_run(run_id)
    except DefinitionError as error:
        raise Misuse(str(error)) from error


def print_result(described: Described, stream: BinaryIO | None) -> Exit:
    """Print a result, as JSON to a stream or for a person; give the exit code that it stands for."""
    if stream is not None:
        stream.write(json_bytes(described.value))
        stream.flush()
    else:
        render_result(described.value, Console())
    return Exit.PARTIAL if described.failures else Exit.OK


def show_flow(target: str, *, config_file: str | None, show_traceback: bool) -> None:
    """Print what can be known of a flow without running it. The arguments are those of the command `show`."""
    with Interruptions(), result_stream(alone=not sys.stdout.isatty()) as stream:
        config = read_config(config_file)
        flow = find_flow(target, show_traceback=show_traceback)
        text = "\n".join([described_flow(tuned(flow, config, runs=False)), *setting_lines(flow, config)])
        warn_overlooked(flow, config, config_file)
        stream.write(person_bytes(f"{text}\n"))
        stream.flush()


def described_flow(flow: AnyFlow) -> str:
    """Give what can be known of a flow without running it."""
    return "\n".join([draw_tree(flow), "", *fact_lines(flow)])


def audit_code(
    click_context: click.Context,
    targets: tuple[str, ...],
    *,
    as_json: bool,
    strict: bool,
    comparing: bool,
    limit: int,
    cache_file: Path | None,
    uncached: bool,
    quiet: bool,
    show_traceback: bool,
) -> None:
    """Audit, and print what was found. The arguments are those of the command `audit`."""
    if uncached and cache_file is not None:
        raise Misuse("--cache and --no-cache exclude each other: leave one out.")
    with Interruptions() as signals:
        try:
            code = audit_targets(
                signals,
                targets,
                limit=limit,
                as_json=as_json,
                strict=strict,
                comparing=comparing,
                shown=sys.stderr.isatty() and not quiet,
                store=None if uncached else kept_in(cache_file or user_cache_path("omnitron", False) / CACHE_NAME),
            )
        except (click.ClickException, Unwritable):
            raise
        except BaseException as error:
            if signals.count:
                click_context.exit(Exit.INTERRUPTED)
            tell_failure(error, show_traceback=show_traceback)
            click_context.exit(Exit.FAILED)
    click_context.exit(code)
