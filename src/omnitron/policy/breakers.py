"""`CircuitBreaker`: when calls of what keeps failing are refused, and when they are tried again. A machine without clocks.

    closed ──it fails──▶ open ──open_for is over──▶ half-open ──the probes succeed──▶ closed
                          ▲                              │
                          └──────────a probe fails───────┘

Each change begins a new *epoch*. A call belongs to the epoch in which it was let through; what comes of it after a change
counts for nothing. While it is half-open and nothing comes of the probes, another epoch begins from time to time, in which
others are let through; there the results of the earlier ones count too.

Called by one thread at a time, under `valve`. Who drives it: `omnitron.algebra.breaking`.

Source: Nygard, Release It!; the windows are those of resilience4j.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.adapting import Shift
from omnitron.policy.defaults import FAILURES, OPEN_FOR_S, WINDOW
from omnitron.policy.flights import Gate
from omnitron.policy.limits import check_whole
from omnitron.policy.schedules import check_seconds
from omnitron.policy.stacks import EitherColour

if TYPE_CHECKING:
    from omnitron.policy.schedules import Seconds

__all__ = ["CLOSED", "HALF_OPEN", "OPEN", "Breaker", "BreakerCell", "BreakerInfo", "CircuitBreaker", "valve"]

valve = Gate()
"""The lock over all breakers; held for about a microsecond, and never while a flow runs."""
MOST = 10_000
"""So many calls are remembered at most, also in a window of seconds."""
CLOSED, OPEN, HALF_OPEN, ISOLATED = "closed", "open", "half-open", "isolated"


class BreakerInfo(Record):
    """What a breaker does, over all flows that share it.

    Attributes:
        state: "closed", "open", "half-open" or "isolated".
        failures: the failed calls that count now: in a row, or in the window.
        calls: the calls in the window; 0 where failures in a row count.
        refused: how many calls were refused so far.
        changes: how often the state has changed.
        why: the reason of the last change, "" before the first.
    """

    __slots__ = ("state", "failures", "calls", "refused", "changes", "why")
    state: str
    failures: int
    calls: int
    refused: int
    changes: int
    why: str

    def __init__(self, state: str, failures: int, calls: int, refused: int, changes: int, why: str) -> None:
        self._fill(state=state, failures=failures, calls=calls, refused=refused, changes=changes, why=why)


class Breaker:
    """The machine.

    Attributes:
        state: "closed", "open", "half-open" or "isolated".
        epoch: the number of the present epoch; who holds it in the closed state is let through without asking.
        began: the first epoch of the present state: what comes of calls of an earlier one counts for nothing.
        until: when it is tried again, while it is open; when the places of lost probes are given anew, while half-open.
        clock, seen: the clock of the last time that it was told, and that time.
        failed: failures in a row.
        results: of each call in the window when it ended and whether it failed.
        probing: how many probes were let through in this epoch; `passed` how many of them succeeded.

    Example:
        >>> breaker, policy = Breaker(), CircuitBreaker(failures=2, open_for=30)
        >>> first = breaker.admit(policy, now=0.0)
        >>> breaker.ended(policy, first, now=0.1, failed=True)
        >>> breaker.ended(policy, first, now=0.2, failed=True).after
        'open'
        >>> (
        ...     breaker.admit(policy, now=0.3) is None,
        ...     breaker.wake(policy, now=30.2).after,
        ...     breaker.admit(policy, now=30.2),
        ... )
        (True, 'half-open', 2)
    """

    __slots__ = (
        "bad", "began", "changes", "clock", "epoch", "failed", "passed", "probing", "refused", "results", "seen", "state",
        "until", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.state = CLOSED
        self.epoch = self.began = 0
        self.until = inf
        self.clock: object = None
        self.seen = 0.0
        self.failed = self.bad = self.probing = self.passed = self.refused = self.changes = 0
        self.results: deque[tuple[float, bool]] = deque()
        self.why = ""

    def turn(self, after: str, why: str, until: float = inf) -> Shift:
        """Begin an epoch in a state."""
        before, self.state = self.state, after
        self.epoch += 1
        self.began = self.epoch
        self.until = until
        self.failed = self.bad = self.probing = self.passed = 0
        self.results.clear()
        self.changes += 1
        self.why = why
        return Shift(before, after, why)

    def follow(self, clock: object, now: float) -> None:
        """Take note of the time; what was known by another clock is as long ago, or ahead, on this one."""
        if clock is not self.clock:
            if self.clock is not None:
                ahead = now - self.seen
                self.until += ahead
                self.results = deque((ended + ahead, failed) for ended, failed in self.results)
            self.clock = clock
        self.seen = now

    def wake(self, policy: CircuitBreaker, now: float) -> Shift | None:
        """Do what time alone brings: become half-open, and take probes that never came back for lost."""
        if self.until == -inf:  # it was told to open, by somebody who knows no clock
            self.until = now + policy.open_for
        if now < self.until:
            return None
        if self.state == OPEN:
            return self.turn(HALF_OPEN, f"it was open for {policy.open_for:g} s", now + policy.open_for)
        if self.state == HALF_OPEN:  # the probes are gone, or take long: what comes of them still counts
            self.epoch += 1
            self.probing = 0
            self.until = now + policy.open_for
        return None

    def admit(self, policy: CircuitBreaker, now: float) -> int | None:
        """Let a call through: give its epoch; None refuses it. `wake` comes before."""
        if self.state == CLOSED:
            return self.epoch
        if self.state == HALF_OPEN and self.probing < policy.probes:
            self.probing += 1
            self.until = now + policy.open_for
            return self.epoch
        self.refused += 1
        return None

    def ended(self, policy: CircuitBreaker, epoch: int, now: float, *, failed: bool) -> Shift | None:
        """Count what came of a call of an epoch."""
        if epoch < self.began:
            return None
        if self.state == HALF_OPEN:
            if failed:
                return self.turn(OPEN, "a probe failed", now + policy.open_for)
            self.passed += 1
            if self.passed < policy.probes:
                return None
            return self.turn(CLOSED, f"{self.passed} probe{'s' * (self.passed > 1)} succeeded")
        if self.state != CLOSED:
            return None
        if policy.share is None:
            self.failed = self.failed + 1 if failed else 0
            if self.failed < policy.failures:
                return None
            return self.turn(OPEN, f"{self.failed} calls in a row failed", now + policy.open_for)
        return self.weigh(policy, now, failed=failed)

    def weigh(self, policy: CircuitBreaker, now: float, *, failed: bool) -> Shift | None:
        """Count a call in the window, and open if too many in it have failed."""
        self.results.append((now, failed))
        self.bad += failed
        self.forget(policy, now)
        calls = len(self.results)
        if not failed or calls < policy.minimum or policy.share is None or self.bad / calls < policy.share:
            return None
        return self.turn(OPEN, f"{self.bad} of the last {calls} calls failed", now + policy.open_for)

    def forget(self, policy: CircuitBreaker, now: float) -> None:
        """Drop what is no longer in the window."""
        results, within = self.results, policy.within
        most = policy.window if within is None else MOST
        while results and (len(results) > most or (within is not None and now - results[0][0] >= within)):
            self.bad -= results.popleft()[1]

    def abandoned(self, epoch: int) -> None:
        """Give back the place of a probe of which nothing came: it was cancelled."""
        if epoch == self.epoch and self.state == HALF_OPEN:
            self.probing -= 1


def positive(name: str, value: Any) -> float:
    """Give a duration in seconds; refuse none."""
    seconds = check_seconds(name, value)
    if not seconds:
        raise InvalidValue(f"`{name}` is a number of seconds above 0, got {value!r}.")
    return seconds


class BreakerCell(Record):
    """The state of a breaker: no part of equality, hash and pickling, so that a pickled one arrives closed."""

    __slots__ = ("_breaker",)
    _breaker: Breaker

    def __init__(self) -> None:
        self._fill(_breaker=Breaker())

    @property
    def breaker(self) -> Breaker:
        """The machine."""
        return self._breaker


class CircuitBreaker(EitherColour):
    """A policy: refuse calls of what keeps failing for a while. `f.circuit_breaker(...)` takes the same, or such a value.

    The state belongs to the value: flows that are given the same one are refused together. Two made alike are equal and
    share nothing; a pickled one arrives closed.

    Args:
        failures: it opens when so many calls in a row have failed. Not used where `share` is given.
        share: it opens when this share of the calls in a window has failed, from above 0 to 1; None counts calls in a row.
        window: the window, in calls: the last so many.
        within: the window in seconds, in the place of `window`; of more than 10,000 calls in it the last so many count.
        minimum: how many calls have to be in the window before it opens.
        slow: seconds; a call that takes longer counts as failed, also if it succeeds.
        on: which exceptions count as failures: a type, a tuple of them, or a predicate. Others count as successes.
        open_for: for how many seconds it refuses before it tries again.
        probes: how many calls it lets through then; all have to succeed for it to close, and one that fails opens it.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import flow
        >>> service = CircuitBreaker(failures=1)
        >>> guarded = flow(lambda x: 1 / x).apply(service)
        >>> guarded(0)
        Traceback (most recent call last):
        ZeroDivisionError: division by zero
        >>> service.state
        'open'
    """

    __slots__ = (
        "failures", "share", "window", "within", "minimum", "slow", "on", "open_for", "probes", "_cell",
    )  # fmt: skip
    failures: int
    share: float | None
    window: int
    within: float | None
    minimum: int
    slow: float | None
    on: Any
    open_for: float
    probes: int
    _cell: BreakerCell

    def __init__(
        self,
        failures: int = FAILURES,
        *,
        share: float | None = None,
        window: int = WINDOW,
        within: Seconds | None = None,
        minimum: int = 10,
        slow: Seconds | None = None,
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
        open_for: Seconds = OPEN_FOR_S,
        probes: int = 1,
    ) -> None:
        for name, value in (("failures", failures), ("window", window), ("minimum", minimum), ("probes", probes)):
            check_whole(name, value, "calls")
        if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
            raise DefinitionError(f"`share` is a number above 0 and up to 1, got {share!r} ({type(share).__name__}).")
        if share is not None and not 0 < share <= 1:
            raise InvalidValue(
                f"`share` is a number above 0 and up to 1, got {share!r}. For half of the calls give 0.5."
            )
        if share is not None and within is None and minimum > window:
            raise InvalidValue(f"`minimum` is {minimum}, and there are never more calls than {window} in the `window`.")
        self._fill(
            failures=failures,
            share=share,
            window=window,
            within=None if within is None else positive("within", within),
            minimum=minimum,
            slow=None if slow is None else positive("slow", slow),
            on=on,
            open_for=positive("open_for", open_for),
            probes=probes,
            _cell=BreakerCell(),
        )

    @property
    def cell(self) -> BreakerCell:
        """The state that those who are given this value share."""
        return self._cell

    @property
    def state(self) -> str:
        """The state: "closed", "open" (until the next call after its time), "half-open" or "isolated"."""
        return self._cell.breaker.state

    def open(self) -> None:
        """Refuse calls from now on, until a call comes after `open_for` seconds: that one is a probe."""
        self.told(OPEN, "it was told to open")

    def isolate(self) -> None:
        """Refuse calls from now on, until `close` is called."""
        self.told(ISOLATED, "it was isolated")

    def close(self) -> None:
        """Let calls through from now on, and forget what has failed."""
        self.told(CLOSED, "it was told to close")

    def told(self, state: str, why: str) -> None:
        """Change the state, whatever it was."""
        with valve:
            self._cell.breaker.turn(state, why, -inf if state == OPEN else inf)

    def info(self) -> BreakerInfo:
        """Give the state, and what was counted."""
        breaker = self._cell.breaker
        with valve:
            failures = breaker.failed if self.share is None else breaker.bad
            return BreakerInfo(
                breaker.state, failures, len(breaker.results), breaker.refused, breaker.changes, breaker.why
            )
