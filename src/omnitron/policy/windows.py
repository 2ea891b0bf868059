"""`Window`: items that are asked for together, and who waits for each. A machine without I/O: time comes in as arguments.

    open ──close()──▶ sent ──settle(), fail()──▶ done

A window is open while callers join it; it is closed when it is full, when `max_wait` is over, or when nobody joined for two
turns of whatever turns (an event loop). Then its items are sent, and each waiter is told what came of its own. A waiter
may leave at any time: an item that nobody waits for any more is not sent, and its place is free for another.

Source: haxl (one round, many fetches); DataLoader (one window for what one turn of the loop asks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from omnitron.errors import BatchError, DefinitionError, InvalidValue
from omnitron.policy.schedules import check_seconds

__all__ = ["TURNS", "Window", "answers_of", "check_window", "same_key"]

TURNS = 2
"""After how many turns in which nobody joined a window is closed."""
OPEN, SENT, DONE = "open", "sent", "done"
BY_TEXT = ("datetime", "decimal")
"""Modules whose values may be equal and differ all the same: `Decimal("1.0")`, noon here and the same moment elsewhere."""


class Shut(dict[Any, int]):
    """The index of a window that is closed."""

    def setdefault(self, key: Any, place: Any = None, /) -> NoReturn:
        """Refuse whoever comes too late."""
        raise ValueError("nobody joins a window that is sent or done")


class Window:
    """The items of one batch.

    Attributes:
        size: how many items are sent at most.
        max_wait: seconds after which it is closed.
        began: when the first waiter came, in seconds of a monotonic clock.
        state: "open", "sent" or "done".
        items: the items in the order in which they came, also those that nobody waits for any more.
        waiters: for each item who waits for it: one, a list of several, or None for nobody.
        more: how many waiters came for an item that was asked for before.
        left: how many waiters have gone.
        gaps: how many items nobody waits for.
    """

    __slots__ = (
        "asked", "began", "gaps", "index", "items", "left", "max_wait", "met", "more", "quiet", "size", "state", "waiters",
    )  # fmt: skip

    def __init__(self, size: int, max_wait: float, began: float) -> None:
        self.size = size
        self.max_wait = max_wait
        self.began = began
        self.state = OPEN
        self.index: dict[Any, int] = {}
        self.items: list[Any] = []
        self.waiters: list[Any] = []
        self.asked: list[int] | None = None
        self.more = self.left = self.gaps = self.met = self.quiet = 0

    def join(self, item: Any, key: Any, waiter: Any) -> int:
        """Take a waiter for an item, of which equal keys are asked for once; give the number of its place.

        Raises:
            ValueError: the window is closed.
        """
        waiters = self.waiters
        place = len(waiters)
        found = self.index.setdefault(key, place)
        if found != place:
            return self.join_more(found, waiter)
        self.items.append(item)
        waiters.append(waiter)
        return place

    def join_more(self, place: int, waiter: Any) -> int:
        """Take a waiter for an item that was asked for before; give the number of its place."""
        self.more += 1
        waiters, there = self.waiters, self.waiters[place]
        if there is None:
            self.gaps -= 1
            waiters[place] = waiter
        elif type(there) is list:
            there.append(waiter)
        else:
            waiters[place] = [there, waiter]
        return place

    @property
    def joined(self) -> int:
        """How many waiters have come."""
        return len(self.waiters) + self.more

    @property
    def full(self) -> bool:
        """Whether as many items wait as are sent at most."""
        return len(self.items) - self.gaps >= self.size

    @property
    def empty(self) -> bool:
        """Whether nobody waits any more."""
        return self.left == self.joined

    def leave(self, place: int, waiter: Any) -> bool:
        """Let a waiter go; say whether it was the last one, and nothing is done yet."""
        if self.state is DONE:
            return False
        waiters, there = self.waiters, self.waiters[place]
        if type(there) is list:
            there.remove(waiter)
            if not there:
                waiters[place] = None
        else:
            waiters[place] = None
        if waiters[place] is None:
            self.gaps += 1
        self.left += 1
        return self.left == self.joined

    def turn(self, now: float) -> bool:
        """Take note of a turn; say whether the window is to be closed."""
        if self.joined != self.met:
            self.met = self.joined
            self.quiet = 0
        else:
            self.quiet += 1
        return self.quiet >= TURNS or now - self.began >= self.max_wait

    def is_over(self, now: float) -> bool:
        """Say whether the time of the window is over."""
        return now - self.began >= self.max_wait

    def close(self) -> list[Any]:
        """Close the window; give the items to send: those for which somebody waits, in the order in which they came.

        Raises:
            ValueError: it is closed already.
        """
        if self.state is not OPEN:
            raise ValueError(f"a window that is {self.state} is not closed again")
        self.state = SENT
        self.index = Shut()
        if not self.gaps:
            return self.items
        self.asked = [place for place, there in enumerate(self.waiters) if there is not None]
        return [self.items[place] for place in self.asked]

    def settle(self, answers: Any) -> Iterable[tuple[Any, Any]]:
        """Give each waiter with the answer to its item; nobody waits afterwards.

        Args:
            answers: as many as items were sent, in their order.
        """
        waiters = self.waiters if self.asked is None else [self.waiters[place] for place in self.asked]
        alone = not self.more and not self.left
        self.end()
        told = zip(waiters, answers, strict=True)
        return told if alone else each_of(told)

    def fail(self) -> list[Any]:
        """Give all who wait; nobody does afterwards."""
        waiters = self.waiters
        self.end()
        found: list[Any] = []
        for there in waiters:
            found += there if type(there) is list else () if there is None else (there,)
        return found

    def end(self) -> None:
        """Be done."""
        self.state, self.index = DONE, Shut()
        self.items, self.waiters = [], []


def each_of(told: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Give each of those who wait for the same with its answer, and nobody where nobody waits."""
    for there, answer in told:
        if type(there) is list:
            for waiter in there:
                yield waiter, answer
        elif there is not None:
            yield there, answer


