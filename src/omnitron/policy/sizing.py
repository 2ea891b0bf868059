"""`AdaptiveSize`: a batch takes as many items as it can while its calls take no longer than they should.

A machine without clocks: it is told how many items a call had and how long it took. The size doubles until a call is too
slow, then grows by small steps while full calls are fast enough, and shrinks by a tenth when one is not.

Source: Crankshaw et al., Clipper (NSDI 2017): additive increase and multiplicative decrease against a latency objective.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.adapting import AdaptiveInfo, Shift
from omnitron.policy.defaults import SIZE
from omnitron.policy.flights import Gate
from omnitron.policy.schedules import check_seconds

if TYPE_CHECKING:
    from omnitron.policy.schedules import Seconds

__all__ = ["AdaptiveSize", "Sizer"]

sizes = Gate()
"""The lock over all sizes; held for about a microsecond."""
STEPS = 50
"""In so many steps the size would grow from nothing to its most."""


class Sizer:
    """The machine.

    Attributes:
        limit: how many items a window that opens now takes.
    """

    __slots__ = ("calls", "changes", "growing", "high", "latency", "limit", "low", "why", "within")

    def __init__(self, low: int, high: int, within: float) -> None:
        self.low, self.high, self.within = low, high, within
        self.limit = low
        self.growing = True
        self.latency: float | None = None
        self.calls = self.changes = 0
        self.why = ""

    def ended(self, sent: int, seconds: float) -> Shift | None:
        """Take a call that has succeeded; give the change of the size, if this brings one.

        A slow call of more than are taken by now tells nothing new: it began before the size was made smaller.
        """
        with sizes:
            self.latency = seconds
            self.calls += 1
            before, why = self.limit, ""
            if seconds > self.within and sent <= before:
                self.growing = False
                self.limit = max(self.low, int(before * 0.9))
                why = f"a call of {sent} took {seconds:.3g} s"
            elif seconds <= self.within and sent >= before:
                more = before if self.growing else max(1, self.high // STEPS)
                self.limit = min(self.high, before + more)
                why = f"a call of {sent} took {seconds:.3g} s only"
            if self.limit == before:
                return None
            self.changes += 1
            self.why = why
            return Shift(before, self.limit, why)

    def info(self) -> AdaptiveInfo:
        """Give where the size is."""
        with sizes:
            return AdaptiveInfo(self.limit, None, self.latency, self.calls, self.changes, self.why)


class AdaptiveSize(Record):
    """A size of batches that follows the measured time of their calls: `f.batch(AdaptiveSize(high=500, within=0.1))`.

    It starts at `low`, and takes more while calls that are full take less than `within`. The size belongs to the value; who
    shares the value shares it. Two made alike are equal and share nothing; a pickled one starts anew.

    Args:
        low: the least.
        high: the most.
        within: how long a call should take at most, in seconds.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import flow
        >>> def squares(xs: list[int]) -> list[int]:
        ...     return [x * x for x in xs]
        >>> flow(squares).batch(AdaptiveSize(high=500, within=0.1))(4)
        16
    """

    __slots__ = ("low", "high", "within", "_sizer")
    low: int
    high: int
    within: float
    _sizer: Sizer

    def __init__(self, low: int = 1, high: int = SIZE, *, within: Seconds) -> None:
        for name, value in (("low", low), ("high", high)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise DefinitionError(f"`{name}` is a whole number of items, got {value!r} ({type(value).__name__}).")
        if not 1 <= low <= high:
            raise InvalidValue(f"`low` is 1 or more and at most `high`, got low={low} and high={high}.")
        seconds = check_seconds("within", within)
        if not seconds:
            raise InvalidValue("`within` is a number of seconds above 0: how long a call should take at most.")
        self._fill(low=low, high=high, within=seconds, _sizer=Sizer(low, high, seconds))

    @property
    def sizer(self) -> Sizer:
        """The machine, which those who are given this value share."""
        return self._sizer

    def fresh(self) -> AdaptiveSize:
        """Give an equal value that has measured nothing."""
        return self.replace()

    def info(self) -> AdaptiveInfo:
        """Give where the size is."""
        return self._sizer.info()
