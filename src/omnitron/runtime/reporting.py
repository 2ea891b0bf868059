"""The library's logger, made when there is something to say: a program that configures no logging hears nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["logger", "shown"]


def logger() -> Logger:
    """Give the logger `omnitron`, with a handler that drops what nobody else takes."""
    import logging

    found = logging.getLogger("omnitron")
    if not found.handlers:
        found.addHandler(logging.NullHandler())
    return found


def shown(error: BaseException) -> str:
    """Give the class and the text of an error, whatever its `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__
