"""Ending an async run when its deadline passes, on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from omnitron.errors import DeadlineExceeded
from omnitron.model import Clock
from omnitron.runtime.clock import SYSTEM_CLOCK

__all__ = ["before_deadline"]


async def before_deadline(
    deadline: float, clock: Clock, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Await `fn(*args, **kwargs)`; when `clock` reaches `deadline` first, cancel it, let it clean up, and raise.

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
    passed = False

    def ring() -> None:
        nonlocal passed
        passed = True
        task.cancel()

    async def alarm() -> None:
        while (rest := deadline - clock.monotonic()) > 0:
            await clock.sleep(rest)
        ring()

    watcher: asyncio.TimerHandle | asyncio.Task[None]
    loop = asyncio.get_running_loop()
    watcher = loop.call_later(left, ring) if clock is SYSTEM_CLOCK else loop.create_task(alarm())
    try:
        result = await fn(*args, **kwargs)
    except asyncio.CancelledError as error:
        if passed and task.uncancel() <= asked:
            raise DeadlineExceeded(
                f"the deadline of the context passed: {left:.3f} s were left when the run started."
            ) from error
        raise
    except BaseException:
        if passed:
            task.uncancel()
        raise
    finally:
        watcher.cancel()
        if isinstance(watcher, asyncio.Task):
            await asyncio.wait({watcher})
    if passed:
        await swallow_own_cancel(task, asked)
    return result


async def swallow_own_cancel(task: asyncio.Task[Any], asked: int) -> None:
    """Take back the alarm's cancellation that arrived when the work had just finished."""
    if task.uncancel() <= asked:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return
