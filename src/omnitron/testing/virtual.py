"""`VirtualClock`: hours in milliseconds, for everything that sleeps on an asyncio loop.

How time jumps stands in `omnitron.testing.jumping`; a clock that the test moves step by step is `ManualClock`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from inspect import iscoroutine
from typing import Any, TypeVar

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.runtime import on_clock
from omnitron.testing.failures import Deadlock
from omnitron.testing.jumping import VirtualLoop

__all__ = ["VirtualClock"]

R = TypeVar("R")


class VirtualClock:
    """Runs coroutines on a loop whose time jumps whenever every task waits, and is the clock of contexts there.

    `asyncio.sleep`, `asyncio.timeout`, `loop.call_later` and all that is built on them take no real time and happen in the
    order of their times; each finds the clock exactly at its own. So do the waits and ages of policies, inside a context
    and outside of any. Code takes no virtual time. When every task waits and nothing will wake one, `run` raises
    `Deadlock`, which says where each of them waits.

    While a job is in an executor, a child process runs, or a file or socket is registered, the loop waits for that
    really and the clock stands; if a timer comes first by real time, the clock goes on to that timer. A thread of your own
    is not known: where a task waits for one, await that inside `with clock.outside():`.

    One loop at a time runs on a clock, and one run goes on where the one before it ended. Several threads may read it;
    `wait` moves it for all of them, so that several that wait at once wait one after the other.

    Args:
        start: the first reading of `monotonic`, in seconds.
        start_at: the wall time that belongs to it.
        seed: with one, tasks that are ready run in an order that it determines, the same one each time; without, in the
            order in which they became ready.

    Example:
        >>> clock = VirtualClock()
        >>> clock.run(asyncio.sleep(3600, "done"))
        'done'
        >>> clock.monotonic()
        3600.0
    """

    def __init__(self, start: float = 0.0, start_at: datetime | None = None, *, seed: int | None = None) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | None):
            raise DefinitionError(f"`seed` is a whole number, got {seed!r}.")
        if isinstance(start, bool) or not isinstance(start, int | float):
            raise DefinitionError(f"`start` is a number of seconds, got {start!r}.")
        if start_at is not None and start_at.tzinfo is None:
            raise InvalidValue(f"`start_at` is aware of its zone, got {start_at!r}. Write `datetime(..., tzinfo=UTC)`.")
        self.start = float(start)
        self.start_at = start_at or datetime(2000, 1, 1, tzinfo=UTC)
        self.seed = seed
        self._time = self.start
        self._moving = threading.Lock()
        self._loop: VirtualLoop | None = None

    def monotonic(self) -> float:
        """Give the seconds that the clock shows."""
        return self._time

    def now(self) -> datetime:
        """Give the wall time that the clock shows."""
        return self.start_at + timedelta(seconds=self._time - self.start)

    async def sleep(self, delay: float) -> None:
        """Suspend the task for `delay` seconds.

        Raises:
            DefinitionError: the running loop is not one of this clock, and its time is another.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise DefinitionError(
                f"{self!r} sleeps on the loops that it runs, and the running one is {type(loop).__name__}, whose time is "
                "another. Run the program by `clock.run(main())`; what runs on a loop of its own in a thread takes another "
                "clock."
            )
        await asyncio.sleep(delay)

    def wait(self, seconds: float) -> None:
        """Block the thread for `seconds`, which moves the clock; what came due meanwhile on the loop runs after it."""
        if seconds > 0:
            with self._moving:
                self._time += seconds
            loop = self._loop
            if loop is not None and threading.get_ident() != loop.thread and not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(int)  # it may be waiting for something that is now over
                except RuntimeError:  # it was closed meanwhile
                    return

    def reach(self, when: float) -> None:
        """Move the clock to a time, unless it is past it already (asked by its loop)."""
        with self._moving:
            self._time = max(self._time, when)

    def outside(self) -> AbstractContextManager[None]:
        """Say, by `with`, that what is awaited inside comes from a thread or process that the loop does not know.

        Raises:
            DefinitionError: no loop of this clock runs here.
        """
        loop = asyncio._get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise DefinitionError("`outside` is for tasks on a loop of this clock: it stands around an `await` there.")
        return loop.outside()

    def run(self, main: Coroutine[Any, Any, R], *, debug: bool | None = None) -> R:
        """Run a coroutine on a fresh loop of this clock and give its result, as `asyncio.run` does.

        What is left when it ends is cancelled and cleans up, in virtual time too.

        Args:
            main: the coroutine.
            debug: whether the loop is in asyncio's debug mode; None leaves that to the environment.

        Raises:
            Deadlock: every task waits, and nothing will wake one. They are cancelled first, and clean up.
            DefinitionError: it is no coroutine, or a loop runs in this thread, or on this clock, already.
        """
        self._check(main)
        runner = asyncio.Runner(debug=debug, loop_factory=self._open)
        try:
            with on_clock(self):
                result = runner.run(main)
        except BaseException as error:
            try:
                runner.close()
            except Deadlock as stuck:
                error.add_note(f"What was then cancelled does not end: {stuck}")
            raise
        else:
            runner.close()
        finally:
            self._loop = None
        return result

    def _check(self, main: object) -> None:
        """Refuse what cannot be run."""
        if not iscoroutine(main):
            hint = f" Call it: `clock.run({getattr(main, '__name__', 'main')}())`." if callable(main) else ""
            raise DefinitionError(f"`run` takes a coroutine, got {main!r} ({type(main).__name__}).{hint}")
        if asyncio._get_running_loop() is not None or self._loop is not None:
            main.close()
            where = "on this clock" if self._loop is not None else "in this thread"
            raise DefinitionError(
                f"a loop runs {where} already: `run` opens one of its own, as `asyncio.run` does. Call it in sync "
                "code, and give what runs at the same time clocks of their own."
            )

    def _open(self) -> VirtualLoop:
        """Make the loop of a run."""
        self._loop = VirtualLoop(self, self.seed)
        return self._loop

    def __repr__(self) -> str:
        seeded = "" if self.seed is None else f", seed={self.seed}"
        return f"<VirtualClock at {self._time:g} s{seeded}>"
