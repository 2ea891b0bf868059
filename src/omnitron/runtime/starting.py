"""What a run starts with: whether anything watches it, who may, and what is too late to be given.

Read next: `omnitron.runtime.contexts`, which runs flows.
"""

from __future__ import annotations

import os
from typing import Any

from omnitron.errors import DeadlineExceeded, DefinitionError
from omnitron.runtime.clock import SYSTEM_CLOCK, SYSTEM_RANDOM
from omnitron.runtime.frames import Frame, Watched
from omnitron.runtime.options import PLAIN, Runtime

__all__ = ["check_observers", "refuse_late", "watched_frame", "watches"]


def watches(runtime: Runtime, *, is_async: bool) -> bool:
    """Say whether anything in a runtime watches the runs that have it."""
    if runtime is PLAIN:
        return False
    return bool(
        runtime.observers
        or runtime.guards
        or runtime.capabilities is not None
        or (runtime.deadline is not None and not is_async)
        or runtime.clock is not SYSTEM_CLOCK
        or runtime.random is not SYSTEM_RANDOM
        or runtime.replaced is not None
    )


def watched_frame(runtime: Runtime, id: str | None = None, *, is_async: bool) -> Frame:
    """Give the root frame of a watched run, under the name `id` or one of its own."""
    run = Watched(
        os.urandom(8).hex() if id is None else id,
        runtime.clock,
        runtime.observers,
        runtime.guards,
        None if is_async else runtime.deadline,
        runtime.replaced,
        is_async=is_async,
    )
    return Frame(run, "", None, body=False)


def refuse_late(runtime: Runtime, what: str = "the run ended") -> None:
    """Refuse the result of a sync run, or an item of its stream, that took longer than it may."""
    late = runtime.clock.monotonic() - (runtime.deadline or 0.0)
    if late > 0:
        raise DeadlineExceeded(
            f"{what} {late:.3f} s after the deadline of its context; a sync flow is only stopped between its steps. "
            "Give more time where the context is made: `context(deadline=seconds)`."
        )


def check_observers(runtime: Runtime, flow: Any) -> None:
    """Refuse an asynchronous observer over a sync flow before it runs."""
    for observer in runtime.observers:
        code = getattr(getattr(observer, "observe", None), "__code__", None)
        if getattr(observer, "is_async", False) or (code is not None and code.co_flags & 0x80):
            raise DefinitionError(
                f"{observer!r} is asynchronous and the flow {getattr(flow, 'name', flow)!r} is sync: "
                "nothing could await it. "
                "Give plain functions as hooks, or make the flow async."
            )
