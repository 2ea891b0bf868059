"""`Retry`: which failures are tried again, how often, and after how long. A machine without I/O: `Tries`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.policy.asked import retry_after
from omnitron.policy.budgets import RetryBudget
from omnitron.policy.defaults import ATTEMPTS, DELAY_S, MAX_DELAY_S
from omnitron.policy.schedules import JITTERS, LONGEST_S, Capped, Growing, Moment, Schedule, Seconds, check_seconds
from omnitron.policy.stacks import EitherColour

if TYPE_CHECKING:
    from datetime import datetime

    from omnitron.policy.schedules import Jitter

__all__ = ["Backoff", "Retry", "Tries", "checked_on"]

Backoff: TypeAlias = Literal["exponential", "linear", "fibonacci", "fixed"]


class Retry(EitherColour):
    """A policy: try again what failed. `f.retry(...)` takes the same arguments, or such a value.

    Durations are seconds, or a timedelta.

    Args:
        attempts: how many at most, the first included; 3, or as many as the schedule says where `backoff` is one.
        delay: seconds before the second attempt, 0.1.
        backoff: how the delay grows: "exponential" (doubles), "linear", "fibonacci", "fixed", or a `Schedule`.
        on: after which errors: an exception type, a tuple of them, or a predicate of the exception.
        jitter: "full" (the default: drawn from 0 to the delay), "equal" (from half of it), "none" (the default where
            `backoff` is a `Schedule`).
        max_delay: no wait is longer, in seconds; 30. An error that asks for a longer one is not tried again.
        deadline: seconds from the start of the first attempt after which none starts; None for no bound.
        budget: how many retries are allowed to all who share it.
        idempotent: says that doing it more often than once does no harm; asked for where the flow declares WRITE.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> policy = Retry(attempts=4, delay=1.0, jitter="none")
        >>> list(policy.schedule.delays())
        [1.0, 2.0, 4.0]
    """

    __slots__ = (
        "attempts",
        "delay",
        "backoff",
        "on",
        "jitter",
        "max_delay",
        "deadline",
        "budget",
        "idempotent",
        "_schedule",
    )
    attempts: int | None
    delay: float | None
    backoff: Backoff | Schedule
    on: Any
    jitter: Jitter | None
    max_delay: float
    deadline: float | None
    budget: RetryBudget | None
    idempotent: bool
    _schedule: Schedule

    def __init__(
        self,
        attempts: int | None = None,
        delay: Seconds | None = None,
        backoff: Backoff | Schedule = "exponential",
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
        *,
        jitter: Jitter | None = None,
        max_delay: Seconds = MAX_DELAY_S,
        deadline: Seconds | None = None,
        budget: RetryBudget | None = None,
        idempotent: bool = False,
    ) -> None:
        if budget is not None and not isinstance(budget, RetryBudget):
            raise DefinitionError(f"`budget` is a RetryBudget, which callers share, got {budget!r}.")
        if not isinstance(idempotent, bool):
            raise DefinitionError(f"`idempotent` is True or False, got {idempotent!r}.")
        self._fill(
            attempts=attempts, backoff=backoff, on=checked_on(on), jitter=jitter, budget=budget, idempotent=idempotent,
            delay=None if delay is None else check_seconds("delay", delay),
            max_delay=check_seconds("max_delay", max_delay),
            deadline=None if deadline is None else check_seconds("deadline", deadline),
        )  # fmt: skip
        self._fill(_schedule=self.planned())

    @property
    def schedule(self) -> Schedule:
        """The schedule that `attempts`, `delay`, `backoff`, `jitter` and `deadline` stand for."""
        return self._schedule

    def planned(self) -> Schedule:
        """Make the schedule."""
        if self.jitter is not None and self.jitter not in JITTERS:
            raise InvalidValue(f"`jitter` is one of {', '.join(map(repr, JITTERS))}; got {self.jitter!r}.")
        attempts = self.attempts
        schedule: Schedule
        if isinstance(self.backoff, Schedule):
            if self.delay is not None:
                raise DefinitionError("`delay` and a schedule in `backoff` both say how long to wait; leave one out.")
            schedule, jitter = Capped(self.backoff, self.max_delay), self.jitter
        else:
            if self.backoff not in Growing.KINDS:
                kinds = ", ".join(map(repr, Growing.KINDS))
                raise InvalidValue(f"`backoff` is one of {kinds}, or a Schedule; got {self.backoff!r}.")
            delay = DELAY_S if self.delay is None else self.delay
            growth = {"exponential": 2.0, "linear": delay, "fibonacci": 1.0, "fixed": 0.0}[self.backoff]
            schedule, jitter = Growing(self.backoff, delay, growth, self.max_delay), self.jitter or "full"
            attempts = ATTEMPTS if attempts is None else attempts
        if jitter is not None and jitter != "none":
            schedule = schedule.jittered(jitter)
        if attempts is not None or self.deadline is not None:
            schedule = schedule.up_to(attempts=attempts, elapsed=self.deadline)
        return schedule

    def fresh(self) -> Self:
        """Give an equal policy that shares nothing with this one: its budget, where it has one, is new."""
        return self if self.budget is None else self.replace(budget=self.budget.fresh())

    def takes(self, error: Exception) -> bool:
        """Say whether an error is one that is tried again."""
        on = self.on
        return isinstance(error, on) if isinstance(on, type | tuple) else bool(on(error))


class Tries:
    """The attempts of one call: a machine that is told of each failure, and says how long to wait before the next attempt.

    Attributes:
        made: how many attempts have begun.
        stopped: why there is no next one, as a part of a sentence; "" where the schedule ended, or does not take the error.
    """

    __slots__ = ("began", "made", "policy", "state", "stopped")

    def __init__(self, policy: Retry, began: float) -> None:
        self.policy = policy
        self.began = began
        self.made = 1
        self.state = policy._schedule.begin()
        self.stopped = ""

    def failed(
        self,
        error: Exception,
        now: float,
        *,
        uniform: Callable[[], float],
        wall: Callable[[], datetime],
        until: float | None = None,
    ) -> float | None:
        """Take a failure; give the seconds to wait before the next attempt, None where there is none.

        Args:
            error: what the attempt raised.
            now: when it did, in seconds of a monotonic clock, as `began`.
            uniform: gives a random float in [0, 1).
            wall: gives the wall time, for an error that asks to wait until a date.
            until: when the time of the whole run is over, on the same clock.
        """
        policy = self.policy
        if not policy.takes(error):
            return None
        asked = min(retry_after(error, wall) or 0.0, LONGEST_S)
        step = policy._schedule.after(self.state, Moment(error, now - self.began, uniform, asked))
        if step is None:
            if asked and policy._schedule.after(self.state, Moment(error, now - self.began, uniform)) is not None:
                self.stopped = f"it asks to wait {asked:.6g} s, for which there is no time"
            return None
        delay, state = max(step[0], asked), step[1]
        if asked > policy.max_delay:
            self.stopped = f"it asks to wait {asked:.6g} s, more than max_delay={policy.max_delay:g}"
        elif until is not None and now + delay >= until:
            self.stopped = "the deadline of the context comes first"
        elif policy.budget is not None and not policy.budget.take():
            self.stopped = "the retry budget is used up"
        if self.stopped:
            return None
        self.state = state
        self.made += 1
        return delay

    def catch_up(self, made: int) -> None:
        """Take note of attempts that failed and were not told of."""
        for _ in range(made - 1):
            step = self.policy._schedule.after(self.state, Moment(Exception(), 0.0, float))
            if step is not None:
                self.state = step[1]
        self.made = made


def checked_on(on: Any) -> Any:
    """Give what `on` takes back, else refuse it; a cancellation or an interrupt is never caught."""
    kinds = on if isinstance(on, tuple) else (on,)
    if not isinstance(on, tuple) and not isinstance(on, type) and callable(on):
        return on
    for kind in kinds:
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise DefinitionError(
                f"`on` is an exception type, a tuple of them, or a predicate of the exception; got {kind!r}."
            )
        if not issubclass(kind, Exception):
            raise DefinitionError(
                f"`on` takes subclasses of Exception: {kind.__name__} ends the program or the task, and passes at once."
            )
    if not kinds:
        raise DefinitionError("`on` is an empty tuple, so nothing would ever be tried again.")
    return on
