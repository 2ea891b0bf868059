"""The three streams of the process: closed ones, ones that know few signs, the one for the result, unwritable ones.

Imports nothing heavy. What is printed as the result is made in `omnitron.cli.results`.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import TextIOWrapper
from typing import BinaryIO

__all__ = ["Unwritable", "meets_stderr", "mend_streams", "person_bytes", "result_stream", "tell", "writing"]

DEFAULTS = ("strict", "surrogateescape", "backslashreplace")
"""What Python does itself with signs that cannot be written; anything else is somebody's choice, and stays."""

LEGIBLE = "omnitron-legible"
PLAIN = str.maketrans({"─": "-", "│": "|", "├": "|", "└": "`", "╌": "-", "×": "x", "µ": "u", "→": "->", "…": "..."})
"""What the signs that the command itself draws with look like where they cannot be written."""


class Unwritable(Exception):
    """What was to be printed on stdout cannot be written; without a text where the reader has gone."""


def mend_streams() -> None:
    """Open each stream that the process was started without: nothing comes from it, and what goes to it is lost.

    What a terminal or file of another encoding than UTF-8 has no sign for is written in signs that every one has.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so the one that is missing
        if opened == number:
            os.set_inheritable(opened, True)
        stream = open(opened, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
        setattr(sys, name, stream)
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, TextIOWrapper) and out.errors in DEFAULTS and codecs.lookup(out.encoding).name != "utf-8":
            out.reconfigure(errors=LEGIBLE)


def legible(error: UnicodeError) -> tuple[str, int]:
    """Give what stands for signs that an encoding has not: lines of trees and tables by dashes, others by escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end].translate(PLAIN)
    return signs.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(LEGIBLE, legible)


def person_bytes(text: str) -> bytes:
    """Give a text for stdout: in the encoding of a terminal; into a pipe or a file always in UTF-8."""
    return text.encode(sys.stdout.encoding if sys.stdout.isatty() else "utf-8", LEGIBLE)


@contextmanager
def writing(stream: BinaryIO | None = None) -> Iterator[None]:
    """Print on stdout in this block, by default, or to what `result_stream` gave.

    Raises:
        Unwritable: it could not be written. Nothing is written any more, also not when Python ends and flushes.
    """
    try:
        yield
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with suppress(OSError, ValueError):  # a tester's stream is no file
            os.dup2(nowhere, 1 if stream is None else stream.fileno())
        os.close(nowhere)
        gone = isinstance(error, BrokenPipeError)
        raise Unwritable("" if gone else f"the output cannot be written: {error.strerror or error}.") from error


def tell(text: str) -> None:
    """Print a line on stderr, as far as anybody can be told."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def meets_stderr(stream: BinaryIO) -> bool:
    """Say whether what goes to a stream may stand on the terminal that stderr is, where it would meet a tree.

    What reads a pipe may print to the same terminal; only a file certainly does not.
    """
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stream.isatty() or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@contextmanager
def result_stream(*, alone: bool) -> Iterator[BinaryIO]:
    """Give the stream for the result; with `alone` all else that is printed meanwhile goes to stderr.

    That holds for what user code prints, and (where the streams are the process's own) for what its worker processes
    and other children print.
    """
    stream = sys.stdout.buffer
    if not alone:
        yield stream
        return
    if not is_own_stdout():
        with redirect_stdout(sys.stderr):
            yield stream
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), open(kept, "wb", closefd=False) as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def is_own_stdout() -> bool:
    """Say whether stdout and stderr are the process's first streams, and no tester's."""
    try:
        return sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False
