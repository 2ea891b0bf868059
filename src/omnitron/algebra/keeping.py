"""What a cached node keeps, and what is to be done about a call: the side of `sharing` that never waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from contextlib import suppress
from math import inf
from os import getpid
from typing import TYPE_CHECKING, Any

from omnitron.algebra.keying import Keying, has_stand_in
from omnitron.algebra.storing import Shelf
from omnitron.errors import DefinitionError, SelfWait
from omnitron.policy import BROKEN, FAILED, LANDED, Flight, Same, Space, chain_of, gate
from omnitron.runtime import SYSTEM_CLOCK, Resource

if TYPE_CHECKING:
    from omnitron.algebra.caching import Cached
    from omnitron.model import Clock
    from omnitron.runtime import Context

__all__ = [
    "ALONE",
    "HIT",
    "LEAD",
    "STALE",
    "WAIT",
    "Keeper",
    "Work",
    "drop_wait",
    "is_still",
    "reads_once",
    "running_loop",
]

HIT, STALE, WAIT, LEAD, ALONE = "hit", "stale", "wait", "lead", "alone"


class Work:
    """One call that found nothing to give.

    Attributes:
        space: the space of its context.
        clock: the clock of its context.
        key: its key.
        fn, args, kwargs: what computes it.
        flight: the computation that it began, if it did.
        outcome: how it was answered without one: "hit", "stale" or "shared"; else "".
    """

    __slots__ = ("args", "clock", "flight", "fn", "key", "kwargs", "outcome", "space")

    def __init__(
        self,
        space: Space,
        clock: Clock,
        key: Hashable,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.space = space
        self.clock = clock
        self.key = key
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.flight: Flight | None = None
        self.outcome = ""

    def run(self) -> Any:
        """Call what computes it."""
        return self.fn(*self.args, **self.kwargs)


class Keeper:
    """The policy of one node, its keys, and the state of its cell.

    Attributes:
        who: the flow, what makes its keys, its version, and the policy: what its spaces begin with.
        is_bound: whether a computation uses what is closed when the run of its leader ends.
        shelf: its store.
    """

    __slots__ = ("book", "is_bound", "keying", "name", "node", "shelf", "who")

    def __init__(self, node: Cached) -> None:
        self.node = node
        self.name = node.body.name
        self.keying = Keying(node)
        self.book = node.cell.book
        policy = (node.ttl, node.ttl_on_error, node.stale_while_revalidate)
        key = None if node.key is None else Same(node.key)
        self.shelf = None if node.store is None else Shelf(node)
        self.who: tuple[Hashable, ...] = (node.identity(), key, node.version, policy)
        self.is_bound = any(isinstance(getattr(need, "target", None), Resource) for need in node.body.needs)

    def space(self) -> Space:
        """Give the space of contexts in which nothing bears on what is computed but the values of keys."""
        with gate:
            return self.book.space((*self.who, ()))

    def space_in(self, ctx: Context) -> Space:
        """Give the space of a context: values never cross a clock, a guard, a replacement or other authority."""
        options = ctx.runtime
        fakes = sorted(options.replaced.items()) if options.replaced else ()
        aside: tuple[Any, ...] = (
            None if options.clock is SYSTEM_CLOCK else Same(options.clock),
            tuple(map(Same, options.guards)),
            options.capabilities,
            tuple((name, Same(fake)) for name, fake in fakes),
        )
        if aside == (None, (), None, ()):
            aside = ()
        with gate:
            return self.book.space((*self.who, aside))

    def shelf_in(self, space: Space, key: Hashable) -> Shelf | None:
        """Give the store for a key in a kind of context: fakes, and what guards let pass, are for this run alone."""
        if self.shelf is not None and has_stand_in(key):
            return None
        who: Any = space.who
        aside = who[-1]
        return self.shelf if self.shelf is None or not aside else self.shelf.beside(*aside[1:])

    def approach(
        self,
        work: Work,
        who: object,
        waker: Callable[[], object],
        *,
        outer: Flight | None,
        loop: Any = None,
        renew: bool = False,
    ) -> tuple[str, Any]:
        """Find out what is to be done about a call: a word, and what it is about.

        Args:
            work: the call.
            who: stands for who waits, `waker` ends the waiting.
            waker: called when the computation is over.
            outer: the flight in whose course the call is made.
            loop: the event loop of an async caller.
            renew: whether nothing kept is given.

        Raises:
            SelfWait: the call would wait for itself.
        """
        now, wakers = work.clock.monotonic(), []
        dropped: list[Any] = []  # let go of where the lock is free again
        with gate:
            entry = None if renew else self.book.look(work.space, work.key, now, dropped)
            if entry is not None:
                entry.hits += 1
                if now < entry.expires:
                    return HIT, entry
            flight = work.space.flights.get(work.key)
            if flight is not None and is_dead(flight):
                wakers = self.drop(work.space, flight)
                flight = None
            if entry is not None:
                self.book.stale += 1
                error = work.space.errors.get(work.key)
                rests = flight is not None or (error is not None and now < error.until)
                found: tuple[str, Any] = STALE, (entry, None if rests else self.launch(work, None, loop, pinned=True))
            elif flight is None:
                flight = self.launch(work, outer, loop)
                if loop is not None:
                    flight.join(who, waker)
                    flight.owner = who if self.is_bound else None
                found = LEAD, flight
            else:
                found = self.follow(flight, who, waker, outer, loop)
        for wake in wakers:
            wake()
        return found

    def launch(self, work: Work, outer: Flight | None, loop: Any, *, pinned: bool = False) -> Flight:
        """Give the flight of a computation that begins now (with the lock held)."""
        work.flight = flight = Flight(work.key, outer=outer, process=getpid(), loop=loop, pinned=pinned)
        work.space.flights[work.key] = flight
        self.book.misses += 1
        if outer is not None:
            outer.waits.append(flight)
        return flight

    def follow(
        self, flight: Flight, who: object, waker: Callable[[], object], outer: Flight | None, loop: Any
    ) -> tuple[str, Any]:
        """Join who computes (with the lock held)."""
        chain = chain_of(outer)
        if chain and any(one in chain for one in flight.behind()):
            raise SelfWait(self.name)
        here = running_loop() if loop is None else None
        if here is not None and any(one.loop is here for one in flight.behind()):
            return ALONE, None  # to wait here would keep that loop from ever ending it
        self.book.shared += 1
        flight.join(who, waker)
        if outer is not None:
            outer.waits.append(flight)
        return WAIT, flight

    def drop(self, space: Space, flight: Flight) -> list[Callable[[], object]]:
        """Give up a flight that nobody computes any more (with the lock held); give what wakes those who wait."""
        if space.flights.get(flight.key) is flight:
            del space.flights[flight.key]
        return flight.end(BROKEN)

    def give_up(self, space: Space, flight: Flight) -> None:
        """Let all look anew who wait for a flight that nobody computes."""
        with gate:
            wakers = self.drop(space, flight)
        for wake in wakers:
            wake()

    def found(self, work: Work, flight: Flight, *, is_stale: bool) -> None:
        """Count what was found in the store."""
        work.outcome = STALE if is_stale else HIT
        with gate:
            self.book.misses -= 1
            self.book.hits += 1
            self.book.stale += is_stale
            flight.is_stale = is_stale

    def relaunch(self, work: Work, loop: Any = None) -> Flight | None:
        """Give the flight that computes anew what was found stale in the store; None if another does."""
        with gate:
            return None if work.key in work.space.flights else self.launch(work, None, loop, pinned=True)

    def landed(self, work: Work, flight: Flight, value: Any) -> None:
        """Keep a value, and give it to all who wait.

        Raises:
            DefinitionError: it can be read only once.
        """
        if reads_once(value):
            error = used_up(self.name, value)
            self.failed(work, flight, error)
            raise error
        node, dropped = self.node, []
        expires = inf if node.ttl is None else work.clock.monotonic() + node.ttl
        until = expires + node.stale_while_revalidate
        with gate:
            if flight.keeps and node.store is None:
                dropped = self.book.keep(
                    work.space, work.key, value, expires=expires, until=until, most=node.max_entries
                )
            elif flight.keeps:
                self.book.gone.append((work.space.who, work.key, "not stored"))  # for who asks why it is not there
            wakers = self.ended(work, flight, LANDED, value)
        for wake in wakers:
            wake()
        del dropped

    def failed(self, work: Work, flight: Flight, error: Exception) -> None:
        """Give an error to all who wait; keep it, if errors are kept."""
        node, dropped = self.node, []
        with gate:
            self.book.errors += 1
            if flight.keeps and node.ttl_on_error is not None:
                expires = work.clock.monotonic() + node.ttl_on_error
                kept = (error, error.__traceback__)
                dropped = self.book.keep(
                    work.space, work.key, kept, expires=expires, most=node.max_entries, failed=True
                )
            wakers = self.ended(work, flight, FAILED, error=error)
        for wake in wakers:
            wake()
        del dropped

    def broken(self, work: Work, flight: Flight, error: BaseException | None = None) -> None:
        """Say that a computation was interrupted: who waits looks anew."""
        with gate:
            wakers = self.ended(work, flight, BROKEN, error=error)
        for wake in wakers:
            wake()

    def abandon(self, work: Work, error: BaseException) -> None:
        """Leave nobody waiting for what a call has begun: whatever ended it may have come before it could say so."""
        flight = work.flight
        if flight is not None:
            self.broken(work, flight, error)
            for wake in list(flight.wakers.values()):
                with suppress(RuntimeError):  # it is awake
                    wake()

    def ended(
        self, work: Work, flight: Flight, state: str, value: Any = None, error: BaseException | None = None
    ) -> list[Callable[[], object]]:
        """End a flight (with the lock held)."""
        if work.space.flights.get(work.key) is flight:
            del work.space.flights[work.key]
        if flight.outer is not None:
            drop_wait(flight.outer, flight)
        return flight.end(state, value, error)


def is_dead(flight: Flight) -> bool:
    """Say whether nobody computes a flight: it was begun before a fork, or its event loop is closed."""
    return flight.process != getpid() or (flight.loop is not None and flight.loop.is_closed())


def is_still(flight: Flight) -> bool:
    """Say whether nobody computes a flight now: also where its loop does not run, and may never do so again."""
    return is_dead(flight) or (flight.loop is not None and not flight.loop.is_running())


def drop_wait(outer: Flight, flight: Flight) -> None:
    """Say that a flight is no longer waited for in the course of another (with the lock held)."""
    with suppress(ValueError):
        outer.waits.remove(flight)


def running_loop() -> Any:
    """Give the event loop that runs in this thread, or None."""
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()


def reads_once(value: Any) -> bool:
    """Say whether a value is used up by whoever reads or awaits it first."""
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__") or hasattr(kind, "__await__")


def used_up(name: str, value: Any) -> DefinitionError:
    """Give the error about such a value."""
    return DefinitionError(
        f"{name!r} is cached and gave a {type(value).__qualname__}, which can be read or awaited only once: the next "
        "caller would find nothing left. Give what it holds, as a list for example."
    )
