"""`SQLiteStore`: results of cached flows in a file that processes share."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record, StoredValue
from omnitron.store.links import Link

if TYPE_CHECKING:
    pass

__all__ = ["SQLiteStore"]

TABLE = """
CREATE TABLE IF NOT EXISTS omnitron_cache_1
    (key TEXT PRIMARY KEY, data BLOB NOT NULL, stale REAL, expires REAL, number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS omnitron_cache_1_expires ON omnitron_cache_1 (expires) WHERE expires IS NOT NULL;
CREATE INDEX IF NOT EXISTS omnitron_cache_1_number ON omnitron_cache_1 (number);
"""
GET = "SELECT data, stale, expires FROM omnitron_cache_1 WHERE key = ?"
SET = """
INSERT OR REPLACE INTO omnitron_cache_1 (key, data, stale, expires, number)
    VALUES (?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM omnitron_cache_1))
"""
DELETE = "DELETE FROM omnitron_cache_1 WHERE key = ?"
CLEAR = "DELETE FROM omnitron_cache_1 WHERE key >= ? AND key < ?"
EXPIRED = "DELETE FROM omnitron_cache_1 WHERE expires <= ?"
OLDEST = """
DELETE FROM omnitron_cache_1 WHERE number IN (
    SELECT number FROM omnitron_cache_1 ORDER BY number LIMIT max(0, (SELECT count(*) FROM omnitron_cache_1) - ?))
"""


class SQLiteStore(Record):
    """Keeps results of cached flows in a SQLite file, for all processes of this machine that open it.

    `price.cache(60, store=SQLiteStore("cache.db"), version="1")`. The file is opened, and made, when it is first needed; it
    is in WAL mode, so readers never wait. Times are those of the wall clock. Of too many results those go that were written
    first. Safe for threads, processes and forks; a file that is deleted is made anew. Not for a network drive, where WAL
    does not work.

    Args:
        path: the file; its folder is there.
        max_entries: how many results are kept, up to one in a hundred more for a while.
        timeout: how long a write waits for that of another process, in seconds; a longer one is given up, and logged.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.
    """

    __slots__ = ("path", "max_entries", "timeout", "_link")
    path: str
    max_entries: int
    timeout: float
    _link: Link

    def __init__(self, path: str | os.PathLike[str], max_entries: int = 100_000, *, timeout: float = 0.5) -> None:
        if not isinstance(path, str | os.PathLike) or not str(path):
            raise DefinitionError(f"a SQLiteStore takes the path of a file, got {path!r}.")
        if isinstance(max_entries, bool) or not isinstance(max_entries, int) or max_entries < 1:
            raise InvalidValue(f"`max_entries` is a positive whole number, got {max_entries!r}.")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < 1e6:
            raise InvalidValue(f"`timeout` is a number of seconds from 0 on, got {timeout!r}.")
        where = os.path.abspath(os.fspath(path))
        self._fill(path=where, max_entries=max_entries, timeout=timeout, _link=Link(where, timeout, TABLE))

    def get(self, key: str, /) -> StoredValue | None:
        """Give what was set under a key, or None."""
        row = self._link.ask(GET, key)
        return None if row is None else StoredValue(row[0], moment(row[1]), moment(row[2]))

    def set(self, key: str, value: StoredValue, /) -> None:
        """Keep a value under a key."""
        self._link.ask(SET, key, value.data, seconds(value.stale_at), seconds(value.expires_at))
        if self._link.is_due(max(1, self.max_entries // 100)):
            self._link.ask(EXPIRED, time.time())
            self._link.ask(OLDEST, self.max_entries)

    def delete(self, key: str, /) -> None:
        """Forget a key."""
        self._link.ask(DELETE, key)

    def clear(self, prefix: str = "", /) -> None:
        """Forget every key that begins with a text; by default all."""
        self._link.ask(CLEAR, prefix, prefix + chr(0x10FFFF))

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._link.close()


def seconds(at: datetime | None) -> float | None:
    """Give a wall time as a number."""
    return None if at is None else at.timestamp()


def moment(number: float | None) -> datetime | None:
    """Give the wall time of a number."""
    return None if number is None else datetime.fromtimestamp(number, UTC)
