"""The commands: what they take.

Each ends by `Context.exit` with a code of `omnitron.cli.exits`. What they do stands in `omnitron.cli.acting`, which is
imported when one runs: it needs much that neither completion in a shell nor `--help` should wait for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from omnitron.cli.completing import completed_argument, completed_target, completion
from omnitron.cli.exits import Exit
from omnitron.cli.explaining import explain
from omnitron.cli.streams import Unwritable, tell, writing

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
@click.version_option(package_name="omnitron", prog_name="omnitron")
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
def run(click_context: click.Context, /, target: str, arguments: tuple[str, ...], **options: Any) -> None:
    """Run the flow FLOW of a file or module, with its arguments by name.

    Each argument is checked against its annotation. The result is printed as JSON, to a terminal as a table; a stream
    as lines of JSON while it flows.

    \b
    omnitron run orders.py:intake line=3,apple
    omnitron run shop.orders:price --input '{"order": {"id": 7}, "region": "eu"}'
    """  # noqa: D301 - the backslash is for click
    from omnitron.cli.acting import run_flow

    run_flow(click_context, target, arguments, **options)


@cli.command(short_help="Show a flow's tree, metadata and schemas.")
@click.argument("target", metavar=TARGET, shell_complete=completed_target)
@CONFIG
@click.option("--traceback", "show_traceback", is_flag=True, help="When the import fails, print the whole traceback.")
def show(target: str, **options: Any) -> None:
    """Show the tree of a flow, its signature, metadata, examples and schemas. The flow does not run.

    Beside each node stands whether it is part of the tree, a body (a Python function) or opaque; the flows that a body is
    known to call are drawn dashed beneath it. What is configured is shown as it would run, each value with its source.
    """
    from omnitron.cli.acting import show_flow

    show_flow(target, **options)


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
def audit(click_context: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """List which packages could reach the network, processes, files, the environment, or unwritten code.

    Reads source, and imports and runs none of it. Without arguments: the standard library and every installed package.
    """
    from omnitron.cli.acting import audit_code

    audit_code(click_context, targets, **options)


cli.add_command(completion)
cli.add_command(explain)
