"""The machine's own clock and random source, the defaults of every context; and waiting on any clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from datetime import datetime

    from omnitron.model import Clock

__all__ = ["SYSTEM_CLOCK", "SYSTEM_RANDOM", "SystemClock", "SystemRandom", "wait_on"]


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
        time.sleep(max(seconds, 0.0))

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


def wait_on(clock: Clock, seconds: float) -> None:
    """Block the thread for `seconds` of a clock.

    Raises:
        DefinitionError: the clock has no `wait`, which contexts do not ask of it before somebody needs it.
    """
    wait = getattr(clock, "wait", None)
    if wait is None:
        raise DefinitionError(
            f"a sync flow has to wait {seconds:g} s, and the context's clock {clock!r} has no method `wait`. Give it "
            "`def wait(self, seconds: float) -> None`, which blocks the thread for so many of its seconds."
        )
    wait(seconds)
