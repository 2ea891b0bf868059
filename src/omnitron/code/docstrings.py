"""What a docstring says: its first line, the words after it, and its texts for parameters and result.

The first two are plain text and cost nothing; for the others `docstring-parser` is imported, which understands the styles
of Google, NumPy, Sphinx and Epydoc. See `docs/decisions/0012-docstrings.md`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from omnitron.errors import MissingExtra

__all__ = ["docstring_of", "parameter_texts", "split_docstring"]


def docstring_of(fn: Any) -> str:
    """Give the docstring of a callable (of a partial: its function's) without indentation; empty if there is none."""
    while isinstance(fn, partial):
        fn = fn.func
    words = getattr(fn, "__doc__", None)
    if not isinstance(words, str):
        return ""
    first, *rest = words.expandtabs().splitlines() or [""]
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[margin:].rstrip() for line in rest)]).strip()


def split_docstring(fn: Any) -> tuple[str, str]:
    """Give the first line of a callable's docstring, and what comes after.

    Example:
        >>> split_docstring(split_docstring)[0]
        "Give the first line of a callable's docstring, and what comes after."
    """
    first, _, rest = docstring_of(fn).partition("\n")
    return first.strip(), rest.strip()


def parameter_texts(fn: Any) -> tuple[dict[str, str], str]:
    """Give what a docstring says of each parameter, by name, and of the result; each text on one line.

    A docstring that follows no style, or none to the end, gives what could be read.

    Raises:
        MissingExtra: there is a docstring, and `docstring-parser` is not installed.
    """
    words = docstring_of(fn)
    if not words:
        return {}, ""
    try:
        from docstring_parser import ParseError, parse
    except ImportError as error:
        raise MissingExtra("schema", "docstring-parser") from error
    try:
        found = parse(words)
    except ParseError:
        return {}, ""
    texts: dict[str, str] = {}
    for one in found.params:
        text = " ".join((one.description or "").split())
        for name in one.arg_name.split(","):
            if text:
                texts[name.strip().lstrip("*")] = text
    result = found.returns
    return texts, "" if result is None else " ".join((result.description or "").split())
