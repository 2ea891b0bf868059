"""How often something may happen: a bucket of tokens, and a window that slides. Machines without clocks: `now` comes in.

Both give the very moment at which the next permit is there, so that who waits until then gets it, and who asks a moment
earlier does not. What rounding does to floats is turned to the later side.

Source: the bucket is the generic cell rate algorithm (ITU-T I.371), counted from the last moment at which it was full.
"""

from __future__ import annotations

from collections import deque
from math import inf, nextafter

__all__ = ["Bucket", "Sliding", "after", "until"]

EXACT = 64
"""So many periods are added one by one, as they will pass, and the others at once: or every new caller would count through
all who wait."""


def after(moment: float, seconds: float) -> float:
    """Give the first float that is not before `moment + seconds`.

    Example:
        >>> after(0.1, 0.2) >= 0.1 + 0.2
        True
    """
    total = moment + seconds
    most = total - moment
    rest = (moment - (total - most)) + (seconds - most)  # what rounding took away: exact (Knuth, TwoSum)
    return nextafter(total, inf) if rest > 0 else total


def until(now: float, due: float) -> float:
    """Give for how many seconds to wait from `now` on: the clock then shows `due` or later, not earlier by rounding."""
    rest = max(due - now, 0.0)
    while now + rest < due:  # a step is not lost in the sum: where `now` is so much larger, the difference was exact
        rest = nextafter(rest, inf)
    return rest


class Bucket:
    """At most `burst` at once, and then one every `per / count` seconds.

    Attributes:
        began: when the bucket was full the last time that somebody came.
        number: how many were taken since. So no sum of steps gathers what rounding does to each.
    """

    __slots__ = ("began", "burst", "count", "number", "per")

    def __init__(self, count: int, per: float, burst: int) -> None:
        self.count = count
        self.per = per
        self.burst = burst
        self.began = -inf
        self.number = 0

    def take(self, now: float) -> bool:
        """Take a permit; say whether there was one."""
        number = self.number
        if number * self.per / self.count + self.began <= now:
            self.began = now
            self.number = 1
            return True
        if number >= self.burst and (number + 1 - self.burst) * self.per / self.count + self.began > now:
            return False
        self.number = number + 1
        return True

    def due(self, now: float, ahead: int = 0) -> float:
        """Give when a permit is there for who waits behind `ahead` others; not later than `now` if it is there."""
        began, number = (now, 0) if self.is_idle(now) else (self.began, self.number)
        return max(now, began + max(0, number + 1 + ahead - self.burst) * self.per / self.count)

    def is_idle(self, now: float) -> bool:
        """Say whether nothing is known that a fresh one would not know."""
        return self.began + self.number * self.per / self.count <= now


class Sliding:
    """Never more than `count` in any `per` seconds: one happens when the last but `count - 1` is so long ago.

    Attributes:
        log: when the last `count` happened.
    """

    __slots__ = ("count", "log", "per")

    def __init__(self, count: int, per: float, burst: int = 0) -> None:
        self.count = count
        self.per = per
        self.log: deque[float] = deque(maxlen=count)

    def take(self, now: float) -> bool:
        """Take a permit; say whether there was one."""
        log = self.log
        if len(log) == self.count and after(log[0], self.per) > now:
            return False
        log.append(now)
        return True

    def due(self, now: float, ahead: int = 0) -> float:
        """Give when a permit is there for who waits behind `ahead` others; not later than `now` if it is there."""
        rounds, place = divmod(len(self.log) + ahead, self.count)
        moment = now
        if place < len(self.log):
            moment, rounds = max(after(self.log[place], self.per), now), rounds - 1
        for _ in range(min(rounds, EXACT)):
            moment = after(moment, self.per)
        return moment if rounds <= EXACT else after(moment, (rounds - EXACT) * self.per)

    def is_idle(self, now: float) -> bool:
        """Say whether nothing is known that a fresh one would not know."""
        return not self.log or after(self.log[-1], self.per) <= now
