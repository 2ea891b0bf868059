"""`SQLiteLimits`: rate limits in a file that processes share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.store.links import Link

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["SQLiteLimits"]

TABLES = """
CREATE TABLE IF NOT EXISTS omnitron_limits_1 (key TEXT PRIMARY KEY, value REAL NOT NULL, expires REAL NOT NULL);
CREATE INDEX IF NOT EXISTS omnitron_limits_1_expires ON omnitron_limits_1 (expires);
CREATE TABLE IF NOT EXISTS omnitron_limit_log_1
    (key TEXT NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (key, place)) WITHOUT ROWID;
"""
GET = "SELECT value, expires FROM omnitron_limits_1 WHERE key = ?"
SET = "INSERT OR REPLACE INTO omnitron_limits_1 (key, value, expires) VALUES (?, ?, ?)"
GET_AT = "SELECT at FROM omnitron_limit_log_1 WHERE key = ? AND place = ?"
SET_AT = "INSERT OR REPLACE INTO omnitron_limit_log_1 (key, place, at) VALUES (?, ?, ?)"
CLEAR_LOG = "DELETE FROM omnitron_limit_log_1 WHERE key = ?"
CLEAR = "DELETE FROM omnitron_limits_1 WHERE key = ?"
EXPIRED = "SELECT key FROM omnitron_limits_1 WHERE expires <= ? LIMIT 100"
EVERY = 100
"""After so many permits it is looked for what can be forgotten."""


STEP_S = 1e-6
"""No wait is shorter: a wall time as a float has steps of a quarter of this."""


class SQLiteLimits(Record):
    """Counts calls in a SQLite file, for all processes of this machine that open it.

    `price.rate_limit(500, per=60, store=SQLiteLimits("limits.db"), name="api")`. The file is opened, and made, when it is
    first needed, in WAL mode. A permit is one transaction, begun as a writer: of a process that is killed in the middle of
    it nothing is left. Times are those of the wall clock; if it is set back by more than `per`, what was counted is
    forgotten. Safe for threads, processes and forks. Not for a file on a network drive, where WAL does not work.

    Args:
        path: the file; its folder is there.
        timeout: how long a permit waits for that of another process, in seconds; then the store counts as broken.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.
    """

    __slots__ = ("path", "timeout", "_link")
    path: str
    timeout: float
    _link: Link

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 1.0) -> None:
        if not isinstance(path, str | os.PathLike) or not str(path):
            raise DefinitionError(f"SQLiteLimits takes the path of a file, got {path!r}.")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < 1e6:
            raise InvalidValue(f"`timeout` is a number of seconds from 0 on, got {timeout!r}.")
        where = os.path.abspath(os.fspath(path))
        self._fill(path=where, timeout=timeout, _link=Link(where, timeout, TABLES))

    def take(self, key: str, kind: str, count: int, per: float, burst: int, now: Callable[[], float], /) -> float:
        """Take a permit: give 0.0, or after how many seconds there may be one."""
        with self._link.writing() as connection:
            moment = now()
            take = take_window if kind == "window" else take_bucket
            delay = take(connection, key, count, per, burst, moment)
            if not delay and self._link.is_due(EVERY):
                for (old,) in connection.execute(EXPIRED, (moment,)).fetchall():
                    connection.execute(CLEAR, (old,))
                    connection.execute(CLEAR_LOG, (old,))
        return delay

    def clear(self) -> None:
        """Forget all that was counted."""
        with self._link.writing() as connection:
            connection.execute("DELETE FROM omnitron_limits_1")
            connection.execute("DELETE FROM omnitron_limit_log_1")

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._link.close()


def take_bucket(connection: Connection, key: str, count: int, per: float, burst: int, now: float) -> float:
    """Take a token out of a bucket: what is kept is when it will be full."""
    step = per / count
    row = connection.execute(GET, (key,)).fetchone()
    full = now if row is None else max(row[0], now)
    if full - now > burst * step + per:  # the clock was set back
        full = now
    over = full - (burst - 1) * step - now
    if over > 0:
        return max(float(over), STEP_S)
    connection.execute(SET, (key, full + step, full + step))
    return 0.0


def take_window(connection: Connection, key: str, count: int, per: float, burst: int, now: float) -> float:
    """Take a place of a ring of `count`: what stands in it happened so many calls ago."""
    row = connection.execute(GET, (key,)).fetchone()
    number = 0 if row is None else int(row[0])
    if row is not None and row[1] - now > 2 * per:  # the clock was set back
        connection.execute(CLEAR_LOG, (key,))
        number, row = 0, None
    now = now if row is None else max(now, row[1] - per)  # set back by less: it stands until it was caught up with
    found = connection.execute(GET_AT, (key, number % count)).fetchone()
    if found is not None and now - found[0] < per:
        return max(float(per - (now - found[0])), STEP_S)
    connection.execute(SET_AT, (key, number % count, now))
    connection.execute(SET, (key, number + 1, now + per))
    return 0.0