def check_window(size: object, max_wait: object) -> None:
    """Refuse a size that is no positive number, and a time that is none."""
    if isinstance(size, bool) or not isinstance(size, int):
        raise DefinitionError(f"`size` is how many items one batch holds at most, a whole number; got {size!r}.")
    if size < 1:
        raise InvalidValue(f"`size` is how many items one batch holds at most, 1 or more; got {size}.")
    check_seconds("max_wait", max_wait)


def same_key(item: Any) -> Any:
    """Give what is equal for items that are the same: `1`, `True` and `1.0` differ, so do `0.0` and `-0.0`.

    Raises:
        TypeError: the item has no hash.

    Example:
        >>> same_key(1) == same_key(True), same_key((1, "a")) == same_key((1, "a"))
        (False, True)
    """
    kind = type(item)
    if kind is str or kind is int or item is None:
        return item
    if kind is float or kind is complex or kind.__module__ in BY_TEXT:
        return kind, repr(item)
    if kind is tuple:
        return tuple, tuple(map(same_key, item))
    if kind is frozenset:
        return frozenset, frozenset(map(same_key, item))
    hash(item)
    return kind, item


def answers_of(answers: Any, sent: int, name: str) -> Any:
    """Give what a flow of a list gave back, as something that has as many members as were sent.

    Raises:
        BatchError: it is no list, or has another length.
    """
    listed = type(answers) is list or (hasattr(answers, "__len__") and hasattr(answers, "__iter__"))
    if not listed or isinstance(answers, NO_LISTS):
        raise BatchError(
            f"{name!r} was given a list of {sent} and gave back a {type(answers).__name__}, not a list: nothing says "
            "which result is whose. Give a list of one result for each item, in the order of the items."
        )
    if len(answers) != sent:
        raise BatchError(
            f"{name!r} gave {len(answers)} results for {sent} items, so nothing says which is whose. Give one for each "
            "item, in the order of the items: None, or an exception instance, in the place of one that has none."
        )
    return answers


NO_LISTS = (str, bytes, bytearray, dict, set, frozenset)
