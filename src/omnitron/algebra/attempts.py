"""Between two attempts: the drivers, sync and async, of the machine `omnitron.policy.Tries`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.notes import forget_attempts, note_attempts
from omnitron.model import Inputs
from omnitron.policy import ATTEMPTS, Tries

if TYPE_CHECKING:
    from omnitron.algebra.notes import Spot
    from omnitron.model import Clock
    from omnitron.policy import Retry

__all__ = [
    "ASKS_NOTHING",
    "NO_ITERATORS",
    "again",
    "begin",
    "count_left",
    "enter_attempt",
    "goes_at_once",
    "reads_once",
    "retried",
    "retried_async",
]


class Attempts(Tries):
    """The attempts of one call, with the clock that they wait on.

    Attributes:
        delay: seconds until the next one.
        clock: the clock of the run, or the machine's.
    """

    __slots__ = ("clock", "delay")
    clock: Clock
    delay: float

    def __lt__(self, most: int) -> bool:
        """Say that generated code does not go on by itself any more. See Note [At once]."""
        return False

    def wait(self) -> None:
        """Block the thread until the next attempt; a run that is cancelled meanwhile ends."""
        if self.delay > 0:
            runtime.wait_on(self.clock, self.delay)

    async def wait_async(self) -> None:
        """Suspend the task until the next attempt."""
        await self.clock.sleep(self.delay)


# Note [At once]
# A retry without delays costs what a loop written by hand costs, if nothing is made for it: no object, no reading of
# clocks, no call. So generated code keeps a plain count of attempts, and goes on by itself as long as nothing asks for
# more: an error that might say how long to wait, an input that can be read only once, a context with a clock or a deadline
# of its own.

ASKS_NOTHING = (
    "getattr({0}, 'retry_after', None) is getattr({0}, 'headers', None) is getattr({0}, 'response', None) is None"
)
"""The text of a test, in generated code, that an error cannot say how long to wait."""


def goes_at_once(policy: Retry) -> int:
    """Give after how many attempts at most generated code goes on by itself, 0 where it has to ask each time."""
    if policy.delay != 0 or not isinstance(policy.on, type | tuple):
        return 0
    return 0 if policy.schedule.timed or policy.budget is not None else policy.attempts or ATTEMPTS


NO_ITERATORS = frozenset({int, float, str, bytes, bool, type(None), list, tuple, dict, set})
"""Types of many inputs, of which it is known that they can be read twice."""


def again(policy: Retry, tries: Any, error: Exception, given: Any) -> Attempts | None:
    """Take a failure: give the attempts with the delay before the next one, or None when the error is to leave.

    Args:
        policy: the policy.
        tries: the attempts so far: 1 before the first failure, a count of those made at once, or what this gave before.
        error: what the last one raised.
        given: its input.
    """
    options = runtime.current_context().runtime
    clock = options.clock
    now = clock.monotonic()
    if type(tries) is int:
        made, tries = tries, Attempts(policy, now)
        tries.clock = clock
        tries.catch_up(made)
    if not reads_once(given):
        delay = tries.failed(error, now, uniform=options.random.random, wall=clock.now, until=options.deadline)
        if delay is not None:
            tries.delay = delay
            forget_attempts(error)
            return tries  # type: ignore[no-any-return] # it is one now
    elif policy.takes(error) and (policy.attempts or ATTEMPTS) > 1:
        tries.stopped = "its input is an iterator, which can be read only once"
    if tries.made > 1 or tries.stopped:
        note_attempts(error, tries.made, tries.stopped)
    return None


def count_left(error: Exception, tries: Any) -> None:
    """Note on an error that is none to be tried again how many attempts there were, if more than one."""
    made = tries if type(tries) is int else tries.made
    if made > 1:
        note_attempts(error, made, "")


def begin(policy: Retry) -> Attempts:
    """Note when the first attempt starts."""
    clock = runtime.current_context().runtime.clock
    tries = Attempts(policy, clock.monotonic())
    tries.clock = clock
    return tries


def enter_attempt(tries: Any) -> Any:
    """Enter an attempt in a watched run: give the token that `reset_watch` takes."""
    return runtime.attempt_frame(tries if type(tries) is int else tries.made)


def reads_once(given: Any) -> bool:
    """Say whether an input can be read only once, so that a second attempt would find nothing left of it."""
    if type(given) is Inputs:
        return any(map(reads_once, (*given.args, *given.kwargs.values())))
    return isinstance(given, Iterator | AsyncIterator)


def in_attempt(
    frame: runtime.Frame | None,
    tries: Attempts,
    make: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Make a stream in the place of the tree where it was asked for, whoever reads it."""
    if frame is None:
        return make(*args, **kwargs)
    outer = runtime.set_watch(frame)
    inner = enter_attempt(tries)
    try:
        return make(*args, **kwargs)
    finally:
        runtime.reset_watch(inner)
        runtime.reset_watch(outer)


# ------------------------------------------------------------------ streams


def retried(make: Callable[..., Any], policy: Retry, spot: Spot, /, *args: Any, **kwargs: Any) -> Generator[Any]:
    """Give a sync stream, which is made again as long as it fails before its first item."""
    return trying(make, policy, spot, spot.held(), runtime.read_watch(), args, kwargs)


def trying(
    make: Callable[..., Any],
    policy: Retry,
    o_spot: Spot,
    o_held: object,
    frame: runtime.Frame | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any]:
    """Read what `make` gives."""
    o_number = stream = first = None
    tries = begin(policy)
    try:
        while True:
            try:
                stream = in_attempt(frame, tries, make, args, kwargs)
                first = next(stream, policy)
                break
            except Exception as error:
                if again(policy, tries, error, Inputs(args, kwargs)) is None:
                    raise
            tries.wait()
        if first is not policy:
            yield first
            first = None
            yield from stream
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        runtime.fail(stream, error)
        raise


def retried_async(
    make: Callable[..., Any], policy: Retry, spot: Spot, /, *args: Any, **kwargs: Any
) -> AsyncGenerator[Any]:
    """The async twin of `retried`."""
    return trying_async(make, policy, spot, spot.held(), runtime.read_watch(), args, kwargs)


async def trying_async(
    make: Callable[..., Any],
    policy: Retry,
    o_spot: Spot,
    o_held: object,
    frame: runtime.Frame | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any]:
    """The async twin of `trying`."""
    o_number = stream = first = None
    tries = begin(policy)
    try:
        while True:
            try:
                stream = in_attempt(frame, tries, make, args, kwargs)
                first = await anext(stream, policy)
                break
            except Exception as error:
                if again(policy, tries, error, Inputs(args, kwargs)) is None:
                    raise
            await tries.wait_async()
        if first is not policy:
            yield first
            first = None
            async for item in stream:
                yield item
    except BaseException as error:
        if isinstance(error, Exception):
            o_spot.note(error)
        await runtime.fail_async(stream, error)
        raise
