"""Schedules: how long to wait before each retry, and when to stop; values that combine and that can be read.

A schedule is a machine without I/O. `begin` gives its state, `after` takes the state and what is known after a failure,
and gives the delay in seconds with the next state, or None to stop. Nothing here waits, and no clock is read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = [
    "JITTERS",
    "Jitter",
    "LONGEST_S",
    "Capped",
    "Growing",
    "Moment",
    "Schedule",
    "Seconds",
    "check_number",
    "check_seconds",
]

Jitter: TypeAlias = Literal["full", "equal", "none"]
JITTERS = ("full", "equal", "none")
"""What `jittered` takes: from 0 to the delay; from half of it to the delay; the delay itself."""

LONGEST_S = 1e9
"""No delay grows longer, so that none overflows."""

Step = tuple[float, Any]
Seconds: TypeAlias = "float | timedelta"


class Moment:
    """What a schedule is told after a failure.

    Attributes:
        error: what failed.
        elapsed_s: seconds since the first attempt began.
        uniform: gives a random float in [0, 1).
        asked_s: how long the error asks to wait at least.
    """

    __slots__ = ("asked_s", "elapsed_s", "error", "uniform")

    def __init__(
        self, error: BaseException, elapsed_s: float, uniform: Callable[[], float], asked_s: float = 0.0
    ) -> None:
        self.error = error
        self.elapsed_s = elapsed_s
        self.uniform = uniform
        self.asked_s = asked_s


class Schedule(Record):
    """The delays between attempts, in seconds. Made by `fixed`, `linear`, `exponential`, `fibonacci`, and combined.

    `a & b` goes on while both do, with the longer delay; `a | b` while either does, with the shorter one; `a.then(b)` is
    `a` to its end and `b` after it. One of your own is a subclass with `after` (and `begin`, where it has a state).

    Example:
        >>> schedule = Schedule.exponential(0.1, max_delay=0.5).up_to(attempts=5)
        >>> list(schedule.delays())
        [0.1, 0.2, 0.4, 0.5]
    """

    __slots__ = ()

    # Making one

    @staticmethod
    def fixed(delay: Seconds) -> Schedule:
        """Give the schedule that always waits `delay` seconds."""
        return Growing("fixed", delay, 0.0, None)

    @staticmethod
    def linear(delay: Seconds, step: Seconds | None = None, *, max_delay: Seconds | None = None) -> Schedule:
        """Give the schedule of `delay`, `delay + step`, `delay + 2 * step`, … seconds; by default `step` is `delay`."""
        return Growing("linear", delay, delay if step is None else step, max_delay)

    @staticmethod
    def exponential(delay: Seconds, factor: float = 2.0, *, max_delay: Seconds | None = None) -> Schedule:
        """Give the schedule of `delay`, `delay * factor`, `delay * factor**2`, … seconds."""
        return Growing("exponential", delay, factor, max_delay)

    @staticmethod
    def fibonacci(delay: Seconds, *, max_delay: Seconds | None = None) -> Schedule:
        """Give the schedule of `delay` times 1, 1, 2, 3, 5, 8, … seconds."""
        return Growing("fibonacci", delay, 1.0, max_delay)

    # Combining

    def __and__(self, other: Schedule) -> Schedule:
        """Go on while both do, and wait the longer delay."""
        return Both(self, checked(other, "&")) if isinstance(other, Schedule) else NotImplemented

    def __or__(self, other: Schedule) -> Schedule:
        """Go on while either does, and wait the shorter delay."""
        return Either(self, checked(other, "|")) if isinstance(other, Schedule) else NotImplemented

    def then(self, other: Schedule) -> Schedule:
        """Follow this schedule to its end, then the other from its beginning."""
        return Then(self, checked(other, "then"))

    def jittered(self, kind: Jitter = "full") -> Schedule:
        """Draw each delay at random: "full" from 0 to the delay, "equal" from half of it to the delay; "none" leaves it."""
        return Jittered(self, kind)

    def up_to(self, *, attempts: int | None = None, elapsed: Seconds | None = None) -> Schedule:
        """Stop when so many attempts were made, or when the next one would start later than `elapsed` seconds on."""
        return UpTo(self, attempts, elapsed)

    def while_(self, test: Callable[[BaseException], object]) -> Schedule:
        """Stop at the first error of which `test` is not true."""
        return While(self, test)

    # Reading

    @property
    def timed(self) -> bool:
        """Whether it asks how long the attempts have taken; a schedule of your own may, unless it says otherwise."""
        return True

    def begin(self) -> Any:
        """Give the state before the first failure."""
        return 0

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Give the delay before the next attempt and the state then; None to stop."""
        raise TypeError(f"{type(self).__name__} has no `after`: a schedule says how long to wait.")

    def delays(self, error: BaseException | None = None, *, at: float = 1.0) -> Iterator[float]:
        """Give the delays that would be waited if every attempt failed at once; endless where nothing stops them.

        Args:
            error: what each attempt would raise, for `while_`.
            at: what is drawn where a delay is random, from 0 to 1: 1 gives the longest delays.
        """
        state, elapsed, failed = self.begin(), 0.0, error if error is not None else Exception()
        while (step := self.after(state, Moment(failed, elapsed, lambda: at))) is not None:
            delay, state = step
            elapsed += delay
            yield delay


