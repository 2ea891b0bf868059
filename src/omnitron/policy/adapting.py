"""`Adaptive`: a bound that finds its place by measured latency. The machine: `Gauge`, told how long each call took.

    growing ──a queue is seen──▶ steady ──every PROBE_EVERY rounds──▶ probing ──one round──▶ steady (or growing)

Source: Brakmo and Peterson, TCP Vegas (1994), as Netflix's concurrency-limits has it: the surplus of a latency over that
without load tells how many calls wait in a queue: `limit * (1 - base / latency)`. The limit goes up while fewer than one
in ten wait, down when more than one in four do, and stays in between, so that it comes to rest.
"""

from __future__ import annotations

import os
import threading
from math import fsum

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record

__all__ = ["Adaptive", "AdaptiveInfo", "Gauge", "Shift"]

HIGH = 64
ROUND = 16
"""How many calls are measured at least before the limit changes."""
PROBE_EVERY = 40
"""After how many rounds the latency without load is measured anew, at half of the limit."""
FEW, MANY = 0.1, 0.25
"""The shares of a limit that may wait before it goes up, and down."""
SLOWLY = 0.1
"""How far the latency without load follows a round that was faster, so that chance does not lower it."""
BACK_OFF = 0.75
"""What is left of a limit when the other side says that it is too much."""


class Shift(Record):
    """A change of a bound, or of the state of a policy.

    Attributes:
        before: what it was.
        after: what it is.
        why: the reason, as part of a sentence.
    """

    __slots__ = ("before", "after", "why")
    before: int | str
    after: int | str
    why: str

    def __init__(self, before: int | str, after: int | str, why: str) -> None:
        self._fill(before=before, after=after, why=why)


class AdaptiveInfo(Record):
    """Where a bound is now.

    Attributes:
        limit: the bound.
        base: the mean latency without load, in seconds; None until it was measured, and of a size of batches.
        latency: that of the last round; of a size of batches that of the last call.
        rounds: how many rounds were measured, or calls of batches.
        changes: how often the bound has changed.
        why: the reason for the last change, "" before the first.
    """

    __slots__ = ("limit", "base", "latency", "rounds", "changes", "why")
    limit: int
    base: float | None
    latency: float | None
    rounds: int
    changes: int
    why: str

    def __init__(
        self, limit: int, base: float | None, latency: float | None, rounds: int, changes: int, why: str
    ) -> None:
        self._fill(limit=limit, base=base, latency=latency, rounds=rounds, changes=changes, why=why)


