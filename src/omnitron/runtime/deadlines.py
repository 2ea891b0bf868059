"""Ending an async run when its deadline passes, on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from omnitron.errors import DeadlineExceeded
from omnitron.model import Clock
from omnitron.runtime.clock import SYSTEM_CLOCK
from omnitron.runtime.watching import read_watch

__all__ = ["before_deadline"]


async def before_deadline(
    deadline: float, clock: Clock, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Await `fn(*args, **kwargs)`; when `clock` reaches `deadline` first, cancel it, let it clean up, and raise.

    What never suspends cannot be cancelled: a run that is watched looks at the clock at its boundaries too, and a late
    result is refused.

    Raises:
        DeadlineExceeded: the deadline passed, before or during the call. A cancellation from outside stays one.
    """
    left = deadline - clock.monotonic()
    if left <= 0:
        raise DeadlineExceeded(f"the deadline of the context passed {-left:.3f} s before the run started.")
    if left == float("inf"):
        return await fn(*args, **kwargs)
    task = asyncio.current_task()
    assert task is not None
    asked = task.cancelling()
    text = f"the deadline of the context passed: {left:.3f} s were left when the run started."
    passed = over = False

    def ring() -> None:
        nonlocal passed
        passed = True
        task.cancel()

    async def alarm() -> None:
        while (rest := deadline - clock.monotonic()) > 0:
            await clock.sleep(rest)
        ring()

    frame = read_watch()
    outer = None if frame is None else frame.run.is_late

    def is_late() -> bool:
        if outer is not None and outer():
            return True
        if passed or over or clock.monotonic() < deadline or asyncio._get_running_loop() is not loop:
            return False
        ring()
        return True

    watcher: asyncio.TimerHandle | asyncio.Task[None]
    loop = asyncio.get_running_loop()
    watcher = loop.call_later(left, ring) if clock is SYSTEM_CLOCK else loop.create_task(alarm())
    if frame is not None:
        frame.run.is_late = is_late
    try:
        result = await fn(*args, **kwargs)
    except asyncio.CancelledError as error:
        if passed and task.uncancel() <= asked:
            raise DeadlineExceeded(text) from error
        raise
    except BaseException:
        if passed:
            task.uncancel()
        raise
    finally:
        over = True
        watcher.cancel()
        if isinstance(watcher, asyncio.Task):
            await asyncio.wait({watcher})
    if passed:
        await swallow_own_cancel(task, asked)
    if clock.monotonic() > deadline:
        raise DeadlineExceeded(text)
    return result


async def swallow_own_cancel(task: asyncio.Task[Any], asked: int) -> None:
    """Take back the alarm's cancellation that arrived when the work had just finished."""
    if task.uncancel() <= asked:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return
