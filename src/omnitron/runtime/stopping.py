"""How a sync run is ended from inside: at a boundary, past every `except Exception` of its functions.

When it happens stands in `omnitron.runtime.watching`. An async run is cancelled: see `omnitron.runtime.deadlines`.
"""

from __future__ import annotations

import sys
from threading import Event

__all__ = ["DeadlinePassed", "Halt", "RunStopped", "Stop", "is_leaving", "leaves_as"]


class Halt:
    """Says to a sync run, from another thread, that nothing more may start in it, and why."""

    __slots__ = ("reason", "rung")

    def __init__(self) -> None:
        self.reason: str | None = None
        self.rung = Event()

    def ring(self, reason: str) -> None:
        """Say so, also to what waits."""
        self.reason = reason
        self.rung.set()


class Stop(BaseException):
    """Ends a sync run from inside, past every `except Exception`; observers and who waits for the run get its `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class DeadlinePassed(Stop):
    """Ends a sync run whose deadline passed; the error is a `DeadlineExceeded`."""


class RunStopped(Stop):
    """Ends a sync run that was cancelled, at its next boundary; the error is a `RunCancelled`."""


def leaves_as(error: BaseException) -> BaseException:
    """Give what observers are told that a call left with."""
    return error.error if isinstance(error, Stop) else error


def is_leaving() -> bool:
    """Say whether the running code handles the end of the run: it stands in a `finally` or an `except`."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Stop):
        error = error.__context__
    return error is not None
