"""`Hedge`: after how long without a result a second attempt starts. The machine of one call: `Starts`.

Source: Dean and Barroso, The Tail at Scale (2013): a second request once the first has taken longer than most do; gRPC
A6 (hedging with a throttle, and errors that end it).
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from itertools import count
from math import ceil
from typing import Any, Self

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.budgets import RetryBudget
from omnitron.policy.defaults import DELAY_S, HEDGE_BUDGET, HEDGES
from omnitron.policy.retries import checked_on
from omnitron.policy.schedules import Seconds, check_number, check_seconds
from omnitron.policy.stacks import PolicyValue

__all__ = ["Hedge", "HedgeCell", "HedgeInfo", "Latencies", "Starts"]

WINDOW = 128
"""How many latencies are kept."""
LEAST = 16
"""How many are needed before a percentile of them says anything."""
HIGHEST = 0.99
"""The highest percentile that a window of that length can tell."""


class HedgeInfo(Record):
    """What hedging has done so far.

    Attributes:
        calls: how many calls there were.
        hedges: how many attempts were started beside the first ones.
        wins: how many calls an attempt other than the first has answered.
        refused: how many attempts the budget did not allow.
        delay: seconds after which the next attempt of a call would start now.
        measured: of how many calls the latency is known now.
    """

    __slots__ = ("calls", "hedges", "wins", "refused", "delay", "measured")
    calls: int
    hedges: int
    wins: int
    refused: int
    delay: float
    measured: int

    def __init__(self, calls: int, hedges: int, wins: int, refused: int, delay: float, measured: int) -> None:
        self._fill(calls=calls, hedges=hedges, wins=wins, refused=refused, delay=delay, measured=measured)


class Latencies:
    """The last latencies, sorted as they come. Not safe for threads."""

    __slots__ = ("in_order", "lately")

    def __init__(self) -> None:
        self.lately: deque[float] = deque()
        self.in_order: list[float] = []

    def add(self, seconds: float) -> None:
        """Take one; the oldest goes when there are too many."""
        if len(self.lately) == WINDOW:
            del self.in_order[bisect_left(self.in_order, self.lately.popleft())]
        self.lately.append(seconds)
        insort(self.in_order, seconds)

    def percentile(self, share: float) -> float | None:
        """Give the smallest latency that at least `share` of them do not exceed; None where too few are known."""
        known = len(self.in_order)
        if known < max(LEAST, round(1 / (1 - share))):
            return None
        return self.in_order[ceil(share * known - 1e-9) - 1]


class HedgeCell(Record):
    """The state of a hedge: no part of equality, hash and pickling, so that a pickled one starts anew."""

    __slots__ = ("_state",)
    _state: State

    def __init__(self) -> None:
        self._fill(_state=State())

    @property
    def state(self) -> State:
        """What was counted and measured."""
        return self._state


class State:
    """What was counted and measured by all who share a cell. Calls are counted without a lock, which each would pay."""

    __slots__ = ("budgets", "calls", "hedges", "known", "latencies", "locks", "refused", "wins")

    def __init__(self) -> None:
        self.locks: dict[int, threading.Lock] = {}
        self.budgets: dict[float, RetryBudget] = {}
        self.calls = count()
        self.known = self.hedges = self.wins = self.refused = 0
        self.latencies = Latencies()

    @property
    def lock(self) -> threading.Lock:
        """The lock of this process: in a forked child nobody would release one that another thread held."""
        here = os.getpid()
        return self.locks.get(here) or self.locks.setdefault(here, threading.Lock())

    def budget(self, given: float | RetryBudget | None) -> RetryBudget | None:
        """Give the budget that a share stands for, the same one each time; one that is given is that."""
        if given is None or isinstance(given, RetryBudget):
            return given
        return self.budgets.get(given) or self.budgets.setdefault(given, RetryBudget(given))

    def measured(self, seconds: float) -> None:
        """Take how long the first attempt of a call took, or had when another one won."""
        with self.lock:
            self.latencies.add(seconds)

    def add(self, *, hedges: int = 0, wins: int = 0, refused: int = 0) -> None:
        """Count what is rare."""
        with self.lock:
            self.hedges += hedges
            self.wins += wins
            self.refused += refused

    def delay(self, fixed: float, percentile: float | None, minimum: float) -> float:
        """Give the seconds after which the next attempt of a call starts."""
        if percentile is None:
            return fixed
        with self.lock:
            found = self.latencies.percentile(percentile)
        return fixed if found is None else max(found, minimum)

    def info(self, delay: float) -> HedgeInfo:
        """Give the counts."""
        with self.lock:
            looks = self.known
            self.known += 1
            calls = next(self.calls) - looks  # each look counts as a call too
            return HedgeInfo(calls, self.hedges, self.wins, self.refused, delay, len(self.latencies.lately))


class Hedge(PolicyValue):
    """A policy: where no result has come in time, try once more beside it. `f.hedge(...)` takes the same arguments.

    What is counted and measured belongs to the value: flows that are given the same one share it. Two made alike are equal
    and share nothing; a pickled one starts anew.

    Args:
        delay: seconds without a result after which another attempt starts, 0.1; with `percentile`, until enough is known.
        at_most: how many attempts a call has at most, the first included: 2.
        percentile: take for the delay what this share of the last calls did not exceed, 0.95 for example.
        minimum: with `percentile`, the shortest delay, in seconds.
        on: after which errors another attempt starts at once; any other error leaves, and ends the attempts beside it.
        budget: how many hedges a call earns, over all calls, 0.1: one for ten (and ten in reserve); or a `RetryBudget`
            that others share; None for no bound.
        idempotent: says that doing it more often than once does no harm; asked for where the flow declares WRITE.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import flow
        >>> async def load(id: int) -> int:
        ...     return id
        >>> flow(load).apply(Hedge(0.2))
        <AsyncFlow load: hedge(0.2 s)
        └── load>
    """

    __slots__ = ("delay", "at_most", "percentile", "minimum", "on", "budget", "idempotent", "_cell")
    delay: float
    at_most: int
    percentile: float | None
    minimum: float
    on: Any
    budget: float | RetryBudget | None
    idempotent: bool
    _cell: HedgeCell

    def __init__(
        self,
        delay: Seconds = DELAY_S,
        at_most: int = HEDGES,
        *,
        percentile: float | None = None,
        minimum: Seconds = 0.0,
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
        budget: float | RetryBudget | None = HEDGE_BUDGET,
        idempotent: bool = False,
    ) -> None:
        if isinstance(at_most, bool) or not isinstance(at_most, int):
            raise DefinitionError(f"`at_most` is a whole number of attempts, got {at_most!r}.")
        if at_most < 2:
            raise InvalidValue(f"`at_most` counts the first attempt too, so that it is 2 or more; got {at_most!r}.")
        if percentile is not None and not 0 < check_number("percentile", percentile) <= HIGHEST:
            raise InvalidValue(
                f"`percentile` is a share between 0 and {HIGHEST}, got {percentile!r}: 0.95 is what 95 of 100 calls do not "
                f"exceed, and of the last {WINDOW} calls none is more exceptional than {HIGHEST}."
            )
        if budget is not None and not isinstance(budget, RetryBudget):
            if not check_number("budget", budget):
                raise InvalidValue(f"`budget` is a share of the calls, such as 0.1; got {budget!r}.")
            budget = float(budget)
        if not isinstance(idempotent, bool):
            raise DefinitionError(f"`idempotent` is True or False, got {idempotent!r}.")
        self._fill(
            delay=check_seconds("delay", delay), at_most=at_most, percentile=percentile,
            minimum=check_seconds("minimum", minimum), on=checked_on(on), budget=budget, idempotent=idempotent,
            _cell=HedgeCell(),
        )  # fmt: skip
        if percentile is None and self.minimum:
            raise DefinitionError("`minimum` bounds what `percentile` gives; without that, `delay` is the delay.")

    @property
    def cell(self) -> HedgeCell:
        """The state that those who are given this value share."""
        return self._cell

    def takes(self, error: Exception) -> bool:
        """Say whether an error is one after which another attempt may succeed."""
        on = self.on
        return isinstance(error, on) if isinstance(on, type | tuple) else bool(on(error))

    def fresh(self) -> Self:
        """Give an equal policy that has counted and measured nothing, with a budget of its own."""
        budget = self.budget
        return self.replace(budget=budget.fresh() if isinstance(budget, RetryBudget) else budget)

    def info(self) -> HedgeInfo:
        """Give what was done so far, by all who share this value, and the delay of the next call."""
        state = self._cell.state
        return state.info(state.delay(self.delay, self.percentile, self.minimum))


class Starts:
    """The attempts of one call: a machine that says whether another one may start.

    Attributes:
        made: how many have started.
        stopped: why there is no next one though there could be, as a part of a sentence.
    """

    __slots__ = ("budget", "made", "most", "state", "stopped")

    def __init__(self, most: int, budget: RetryBudget | None, state: State) -> None:
        self.most = most
        self.budget = budget
        self.state = state
        self.made = 1
        self.stopped = ""
        next(state.calls)
        if budget is not None:
            budget.note_call()

    def more(self) -> bool:
        """Say whether another attempt starts now, and count it."""
        if self.stopped or self.made >= self.most:
            return False
        if self.budget is not None and not self.budget.take():
            self.stopped = "the hedge budget is used up"
            self.state.add(refused=1)
            return False
        self.made += 1
        self.state.add(hedges=1)
        return True
