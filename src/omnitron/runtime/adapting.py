"""A loop over items whose bound moves while it runs: workers that pass a gate before they take an item."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from omnitron.model import Call, PolicyChanged
from omnitron.runtime.contexts import current_context
from omnitron.runtime.frames import read_watch
from omnitron.runtime.joining import END, Loop, PathOf, Source, work_through

if TYPE_CHECKING:
    from omnitron.model import Clock

__all__ = ["Limits", "each_adaptive", "tell_shift"]


class Limits(Protocol):
    """What moves the bound: it is told of every call, and gives a change where one comes of it."""

    limit: int
    high: int
    epoch: int

    def ended(self, epoch: int, seconds: float, beside: int) -> Any:
        """Take a call that has succeeded, which began in an epoch and was one of so many."""

    def failed(self, epoch: int, error: Exception) -> Any:
        """Take a call that has failed."""


class Gate:
    """Lets as many in as a limit allows, in the order in which they came.

    Attributes:
        entered: the epoch in which who has just passed came in.
        inside: how many are in.
        running: how many of them compute.
    """

    __slots__ = ("clock", "entered", "inside", "limits", "running", "waiting")

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.clock = clock
        self.entered = self.inside = self.running = 0
        self.waiting: deque[asyncio.Future[int]] = deque()

    async def enter(self) -> int:
        """Wait for a place; give the epoch in which there was one, which may be over when the task runs again."""
        if self.inside < self.limits.limit and not self.waiting:
            self.inside += 1
            return self.limits.epoch
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        self.let_in()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.inside -= 1
        self.let_in()

    def let_in(self) -> None:
        """Let in who waits, as far as there are places."""
        while self.waiting and self.inside < self.limits.limit:
            place = self.waiting.popleft()
            if not place.done():
                self.inside += 1
                place.set_result(self.limits.epoch)

    def around(self, call: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        """Give a function that measures each call, and gives its place back."""

        async def measured(item: Any) -> Any:
            epoch, began = self.entered, self.clock.monotonic()
            self.running += 1
            try:
                result = await call(item)
                tell_shift(self.limits.ended(epoch, self.clock.monotonic() - began, self.running))
            except Exception as error:
                tell_shift(self.limits.failed(epoch, error))
                raise
            finally:
                self.running -= 1
                self.leave()
            return result

        return measured


def tell_shift(shift: Any, name: str = "") -> None:
    """Tell whoever watches that the bound of a flow of that name has moved: in the call around it, if there is one."""
    frame = None if shift is None else read_watch()
    if frame is None:
        return
    run, call = frame.run, frame.call
    if call is None:
        call = Call(name, frame.path, run.id, run.next_call(), attempt=frame.attempt, started_s=run.clock.monotonic())
    run.notify(PolicyChanged(call, "adaptive", shift.before, shift.after, shift.why))


class Gated(Source):
    """A source of items, of which one is taken only by who has passed the gate."""

    __slots__ = ("gate", "later")

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any], gate: Gate) -> None:
        super().__init__(items)
        self.gate, self.later = gate, self.is_async
        self.is_async = True

    async def take(self) -> Any:
        """Give the next (index, item), or END."""
        epoch, found = await self.gate.enter(), END
        try:
            found = await super().take() if self.later else self.take_now()
        finally:
            if found is END:
                self.gate.leave()
        self.gate.entered = epoch  # nothing suspends between here and the start of the call
        return found


async def each_adaptive(
    call: Callable[[Any], Coroutine[Any, Any, Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    limits: Limits,
    *,
    path_of: PathOf,
    **options: Any,
) -> Any:
    """Do what `each_async` does, with as many calls at once as `limits` allows from moment to moment.

    Args:
        call: the function of one item.
        items: any iterable.
        limits: the bound, which is told how long each call took.
        path_of: tells where an error was raised, for outcomes.
        **options: those of `each_async`.
    """
    gate = Gate(limits, current_context().runtime.clock)
    source = Gated(items, gate)
    return await work_through(Loop(gate.around(call), source, limits.high, path_of, **options), limits.high)
