"""`omnitron explain`: what a code says, and what to do. The texts stand in `omnitron.cli.explanations`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from omnitron.cli.exits import Misuse
from omnitron.cli.slips import near_text
from omnitron.cli.streams import person_bytes, result_stream

if TYPE_CHECKING:  # the texts are read when they are asked for: completion in a shell does not wait for them
    from omnitron.cli.explanations import Explanation

__all__ = ["explain"]

WIDTH = 100
"""So wide is a text at most: longer lines are hard to read."""


def completed_code(click_context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Give the codes and the classes that begin with `word`."""
    from omnitron.cli.explanations import EXPLANATIONS

    words = dict.fromkeys(each for one in EXPLANATIONS.values() for each in (one.code, one.name))
    return [CompletionItem(each) for each in words if word and each.lower().startswith(word.lower())]


@click.command(short_help="Say what an error or a warning means, and what to do.")
@click.argument("code", required=False, shell_complete=completed_code)
def explain(code: str | None) -> None:
    """Say what an error or a warning of the library means, by its CODE, and what to do about it.

    The name of its class does as well, and that of a rule of order. Without a code: all of them, a line each.

    \b
    omnitron explain OMN302
    omnitron explain RateLimited
    """  # noqa: D301 - the backslash is for click
    text = whole_list() if code is None else whole(found(code))
    with result_stream(alone=not sys.stdout.isatty()) as stream:
        stream.write(person_bytes(f"{text}\n"))
        stream.flush()


def found(code: str) -> Explanation:
    """Give what a code means, or refuse it."""
    from omnitron.cli.explanations import EXPLANATIONS, explanation_of

    one = explanation_of(code)
    if one is None:
        near = near_text(code, (word for each in EXPLANATIONS.values() for word in (each.code, each.name)))
        hint = near or "`omnitron explain` lists all of them."
        raise Misuse(f"there is no error and no warning {code!r}. {hint.rstrip()}")
    return one


def whole(one: Explanation) -> str:
    """Give all that is known of a code."""
    parts = [f"{one.code} {one.name}", filled(one.when), filled(one.advice), f"More: docs/{one.page}"]
    return "\n\n".join(parts)


def filled(text: str) -> str:
    """Give a text in lines that a terminal has room for."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def whole_list() -> str:
    """Give a line for each code."""
    from omnitron.cli.explanations import EXPLANATIONS

    return "\n".join(f"{one.code}  {one.name}" for one in EXPLANATIONS.values())