class Combined(Schedule):
    """What asks for the time only where a part of it does."""

    __slots__ = ()

    @property
    def timed(self) -> bool:
        """Whether a part asks how long the attempts have taken."""
        parts = [getattr(self, name) for name in self.fields]
        return any(part.timed for part in parts if isinstance(part, Schedule))


class Growing(Combined):
    """Delays that stay or grow without end.

    Attributes:
        kind: "fixed", "linear", "exponential" or "fibonacci".
        delay: the first one, in seconds.
        growth: what is added (linear) or multiplied by (exponential) each time.
        max_delay: none is longer; None for no bound.
    """

    __slots__ = ("kind", "delay", "growth", "max_delay")
    kind: str
    delay: float
    growth: float
    max_delay: float | None
    KINDS: ClassVar[tuple[str, ...]] = ("fixed", "linear", "exponential", "fibonacci")

    def __init__(self, kind: str, delay: Seconds, growth: Seconds, max_delay: Seconds | None) -> None:
        if kind not in self.KINDS:
            raise InvalidValue(f"a schedule is one of {', '.join(map(repr, self.KINDS))}; got {kind!r}.")
        growth = check_seconds("step", growth) if kind == "linear" else check_number("factor", growth)
        if kind == "exponential" and growth < 1:
            raise InvalidValue(f"`factor` is at least 1, or the delays would shrink; got {growth!r}.")
        most = None if max_delay is None else check_seconds("max_delay", max_delay)
        self._fill(kind=kind, delay=check_seconds("delay", delay), growth=growth, max_delay=most)

    def begin(self) -> Any:
        """Give the state: the delay that comes next, for fibonacci with the one after it."""
        return (self.delay, self.delay) if self.kind == "fibonacci" else self.delay

    def after(self, state: Any, moment: Moment) -> Step:
        """Give the next delay."""
        following: Any
        if self.kind == "fibonacci":
            delay, second = state
            following = (second, delay + second)
        else:
            delay = state
            following = delay * self.growth if self.kind == "exponential" else delay + self.growth
        most = LONGEST_S if self.max_delay is None else min(self.max_delay, LONGEST_S)
        return (delay, following) if delay < most else (most, state)  # which grows no further


class Pair(Combined):
    """Two schedules."""

    __slots__ = ("first", "second")
    first: Schedule
    second: Schedule

    def __init__(self, first: Schedule, second: Schedule) -> None:
        self._fill(first=first, second=second)


class Both(Pair):
    """Goes on while both do, with the longer delay."""

    __slots__ = ()

    def begin(self) -> Any:
        """Give both states."""
        return self.first.begin(), self.second.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask both."""
        one = self.first.after(state[0], moment)
        other = None if one is None else self.second.after(state[1], moment)
        if one is None or other is None:
            return None
        return max(one[0], other[0]), (one[1], other[1])


class Either(Pair):
    """Goes on while either does, with the shorter delay."""

    __slots__ = ()

    def begin(self) -> Any:
        """Give both states, each in a tuple; an empty one stands for a schedule that has stopped."""
        return (self.first.begin(),), (self.second.begin(),)

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask those that have not stopped."""
        one = self.first.after(state[0][0], moment) if state[0] else None
        other = self.second.after(state[1][0], moment) if state[1] else None
        going = [step for step in (one, other) if step is not None]
        if not going:
            return None
        following = tuple(() if step is None else (step[1],) for step in (one, other))
        return min(step[0] for step in going), following


