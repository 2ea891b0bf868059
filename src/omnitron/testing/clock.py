"""`ManualClock`: time that moves only when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from omnitron.errors import InvalidValue

__all__ = ["ManualClock"]


class ManualClock:
    """A clock for `context(clock=...)` that stands still until `advance` moves it.

    Sleepers wake in the order of their times; each finds the clock at its own time. Not for several threads.

    Args:
        start: the first reading of `monotonic`, in seconds.
        start_at: the wall time that belongs to it.

    Example:
        >>> clock = ManualClock()
        >>> asyncio.run(clock.advance(90.0))
        >>> clock.monotonic()
        90.0
    """

    def __init__(self, start: float = 0.0, start_at: datetime | None = None) -> None:
        self.time = float(start)
        self.start = float(start)
        self.start_at = start_at or datetime(2000, 1, 1, tzinfo=UTC)
        self.sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.ordinal = count().__next__

    def monotonic(self) -> float:
        """Give the seconds that the clock shows."""
        return self.time

    def now(self) -> datetime:
        """Give the wall time that the clock shows."""
        return self.start_at + timedelta(seconds=self.time - self.start)

    async def sleep(self, delay: float) -> None:
        """Suspend until the clock was moved `delay` seconds on."""
        if delay <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.time + delay, self.ordinal(), waiter))
        await waiter

    def move(self, seconds: float) -> None:
        """Move the clock without waking anybody (for sync code)."""
        if seconds < 0:
            raise InvalidValue(f"time does not go back: got {seconds} seconds.")
        self.time += seconds

    def wait(self, seconds: float) -> None:
        """Move the clock on: who blocks the thread waits for nobody else who could. Sleepers wake at the next `advance`."""
        self.time += max(seconds, 0.0)

    async def advance(self, seconds: float) -> None:
        """Move the clock on, waking each sleeper at its time and letting what it starts run."""
        if seconds < 0:
            raise InvalidValue(f"time does not go back: got {seconds} seconds.")
        end = self.time + seconds
        await settle()
        while self.sleepers and self.sleepers[0][0] <= end:
            at, _, waiter = heapq.heappop(self.sleepers)
            self.time = max(self.time, at)
            if not waiter.done() and not waiter.get_loop().is_closed():
                waiter.set_result(None)
                await settle()
        self.time = end
        await settle()


async def settle(turns: int = 20) -> None:
    """Let the loop run until tasks that are ready have gone as far as they can (a bounded number of turns)."""
    for _ in range(turns):
        await asyncio.sleep(0)
