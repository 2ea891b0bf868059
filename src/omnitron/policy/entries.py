"""What a cache holds, and what it gives up: the machine behind `Cache`, without locks, clocks and waiting.

A `Book` is the state of one cell; a `Space` in it holds the entries of one flow in one kind of context. Readers look into
`Space.entries` without asking anybody: an entry is whole whenever it can be seen. Everything else is called by one thread
at a time (the drivers see to that), with the time as an argument.

Eviction is the clock algorithm ("second chance"): entries stand in a ring; what was hit since the hand passed goes to its
end, the first that was not is dropped. A hit only counts, where exact LRU would move the entry under a lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from omnitron.model import Record

if TYPE_CHECKING:
    from omnitron.policy.flights import Flight

__all__ = ["Book", "CacheInfo", "Entry", "Space"]

KEPT_GONE = 64
"""So many keys that are gone are remembered, to explain misses."""


class CacheInfo(Record):
    """What a cache has done so far. Hits of several threads at once may be counted as one where there is no GIL.

    Attributes:
        hits: calls that were answered from what was kept.
        misses: calls that computed.
        shared: calls that waited for the computation of another.
        stale: calls that were given a value past its time, while a new one was computed.
        errors: computations that raised.
        evictions: entries dropped to make room.
        size: entries held now, with those past their time that nobody has asked for since.
    """

    __slots__ = ("hits", "misses", "shared", "stale", "errors", "evictions", "size")
    hits: int
    misses: int
    shared: int
    stale: int
    errors: int
    evictions: int
    size: int

    def __init__(
        self,
        hits: int,
        misses: int,
        shared: int = 0,
        stale: int = 0,
        errors: int = 0,
        evictions: int = 0,
        size: int = 0,
    ) -> None:
        self._fill(hits=hits, misses=misses, shared=shared, stale=stale, errors=errors, evictions=evictions, size=size)


class Entry:
    """One kept value, or error.

    Attributes:
        expires: until when it is given; `until` when it may still be given while a new one is computed.
        hits: how often it was given; also what says that it was used lately.
        seen: the hits when the hand passed.
        space: where it stands; None once it is gone.
    """

    __slots__ = ("expires", "failed", "hits", "key", "seen", "space", "until", "value")

    def __init__(self, space: Space, key: Hashable, value: Any, expires: float, until: float, *, failed: bool) -> None:
        self.space: Space | None = space
        self.key = key
        self.value = value
        self.until = until
        self.expires = expires
        self.failed = failed
        self.hits = self.seen = 0


class Space:
    """The entries and flights of one flow, under one policy, in one kind of context.

    Attributes:
        who: what it is the space of.
        entries: the values by key; `errors` the errors, `flights` what is being computed.
    """

    __slots__ = ("__weakref__", "entries", "errors", "flights", "who")

    def __init__(self, who: Hashable) -> None:
        self.who = who
        self.entries: dict[Hashable, Entry] = {}
        self.errors: dict[Hashable, Entry] = {}
        self.flights: dict[Hashable, Flight] = {}


class Book:
    """The state of a cell: its spaces, and the ring of all their entries. What leaves the ring is alive no longer.

    Example:
        >>> book = Book()
        >>> space = book.space("f")
        >>> book.keep(space, 1, "one", expires=10.0, most=2)
        []
        >>> book.look(space, 1, now=9.0).value, book.look(space, 1, now=10.0)
        ('one', None)
    """

    __slots__ = ("errors", "evictions", "gone", "hits", "misses", "ring", "shared", "spaces", "stale")

    def __init__(self) -> None:
        self.spaces: WeakValueDictionary[Hashable, Space] = WeakValueDictionary()
        self.ring: OrderedDict[Entry, None] = OrderedDict()
        self.gone: deque[tuple[Hashable, Hashable, str]] = deque(maxlen=KEPT_GONE)
        self.hits = self.misses = self.shared = self.stale = self.errors = self.evictions = 0

    @property
    def size(self) -> int:
        """How many entries are held."""
        return len(self.ring)

    def space(self, who: Hashable) -> Space:
        """Give the space of a flow. It lives as long as somebody has it, or an entry stands in it."""
        found = self.spaces.get(who)
        if found is None:
            self.spaces[who] = found = Space(who)
        return found

    def look(self, space: Space, key: Hashable, now: float, dropped: list[Any] | None = None) -> Entry | None:
        """Give what is kept under a key: a value or an error in its time, or a stale value.

        What is past all is taken out, and added to `dropped` for the caller to let go of, as by `keep`.
        """
        dropped = [] if dropped is None else dropped
        entry = space.entries.get(key)
        if entry is not None:
            if now < entry.until:
                return entry
            self.remove(entry, "expired")
            dropped.append(entry)
        entry = space.errors.get(key)
        if entry is not None and now >= entry.until:
            self.remove(entry, "expired")
            dropped.append(entry)
            return None
        return entry

    def keep(
        self,
        space: Space,
        key: Hashable,
        value: Any,
        *,
        expires: float = inf,
        until: float | None = None,
        most: int,
        failed: bool = False,
    ) -> list[Any]:
        """Keep a value (an error, if it `failed`) in at most `most` entries of the cell.

        Gives what had to go, for the caller to let go of: the end of a value may run code of its own.
        """
        until = expires if until is None else until
        held, other = (space.errors, space.entries) if failed else (space.entries, space.errors)
        dropped: list[Any] = []
        if (beside := other.get(key)) is not None and not (failed and beside.until > expires):
            self.remove(beside, "replaced")
            dropped.append(beside)
        entry = held.get(key)
        if entry is not None:
            dropped.append(entry.value)
            entry.value = value  # in this order: who sees the new time sees the new value
            entry.until = until
            entry.expires = expires
            return dropped
        while self.size >= most:  # before: or the new one, which nobody has asked for yet, would be the first to go
            dropped.append(self.evict())
        entry = Entry(space, key, value, expires, until, failed=failed)
        self.ring[entry] = None  # before: an interrupt may come in between, and finds each entry counted
        held[key] = entry
        return dropped

    def evict(self) -> Entry:
        """Drop the first entry of the ring that was not used since the hand passed it."""
        ring = self.ring
        for turn in range(2 * len(ring) + 1):
            entry = next(iter(ring))
            if entry.hits == entry.seen or turn >= len(ring) * 2:
                self.evictions += 1
                self.remove(entry, "evicted")
                return entry
            entry.seen = entry.hits
            ring.move_to_end(entry)
        raise AssertionError("a cell that is full has an entry to drop")

    def remove(self, entry: Entry, why: str) -> None:
        """Take an entry out, and remember why."""
        space = entry.space
        if space is None:
            return
        held = space.errors if entry.failed else space.entries
        if held.get(entry.key) is entry:
            del held[entry.key]
        del self.ring[entry]
        entry.space = None
        self.hits += entry.hits
        if why != "replaced":
            self.gone.append((space.who, entry.key, why))

    def invalidate(self, space: Space, key: Hashable) -> list[Entry]:
        """Forget a key: what is kept, and what is being computed for those who ask from now on."""
        found = [one for one in (space.entries.get(key), space.errors.get(key)) if one is not None]
        for entry in found:
            self.remove(entry, "invalidated")
        flight = space.flights.pop(key, None)
        if flight is not None:
            flight.keeps = False
        return found

    def spaces_of(self, *who: Hashable) -> list[Space]:
        """Give the spaces of a flow under a policy, in whatever contexts: those whose `who` begins so."""
        return [
            space for name, space in list(self.spaces.items()) if isinstance(name, tuple) and name[: len(who)] == who
        ]

    def clear(self, spaces: list[Space] | None = None) -> list[Entry]:
        """Forget everything, or what stands in some spaces."""
        dropped: list[Entry] = []
        for space in list(self.spaces.values()) if spaces is None else spaces:
            for key in [*space.entries, *space.errors, *space.flights]:
                dropped += self.invalidate(space, key)
        return dropped

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self.ring))

    def info(self) -> CacheInfo:
        """Give what was done so far."""
        hits = self.hits + sum(entry.hits for entry in self)
        return CacheInfo(hits, self.misses, self.shared, self.stale, self.errors, self.evictions, self.size)
