"""`RetryBudget`: what keeps many callers from retrying at once what is down."""

from __future__ import annotations

import os
import threading
from itertools import count
from typing import Any

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.schedules import check_number

__all__ = ["RetryBudget"]


class RetryBudget(Record):
    """How many retries all who share this value may make together: `ratio` for each call, and `burst` more in reserve.

    Whatever fails, at most `burst + ratio * calls` attempts are retries, so that an outage does not multiply the load. The
    count belongs to the value: give the same one to several flows, and they share it. Two made alike are equal and do not
    share; a pickled one arrives with a full reserve. Safe for threads.

    Args:
        ratio: how many retries a call earns, for example 0.1: one for ten calls.
        burst: how many can be made before any were earned, and the most that are ever kept (one at least).

    Example:
        >>> budget = RetryBudget(ratio=0.5, burst=1)
        >>> budget.note_call(), budget.note_call(), [budget.take() for _ in range(3)]
        (None, None, [True, False, False])
    """

    __slots__ = ("ratio", "burst", "_held")
    ratio: float
    burst: int
    _held: Held

    def __init__(self, ratio: float = 0.1, burst: int = 10) -> None:
        ratio = check_number("ratio", ratio)
        if isinstance(burst, bool) or not isinstance(burst, int):
            raise DefinitionError(f"`burst` is a whole number of retries, got {burst!r}.")
        if burst < 0 or (not burst and not ratio):
            raise InvalidValue(f"a budget of ratio={ratio!r} and burst={burst} would allow no retry at all.")
        self._fill(ratio=ratio, burst=burst, _held=Held(burst))

    @property
    def note_call(self) -> Any:
        """Count a call, its first attempt; call it without arguments."""
        return self._held.note_call

    @property
    def left(self) -> float:
        """How many retries may be made now; read for display, because others may take them meanwhile."""
        held = self._held
        with held.lock:
            held.earn(self)
            return held.tokens

    def take(self) -> bool:
        """Take a retry out; say whether there was one."""
        held = self._held
        with held.lock:
            held.earn(self)
            if held.tokens < 1:
                return False
            held.tokens -= 1
            return True

    def fresh(self) -> RetryBudget:
        """Give an equal budget with a count of its own."""
        return RetryBudget(self.ratio, self.burst)


class Held:
    """The count of one budget. Calls are counted without a lock, which each of them would pay."""

    __slots__ = ("calls", "known", "locks", "tokens")

    def __init__(self, burst: int) -> None:
        self.locks: dict[int, threading.Lock] = {}
        self.calls = count()
        self.known = 0
        self.tokens = float(burst)

    def note_call(self) -> None:
        """Count a call."""
        next(self.calls)

    @property
    def lock(self) -> threading.Lock:
        """The lock of this process: in a forked child nobody would release one that another thread held."""
        here = os.getpid()
        return self.locks.get(here) or self.locks.setdefault(here, threading.Lock())

    def earn(self, budget: RetryBudget) -> None:
        """Add what the calls since the last time have earned."""
        total = next(self.calls)  # which counts this look too
        self.tokens = min(max(1.0, float(budget.burst)), self.tokens + (total - self.known) * budget.ratio)
        self.known = total + 1
