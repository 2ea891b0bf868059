"""Ending an async run when its deadline passes, on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from math import inf
from typing import Any

from omnitron.errors import DeadlineExceeded, TimedOut
from omnitron.model import Clock
from omnitron.runtime.clock import SYSTEM_CLOCK
from omnitron.runtime.contexts import current_context
from omnitron.runtime.frames import Watched, read_watch
from omnitron.runtime.streams import begun, fail_async

__all__ = ["before_deadline", "in_time", "stream_in_time"]


async def before_deadline(
    deadline: float,
    clock: Clock,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    began: str = "the run started",
) -> Any:
    """Await `fn(*args, **kwargs)`; when `clock` reaches `deadline` first, cancel it, let it clean up, and raise.

    What never suspends cannot be cancelled: a run that is watched looks at the clock at its boundaries too, and a late
    result is refused. The error says with `began` what the call begins.

    Raises:
        DeadlineExceeded: the deadline passed, before or during the call. A cancellation from outside stays one.
    """
    left = deadline - clock.monotonic()
    if left <= 0:
        raise DeadlineExceeded(f"the deadline of the context passed {-left:.3f} s before {began}.")
    if left == inf:
        return await fn(*args, **kwargs)
    task = asyncio.current_task()
    assert task is not None
    asked = task.cancelling()
    text = f"the deadline of the context passed: {left:.3f} s were left when {began}."
    alarm = Alarm(deadline, clock, task)
    alarm.set(left)
    alarm.watch_boundaries()
    try:
        result = await fn(*args, **kwargs)
    except GeneratorExit:  # the coroutine is thrown away: nothing can be awaited any more
        alarm.stop()
        raise
    except asyncio.CancelledError as error:
        if alarm.rang and task.uncancel() <= asked:
            raise DeadlineExceeded(text) from error
        raise
    except BaseException:
        if alarm.rang:
            task.uncancel()
        raise
    finally:
        await alarm.end()
    if alarm.rang:
        await swallow_own_cancel(task, asked)
    if clock.monotonic() > deadline:
        raise DeadlineExceeded(text)
    return result


async def in_time(seconds: float, late: Callable[[], str], fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Await `fn(*args, **kwargs)`; after `seconds` on the clock of the run, cancel it, let it clean up, and raise.

    Args:
        seconds: how long it may take.
        late: gives the text of the error.
        fn: what is called.
        *args: with what.
        **kwargs: with what by name.

    Raises:
        TimedOut: it took longer. What it raises itself while it is cancelled leaves in the place of that, and what it gives
            all the same is given; a cancellation from outside stays one.
    """
    clock = current_context().runtime.clock
    task = asyncio.current_task()
    assert task is not None
    asked = task.cancelling()
    alarm = Alarm(clock.monotonic() + seconds, clock, task)
    alarm.set(seconds)
    try:
        result = await fn(*args, **kwargs)
    except GeneratorExit:  # the coroutine is thrown away: nothing can be awaited any more
        alarm.stop()
        raise
    except asyncio.CancelledError as error:
        if alarm.rang and task.uncancel() <= asked:
            raise TimedOut(late()) from error
        raise
    except BaseException:
        if alarm.rang:
            task.uncancel()
        raise
    finally:
        await alarm.end()
    if alarm.rang:
        task.uncancel()  # the cancellation arrived, because only the loop rings, and was swallowed
    return result


def stream_in_time(
    stream: AsyncGenerator[Any], seconds: float | None, idle: float | None, name: str, spot: Any
) -> AsyncGenerator[Any]:
    """Give the items of a stream, each within `idle` seconds, its end within `seconds` from when the first is asked for.

    Raises:
        TimedOut: (when it is read) an item, or the end, did not come in time. The stream is closed.
    """
    made: AsyncGenerator[Any] = begun(timing, stream, seconds, idle, name, spot, spot.held())
    return made


async def timing(
    stream: AsyncGenerator[Any],
    seconds: float | None,
    idle: float | None,
    name: str,
    o_spot: Any,
    o_held: object,
    *,
    begins: bool,
) -> AsyncGenerator[Any]:
    """Read a stream."""
    o_number, index, left = None, 0, inf

    def ended() -> str:
        return f"the stream of {name!r} did not end within {seconds:g} s, and was closed after {index} items."

    def silent() -> str:
        return f"the stream of {name!r} gave no item within {idle:g} s of being asked for item {index}, and was closed."

    try:
        if begins:
            yield
        clock = current_context().runtime.clock
        over = inf if seconds is None else clock.monotonic() + seconds
        while True:
            if seconds is not None and (left := over - clock.monotonic()) <= 0:
                raise TimedOut(ended())
            most, late = (left, ended) if idle is None or left < idle else (idle, silent)
            item = await in_time(most, late, anext, stream, stream)
            if item is stream:
                return
            yield item
            index += 1
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        await fail_async(stream, error)
        raise


class Alarm:
    """Cancels a task when a clock reaches a deadline, or when a boundary of its run finds that it has.

    Attributes:
        rang: whether it has.
    """

    __slots__ = ("clock", "deadline", "is_over", "loop", "outer", "rang", "run", "task", "watcher")

    def __init__(self, deadline: float, clock: Clock, task: asyncio.Task[Any]) -> None:
        self.deadline = deadline
        self.clock = clock
        self.task = task
        self.loop = asyncio.get_running_loop()
        self.rang = self.is_over = False
        self.outer: Callable[[], bool] | None = None
        self.run: Watched | None = None
        self.watcher: asyncio.TimerHandle | asyncio.Task[None] | None = None

    def set(self, left: float) -> None:
        """Begin to watch."""
        if self.clock is SYSTEM_CLOCK:
            self.watcher = self.loop.call_later(left, self.ring)
        else:
            self.watcher = self.loop.create_task(self.wait())

    def watch_boundaries(self) -> None:
        """Have the boundaries of a run that is watched look too: there ends what never suspends."""
        frame = read_watch()
        if frame is not None:
            self.run = frame.run
            self.outer, frame.run.is_late = frame.run.is_late, self.is_late

    def ring(self) -> None:
        """Cancel the task, once: a boundary and what watches the clock may both find that it is time."""
        if not self.rang:
            self.rang = True
            self.task.cancel()

    async def wait(self) -> None:
        """Sleep on a clock that is not the machine's until it is time."""
        while (rest := self.deadline - self.clock.monotonic()) > 0:
            await self.clock.sleep(rest)
        self.ring()

    def is_late(self) -> bool:
        """Say whether the time is over, and see to it that the task ends (asked at boundaries that do not suspend)."""
        if self.outer is not None and self.outer():
            return True
        if self.rang or self.is_over or self.clock.monotonic() < self.deadline:
            return False
        if asyncio._get_running_loop() is not self.loop:
            return False
        self.ring()
        return True

    def stop(self) -> None:
        """Watch no more."""
        self.is_over = True
        if self.run is not None and self.run.is_late == self.is_late:
            self.run.is_late = self.outer  # a stream has an alarm for each item
        if self.watcher is not None:
            self.watcher.cancel()

    async def end(self) -> None:
        """Watch no more, and wait for what watched; once it was stopped there is nothing to wait for."""
        if self.is_over:
            return
        self.stop()
        if isinstance(self.watcher, asyncio.Task):
            await asyncio.wait({self.watcher})


async def swallow_own_cancel(task: asyncio.Task[Any], asked: int) -> None:
    """Take back the alarm's cancellation that arrived when the work had just finished."""
    if task.uncancel() <= asked:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return
