"""`Turns`: at most so many at once, and who waits for it, first come first served. A machine without clocks and loops.

Whoever is served counts as running from that moment on, also before it has woken; so nobody who comes between takes its
place. Called by one thread at a time, under `door`. Who drives it: `omnitron.algebra.queueing`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from omnitron.policy.flights import Gate

__all__ = ["Turns", "Waiter", "door"]

door = Gate()
"""The lock over all limits; held for about a microsecond."""
known: WeakSet[Turns] = WeakSet()


class Waiter:
    """One who waits.

    Attributes:
        limit: at most so many run when it is served, itself included.
        wake: is called once it was served; a second time does no harm.
        home: the event loop on which it waits, or None in a thread.
        held: which permits of these turns the code around it holds; it goes on only when this one has run.
        lasts: whether it waits however long it takes, and what is around it for it.
        permit: what it was served; None before, and once it is gone.
    """

    __slots__ = ("held", "home", "lasts", "limit", "permit", "wake")

    def __init__(
        self,
        limit: int,
        wake: Callable[[], object],
        home: Any = None,
        *,
        held: frozenset[Any] = frozenset(),
        lasts: bool = True,
    ) -> None:
        self.limit = limit
        self.wake = wake
        self.home = home
        self.held = held
        self.lasts = lasts
        self.permit: Token | None = None

    def is_dead(self) -> bool:
        """Say whether nobody will come back for it: its loop is closed."""
        return self.home is not None and self.home.is_closed()


class Turns:
    """Who runs and who waits.

    Attributes:
        running: how many run, those included who were served and have not woken yet.
        line: who waits, in the order in which they came.
        served: who was served by a wake and has not said yet that it runs.
        homes: the loops on which somebody waited since nobody did; None for threads.
        asleep: which permits wait for those who stand in the line, and for how many; after an interrupt some too many.
        token: what a permit is; another one in a forked child, where those of the parent count no more.
        taken: how often somebody ran; `refused` how often somebody was refused.
    """

    __slots__ = ("__weakref__", "asleep", "homes", "line", "refused", "running", "served", "taken", "token")

    def __init__(self) -> None:
        self.taken = self.refused = 0
        self.begin_anew()
        known.add(self)

    def begin_anew(self) -> None:
        """Have nobody run or wait."""
        self.running = 0
        self.line: OrderedDict[Waiter, None] = OrderedDict()  # a dict looks at all that have left its front
        self.served: OrderedDict[Waiter, None] = OrderedDict()
        self.homes: set[Any] = set()
        self.asleep: dict[Any, int] = {}
        self.token = Token()

    def leave(self, token: Any) -> None:
        """Take a permit back."""
        if token is self.token:
            self.running -= 1
            self.serve()

    def join(self, waiter: Waiter) -> None:
        """Let one wait behind the others."""
        if not self.line and not self.served:
            self.homes.clear()
            self.asleep.clear()
        self.homes.add(waiter.home)
        for permit in waiter.held if waiter.lasts else ():
            self.asleep[permit] = self.asleep.get(permit, 0) + 1
        self.line[waiter] = None

    def step_out(self, waiter: Waiter) -> None:
        """Have one stand in the line no longer."""
        if self.line.pop(waiter, waiter) is waiter:
            return
        for permit in waiter.held if waiter.lasts else ():
            left = self.asleep.pop(permit, 0) - 1
            if left > 0:
                self.asleep[permit] = left

    @property
    def is_mixed(self) -> bool:
        """Whether tasks of several loops wait."""
        return len(self.homes - {None}) > 1

    def go(self, waiter: Waiter) -> Any:
        """Say that one who was served runs now: give its permit."""
        permit = waiter.permit
        self.served.pop(waiter, None)
        return permit

    def quit(self, waiter: Waiter) -> None:
        """Let one go who waits, or was served and does not run after all."""
        self.step_out(waiter)
        self.served.pop(waiter, None)
        if waiter.permit is self.token:
            self.running -= 1
        waiter.permit = None
        self.serve()  # who comes next may have a wider limit

    def serve(self) -> None:
        """Let run whoever can, in order."""
        while self.line:
            waiter = next(iter(self.line), None)
            if waiter is None:
                return
            if waiter.is_dead():
                self.step_out(waiter)
                continue
            if waiter.permit is not None:  # an interrupt came before it was woken, or taken out
                waiter.wake()
                self.step_out(waiter)
                continue
            if self.running >= waiter.limit:
                return
            self.served[waiter] = None
            self.running += 1
            waiter.permit = self.token  # an interrupt comes before both or after both
            self.taken += 1
            waiter.wake()
            self.step_out(waiter)

    def drop_dead(self) -> None:
        """Let those go whose loop was closed while they waited; serve who can run then."""
        self.serve()
        if not any(home is not None and home.is_closed() for home in self.homes):
            return
        for waiter in [*self.line, *self.served]:
            if waiter.is_dead():
                self.quit(waiter)
        self.homes = {waiter.home for waiter in (*self.line, *self.served)}

    def waits_for_itself(self, held: frozenset[Any]) -> bool:
        """Say whether one more who waits, with these permits, would wait for ever: all who run wait here themselves."""
        if not held or len(self.asleep.keys() | held) < self.running:
            return False
        return len(held.union(*(waiter.held for waiter in self.line if waiter.lasts))) >= self.running


class Token:
    """Stands for the permits that are given."""

    __slots__ = ()


def begin_anew() -> None:
    """In a forked child, leave to the parent who runs and waits there."""
    for turns in list(known):
        turns.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_anew)
