"""A computation that several wait for: the machine of single flight, without locks, threads and event loops.

A flight has a *leader*, who computes (or whose task does), and waiters, each with a `waker` that is called when it is over.
It lands with a value or fails with an error, which all of them get; or it breaks (its computation was interrupted), and
then each looks anew: one of them leads the next. Called by one thread at a time. Who drives it: `omnitron.algebra.sharing`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from threading import RLock
from typing import Any

__all__ = ["BROKEN", "FAILED", "FLYING", "LANDED", "Flight", "Gate", "chain_of", "gate"]

FLYING, LANDED, FAILED, BROKEN = "flying", "landed", "failed", "broken"
Waker = Callable[[], object]


class Gate:
    """The lock over all that caches change; free in a forked child, whoever held it. Who holds it may take it again.

    `with` is given the methods of the lock itself: a signal handler that raises (Ctrl-C) can come at the beginning of a
    method written in Python, and before a release it would leave the lock held for good.
    """

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Have a lock that nobody holds."""
        self.lock = RLock()

    @property
    def __enter__(self) -> Callable[[], object]:
        return self.lock.__enter__

    @property
    def __exit__(self) -> Callable[..., None]:  # noqa: PLE0302 - it gives what takes them
        return self.lock.__exit__


gate = Gate()
"""One for all: a flight may wait for one of another cache, and whether two wait for each other is asked under it."""


class Flight:
    """One computation of one key.

    Attributes:
        key: the key.
        outer: the flight in whose computation this one was begun.
        process: the number of the process that computes; in a forked child nobody does.
        loop: the event loop on which it is computed, None in a thread.
        state: how it is; `value` the value, `error` the error, or what broke it.
        waits: the flights that its computation waits for, as often as it does.
        wakers: what wakes each who waits; who is woken is still among them.
        keeps: whether the value is to be kept: not if the key was invalidated meanwhile.
        owner: who takes the computation along when leaving, because it uses what ends with its run; or None.
        is_stale: whether what it landed with was found past its time.
        pinned: whether it goes on though nobody waits: the refresh of a stale value.
        asked: whether its computation was asked to end.
        task: what computes on the loop.
    """

    __slots__ = (
        "asked", "error", "is_stale", "keeps", "key", "loop", "outer", "owner", "pinned", "process", "state", "task",
        "trace", "value", "waits", "wakers",
    )  # fmt: skip

    def __init__(
        self, key: Hashable, *, outer: Flight | None = None, process: int = 0, loop: Any = None, pinned: bool = False
    ) -> None:
        self.key = key
        self.outer = outer
        self.process = process
        self.loop = loop
        self.pinned = pinned
        self.state = FLYING
        self.value: Any = None
        self.error: BaseException | None = None
        self.trace: Any = None
        self.waits: list[Flight] = []
        self.wakers: dict[object, Waker] = {}
        self.keeps = True
        self.owner: object = None
        self.is_stale = False
        self.asked = False
        self.task: Any = None

    def join(self, who: object, waker: Waker) -> None:
        """Let one more wait."""
        self.wakers[who] = waker

    def leave(self, who: object) -> bool:
        """Let one wait no longer; say whether its computation is to be ended now, because nobody waits any more."""
        self.wakers.pop(who, None)
        if self.pinned or self.asked or self.state is not FLYING or (self.wakers and who is not self.owner):
            return False
        self.asked = True
        return True

    def end(self, state: str, value: Any = None, error: BaseException | None = None) -> list[Waker]:
        """Say how it ended; gives what is to be called then. Only the first end counts."""
        if self.state is not FLYING:
            return []
        if self.wakers:  # else nobody asks, and an error would keep itself alive by its own traceback
            self.value, self.error = value, error
            self.trace = None if error is None else error.__traceback__
        self.state = state
        return list(self.wakers.values())

    def behind(self) -> Iterator[Flight]:
        """Give this one and all that it waits for, perhaps through others."""
        known, stack = set(), [self]
        while stack:
            one = stack.pop()
            yield one
            if id(one) not in known and one.state is FLYING:
                known.add(id(one))
                stack += one.waits


def chain_of(flight: Flight | None) -> list[Flight]:
    """Give a flight and those around it."""
    found: list[Flight] = []
    while flight is not None:
        if flight.state is FLYING:
            found.append(flight)
        flight = flight.outer
    return found
