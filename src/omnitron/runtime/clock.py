"""The machine's own clock and random source, the defaults of every context."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LONGEST_S", "SYSTEM_CLOCK", "SYSTEM_RANDOM", "SystemClock", "SystemRandom"]

LONGEST_S = 1e9
"""No thread is blocked for longer in one go, 31 years: the system calls take only so much, and raise OverflowError."""


class SystemClock:
    """The machine's time."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        """Give the wall time in UTC."""
        from datetime import UTC, datetime

        return datetime.now(UTC)

    async def sleep(self, delay: float) -> None:
        """Suspend the task for `delay` seconds."""
        import asyncio

        await asyncio.sleep(delay)

    def wait(self, seconds: float) -> None:
        """Block the thread for `seconds`; what is not positive does not wait."""
        time.sleep(min(max(seconds, 0.0), LONGEST_S))

    def __repr__(self) -> str:
        return "SystemClock()"

    def __reduce__(self) -> str:
        return "SYSTEM_CLOCK"


SYSTEM_CLOCK = SystemClock()


class SystemRandom:
    """The process's shared random source (the module `random`)."""

    __slots__ = ()

    def random(self) -> float:
        """Give a float in [0, 1)."""
        import random

        return random.random()

    def getrandbits(self, k: int, /) -> int:
        """Give an int of `k` random bits."""
        import random

        return random.getrandbits(k)

    def __repr__(self) -> str:
        return "SystemRandom()"

    def __reduce__(self) -> str:
        return "SYSTEM_RANDOM"


SYSTEM_RANDOM = SystemRandom()