class Adaptive(Record):
    """A bound on how much runs at once that follows the measured latency: `f.each(concurrency=Adaptive(low=2, high=64))`.

    It starts at `low`, doubles while calls take no longer for it, and comes to rest a little above what the other side does
    at once without a queue. The bound belongs to the value and is kept from call to call; who shares the value shares it.
    Two made alike are equal and share nothing; a pickled one starts anew.

    Args:
        low: the least.
        high: the most.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> import asyncio
        >>> from omnitron import flow
        >>> async def load(id: int) -> int:
        ...     return id
        >>> bound = Adaptive(low=2, high=64)
        >>> asyncio.run(flow(load).each(concurrency=bound)(range(3))), bound.info().limit >= 2
        ([0, 1, 2], True)
    """

    __slots__ = ("low", "high", "_gauge")
    low: int
    high: int
    _gauge: Gauge

    def __init__(self, low: int = 2, high: int = HIGH) -> None:
        for name, value in (("low", low), ("high", high)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise DefinitionError(f"`{name}` is a whole number, got {value!r}.")
        if not 1 <= low <= high:
            raise InvalidValue(f"`low` is 1 or more and at most `high`, got low={low} and high={high}.")
        self._fill(low=low, high=high, _gauge=Gauge(low, high))

    @property
    def gauge(self) -> Gauge:
        """The machine, which those who are given this value share."""
        return self._gauge

    def fresh(self) -> Adaptive:
        """Give an equal value that has measured nothing."""
        return Adaptive(self.low, self.high)

    def info(self) -> AdaptiveInfo:
        """Give where the bound is."""
        return self._gauge.info()


class Gauge:
    """The limit, and what was measured. Safe for threads; no call of it waits.

    Attributes:
        limit: how many may run at once now.
        high: the most that it will ever be.
    """

    __slots__ = (
        "base", "calm", "changes", "epoch", "growing", "high", "latency", "limit", "locks", "low", "rest", "rounds",
        "samples", "was", "why",
    )  # fmt: skip

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.limit = low
        self.epoch = self.rounds = self.changes = 0
        self.samples: list[float] = []
        self.base: float | None = None
        self.latency: float | None = None
        self.growing = True
        self.calm = True
        self.rest = PROBE_EVERY
        self.was: int | None = None
        self.why = ""
        self.locks: dict[int, threading.Lock] = {}

    @property
    def lock(self) -> threading.Lock:
        """The lock of this process: in a forked child nobody would release one that another thread held."""
        here = os.getpid()
        return self.locks.get(here) or self.locks.setdefault(here, threading.Lock())

    def ended(self, epoch: int, seconds: float, beside: int) -> Shift | None:
        """Take a call that has succeeded; give the change of the limit, if this brings one.

        Args:
            epoch: what `epoch` was when it began: what began under another limit tells nothing about this one.
            seconds: how long it took.
            beside: how many ran when it ended, itself included.
        """
        with self.lock:
            if epoch != self.epoch:
                return None
            self.samples.append(seconds)
            self.calm = self.calm and beside < self.limit
            if len(self.samples) < max(ROUND, 2 * self.limit):
                return None
            return self.turn()

    def failed(self, epoch: int, error: Exception) -> Shift | None:
        """Take a call that has failed; only one that came too late, or was asked to wait, tells of the load."""
        if not is_refusal(error):
            return None
        with self.lock:
            if epoch != self.epoch:
                return None
            self.growing = False
            self.was = None
            limit = max(self.low, int(self.limit * BACK_OFF))
            return self.move(limit, "calls came too late, or were asked to wait")

    def info(self) -> AdaptiveInfo:
        """Give where it is."""
        with self.lock:
            return AdaptiveInfo(self.limit, self.base, self.latency, self.rounds, self.changes, self.why)

    # ------------------------------------------------------------------ with the lock held

    def turn(self) -> Shift | None:
        """End a round."""
        most = sorted(self.samples)[: -(len(self.samples) // 10) or None]  # a call that hangs tells nothing of a queue
        latency = self.latency = fsum(most) / len(most)
        calm, before = self.calm, self.limit
        self.rounds += 1
        self.samples, self.calm = [], True
        if self.was is not None:
            return self.probed(latency)
        self.rest -= 1
        if self.rest <= 0 and not self.growing:
            return self.probe()
        base = self.base = self.lowered(latency)
        queue = before * (1 - base / latency) if latency > 0 else 0.0
        few, many = max(1.0, FEW * before), max(2.0, MANY * before)
        told = f"calls take {latency:.3g} s, and {base:.3g} s without load"
        if self.growing:
            if queue <= few:
                return None if calm else self.move(min(2 * before, self.high), told)
            self.growing = False
            return self.move(max(self.low, min(before, round(before - queue + few))), told)
        if queue > many:
            return self.move(max(self.low, before - max(1, round(queue - many))), told)
        if queue < few and not calm:
            return self.move(min(before + 1, self.high), told)
        return None

    def lowered(self, latency: float) -> float:
        """Give the latency without load after one that may be lower: while growing at once, later as far as it lasts."""
        if self.base is None:
            return latency
        if latency >= self.base:
            return self.base
        return latency if self.growing else self.base + SLOWLY * (latency - self.base)

    def probe(self) -> Shift | None:
        """Measure one round at half of the limit."""
        self.rest = PROBE_EVERY
        self.was = self.limit
        return self.move(max(self.low, self.limit // 2), "to measure the latency without load")

    def probed(self, latency: float) -> Shift | None:
        """Take what was measured, and go back; where calls are slower by nature now, find the limit anew."""
        assert self.was is not None
        back, self.was = self.was, None
        slower = self.base is not None and latency > self.base * (1 + MANY)
        self.base = latency
        if slower:
            self.growing = True
            return None
        return self.move(back, "the latency without load is measured")

    def move(self, limit: int, why: str) -> Shift | None:
        """Set the limit; what is on the way tells nothing any more."""
        before = self.limit
        self.epoch += 1
        self.samples, self.calm = [], True
        if limit == before:
            return None
        self.limit = limit
        self.changes += 1
        self.why = why
        return Shift(before, limit, why)


def is_refusal(error: Exception) -> bool:
    """Say whether an error tells that it was too much."""
    try:
        return isinstance(error, TimeoutError) or bool(getattr(error, "retry_after", None))
    except Exception:  # an attribute of a foreign class may do anything
        return False
