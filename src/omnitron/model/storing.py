"""What a cache keeps outside of its process: the protocol of the storage, and what stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from omnitron.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

__all__ = ["CacheStorage", "StoredValue"]


class StoredValue(Record):
    """One result as a storage has it.

    Attributes:
        data: the result as bytes, which nothing but the library reads.
        stale_at: the wall time from which it is not given any more without a new one being computed; None for never.
        expires_at: the wall time from which it is not given at all, and may be dropped; None for never.
    """

    __slots__ = ("data", "stale_at", "expires_at")
    data: bytes
    stale_at: datetime | None
    expires_at: datetime | None

    def __init__(self, data: bytes, stale_at: datetime | None = None, expires_at: datetime | None = None) -> None:
        self._fill(data=data, stale_at=stale_at, expires_at=expires_at)


class CacheStorage(Protocol):
    """Where `.cache(store=...)` keeps results beside the process. All methods are sync, or all are async.

    Keys are short printable texts. A storage may drop what it likes, whenever it likes; times are checked by who asks. What
    it raises is logged, and the call goes on without it. It is called by several threads at once.
    """

    def get(self, key: str, /) -> Awaitable[StoredValue | None] | StoredValue | None:
        """Give what was set under a key, or None."""
        ...

    def set(self, key: str, value: StoredValue, /) -> Awaitable[None] | None:
        """Keep a value under a key, in the place of what is there."""
        ...

    def delete(self, key: str, /) -> Awaitable[None] | None:
        """Forget a key, if it is there."""
        ...

    def clear(self, prefix: str, /) -> Awaitable[None] | None:
        """Forget every key that begins with a text."""
        ...
