"""The library's logger, made when there is something to say: a program that configures no logging hears nothing.

All that the library says goes through `log`. What the records carry, and the filter that gives the same to those of users:
`omnitron.runtime.whereabouts`, `omnitron.runtime.marking`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["log", "logger", "shown"]


def logger() -> Logger:
    """Give the logger `omnitron`, with a handler that drops what nobody else takes."""
    import logging

    found = logging.getLogger("omnitron")
    if not found.handlers:
        found.addHandler(logging.NullHandler())
    return found


def log(
    level: Literal["info", "warning", "error"],
    text: str,
    *values: object,
    error: BaseException | None = None,
    run_id: str | None = None,
    path: str | None = None,
    attempt: int | None = None,
) -> None:
    """Log to `omnitron`, with the place as attributes of the record: the running code's, as far as no other is given.

    A handler that raises changes nothing of what the library does.

    Args:
        level: the method of the logger.
        text: with `%s` for each of the values.
        *values: what stands there.
        error: whose traceback is shown.
        run_id: the run; "" for none.
        path: the place in it; "" for none.
        attempt: the ordinal of the try; 0 where it is not known.
    """
    if run_id is None or path is None or attempt is None:
        from omnitron.runtime.whereabouts import place_here

        here = place_here()
        run_id = here[0] if run_id is None else run_id
        path = here[1] if path is None else path
        attempt = here[2] if attempt is None else attempt
    with suppress(Exception):
        getattr(logger(), level)(
            text, *values, exc_info=error, extra={"run_id": run_id, "path": path, "attempt": attempt}, stacklevel=2
        )


def shown(error: BaseException) -> str:
    """Give the class and the text of an error, whatever its `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__