class Then(Pair):
    """Follows one schedule to its end, then another."""

    __slots__ = ()

    def begin(self) -> Any:
        """Give the state of the first, and that it is the first's."""
        return True, self.first.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask the one whose turn it is."""
        is_first, inner = state
        step = self.first.after(inner, moment) if is_first else None
        if step is not None:
            return step[0], (True, step[1])
        step = self.second.after(self.second.begin() if is_first else inner, moment)
        return None if step is None else (step[0], (False, step[1]))


class Jittered(Combined):
    """Delays drawn at random below those of another schedule."""

    __slots__ = ("body", "kind")
    body: Schedule
    kind: str

    def __init__(self, body: Schedule, kind: Jitter) -> None:
        if kind not in JITTERS:
            raise InvalidValue(f"`jitter` is one of {', '.join(map(repr, JITTERS))}; got {kind!r}.")
        self._fill(body=body, kind=kind)

    def begin(self) -> Any:
        """Give the state of the body."""
        return self.body.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Draw below the body's delay."""
        step = self.body.after(state, moment)
        if step is None or self.kind == "none":
            return step
        least = step[0] / 2 if self.kind == "equal" else 0.0
        return least + (step[0] - least) * moment.uniform(), step[1]


class UpTo(Schedule):
    """Stops after so many attempts, or so many seconds."""

    __slots__ = ("body", "attempts", "elapsed")
    body: Schedule
    attempts: int | None
    elapsed: float | None

    def __init__(self, body: Schedule, attempts: int | None, elapsed: Seconds | None) -> None:
        if attempts is None and elapsed is None:
            raise DefinitionError("up_to takes `attempts=number`, `elapsed=seconds`, or both.")
        if attempts is not None and (isinstance(attempts, bool) or not isinstance(attempts, int)):
            raise DefinitionError(f"`attempts` is a whole number, the first one included, got {attempts!r}.")
        if attempts is not None and attempts < 1:
            raise InvalidValue(f"`attempts` counts the first one too, so it is at least 1; got {attempts}.")
        most = None if elapsed is None else check_seconds("elapsed", elapsed)
        self._fill(body=body, attempts=attempts, elapsed=most)

    @property
    def timed(self) -> bool:
        """Whether it asks how long the attempts have taken."""
        return self.elapsed is not None or self.body.timed

    def begin(self) -> Any:
        """Give how many attempts were made, and the state of the body."""
        return 1, self.body.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask the body, if there is an attempt left and time for it."""
        made, inner = state
        if self.attempts is not None and made >= self.attempts:
            return None
        step = self.body.after(inner, moment)
        if step is None:
            return None
        if self.elapsed is not None and moment.elapsed_s + max(step[0], moment.asked_s) > self.elapsed:
            return None
        return step[0], (made + 1, step[1])


class Capped(Combined):
    """The delays of another schedule, none of them longer than so many seconds."""

    __slots__ = ("body", "max_delay")
    body: Schedule
    max_delay: float

    def __init__(self, body: Schedule, max_delay: Seconds) -> None:
        self._fill(body=body, max_delay=check_seconds("max_delay", max_delay))

    def begin(self) -> Any:
        """Give the state of the body."""
        return self.body.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask the body."""
        step = self.body.after(state, moment)
        return None if step is None else (min(step[0], self.max_delay), step[1])


class While(Combined):
    """Stops at the first error of which a test is not true."""

    __slots__ = ("body", "test")
    body: Schedule
    test: Callable[[BaseException], object]

    def __init__(self, body: Schedule, test: Callable[[BaseException], object]) -> None:
        if not callable(test):
            raise DefinitionError(f"while_ takes a predicate of the exception, got {test!r}.")
        self._fill(body=body, test=test)

    def begin(self) -> Any:
        """Give the state of the body."""
        return self.body.begin()

    def after(self, state: Any, moment: Moment) -> Step | None:
        """Ask the test, then the body."""
        return self.body.after(state, moment) if self.test(moment.error) else None


def checked(other: object, sign: str) -> Any:
    """Give a schedule back; refuse anything else."""
    if not isinstance(other, Schedule):
        raise DefinitionError(f"{sign!r} combines schedules, got {other!r} ({type(other).__name__}).")
    return other


def check_seconds(name: str, value: Any) -> float:
    """Give a duration in seconds; refuse what is no finite one from 0 on, as a number or a timedelta."""
    total = getattr(value, "total_seconds", None)
    return check_number(name, value if total is None else total(), "a number of seconds, or a timedelta")


def check_number(name: str, value: object, kind: str = "a number") -> float:
    """Give a number; refuse what is no finite one from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError(f"`{name}` is {kind}, got {value!r} ({type(value).__name__}).")
    if not 0 <= value <= sys.float_info.max:
        raise InvalidValue(f"`{name}` is a finite number from 0 on, got {value!r}.")
    return float(value)
