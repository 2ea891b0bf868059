"""Waiting for a turn, in threads and in tasks: the drivers of `omnitron.policy.Turns`."""

from __future__ import annotations

import sys
from asyncio import _get_running_loop, current_task
from threading import Lock
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.sharing import counted_out, waker_of
from omnitron.algebra.stacks import frames_from
from omnitron.errors import SelfWait, TimedOut
from omnitron.policy import Turns, Waiter, door

# here, and not when somebody waits: Ctrl-C in the middle of an import leaves its lock held
from omnitron.runtime import SYSTEM_CLOCK, looks_s, refuse_to_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from omnitron.model import Clock

__all__ = [
    "bell_waiter",
    "check_loop",
    "future_waiter",
    "held_here",
    "wait_for_turn",
    "wait_for_turn_async",
]

RIVALS = frozenset({"omnitron.algebra.hedges", "omnitron.runtime.quorums", "omnitron.runtime.racing"})
"""What runs several of which one may do."""
JOINING = RIVALS | {"omnitron.algebra.sharing", "omnitron.runtime.joining"}
"""What waits for all tasks and threads that it starts."""
GENERATED = "flow "
"""How the names of the files of generated code begin."""
EVENTS = "asyncio.events"
LOOK_S = 1.0
"""How long is waited before looking whether the loops of those who wait before are still there."""
STEP_S = 0.01
"""In what steps a thread waits on a clock that is not the machine's, in seconds."""


def bell_waiter(limit: int) -> tuple[Waiter, Any]:
    """Give one who waits in a thread, and what wakes it."""
    bell = Lock()
    bell.acquire()

    def ring() -> None:
        if bell.locked():
            bell.release()

    return Waiter(limit, ring), bell


def future_waiter(limit: int) -> tuple[Waiter, Any]:
    """Give one who waits in a task, and what wakes it."""
    loop = _get_running_loop()
    assert loop is not None
    future = loop.create_future()
    return Waiter(limit, waker_of(loop, future), loop), future


def wait_for_turn(turns: Turns, bell: Any, clock: Clock, over: float | None) -> None:
    """Block this thread until it is served, or until `over` on a clock.

    Raises:
        RunStopped, DeadlinePassed: the run of this thread is over.
    """
    looks = looks_s() or LOOK_S
    with counted_out():
        while True:
            rest = looks
            if over is not None:
                rest = over - clock.monotonic()
                if rest <= 0:
                    return
            if paused(bell, clock, min(rest, looks), timed=over is not None):
                return
            refuse_to_wait()
            with door:
                turns.drop_dead()


def paused(bell: Any, clock: Clock, seconds: float, *, timed: bool) -> bool:
    """Wait so long; say whether the bell rang."""
    if clock is SYSTEM_CLOCK or not timed:
        return bool(bell.acquire(timeout=seconds))
    if bell.acquire(blocking=False):
        return True
    runtime.wait_on(clock, min(seconds, STEP_S))
    return bool(bell.acquire(blocking=False))


async def wait_for_turn_async(turns: Turns, future: Any, clock: Clock, over: float | None) -> None:
    """Suspend this task until it is served, or until `over` on a clock."""
    if over is None:
        await woken(turns, future)
        return
    rest = over - clock.monotonic()
    if rest <= 0:
        return
    try:
        await runtime.in_time(rest, str, woken, turns, future)
    except TimedOut:
        return


async def woken(turns: Turns, future: Any) -> None:
    """Wait for the wake; where tasks of other loops wait before, look now and then whether these are still there."""
    if not turns.is_mixed:
        await future
        return
    import asyncio

    while not future.done():
        await asyncio.wait({future}, timeout=LOOK_S)
        if not future.done():
            with door:
                turns.drop_dead()


def held_here(token: object) -> tuple[frozenset[Any], bool]:
    """Give which permits the code around holds, and whether all of it surely waits for this call.

    It is that of the calls on this stack, awaited ones among them, and that which waits for the branch, item or attempt
    that this task or thread runs. Where another branch or attempt may win, what is around goes on without this call.
    """
    found: list[Any] = []
    sure = True
    inner: FrameType | None = sys._getframe(1)
    task = None if _get_running_loop() is None else current_task()
    root: FrameType | None = None if task is None else getattr(task.get_coro(), "cr_frame", None)
    while inner is not None and inner.f_globals.get("__name__") not in JOINING:  # most stacks have no other beneath
        if inner.f_code.co_filename[:5] == GENERATED:
            found += permits_in(inner, token)
        inner = beneath(inner) if inner is root else inner.f_back
    for frame, module in () if inner is None else frames_from(inner, JOINING):
        if frame.f_code.co_filename[:5] == GENERATED:
            found += permits_in(frame, token)
        elif module in RIVALS:
            sure = False
    return frozenset(found), sure


def beneath(root: FrameType) -> FrameType | None:
    """Give the frame that runs a task: not that of who has started it, where a loop begins with a task at once."""
    frame = root.f_back
    while frame is not None and not (frame.f_code.co_name == "_run" and frame.f_globals.get("__name__") == EVENTS):
        frame = frame.f_back
    return root.f_back if frame is None else frame


def permits_in(frame: FrameType, token: object) -> list[Any]:
    """Give the places in a frame of generated code where a token stands."""
    return [(id(frame), name) for name, value in frame.f_locals.items() if value is token]


def check_loop(turns: Turns, name: str) -> frozenset[Any]:
    """Before a thread with a running loop is blocked: give which permits its tasks hold, which cannot go on then.

    Raises:
        SelfWait: one of these tasks waits before it, so that it would wait for ever.
    """
    loop = _get_running_loop()
    if loop is None:
        return frozenset()
    if any(waiter.home is loop for waiter in (*turns.line, *turns.served)):
        raise SelfWait(name, blocks_loop(name))
    import asyncio

    others = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    frames = [frame for task in others for frame in awaited(task.get_coro())]
    made = [frame for frame in frames if frame.f_code.co_filename[:5] == GENERATED]
    return frozenset(permit for frame in made for permit in permits_in(frame, turns.token))


def awaited(coroutine: Any) -> Iterator[FrameType]:
    """Give the frames of a coroutine and of what it awaits."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is None:
            return
        yield frame
        coroutine = coroutine.cr_await


def blocks_loop(name: str) -> str:
    """Say that a sync call would wait for tasks of the loop that it blocks."""
    return (
        f"{name!r} is sync, was called in a task, and would wait there for other tasks of this event loop, which cannot go "
        "on as long as it blocks the loop. Make the flow async, await it by `.acall(...)`, or give it another limit."
    )
