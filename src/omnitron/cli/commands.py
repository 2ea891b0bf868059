"""The commands: what they take, and how their parts are put together.

Each command ends by `Context.exit` with a code of `omnitron.cli.exits`. Finding flows, reading inputs, running and
printing stand in modules of their own; the audit's printing is in `omnitron.cli.auditing`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, BinaryIO

import click
from platformdirs import user_cache_path
from rich.console import Console

from omnitron.cli.auditing import CACHE_NAME, audit_targets, kept_in
from omnitron.cli.bodies import draw_tree
from omnitron.cli.completing import completed_argument, completed_target, completion
from omnitron.cli.configuring import read_config, setting_lines, tuned, warn_overlooked
from omnitron.cli.exits import Exit, Misuse
from omnitron.cli.explaining import explain
from omnitron.cli.facts import fact_lines
from omnitron.cli.inputs import NOTHING, read_arguments, read_pairs, read_settings
from omnitron.cli.lines import Lines
from omnitron.cli.progress import Progress, live
from omnitron.cli.results import Described, TooDeep, json_bytes, render_result
from omnitron.cli.running import Interruptions, deadline_hint, tell_failure
from omnitron.cli.streams import Unwritable, meets_stderr, result_stream, tell, writing
from omnitron.cli.targets import AnyFlow, find_flow
from omnitron.cli.trees import grow, lines_of
from omnitron.cli.wants import check_wants, read_values
from omnitron.errors import DefinitionError
from omnitron.runtime import Config, Context, context

__all__ = ["cli", "run_command_line"]

TARGET = "FILE_OR_MODULE:FLOW"
CONFIG = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    help='Tune the flow by the tables [tool.omnitron.flows."PATH"] of a TOML file; variables of the environment win.',
)


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; nothing leaves but what Python itself raises."""
    try:
        with writing():
            code = cli.main(None if arguments is None else list(arguments), prog_name="omnitron", standalone_mode=False)
            sys.stdout.flush()
    except click.ClickException as error:
        with suppress(OSError):  # nobody can be told
            error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except Unwritable as error:
        if str(error):
            tell(f"omnitron: {error}")
        return Exit.FAILED
    return int(code or 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("omnitron"), prog_name="omnitron")
def cli() -> None:
    """Run flows, look into them, and audit what code could reach.

    Exit codes: 0 success, 1 the flow failed, 2 misuse (nothing ran), 3 partial outcomes, 130 interrupted.
    """


@cli.command(short_help="Run a flow.", context_settings={"ignore_unknown_options": True})
@click.argument("target", metavar=TARGET, shell_complete=completed_target)
@click.argument(
    "arguments", metavar="[NAME=VALUE]...", nargs=-1, type=click.UNPROCESSED, shell_complete=completed_argument
)
@click.option("--input", "input_text", metavar="JSON", help="Arguments by name, or the value of the one parameter.")
@click.option("--input-file", type=click.File("rb"), help="The same from a file; - reads stdin.")
@click.option(
    "--capability",
    "capabilities",
    metavar="KIND:RESOURCE",
    multiple=True,
    help="Hold only the capabilities so named. May be repeated; left out, nothing is restricted.",
)
@click.option(
    "--deadline", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Let the run take no longer."
)
@click.option(
    "--context", "values", metavar="KEY=VALUE", multiple=True, help="A value for the context, read by its key's type."
)
@CONFIG
@click.option("--run-id", metavar="NAME", help="The name of the run, the first part of its steps' keys.")
@click.option("--trace", is_flag=True, help="Print the tree with calls and times on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON also to a terminal.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@click.option("--traceback", "show_traceback", is_flag=True, help="When something fails, print the whole traceback.")
@click.pass_context
def run(
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
    """Run the flow FLOW of a file or module, with its arguments by name.

    Each argument is checked against its annotation. The result is printed as JSON, to a terminal as a table; a stream
    as lines of JSON while it flows.

    \b
    omnitron run orders.py:intake line=3,apple
    omnitron run shop.orders:price --input '{"order": {"id": 7}, "region": "eu"}'
    """  # noqa: D301 - the backslash is for click
    as_json = as_json or not sys.stdout.isatty()
    with Interruptions() as signals, result_stream(alone=as_json) as stream:
        words, settings = read_pairs(arguments, lambda: find_flow(target)), read_settings(values)
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


@cli.command(short_help="Show a flow's tree, metadata and schemas.")
@click.argument("target", metavar=TARGET, shell_complete=completed_target)
@CONFIG
@click.option("--traceback", "show_traceback", is_flag=True, help="When the import fails, print the whole traceback.")
def show(target: str, *, config_file: str | None, show_traceback: bool) -> None:
    """Show the tree of a flow, its signature, metadata, examples and schemas. The flow does not run.

    Beside each node stands whether it is part of the tree, a body (a Python function) or opaque; the flows that a body is
    known to call are drawn dashed beneath it. What is configured is shown as it would run, each value with its source.
    """
    with Interruptions(), result_stream(alone=not sys.stdout.isatty()) as stream:
        config = read_config(config_file)
        flow = find_flow(target, show_traceback=show_traceback)
        text = "\n".join([described_flow(tuned(flow, config, runs=False)), *setting_lines(flow, config)])
        warn_overlooked(flow, config, config_file)
        stream.write(f"{text}\n".encode())
        stream.flush()


def described_flow(flow: AnyFlow) -> str:
    """Give what can be known of a flow without running it."""
    return "\n".join([draw_tree(flow), "", *fact_lines(flow)])


@cli.command(short_help="List the imports that let code reach out.")
@click.argument("targets", metavar="[PACKAGE_OR_FOLDER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--strict", is_flag=True, help="Exit with 3 when something could not be looked into.")
@click.option("--compare", "comparing", is_flag=True, help="Measure the same work by a plain loop beside the flow.")
@click.option("--limit", type=click.IntRange(min=6), default=30, show_default=True, help="The most lines of the table.")
@click.option(
    "--cache",
    "cache_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what was read in a text here, and parse no text twice. Left out: a file in the user's cache folder.",
)
@click.option("--no-cache", "uncached", is_flag=True, help="Read everything anew, and keep nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@click.option("--traceback", "show_traceback", is_flag=True, help="When something fails, print the whole traceback.")
@click.pass_context
def audit(
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
    """List which packages could reach the network, processes, files, the environment, or unwritten code.

    Reads source, and imports and runs none of it. Without arguments: the standard library and every installed package.
    """
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


cli.add_command(completion)
cli.add_command(explain)
