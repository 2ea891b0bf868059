"""`Bell`: wakes those who wait for something to change, on any event loop and in any thread."""

from __future__ import annotations

import asyncio
import threading

from omnitron.runtime.scopes import running_loop

__all__ = ["Bell"]


class Bell:
    """Wakes those who wait for something to change, on any loop and in any thread. Its lock guards what may change."""

    __slots__ = ("changed", "waiting")

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def ring(self) -> None:
        """Wake all (the caller holds the lock)."""
        self.changed.notify_all()
        waiting, self.waiting = self.waiting, []
        here = running_loop() if waiting else None
        for loop, future in waiting:
            if loop is here:  # nothing has to wake it
                wake(future)
                continue
            try:
                loop.call_soon_threadsafe(wake, future)
            except RuntimeError:  # that loop is closed: nobody waits there any more
                continue

    def wait_for(self) -> asyncio.Future[None]:
        """Give a future that the next ring settles (the caller holds the lock)."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self.waiting.append((loop, future))
        return future

    def forget(self, future: asyncio.Future[None]) -> None:
        """Take back a future whose waiter is gone."""
        with self.changed:
            self.waiting = [pair for pair in self.waiting if pair[1] is not future]

    async def rung(self, future: asyncio.Future[None], timeout: float | None = None) -> None:
        """Wait for the next ring, at most `timeout` seconds."""
        try:
            await asyncio.wait((future,), timeout=timeout)
        finally:
            if not future.done():
                self.forget(future)


def wake(future: asyncio.Future[None]) -> None:
    """Settle a future unless its waiter is gone."""
    if not future.done():
        future.set_result(None)
