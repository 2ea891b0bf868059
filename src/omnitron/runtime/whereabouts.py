"""Where the code that runs now stands: in which run, on which path, in which attempt; for log records.

In a run that is watched the frame knows. In any other nothing is kept, and the path is read off the Python stack when
somebody asks: a run in which nobody logs pays nothing. Read next: `omnitron.runtime.marking`, the filter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from omnitron.runtime.frames import read_watch
from omnitron.runtime.scopes import scope_here

__all__ = ["adopt_reader", "path_here", "place_here", "thread_here"]

Reader = Callable[[], tuple[str, bool]]
readers: list[Reader] = []


def adopt_reader(reader: Reader) -> None:
    """Tell this room how to read a path off the stack (called by the room that knows generated code).

    It gives the path, and whether that begins with the flow that is run, not with one that a task or thread began with.
    """
    readers[:] = [reader]


def place_here() -> tuple[str, str, int]:
    """Give the run id, the path and the attempt of the running code: "", "" and 0 for what is not known. Never raises."""
    frame = read_watch()
    if frame is not None:
        return frame.run.id, frame.path, 0 if frame.call is None else frame.call.attempt
    scope = scope_here.get()
    return "" if scope is None else scope.run_id(), path_here(), 0


def path_here() -> str:
    """Give the static path of the running code in a run that nothing watches, or "". Never raises."""
    try:
        path, is_whole = readers[0]()
        scope = scope_here.get()
        return path if not is_whole or scope is None or scope.beneath is None else scope.beneath(path)
    except Exception:  # who logs must not fail because of where it stands
        return ""


def thread_here() -> tuple[int, int]:
    """Give the running thread, and the function in it that calls this, as threads that it starts hold them: by number."""
    from threading import get_ident

    return get_ident(), id(sys._getframe(1))
