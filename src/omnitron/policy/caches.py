"""`Cache`: how long results are kept, how many, and by what they are told apart. The machines: entries, flights, keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.defaults import MAX_ENTRIES
from omnitron.policy.entries import Book, CacheInfo
from omnitron.policy.flights import gate
from omnitron.policy.schedules import check_seconds
from omnitron.policy.stacks import EitherColour

if TYPE_CHECKING:
    from omnitron.model import CacheStorage

__all__ = ["MODES", "Cache", "CacheCell"]

MODES = ("default", "recompute", "disable", "ignore")


class CacheCell(Record):
    """The state of a cache: no part of equality, hash and pickling, so that a pickled one arrives empty."""

    __slots__ = ("_book",)
    _book: Book

    def __init__(self) -> None:
        self._fill(_book=Book())

    @property
    def book(self) -> Book:
        """What is kept."""
        return self._book


class Cache(EitherColour):
    """A policy: keep what a flow gives. `f.cache(...)` takes the same arguments, or such a value.

    The entries belong to the value: flows that are given the same one share its bound, its statistics and `clear`, and
    never each other's results. Two made alike are equal and share nothing; a pickled one arrives empty, but for its store.

    Args:
        ttl: seconds for which a result is given again; None for no end.
        max_entries: how many are kept at most, over all flows that share the value; those that were not used lately go.
        key: takes the arguments of a call, gives what tells it from another, in the place of all of them.
        store: where results are kept beside this process; see `SQLiteStore` and `CacheStorage`. Left out, in memory.
        stale_while_revalidate: seconds after `ttl` in which the old result is given at once, while a new one is computed.
        ttl_on_error: seconds for which an exception is kept and raised again; left out, none is kept.
        mode: "default"; "recompute" (never read, always write); "disable" (as if nothing were kept); "ignore" (as if this
            cache had not been written, also in the keys of a cache around it).
        version: of the flow's code; results of another version are not given. A store asks for it.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import flow
        >>> length = flow(lambda text: len(text), name="length").apply(Cache(60))
        >>> [length("tea"), length("tea")], length.cached.info().hits
        ([3, 3], 1)
    """

    __slots__ = (
        "ttl", "max_entries", "key", "store", "stale_while_revalidate", "ttl_on_error", "mode", "version", "_cell",
    )  # fmt: skip
    ttl: float | None
    max_entries: int
    key: Callable[..., Any] | None
    store: CacheStorage | None
    stale_while_revalidate: float
    ttl_on_error: float | None
    mode: str
    version: str | None
    _cell: CacheCell

    def __init__(
        self,
        ttl: float | None,
        max_entries: int = MAX_ENTRIES,
        *,
        key: Callable[..., Any] | None = None,
        store: CacheStorage | None = None,
        stale_while_revalidate: float = 0,
        ttl_on_error: float | None = None,
        mode: str = "default",
        version: str | None = None,
    ) -> None:
        for name, value, zero in (
            ("ttl", ttl, False),
            ("stale_while_revalidate", stale_while_revalidate, True),
            ("ttl_on_error", ttl_on_error, False),
        ):
            if value is None and name != "stale_while_revalidate":
                continue
            check_seconds(name, value)
            if not value and not zero:
                raise InvalidValue(
                    f"`{name}` is a positive number of seconds, got {value!r}: nothing is kept for no time."
                )
        if isinstance(max_entries, bool) or not isinstance(max_entries, int):
            raise DefinitionError(f"`max_entries` is a whole number, got {max_entries!r}.")
        if max_entries < 1:
            raise InvalidValue(
                f"`cache` needs a bounded size, got `max_entries={max_entries}`. Pass a positive number, or drop the cache."
            )
        if ttl is None and stale_while_revalidate:
            raise DefinitionError(
                "`stale_while_revalidate` begins where `ttl` ends, and ttl=None never does. Give a `ttl`."
            )
        if key is not None and not callable(key):
            raise DefinitionError(f"`key` is a function of the arguments, got {key!r}: `key=lambda order: order.id`.")
        if mode not in MODES:
            raise InvalidValue(f"`mode` is one of {', '.join(map(repr, MODES))}; got {mode!r}.")
        if version is not None and (not isinstance(version, str) or not version):
            raise DefinitionError(f"`version` is a text that is not empty, got {version!r}.")
        self._fill(
            ttl=ttl, max_entries=max_entries, key=key, store=store, stale_while_revalidate=stale_while_revalidate,
            ttl_on_error=ttl_on_error, mode=mode, version=version, _cell=CacheCell(),
        )  # fmt: skip

    @property
    def cell(self) -> CacheCell:
        """The state that those who are given this value share."""
        return self._cell

    def info(self) -> CacheInfo:
        """Give what was done so far, by all who share this value."""
        with gate:
            return self._cell.book.info()

    def clear(self) -> None:
        """Forget what is kept in this process, of all flows that share this value; what is being computed is not kept."""
        with gate:
            dropped = self._cell.book.clear()
        del dropped
