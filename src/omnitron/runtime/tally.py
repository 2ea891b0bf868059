"""What decides a race or a quorum: how many calls have succeeded, how many have failed, how many are still to come.

Nothing here runs a call. Who does: `omnitron.runtime.racing` on the loop, `omnitron.runtime.quorums` elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from threading import Lock
from typing import Any, Protocol

from omnitron.errors import NotEnough
from omnitron.model import Failure, Ok

__all__ = ["Items", "Marks", "Tally"]


class Marks(Protocol):
    """What tells the path of an error, and notes it on one that leaves inside of a group."""

    def __call__(self, error: BaseException, /) -> str:
        """Give the path."""
        ...

    def mark(self, error: BaseException, path: str, /) -> None:
        """Note the path."""
        ...


class Tally:
    """How many calls have succeeded and failed, and whether that decides the whole.

    Attributes:
        needed: how many must succeed.
        possible: how many calls there are in all; None while nobody knows.
        outcomes: what has ended, each with its place, in the order of ending.
        halted: whether nothing may start any more for another reason.
    """

    __slots__ = ("halted", "lock", "needed", "outcomes", "possible", "succeeded")

    def __init__(self, needed: int, possible: int | None) -> None:
        self.needed = needed
        self.possible = possible
        self.outcomes: list[tuple[int, Ok[Any] | Failure]] = []
        self.succeeded = 0
        self.halted = False
        self.lock = Lock()

    def put(self, place: int, outcome: Ok[Any] | Failure) -> None:
        """Take one outcome, from whichever thread."""
        with self.lock:
            self.outcomes.append((place, outcome))
            self.succeeded += outcome.ok

    @property
    def reached(self) -> bool:
        """Whether enough have succeeded."""
        return self.succeeded >= self.needed

    @property
    def decided(self) -> bool:
        """Whether nothing that is still to come can change the result."""
        if self.halted or self.reached:
            return True
        failed = len(self.outcomes) - self.succeeded
        return self.possible is not None and self.possible - failed < self.needed

    def in_order(self) -> list[tuple[int, Ok[Any] | Failure]]:
        """Give the outcomes in the order of their places."""
        return sorted(self.outcomes, key=lambda placed: placed[0])

    def check(self, spot: Marks) -> None:
        """Raise all errors as a group unless enough have succeeded."""
        if self.reached:
            return
        failures = [outcome for _, outcome in self.in_order() if isinstance(outcome, Failure)]
        said = f"{self.needed} of {self.possible} needed, {self.succeeded} succeeded and {len(failures)} failed"
        if not failures:
            raise NotEnough(self.needed, self.possible or 0)
        for failure in failures:
            spot.mark(failure.error, failure.path)
        raise ExceptionGroup(said, [failure.error for failure in failures])

    def by_place(self, spot: Marks) -> list[Ok[Any] | Failure | None]:
        """Give for each place what came of it, or None."""
        self.check(spot)
        found = dict(self.outcomes)
        return [found.get(place) for place in range(self.possible or 0)]

    def listed(
        self, spot: Marks, *, unordered: bool, fold: Callable[[Any, Any], Any] | None, start: Callable[[], Any] | None
    ) -> Any:
        """Give the list of outcomes, or what the reducer makes of them."""
        self.check(spot)
        values = [outcome for _, outcome in (self.outcomes if unordered else self.in_order())]
        return values if fold is None or start is None else reduce(fold, values, start())


class Items:
    """The calls of a quorum over items, each inside the frame of its index when somebody watches."""

    __slots__ = ("call", "enter", "leave")

    def __init__(
        self, call: Callable[[Any], Any], enter: Callable[[int], Any] | None, leave: Callable[[Any], None] | None
    ) -> None:
        self.call = call
        self.enter = enter
        self.leave = leave

    def now(self, index: int, item: Any) -> Any:
        """Call with one item."""
        token = self.enter(index) if self.enter is not None else None
        try:
            return self.call(item)
        finally:
            if self.leave is not None:
                self.leave(token)

    async def later(self, index: int, item: Any) -> Any:
        """Call with one item and await."""
        token = self.enter(index) if self.enter is not None else None
        try:
            return await self.call(item)
        finally:
            if self.leave is not None:
                self.leave(token)
